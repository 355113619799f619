"""Marks that are kept together: each gets its own answer, as if it had come alone."""

from __future__ import annotations

from uuid import uuid4

from sqlalchemy import select

from core import ledger
from core.errors import BadInput, Conflict, Forbidden, MarkhallError, NotFound
from core.states import MarkState, ResponseState
from core.tables import Event, Mark, Response
from marking.batch import Saved, Sent, submit_all
from marking.handout import tell
from marking.serving import Wish, Work, serve
from marking.work import next_tasks
from tests.marking.conftest import OpenHall
from tests.marking.exams import Hall, one_group
from tests.marking.laws import check_rows

ALONE = "{name: '1', tolerance: {marks: 0}}"


def token(hall: Hall, user: int) -> str:
    return next_tasks(hall.site, hall.exam_id, user).tasks[0].task


def send(hall: Hall, *sent: Sent) -> list[Saved | MarkhallError]:
    kept = submit_all(hall.site, hall.exam_id, sent)
    tell(hall.site, hall.exam_id, kept.steps)
    return kept.answers


def test_many_marks_are_one_transaction_and_one_event_a_group(open_anywhere: OpenHall) -> None:
    hall = open_anywhere(scripts=12)
    people = [hall.person("marker") for _ in range(12)]
    answers = send(hall, *(Sent(user, token(hall, user), str(uuid4()), {"21": 1}) for user in people))
    assert [a.outcome for a in answers if isinstance(a, Saved)] == ["counted"] * 12
    check_rows(hall)
    with hall.site.database.read() as session:
        assert len(session.scalars(select(Event.id).where(Event.kind == "marks")).all()) == 1
        assert len(set(session.scalars(select(Mark.at)).all())) == 1
        assert all(chain.fault == "" for chain in ledger.verify(session, hall.exam_id))


def test_who_is_refused_spoils_nothing_for_the_others(open_anywhere: OpenHall) -> None:
    hall = open_anywhere(scripts=6)
    good, wrong, stranger, nobody = hall.person("marker"), hall.person("marker"), hall.person("marker"), hall.person("clerk")
    first, second = token(hall, good), token(hall, wrong)
    answers = send(
        hall,
        Sent(wrong, second, str(uuid4()), {"21": 99}),
        Sent(stranger, "no such token", str(uuid4()), {"21": 1}),
        Sent(good, first, str(uuid4()), {"21": 1}),
        Sent(nobody, second, str(uuid4()), {"21": 1}),
        Sent(wrong, second, "short", {"21": 1}),
    )
    assert [type(a) for a in answers] == [BadInput, NotFound, Saved, Forbidden, BadInput]
    check_rows(hall)


def test_the_same_mark_twice_in_one_round_is_one_mark(open_anywhere: OpenHall) -> None:
    hall = open_anywhere(scripts=1)
    user = hall.person("marker")
    one = Sent(user, token(hall, user), "the very same key", {"21": 3})
    first, second = send(hall, one, one)
    assert first == second
    with hall.site.database.read() as session:
        assert len(session.scalars(select(Mark.id)).all()) == 1


def test_both_marks_of_a_response_in_one_round_settle_it(open_anywhere: OpenHall) -> None:
    hall = open_anywhere(scripts=1)
    first, second = hall.person("marker"), hall.person("marker")
    answers = send(hall, *(Sent(user, token(hall, user), str(uuid4()), {"21": 5}) for user in (first, second)))
    assert all(isinstance(a, Saved) for a in answers)
    check_rows(hall)
    with hall.site.database.read() as session:
        assert session.scalars(select(Response.state)).one() is ResponseState.AGREED


def test_two_marks_for_one_slot_in_one_round_are_one_counted_and_one_surplus(open_anywhere: OpenHall) -> None:
    hall = open_anywhere(one_group(ALONE), scripts=1)
    first, second = hall.person("marker"), hall.person("marker")
    task = token(hall, first)
    answers = send(hall, *(Sent(user, task, str(uuid4()), {"21": 5}) for user in (first, second)))
    assert [a.outcome for a in answers if isinstance(a, Saved)] == ["counted", "surplus"]
    check_rows(hall)


def test_a_key_of_another_mark_is_refused_and_the_round_is_kept(open_anywhere: OpenHall) -> None:
    hall = open_anywhere(scripts=4)
    user, other = hall.person("marker"), hall.person("marker")
    assert isinstance(send(hall, Sent(user, token(hall, user), "used before this", {"21": 1}))[0], Saved)
    answers = send(
        hall, Sent(user, token(hall, user), "used before this", {"21": 2}), Sent(other, token(hall, other), "never used before", {"21": 2})
    )
    assert [type(a) for a in answers] == [Conflict, Saved]
    check_rows(hall)
    with hall.site.database.read() as session:
        assert sorted(session.scalars(select(Mark.state))) == [MarkState.COUNTED] * 2


def test_one_key_for_two_marks_of_a_round_is_refused_once(open_anywhere: OpenHall) -> None:
    hall = open_anywhere(one_group(ALONE), scripts=4)
    user = hall.person("marker")
    first, second = (task.task for task in next_tasks(hall.site, hall.exam_id, user, hold=2).tasks)
    answers = send(hall, Sent(user, first, "one key for two", {"21": 1}), Sent(user, second, "one key for two", {"21": 1}))
    assert [type(a) for a in answers] == [Saved, Conflict]
    check_rows(hall)


def test_everybody_who_asks_at_once_is_given_another_task(open_anywhere: OpenHall) -> None:
    hall = open_anywhere(one_group(ALONE), scripts=20)
    people = [hall.person("marker") for _ in range(10)]
    found = serve(hall.site, hall.exam_id, [Wish(user, None, 2) for user in people] + [Wish(hall.person("clerk"))])
    tasks = [task.task for work in found if isinstance(work, Work) for task in work.tasks]
    assert len(tasks) == len(set(tasks)) == 20
    assert isinstance(found[-1], Forbidden)
