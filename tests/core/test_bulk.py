"""Many rows in one statement: they say in the database what they said before, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import select

from core.bulk import insert_keyed, insert_rows
from core.db import Database
from core.states import AnswerState
from core.tables import AnswerRow, Event, Exam, Picture

NOW = datetime(2026, 6, 7, 9, 30, 15, 123456, tzinfo=UTC)
BODIES: list[dict[str, Any]] = [
    {"name": "汉字 ' \" \\ \n %s :rows", "n": 2**53, "share": 0.1 + 0.2, "none": None, "list": [1, "2", {"3": True}]},
    {},
]


@pytest.fixture
def database(database_url: str) -> Database:
    opened = Database(database_url)
    with opened.write() as session:
        session.add(Exam(id=1, code="E", created_at=NOW))
    return opened


def test_rows_come_back_as_they_were_given(database: Database) -> None:
    east = NOW.astimezone(timezone(timedelta(hours=8)))
    with database.write() as session:
        insert_rows(session, Event, [{"exam_id": 1, "kind": "k", "body": body, "at": east} for body in BODIES])
    with database.read() as session:
        rows = session.scalars(select(Event).order_by(Event.id)).all()
    assert [r.body for r in rows] == BODIES
    assert [r.at for r in rows] == [NOW, NOW]
    database.close()


def test_new_rows_are_known_by_their_key(database: Database) -> None:
    rows = [{"exam_id": 1, "kind": f"kind {i}", "body": {"i": i}, "at": NOW} for i in range(120)]
    with database.write() as session:
        numbers = insert_keyed(session, Event, rows, "kind")
    with database.read() as session:
        assert {e.kind: e.id for e in session.scalars(select(Event))} == numbers
    database.close()


def test_a_column_that_is_not_named_gets_its_default_and_a_state_is_its_word(database: Database) -> None:
    from core.tables import Candidate, Script

    answer = {
        "exam_id": 1,
        "script_id": 1,
        "item": "Q1",
        "state": AnswerState.DOUBTFUL,
        "value": "A|B",
        "first": "A",
        "second": "",
        "at": NOW,
    }
    with database.write() as session:
        session.add(Candidate(id=1, exam_id=1, pseudonym="p", row=1))
        session.flush()
        session.add(Script(id=1, exam_id=1, paper="P", candidate_id=1, chosen={}, secret="s"))
        session.flush()
        insert_rows(session, AnswerRow, [answer | {"p_wrong": 1.5e-300, "page_id": None}])
    with database.read() as session:
        row = session.scalars(select(AnswerRow)).one()
    assert (row.state, row.value, row.p_wrong, row.page_id) == (AnswerState.DOUBTFUL, "A|B", 1.5e-300, None)
    assert (row.version, row.current, row.by) == (1, True, "readers")
    database.close()


def test_a_time_without_a_zone_is_refused(database: Database) -> None:
    rows = [{"exam_id": 1, "kind": "k", "body": {}, "at": NOW.replace(tzinfo=None)}]
    with pytest.raises(Exception, match="without a zone"), database.write() as session:
        insert_rows(session, Event, rows)
    database.close()


def test_nothing_is_nothing(database: Database) -> None:
    with database.write() as session:
        insert_rows(session, Event, [])
        assert insert_keyed(session, Event, [], "kind") == {}
    database.close()


def test_a_row_whose_key_is_there_stays_as_it_was(database: Database) -> None:
    row = {"sha256": "a" * 64, "size": 1, "media_type": "image/png", "stored_at": NOW, "place": "first"}
    with database.write() as session:
        insert_rows(session, Picture, [row], unless_there=True)
        insert_rows(session, Picture, [row | {"place": "second"}, row | {"sha256": "b" * 64}], unless_there=True)
    with database.read() as session:
        assert {p.sha256[0]: p.place for p in session.scalars(select(Picture))} == {"a": "first", "b": "first"}
    database.close()
