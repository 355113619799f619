"""Web machines whose clocks are minutes apart: what follows a clock, and what does not."""

from __future__ import annotations

import threading
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import select

from core.errors import Conflict
from core.site import Site
from core.states import ResponseState
from core.tables import Mark, Response
from marking import batch, intake
from marking.handout import prefix
from marking.submit import revise
from marking.work import next_tasks
from tests.marking.conftest import OpenHall
from tests.marking.crash import Died, hooked
from tests.marking.exams import one_group
from tests.marking.two_webs import ALONE, PAIR, THREE, another_web, ask, at_once, check, marks_of, send

MINUTES = 7  # that two web machines are apart


def test_clocks_that_differ_leave_a_lease_alone(open_anywhere: OpenHall) -> None:
    """Leases end by the queue server's clock: a web machine that is ahead takes nothing from anybody."""
    hall = open_anywhere(ALONE, scripts=1)
    first, second = hall.person("marker"), hall.person("marker")
    with another_web(hall, minutes=MINUTES) as ahead, another_web(hall, minutes=-MINUTES) as behind:
        (task,) = ask(hall, first, site=behind)
        assert ask(hall, second, site=ahead) == []
        assert [t.task for t in ask(hall, first, site=ahead)] == [task.task]
        assert ask(hall, second, site=behind) == []
        assert send(hall, first, task, "4", site=ahead).outcome == "counted"
    check(hall)


def test_clocks_that_differ_change_no_mark(open_anywhere: OpenHall) -> None:
    """Times go up and down along the ledger; slots, marks, finals and replay are by number."""
    hall = open_anywhere(THREE, scripts=3)
    crew = [hall.person("marker") for _ in range(3)] + [hall.person("arbiter")]
    with another_web(hall, minutes=MINUTES) as ahead, another_web(hall, minutes=-MINUTES) as behind:
        for n, (user, mark) in enumerate(zip(crew, ("2", "6", "9", "5"), strict=True)):
            while tasks := ask(hall, user, site=(ahead, behind)[n % 2]):
                send(hall, user, tasks[0], mark, site=(behind, ahead)[len(marks_of(hall, user)) % 2])
            intake.sweep((ahead, behind)[n % 2], hall.exam_id)
    with hall.site.database.read() as session:
        assert set(session.scalars(select(Response.state))) == {ResponseState.AGREED}
        times = session.scalars(select(Mark.at).order_by(Mark.id)).all()
        assert times != sorted(times)
    check(hall)


def test_clocks_that_differ_shift_the_grace_period_by_as_much(open_anywhere: OpenHall) -> None:
    """The web machines' clocks decide it, so it is longer or shorter by what they differ; nothing else comes of it."""
    hall = open_anywhere(PAIR, scripts=1)
    user, grace = hall.person("marker"), timedelta(minutes=10)
    (task,) = ask(hall, user)

    def revised(site: Site, mark: str) -> str:
        try:
            return revise(site, hall.exam_id, user, task.task, str(uuid4()), {"21": mark}, grace=grace).outcome
        except Conflict:
            return "refused"

    with another_web(hall, minutes=MINUTES) as ahead, another_web(hall, minutes=-MINUTES) as behind:
        send(hall, user, task, "4", site=behind)
        assert revised(hall.site, "5") == "revised"
        hall.clock.pass_by(minutes=4)
        assert [revised(site, "6") for site in (ahead, hall.site, behind)] == ["refused", "refused", "revised"]
    check(hall)


def test_a_commit_that_was_overtaken_is_found_by_a_sweeper_whose_clock_is_ahead(open_anywhere: OpenHall) -> None:
    """A third slot is made in a slow transaction; tasks with higher numbers are offered before it; then its process dies."""
    hall = open_anywhere(THREE + one_group("{name: 2+1+1, tolerance: {marks: 1}}", '[{id: "22", marks: 10}]', "W22"), scripts=1)
    if hall.site.database.is_sqlite:
        pytest.skip("one writes at a time there: nobody is overtaken")
    users = [hall.person("marker") for _ in range(3)]

    def mark(site: Site, user: int, group: str, given: str) -> batch.Saved:
        (task,) = next_tasks(hall.site, hall.exam_id, user, f"M/{group}", 1).tasks
        return send(hall, user, task, given, site=site)

    for group in ("W21", "W22"):
        mark(hall.site, users[0], group, "1")
    arrived, go_on = threading.Event(), threading.Event()

    def think() -> None:
        arrived.set()
        assert go_on.wait(30)

    def die() -> None:
        raise Died

    def overtake() -> None:
        assert arrived.wait(30)
        try:
            mark(hall.site, users[1], "W22", "9")
            with another_web(hall, minutes=MINUTES) as ahead:
                intake.sweep(ahead, hall.exam_id)
        finally:
            go_on.set()

    given = at_once(lambda: mark(hooked(hall.site, before=think, after=die), users[1], "W21", "9"), overtake)
    assert isinstance(given[0], Died)
    hall.site.redis.delete(f"{prefix(hall.exam_id)}looked")  # half a minute later
    intake.sweep(hall.site, hall.exam_id)
    check(hall)
    assert {task.group for task in ask(hall, users[2], 5)} == {"W21", "W22"}
