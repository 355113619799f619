"""A database of any released version becomes the newest, with what is in it, and goes back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text

from core import db
from core.tables import Table

AT = "2026-11-21 00:00:00+00:00"
PICTURE = "INSERT INTO pictures (sha256, size, media_type, stored_at) VALUES (:sha, 3, 'image/jpeg', :at)"
EXAM = "INSERT INTO exams (id, code, definition_version, created_at) VALUES (1, 'OLD', 1, :at)"
STATION = "INSERT INTO stations (exam_id, name, token_hash, active) VALUES (1, 'hall', :sha, true)"


@pytest.fixture
def config(empty: str) -> Iterator[Config]:
    made = Config()
    made.set_main_option("script_location", str(db.MIGRATIONS))
    database = db.Database(empty)
    made.attributes["engine"] = database._writer
    yield made
    database.close()


@pytest.mark.parametrize("version", ["0001", "0002", "0003"])
def test_what_an_older_version_holds_comes_along_and_goes_back(config: Config, empty: str, version: str) -> None:
    engine = config.attributes["engine"]
    command.upgrade(config, version)
    with engine.begin() as connection:
        connection.execute(text(PICTURE), {"sha": "0" * 64, "at": AT})
        connection.execute(text(EXAM), {"at": AT})
        connection.execute(text(STATION), {"sha": "1" * 64})
    db.migrate(empty)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT size, place FROM pictures")).all() == [(3, "")]
        assert connection.execute(text("SELECT name, batches FROM stations")).all() == [("hall", "*")]
    command.downgrade(config, version)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT size FROM pictures")).all() == [(3,)]
        assert connection.execute(text("SELECT name FROM stations")).all() == [("hall",)]
    columns = {column["name"] for column in inspect(engine).get_columns("stations")}
    assert ("batches" in columns) == (version >= "0003")
    db.migrate(empty)  # and comes back


def test_the_migrations_make_the_tables_that_the_code_names(config: Config, empty: str) -> None:
    db.migrate(empty)
    with config.attributes["engine"].connect() as connection:
        different = compare_metadata(MigrationContext.configure(connection, opts={"compare_type": False}), Table.metadata)
    assert different == []
