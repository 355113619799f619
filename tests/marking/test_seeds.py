"""Seeds come as the rules say, are held against the agreed marks, and a marker never meets one twice."""

import pytest
from sqlalchemy import select, update

from core.errors import Conflict, Forbidden
from core.states import MarkState, ResponseState, StandingState, TaskPurpose, TaskState
from core.tables import Event, FinalMark, Response, Seed, Standing, Task
from marking import seeds
from marking.giving import give
from marking.serving import told
from marking.watching import gap
from marking.work import groups_for, next_tasks
from tests.marking.conftest import OpenHall
from tests.marking.exams import one_group
from tests.marking.laws import check_rows
from tests.marking.watching_room import ask, checks_of, make_seeds, marks_of, open_responses, send, standing_of, stops_of, watched, work

FIRST = "{seeds: {first_of_day: true, stop_after: 2}}"
NEVER_BACK = "{seeds: {first_of_day: true, stop_after: 2}, put_back: {since: never}}"


def test_a_seed_leaves_live_marking_with_its_agreed_mark(open_anywhere: OpenHall) -> None:
    hall = open_anywhere(watched(FIRST), scripts=2)
    chief, marker = hall.person("arbiter"), hall.person("marker")
    (response,) = make_seeds(hall, chief, "live", 1, "7")
    with hall.site.database.read() as session:
        assert session.get_one(Response, response).state is ResponseState.AGREED
        assert [(f.numerator, f.rule) for f in session.scalars(select(FinalMark))] == [(700, "arbiter")]
    check_rows(hall)
    assert work(hall, marker, 5) == [TaskPurpose.SEED, TaskPurpose.LIVE]
    check_rows(hall)


def test_an_agreed_mark_is_one_whoever_proposes_it_again(open_exam: OpenHall) -> None:
    hall = open_exam(scripts=2)
    chief, other, leader = hall.person("arbiter"), hall.person("arbiter"), hall.person("leader")
    (response,) = make_seeds(hall, chief, "live", 1, "7")
    site, exam = hall.site, hall.exam_id
    seeds.propose(site, exam, other, response, "trial", {"21": "7"})
    with pytest.raises(Conflict):
        seeds.propose(site, exam, other, response, "first", {"21": "8"})
    with pytest.raises(Forbidden):
        seeds.propose(site, exam, leader, response, "live", {"21": "7"})
    seeds.propose(site, exam, chief, response, "live", {"21": "8"}, "on reflection")
    found = seeds.listed(site, exam, chief, "M", "W21")
    assert [(s.use, s.marks, s.note) for s in found] == [("live", {"21": "8"}, "on reflection"), ("trial", {"21": "8"}, "")]
    with hall.site.database.read() as session:
        assert session.scalars(select(FinalMark.numerator).where(FinalMark.current)).all() == [800]
    check_rows(hall)


def test_what_was_agreed_before_counts_no_more_when_a_response_becomes_a_seed(open_anywhere: OpenHall) -> None:
    hall = open_anywhere(scripts=1)
    chief, first, second = hall.person("arbiter"), hall.person("marker"), hall.person("marker")
    work(hall, first, 1, "4")
    work(hall, second, 1, "4")
    with hall.site.database.read() as session:
        (response,) = session.scalars(select(Response.id))
    seeds.propose(hall.site, hall.exam_id, chief, response, "live", {"21": "6"})
    with hall.site.database.read() as session:
        assert session.scalars(select(FinalMark.numerator).where(FinalMark.current)).all() == [600]
    assert len(marks_of(hall, first, MarkState.SURPLUS)) == 1
    check_rows(hall)


def test_a_marked_answer_is_no_seed_of_its_marker(open_exam: OpenHall) -> None:
    hall = open_exam(scripts=1)
    both = hall.person("marker", "arbiter")
    work(hall, both, 1)
    with pytest.raises(Conflict):
        make_seeds(hall, both, "live", 1)


def test_an_answer_on_the_screen_that_becomes_a_seed_is_not_given_to_its_marker_once_more(open_anywhere: OpenHall) -> None:
    hall = open_anywhere(watched("{seeds: {one_in: 500}}"), scripts=4)
    chief, marker = hall.person("arbiter"), hall.person("marker")
    first, second = next_tasks(hall.site, hall.exam_id, marker, hold=2).tasks
    with hall.site.database.read() as session:
        response = session.scalars(select(Task.response_id).where(Task.token == second.task)).one()
    seeds.propose(hall.site, hall.exam_id, chief, response, "live", {"21": "7"})
    send(hall, marker, first)
    with hall.site.database.write() as session:
        session.execute(update(Standing).values(until_seed=0))
    assert give(hall.site, hall.exam_id) == 1
    assert send(hall, marker, second).outcome == "surplus"
    with hall.site.database.read() as session:
        mine = session.scalars(select(Task).where(Task.marker_id == marker, Task.purpose == TaskPurpose.SEED)).one()
        assert (mine.response_id, mine.state) == (response, TaskState.VOID)
    assert standing_of(hall, marker).until_seed == 0
    assert work(hall, marker, 9) == [TaskPurpose.LIVE] * 2
    check_rows(hall)


