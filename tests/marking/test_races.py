"""What people and machines do at the same moment, each case by its name: real threads, both databases, a real Valkey.

Where two web processes are meant, each has a site of its own: engine, connections and clock. What must hold in the end is in
tests/marking/laws.py; here is what each of the two is told.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select

from core.errors import Conflict, Forbidden
from core.quality import PutBack
from core.site import Site
from core.states import MarkState, ResponseState, TaskState
from core.tables import Problem, Response, Task
from marking import batch, intake, recover, stopping
from marking.problems import problem, resolve_problem
from marking.submit import revise, submit
from marking.work import next_tasks
from tests.marking.conftest import OpenHall
from tests.marking.crash import hooked
from tests.marking.exams import one_group
from tests.marking.two_webs import ALONE, PAIR, THREE, another_web, ask, at_once, check, end_leases, marks_of, outcomes, send

TWO_GROUPS = one_group("{name: 1+1, tolerance: {marks: 1}}", group="W21") + one_group(
    "{name: 1+1, tolerance: {marks: 1}}", '[{id: "22", marks: 10}]', "W22"
)


def test_two_arbiters_at_once(open_anywhere: OpenHall) -> None:
    """Both have the answer before them, one of them after a lease that ended: one word is the last, the other is kept beside it."""
    hall = open_anywhere(one_group("{name: 2+1, tolerance: {marks: 1}}"), scripts=3)
    markers = [hall.person("marker") for _ in range(2)]
    for user, mark in zip(markers, ("1", "8"), strict=True):
        while tasks := ask(hall, user):
            send(hall, user, tasks[0], mark)
    first, second = hall.person("leader"), hall.person("leader")
    with another_web(hall) as other:
        for _ in range(3):
            (task,) = ask(hall, first)
            end_leases(hall)
            (again,) = [t for t in ask(hall, second, 5) if t.task == task.task]
            given = at_once(partial(send, hall, first, task, "3"), partial(send, hall, second, again, "6", site=other))
            assert outcomes(given) == ["counted", "surplus"]
            hall.site.redis.flushall()
            recover.recover(hall.site, hall.exam_id)
    assert len(marks_of(hall, first)) == len(marks_of(hall, second)) == 3
    check(hall)


def test_two_arbiters_resolve_one_problem_at_once(open_anywhere: OpenHall) -> None:
    hall = open_anywhere(PAIR, scripts=1)
    marker, arbiters = hall.person("marker"), [hall.person("arbiter"), hall.person("arbiter")]
    (task,) = ask(hall, marker)
    number = problem(hall.site, hall.exam_id, marker, task.task, str(uuid4()), "illegible")
    with another_web(hall) as other:
        given = at_once(
            *(
                partial(resolve_problem, site, hall.exam_id, user, number, "mark", key=str(uuid4()), values={"21": mark})
                for site, user, mark in zip((hall.site, other), arbiters, ("3", "7"), strict=True)
            )
        )
    assert sum(isinstance(one, Conflict) for one in given) == 1
    assert len(marks_of(hall, arbiters[0])) + len(marks_of(hall, arbiters[1])) == 1
    with hall.site.database.read() as session:
        assert session.scalars(select(Problem.state)).all() == ["resolved"]
    check(hall)


def test_a_marker_in_two_browsers(open_anywhere: OpenHall) -> None:
    """Both show the same tasks; of two marks on one answer the second is refused, and a mark sent by both is one mark."""
    hall = open_anywhere(PAIR, scripts=6)
    user = hall.person("marker")
    with another_web(hall) as other:
        here, there = at_once(lambda: ask(hall, user, 2), lambda: ask(hall, user, 2, site=other))
        assert [t.task for t in here] == [t.task for t in there]
        given = at_once(lambda: send(hall, user, here[0], "4"), lambda: send(hall, user, there[0], "5", site=other))
        assert outcomes(given) == ["Conflict", "counted"]
        key = str(uuid4())
        same = at_once(lambda: send(hall, user, here[1], "4", key), lambda: send(hall, user, there[1], "4", key, site=other))
        assert outcomes(same) == ["counted", "counted"]
        assert same[0].mark_id == same[1].mark_id
        left, right = at_once(lambda: ask(hall, user, 5), lambda: ask(hall, user, 5, site=other))
        assert len({t.task for t in left} | {t.task for t in right}) <= 5
    assert len(marks_of(hall, user)) == 2
    check(hall)


def test_a_key_that_both_browsers_use_for_different_answers(open_anywhere: OpenHall) -> None:
    hall = open_anywhere(PAIR, scripts=4)
    user, key = hall.person("marker"), str(uuid4())
    with another_web(hall) as other:
        one, two = ask(hall, user, 2)
        given = at_once(lambda: send(hall, user, one, "4", key), lambda: send(hall, user, two, "5", key, site=other))
    assert outcomes(given) == ["Conflict", "counted"]
    assert len(marks_of(hall, user)) == 1
    check(hall)


def test_a_lease_that_ends_during_submit(open_anywhere: OpenHall) -> None:
    """His mark is before its commit when his lease ends and the task is another's: the first fills the slot, the other is surplus."""
    hall = open_anywhere(ALONE, scripts=1)
    slow, quick = hall.person("marker"), hall.person("marker")
    (task,) = ask(hall, slow)
    arrived, go_on = threading.Event(), threading.Event()

    def think() -> None:
        arrived.set()
        assert go_on.wait(30)

    def other() -> batch.Saved:
        assert arrived.wait(30)
        end_leases(hall)
        (mine,) = ask(hall, quick)
        assert mine.task == task.task
        threading.Timer(0.2, go_on.set).start()
        return send(hall, quick, mine, "6")

    given = at_once(lambda: send(hall, slow, task, "3", site=hooked(hall.site, before=think)), other)
    assert [one.outcome for one in given] == ["counted", "surplus"]
    check(hall)
    assert ask(hall, hall.person("marker")) == []


