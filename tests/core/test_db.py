"""A connection that ended while it lay idle is not handed out; one used a moment ago is not asked each time."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from core.db import Database


@pytest.fixture
def database(postgres_url: str) -> Iterator[Database]:
    opened = Database(postgres_url)
    yield opened
    opened.close()


def end_connection(database: Database) -> None:
    """As when the server was started again while this process had nothing to ask."""
    with database.read() as session:
        pid = session.scalar(text("SELECT pg_backend_pid()"))
    other = Database(database.url)
    with other.read() as session:
        session.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})
    other.close()


def test_a_connection_that_ended_idle_is_replaced(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    end_connection(database)
    monkeypatch.setattr("core.db.IDLE_SECONDS", 0.0)
    with database.read() as session:
        assert session.scalar(text("SELECT 1")) == 1


def test_one_that_ended_a_moment_ago_fails_once(database: Database) -> None:
    end_connection(database)
    with pytest.raises(OperationalError), database.read() as session:
        session.scalar(text("SELECT 1"))
    with database.read() as session:
        assert session.scalar(text("SELECT 1")) == 1


def test_a_look_says_nothing_but_its_statement(database: Database) -> None:
    with database.look() as connection:
        assert connection.scalar(text("SELECT now() = statement_timestamp()"))  # no transaction was begun before
        raw = connection.connection.driver_connection
        assert raw is not None
        assert raw.autocommit
    with database.write() as session:  # the next who gets the connection has a transaction
        session.execute(text("CREATE TABLE told (n integer)"))
        session.rollback()
    with database.read() as session:
        assert session.scalar(text("SELECT to_regclass('told')")) is None


@pytest.mark.parametrize(("idle", "signs"), [(3600.0, 0), (0.0, 3)])
def test_a_sign_of_life_is_asked_of_idle_ones_alone(database: Database, monkeypatch: pytest.MonkeyPatch, idle: float, signs: int) -> None:
    asked: list[object] = []
    monkeypatch.setattr(database.engine.dialect, "do_ping", asked.append)
    monkeypatch.setattr("core.db.IDLE_SECONDS", idle)
    for _ in range(4):  # the first opens a connection
        with database.look() as connection:
            connection.scalar(text("SELECT 1"))
    assert len(asked) == signs