def test_the_first_task_of_a_day_is_a_seed_and_again_on_the_next(open_anywhere: OpenHall) -> None:
    hall = open_anywhere(watched(FIRST), scripts=9)
    chief, marker = hall.person("arbiter"), hall.person("marker")
    make_seeds(hall, chief, "live", 2)
    assert work(hall, marker, 3) == [TaskPurpose.SEED, TaskPurpose.LIVE, TaskPurpose.LIVE]
    hall.clock.pass_by(hours=24)
    assert work(hall, marker, 2) == [TaskPurpose.SEED, TaskPurpose.LIVE]
    assert (standing_of(hall, marker).today, standing_of(hall, marker).marks) == (2, 5)
    hall.clock.pass_by(hours=24)
    assert work(hall, marker, 1) == [TaskPurpose.LIVE]  # there is none left that this marker has not met
    with hall.site.database.read() as session:
        assert [e.body["marker"] for e in session.scalars(select(Event).where(Event.kind == "seeds-short"))] == [marker]
    assert [(c.use, c.outcome) for c in checks_of(hall, marker)] == [("live", "passed")] * 2


def test_the_days_are_those_of_the_exams_own_time_zone(open_exam: OpenHall) -> None:
    hall = open_exam(watched(FIRST), scripts=9)
    make_seeds(hall, hall.person("arbiter"), "live", 2)
    marker = hall.person("marker")
    hall.clock.at = hall.clock.at.replace(hour=15, minute=50)  # ten to midnight in Shanghai
    assert work(hall, marker, 2) == [TaskPurpose.SEED, TaskPurpose.LIVE]
    hall.clock.pass_by(minutes=20)
    assert work(hall, marker, 1) == [TaskPurpose.SEED]


def test_after_a_failed_seed_comes_a_second_and_then_a_stop(open_anywhere: OpenHall) -> None:
    hall = open_anywhere(watched(FIRST), scripts=9)
    chief, marker = hall.person("arbiter"), hall.person("marker")
    make_seeds(hall, chief, "live", 3, "9")
    task = ask(hall, marker)
    assert task is not None
    send(hall, marker, task, "4")
    assert (standing_of(hall, marker).failed, standing_of(hall, marker).state) == (1, StandingState.LIVE)
    assert work(hall, marker, 1, "4") == [TaskPurpose.SEED]
    assert standing_of(hall, marker).state is StandingState.STOPPED
    (stop,) = stops_of(hall, marker)
    assert (stop.rule, stop.by, stop.put_back) == ("seeds", "rule:seeds", [])
    with pytest.raises(Forbidden, match="stopped"):
        ask(hall, marker)
    assert [(c.outcome, c.differences) for c in checks_of(hall, marker)] == [("failed", {"21": -500})] * 2
    check_rows(hall)


def test_a_passed_seed_forgives_the_one_before(open_exam: OpenHall) -> None:
    hall = open_exam(watched(FIRST), scripts=9)
    chief, marker = hall.person("arbiter"), hall.person("marker")
    make_seeds(hall, chief, "live", 4, "9")
    for value in ("4", "9"):
        assert work(hall, marker, 1, value) == [TaskPurpose.SEED]
    assert (standing_of(hall, marker).failed, standing_of(hall, marker).state) == (0, StandingState.LIVE)
    assert work(hall, marker, 1) == [TaskPurpose.LIVE]


def test_what_was_marked_since_the_last_passed_seed_goes_back_with_a_stop(open_anywhere: OpenHall) -> None:
    hall = open_anywhere(watched(FIRST), scripts=12)
    chief, marker, other = hall.person("arbiter"), hall.person("marker"), hall.person("marker")
    make_seeds(hall, chief, "live", 4, "9")
    assert work(hall, marker, 3, "9") == [TaskPurpose.SEED, TaskPurpose.LIVE, TaskPurpose.LIVE]
    work(hall, other, 9, "9")
    good = {m.id for m in marks_of(hall, marker)}
    hall.clock.pass_by(hours=24)
    assert work(hall, marker, 1, "3") == [TaskPurpose.SEED]
    assert work(hall, marker, 1, "3") == [TaskPurpose.SEED]
    assert {m.id for m in marks_of(hall, marker)} == set()
    assert set(stops_of(hall, marker)[0].put_back) == good
    check_rows(hall)


def test_gaps_are_drawn_with_the_mean_that_was_asked() -> None:
    drawn = [gap(20) for _ in range(20_000)]
    assert (min(drawn), max(drawn)) == (1, 39)
    assert abs(sum(drawn) / len(drawn) - 20) < 0.5


def test_one_in_so_many_is_a_seed(open_exam: OpenHall) -> None:
    hall = open_exam(watched("{seeds: {first_of_day: false, one_in: 3}}"), scripts=60)
    chief, marker = hall.person("arbiter"), hall.person("marker")
    make_seeds(hall, chief, "live", 25)
    met = work(hall, marker, 50)
    assert 5 <= met.count(TaskPurpose.SEED) <= 25
    with hall.site.database.read() as session:
        given = session.scalars(select(Task.response_id).where(Task.purpose == TaskPurpose.SEED)).all()
    assert len(set(given)) == len(given)
    check_rows(hall)