@pytest.mark.parametrize("marks", [("4", "5"), ("1", "9")], ids=["agree", "differ"])
def test_two_web_processes_submit_the_two_marks_of_one_response_at_once(open_anywhere: OpenHall, marks: tuple[str, str]) -> None:
    """Each of them settles it, or sees that the other has not yet: one final mark, or one third slot."""
    hall = open_anywhere(THREE, scripts=5)
    first, second = hall.person("marker"), hall.person("marker")
    with another_web(hall) as other:
        mine, theirs = ask(hall, first, 5), ask(hall, second, 5)
        with hall.site.database.read() as session:
            response = dict(session.execute(select(Task.token, Task.response_id)).all())
        pairs = [(a, next(b for b in theirs if response[b.task] == response[a.task])) for a in mine]
        for a, b in pairs:
            given = at_once(partial(send, hall, first, a, marks[0]), partial(send, hall, second, b, marks[1], site=other))
            assert outcomes(given) == ["counted", "counted"]
    with hall.site.database.read() as session:
        states = session.scalars(select(Response.state)).all()
        open_slots = session.scalars(select(Task.response_id).where(Task.state == TaskState.OPEN)).all()
    differ = marks == ("1", "9")
    assert set(states) == {ResponseState.OPEN if differ else ResponseState.AGREED}
    assert len(open_slots) == len(set(open_slots)) == (5 if differ else 0)
    check(hall)


def test_batches_that_meet_in_opposite_order_do_not_wait_for_each_other(open_anywhere: OpenHall) -> None:
    """Two web processes, each with marks on the same answers of two item groups, the other way round."""
    hall = open_anywhere(TWO_GROUPS, scripts=5)
    first, second = hall.person("marker"), hall.person("marker")

    def all_of(user: int, site: Site, *, backwards: bool) -> Callable[[], Any]:
        tasks = [t for group in ("M/W21", "M/W22") for t in next_tasks(site, hall.exam_id, user, group, 5).tasks]
        sent = [batch.Sent(user, t.task, str(uuid4()), {t.items[0].id: "5"}) for t in tasks]
        return lambda: batch.submit_all(site, hall.exam_id, sent[::-1] if backwards else sent).answers

    with another_web(hall) as other:
        given = at_once(all_of(first, hall.site, backwards=False), all_of(second, other, backwards=True))
    assert [outcomes(one) for one in given] == [["counted"] * len(given[0])] * 2
    with hall.site.database.read() as session:
        assert set(session.scalars(select(Response.state))) == {ResponseState.AGREED}
    check(hall)


