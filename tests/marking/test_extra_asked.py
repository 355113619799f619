"""Extra marks in the engine: shown, asked for once, handed out blind, replayed from the ledger, reported."""

from __future__ import annotations

from uuid import uuid4

import pytest
from sqlalchemy import select
from typer.testing import CliRunner

from core import ledger
from core.errors import Conflict
from core.states import ResponseState, TaskState
from core.tables import Exam, FinalMark, Response, Task
from marking import extra
from marking.submit import submit
from marking.work import next_tasks
from scoring.recompose import counted_marks
from scoring.replay import replay
from scoring.verify_marks import marks as z5
from tests.marking.conftest import OpenHall
from tests.marking.exams import Hall, one_group
from tests.marking.laws import check_rows

PAIRS = '{name: 1+1, tolerance: {marks: 2}, extra: {share: "0.25", to: arbiter}}'
GIVEN = [(5, 5), (5, 6), (8, 8), (3, 5), (7, 7), (2, 2), (6, 8), (9, 9)]  # two marks of each of eight answers


def mark_all(hall: Hall, users: list[int], value: dict[int, float] | None = None) -> int:
    """Everybody marks what there is; the first two marks of a response are as in GIVEN."""
    done, turns = 0, dict[int, int]()
    while True:
        before = done
        for user in users:
            for task in next_tasks(hall.site, hall.exam_id, user).tasks:
                with hall.site.database.read() as session:
                    response = session.scalars(select(Task.response_id).where(Task.token == task.task)).one()
                    place = sorted(session.scalars(select(Response.id))).index(response)
                turn = turns[response] = turns.get(response, -1) + 1
                mark = (value or {}).get(place, GIVEN[place][min(turn, 1)])
                submit(hall.site, hall.exam_id, user, task.task, str(uuid4()), {"21": str(mark)})
                done += 1
        if done == before:
            return done


def finals(hall: Hall) -> dict[int, tuple[float, str]]:
    with hall.site.database.read() as session:
        rows = session.scalars(select(FinalMark).where(FinalMark.current))
        return {f.response_id: (f.numerator / f.denominator, f.rule) for f in rows}


def replayed(hall: Hall) -> bool:
    """Whether Z5 holds, and the ledger alone knows how many extra marks each response was asked for."""
    with hall.site.database.read() as session:
        exam = session.get(Exam, hall.exam_id)
        assert exam is not None
        state = replay(ledger.entries(session, hall.exam_id))
        asked = dict(session.execute(select(Response.id, Response.extra)).all())
        assert {n: r.extra for n, r in state.responses.items()} == asked
        assert all(counted_marks(r) for r in state.responses.values())
        return z5(session, exam).holds


def test_what_helps_most_is_asked_for_once_and_marked_again(open_anywhere: OpenHall) -> None:
    hall = open_anywhere(one_group(PAIRS), scripts=8)
    users = [hall.person("marker") for _ in range(4)]
    assert mark_all(hall, users) == 16
    shown = extra.preview(hall.site, hall.exam_id, "M", "W21")
    assert (shown.responses, shown.undecided, shown.allowed, shown.asked, shown.chosen) == (8, 0, 2, 0, 2)
    assert shown.now < shown.after <= 8
    before = finals(hall)
    asked = extra.ask(hall.site, hall.exam_id, "M", "W21", "user:1")
    assert asked == shown
    with hall.site.database.read() as session:
        reopened = {r.id for r in session.scalars(select(Response).where(Response.extra == 1, Response.state == ResponseState.OPEN))}
        assert len(session.scalars(select(Task).where(Task.state == TaskState.OPEN)).all()) == 2
    places = sorted(before)
    check_rows(hall)
    again = extra.ask(hall.site, hall.exam_id, "M", "W21", "user:1")
    assert (again.asked, again.chosen) == (2, 0)
    first, second = sorted(reopened)
    assert mark_all(hall, users, {places.index(first): GIVEN[places.index(first)][0], places.index(second): 0}) == 2
    assert finals(hall).keys() == before.keys() - {second}
    assert finals(hall)[first][1] == "extra"
    arbiter = hall.person("arbiter")
    assert mark_all(hall, [arbiter], {places.index(second): 4}) == 1
    assert finals(hall)[second] == (400, "arbiter")
    check_rows(hall)
    assert replayed(hall)
    came = extra.report(hall.site, hall.exam_id, "M", "W21")
    assert (came.asked, came.done, came.marks, came.experts) == (2, 2, 3, 1)
    assert came.before < came.expected
    assert came.before < came.now


def test_nobody_marks_an_answer_twice_for_an_extra_mark(open_exam: OpenHall) -> None:
    hall = open_exam(one_group(PAIRS), scripts=8)
    pair = [hall.person("marker") for _ in range(2)]
    mark_all(hall, pair)
    extra.ask(hall.site, hall.exam_id, "M", "W21", "user:1")
    assert mark_all(hall, pair) == 0
    assert mark_all(hall, [hall.person("marker")]) == 2


def test_where_an_expert_decides_or_nothing_is_decided_nothing_is_asked_for(open_exam: OpenHall) -> None:
    hall = open_exam(one_group('{name: 1+1, tolerance: {marks: 0}, extra: {share: "1"}}'), scripts=8)
    mark_all(hall, [hall.person("marker") for _ in range(2)])
    shown = extra.preview(hall.site, hall.exam_id, "M", "W21")
    assert (shown.undecided, shown.allowed) == (3, 8)
    assert 0 < shown.chosen <= 5
    mark_all(hall, [hall.person("leader")])
    assert extra.preview(hall.site, hall.exam_id, "M", "W21", at_most=2).chosen == 2
    extra.ask(hall.site, hall.exam_id, "M", "W21", "user:1")
    with hall.site.database.read() as session:
        reopened = set(session.scalars(select(Response.id).where(Response.extra == 1)))
    by_leader = {response for response, (_, rule) in finals(hall).items() if rule == "leader"}
    assert len(by_leader) == 3
    assert 0 < len(reopened) <= 5
    assert reopened.isdisjoint(by_leader)
    assert not replayed(hall)  # Z5 does not hold while an extra mark is waited for


def test_a_scheme_without_the_rule_is_told_so(open_exam: OpenHall) -> None:
    hall = open_exam(one_group(), scripts=1)
    with pytest.raises(Conflict, match="has no extra marks"):
        extra.preview(hall.site, hall.exam_id, "M", "W21")


def test_with_nothing_marked_nothing_is_planned(open_exam: OpenHall) -> None:
    hall = open_exam(one_group(PAIRS), scripts=2)
    shown = extra.preview(hall.site, hall.exam_id, "M", "W21")
    assert (shown.responses, shown.undecided, shown.chosen, shown.measured) == (2, 2, 0, False)


def test_the_command_says_what_it_would_do_does_it_and_reports(open_exam: OpenHall, monkeypatch: pytest.MonkeyPatch) -> None:
    hall = open_exam(one_group(PAIRS), scripts=8)
    users = [hall.person("marker") for _ in range(3)]
    mark_all(hall, users)
    for name, value in hall.site.settings.as_environment().items():
        monkeypatch.setenv(name, value)
    from api.cli import app

    def run(*more: str) -> str:
        result = CliRunner().invoke(app, ["extra", "--exam", "T", "--paper", "M", "--group", "W21", *more])
        assert result.exit_code == 0, result.output
        return result.output

    assert "would be asked for on 2 responses" in run("--preview")
    assert "is asked for on 2 responses" in run()
    assert "is asked for on 0 responses" in run()
    mark_all(hall, users)
    assert "asked for 2 responses, 2 are done; 2 marks were given" in run("--report")
