"""Questions that are asked together are answered as if each were asked by itself, on both databases; what is written beside
them is committed whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import bindparam, func, select
from sqlalchemy.exc import DBAPIError, IntegrityError

from core.bulk import Numbers, in_one_go, insert_rows
from core.db import Database
from core.questions import Question, ask
from core.states import AnswerState
from core.tables import AnswerRow, Candidate, Event, Exam, Picture, Script

NOW = datetime(2026, 6, 7, 9, 30, 15, 123456, tzinfo=UTC)
EVENTS = Question(lambda among: select(Event.id, Event.kind, Event.body, Event.at).where(among(Event.kind, "kinds")).order_by(Event.id))
SINCE = Question(lambda _: select(Event.id).where(Event.at >= bindparam("at"), Event.exam_id == 1).order_by(Event.id))
ANSWERS = Question(
    lambda among: (
        select(AnswerRow.state, AnswerRow.p_wrong, AnswerRow.item)
        .where(among(AnswerRow.item, "items"), AnswerRow.state == AnswerState.DOUBTFUL)
        .order_by(AnswerRow.item)
    )
)
COUNT = Question(lambda _: select(func.count()).select_from(Event))


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = Database(database_url)
    with opened.write() as session:
        session.add(Exam(id=1, code="E", created_at=NOW))
        session.flush()
        rows = [{"exam_id": 1, "kind": f"k{n % 3}", "body": {"汉": [n, 0.1, None]}, "at": NOW + timedelta(hours=n)} for n in range(9)]
        insert_rows(session, Event, rows)
    yield opened
    opened.close()


def test_rows_come_back_as_the_tables_say(database: Database) -> None:
    east = (NOW + timedelta(hours=7)).astimezone()
    for _ in range(8):  # a driver prepares what it is asked often
        with database.glance() as session:
            events, since, none, count = ask(session, EVENTS(kinds=["k0", "k2"]), SINCE(at=east), EVENTS(kinds=[]), COUNT())
            plain = [tuple(row) for row in session.execute(EVENTS.statement(session.get_bind().dialect), {"kinds": ["k0", "k2"]})]
        assert events == plain
        assert [row[2] for row in events] == [{"汉": [n, 0.1, None]} for n in (0, 2, 3, 5, 6, 8)]
        assert [row[3] for row in events] == [NOW + timedelta(hours=n) for n in (0, 2, 3, 5, 6, 8)]
        assert (len(since), none, count) == (2, [], [(9,)])


def test_a_state_comes_back_as_what_it_is(database: Database) -> None:
    answer = {"exam_id": 1, "script_id": 1, "value": "A|B", "first": "A", "second": "", "at": NOW, "p_wrong": 1.5e-300, "page_id": None}
    with database.write() as session:
        session.add(Candidate(id=1, exam_id=1, pseudonym="p", row=1))
        session.flush()
        session.add(Script(id=1, exam_id=1, paper="P", candidate_id=1, chosen={}, secret="s"))
        session.flush()
        insert_rows(session, AnswerRow, [answer | {"item": f"Q{n}", "state": state} for n, state in enumerate(AnswerState)])
    with database.glance() as session:
        (rows,) = ask(session, ANSWERS(items=[f"Q{n}" for n in range(9)]))
    assert rows == [(AnswerState.DOUBTFUL, 1.5e-300, f"Q{list(AnswerState).index(AnswerState.DOUBTFUL)}")]
    assert isinstance(rows[0][0], AnswerState)


def test_an_answer_within_what_is_written_in_one_go_sees_it(database: Database) -> None:
    new = {"exam_id": 1, "kind": "new", "body": {}, "at": NOW}
    with database.write() as session, in_one_go(session):
        insert_rows(session, Event, [new])
        assert ask(session, COUNT()) == [[(10,)]]
        insert_rows(session, Event, [new])
    with database.glance() as session:
        assert ask(session, COUNT()) == [[(11,)]]


def test_the_last_rows_are_committed_with_their_transaction(database: Database) -> None:
    new = {"exam_id": 1, "kind": "new", "body": {}, "at": NOW}
    with database.write() as session:
        session.add(Event(exam_id=1, kind="by hand", body={}, at=NOW))
        with in_one_go(session, last=True):
            insert_rows(session, Event, [new])
    with database.glance() as session:
        assert ask(session, COUNT()) == [[(11,)]]


@pytest.mark.parametrize("last", [True, False])
def test_one_row_that_cannot_be_undoes_all_that_is_sent_with_it(database: Database, *, last: bool) -> None:
    picture = {"sha256": "0" * 64, "size": 1, "media_type": "image/jpeg", "stored_at": NOW, "place": ""}

    def send() -> None:
        with database.write() as session, in_one_go(session, last=last):
            insert_rows(session, Event, [{"exam_id": 1, "kind": "new", "body": {}, "at": NOW}])
            insert_rows(session, Picture, [picture])
            insert_rows(session, Picture, [picture])

    with pytest.raises(IntegrityError):
        send()
    with database.write() as session:
        assert ask(session, COUNT()) == [[(9,)]]
        assert session.scalar(select(func.count()).select_from(Picture)) == 0


def test_a_question_that_fails_says_so_as_any_statement_does(database: Database) -> None:
    wrong = Question(lambda _: select(func.no_such_thing(bindparam("n", type_=Event.id.type))))
    with pytest.raises(DBAPIError), database.glance() as session:
        ask(session, COUNT(), wrong(n=1))
    with database.glance() as session:
        assert ask(session, COUNT()) == [[(9,)]]


def test_numbers_that_were_drawn_beside_questions_are_used_once(database: Database) -> None:
    with database.write() as session:
        numbers = Numbers(session, 4)
        count, *drawn = ask(session, COUNT(), *numbers.drawing(Event, 3))
        numbers.keep(Event, drawn)
        made = [numbers.new(Event) for _ in range(9)]
        insert_rows(session, Event, [{"id": n, "exam_id": 1, "kind": "new", "body": {}, "at": NOW} for n in made])
    assert count == [(9,)]
    assert made == sorted(set(made))
    assert made[0] > 9