def test_own_work_comes_again_after_a_while_and_the_first_mark_stands(open_anywhere: OpenHall) -> None:
    hall = open_anywhere(watched("{self_marks: {one_in: 2, after_marks: 2, after_minutes: 10}}", "'1'"), scripts=40)
    marker = hall.person("marker")
    assert set(work(hall, marker, 8, "5")) == {TaskPurpose.LIVE}
    hall.clock.pass_by(minutes=30)
    met = work(hall, marker, 20, "8")
    assert TaskPurpose.SELF in met
    again = checks_of(hall, marker)
    assert {(c.kind, c.outcome) for c in again} <= {("self", "failed"), ("self", "passed")}
    assert {tuple(c.differences.items()) for c in again} == {(("21", 300),)}
    with hall.site.database.read() as session:
        assert set(session.scalars(select(FinalMark.numerator).where(FinalMark.mark_ids != []))) == {500, 800}
        again_on = session.scalars(select(Task.response_id).where(Task.purpose == TaskPurpose.SELF, Task.state == TaskState.DONE)).all()
        first = session.scalars(select(FinalMark.numerator).where(FinalMark.response_id.in_(again_on), FinalMark.current)).all()
    assert set(first) == {500}
    check_rows(hall)


def test_how_many_wait_is_told_only_about_where_seeds_come_unannounced(open_exam: OpenHall) -> None:
    hall = open_exam(watched(FIRST, "'1'"), scripts=14)
    marker = hall.person("marker")
    make_seeds(hall, hall.person("arbiter"), "live", 1)
    assert [next_tasks(hall.site, hall.exam_id, marker).open, groups_for(hall.site, hall.exam_id, marker)[0].open] == [20, 20]
    assert [told(n, rough=True) for n in (0, 1, 10, 99, 101, 4321)] == [0, 10, 10, 100, 110, 4400]
    assert told(4321, rough=False) == 4321


def test_a_withdrawn_seed_is_given_to_nobody(open_exam: OpenHall) -> None:
    hall = open_exam(watched(FIRST), scripts=3)
    chief, marker = hall.person("arbiter"), hall.person("marker")
    make_seeds(hall, chief, "live", 1)
    (seed,) = seeds.listed(hall.site, hall.exam_id, chief, "M", "W21")
    seeds.withdraw(hall.site, hall.exam_id, chief, seed.id)
    assert work(hall, marker, 5) == [TaskPurpose.LIVE] * 2
    with hall.site.database.read() as session:
        assert session.scalars(select(Seed.active)).all() == [False]


def test_a_seed_that_waits_is_taken_away_when_it_is_withdrawn(open_exam: OpenHall) -> None:
    hall = open_exam(watched(FIRST), scripts=3)
    chief, marker = hall.person("arbiter"), hall.person("marker")
    make_seeds(hall, chief, "live", 1)
    held = ask(hall, marker)
    assert held is not None
    (seed,) = seeds.listed(hall.site, hall.exam_id, chief, "M", "W21")
    seeds.withdraw(hall.site, hall.exam_id, chief, seed.id)
    with pytest.raises(Conflict):
        send(hall, marker, held)
    assert work(hall, marker, 5) == [TaskPurpose.LIVE] * 2


def test_nobody_gets_a_seed_of_the_own_school(open_exam: OpenHall) -> None:
    hall = open_exam(watched(FIRST), scripts=4, schools=("S1", "S2"))
    chief, marker = hall.person("arbiter"), hall.person("marker", school="S1")
    make_seeds(hall, chief, "live", 2)
    work(hall, marker, 9)
    with hall.site.database.read() as session:
        query = select(Response.school_code).join(Task, Task.response_id == Response.id).where(Task.marker_id == marker)
        assert set(session.scalars(query)) == {"S2"}


def test_without_rules_no_row_is_made_and_nobody_is_refused(open_exam: OpenHall) -> None:
    hall = open_exam(one_group("'1'"), scripts=4)
    marker = hall.person("marker")
    make_seeds(hall, hall.person("arbiter"), "live", 1)
    assert work(hall, marker, 9) == [TaskPurpose.LIVE] * 3
    with hall.site.database.read() as session:
        from core.tables import Standing

        assert session.scalars(select(Standing)).all() == []


def test_candidates_for_seeds_are_answers_that_nobody_marked(open_exam: OpenHall) -> None:
    hall = open_exam(scripts=4)
    chief, marker = hall.person("arbiter"), hall.person("marker")
    work(hall, marker, 1)
    found = seeds.candidates(hall.site, hall.exam_id, chief, "M", "W21")
    assert len(found) == 3
    assert {c.response for c in found} < set(open_responses(hall))
    assert len(seeds.picture(hall.site, hall.exam_id, chief, found[0].response, 0)) == 64