def test_revise_beside_the_second_mark(open_anywhere: OpenHall) -> None:
    """Whichever comes first: both stand, and the final mark is made of the revised one."""
    hall = open_anywhere(PAIR, scripts=4)
    first, second = hall.person("marker"), hall.person("marker")
    with another_web(hall) as other:
        for n in range(4):
            (task,) = ask(hall, first)
            send(hall, first, task, "1")
            with hall.site.database.read() as session:
                response = session.scalar(select(Task.response_id).where(Task.token == task.task))
                slot = session.scalar(select(Task).where(Task.response_id == response, Task.state == TaskState.OPEN))
            assert slot is not None
            given = at_once(
                partial(revise, hall.site, hall.exam_id, first, task.task, str(uuid4()), {"21": "5"}),
                partial(submit, other, hall.exam_id, second, slot.token, str(uuid4()), {"21": "5"}),
            )
            assert sorted(one.outcome for one in given) == ["counted", "revised"], (n, given)
    with hall.site.database.read() as session:
        assert set(session.scalars(select(Response.state))) == {ResponseState.AGREED}
    check(hall)


@pytest.mark.parametrize("rules", ["", "{seeds: {}}"], ids=["without rules", "with rules"])
def test_a_suspended_markers_mark_in_flight(open_anywhere: OpenHall, rules: str) -> None:
    """The mark comes before the stop and goes back with the others, or after it and is refused: it never counts on."""
    groups = PAIR.replace("}\n", f", quality: {rules}}}\n") if rules else PAIR
    hall = open_anywhere(groups, scripts=4)
    user, leader = hall.person("marker"), hall.person("leader")
    tasks = ask(hall, user, 4)
    kept = send(hall, user, tasks[0], "4", "the first mark")
    arrived, stopped = threading.Event(), threading.Event()

    def think() -> None:
        arrived.set()
        stopped.wait(1.0)  # where the stop waits for this mark, it comes after it

    def stop() -> int | None:
        assert arrived.wait(30)
        with another_web(hall) as other:
            number = stopping.stop(
                other, hall.exam_id, user, "M", "W21", rule="seeds", reason="two failed", by="system", choose=PutBack(since="today")
            )
        stopped.set()
        return number

    flying, _ = at_once(lambda: send(hall, user, tasks[1], "5", site=hooked(hall.site, before=think)), stop)
    stopping.sweep(hall.site, hall.exam_id)
    assert isinstance(flying, batch.Saved | Forbidden)
    assert {mark.state for mark in marks_of(hall, user)} == {MarkState.VOID}
    assert send(hall, user, tasks[0], "4", "the first mark").mark_id == kept.mark_id
    with pytest.raises(Forbidden):
        send(hall, user, tasks[2], "6")
    check(hall)
    stopping.lift(hall.site, hall.exam_id, leader, user, "M", "W21")
    check(hall)


def test_recover_while_marking_goes_on(open_anywhere: OpenHall) -> None:
    """Redis is emptied and rebuilt under people who mark: nobody marks twice, and all is marked in the end."""
    hall = open_anywhere(PAIR, scripts=12)
    crew, done = [hall.person("marker") for _ in range(3)], threading.Event()

    def mark(user: int, site: Site) -> int:
        kept, in_vain = 0, 0
        while in_vain < 10 and not (done.is_set() and all_is_marked(site)):
            tasks = ask(hall, user, 2, site=site)
            if not tasks:  # somebody may hold the last ones, or give them back
                time.sleep(0.1)
                in_vain += done.is_set()
                intake.sweep(site, hall.exam_id)
            for task in tasks:
                try:
                    kept += send(hall, user, task, "5", site=site).outcome == "counted"
                except Conflict:
                    continue
        return kept

    def all_is_marked(site: Site) -> bool:
        with site.database.read() as session:
            return session.scalar(select(Task.id).where(Task.state == TaskState.OPEN).limit(1)) is None

    def rebuild(site: Site) -> None:
        for n in range(8):
            if n % 2:
                site.redis.flushall()
            recover.recover(site, hall.exam_id)
            recover.top_up(site, hall.exam_id)
        done.set()

    with another_web(hall) as one, another_web(hall) as two:
        given = at_once(*(partial(mark, u, s) for u, s in zip(crew, (one, two, one), strict=True)), partial(rebuild, two))
        # While Redis is empty one task may be given to all three: one of them fills its slot, and none may have the other.
        given.append(mark(hall.person("marker"), one))
    assert sum(kept for kept in given if kept is not None) == 24
    with hall.site.database.read() as session:
        assert set(session.scalars(select(Response.state))) == {ResponseState.AGREED}
    check(hall)
