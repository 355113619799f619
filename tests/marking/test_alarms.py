"""Alarms open once, end by themselves, are seen by people, and stop a marker where the rule says so."""

import math

import numpy as np
import pytest
from sqlalchemy import select

from core.alarms import AlarmRule
from core.errors import NotFound
from core.states import MarkState
from core.tables import Alarm, Event, LedgerEntry, Mark, Stop
from marking import alarms, live, stopping
from marking.figures import Figures
from marking.live import Live
from marking.measured import Measured
from marking.shape import Shape
from tests.marking.conftest import OpenHall
from tests.marking.exams import Hall, definition_of, one_group
from tests.marking.tallies import Made
from tests.marking.watched_exam import change_states, make_responses, task_of, write_marks


def with_alarms(*rules: str, item: str = '[{id: "21", marks: 10}]') -> str:
    group = one_group("{name: 2+1+1, tolerance: {marks: 1}}", item).rstrip()
    return f"{group[:-1]}, quality: {{put_back: {{since: today}}, alarms: [{', '.join(rules)}]}}}}\n"


def shown(hall: Hall) -> list[tuple[str, int | None, str, str]]:
    with hall.site.database.read() as session:
        return [(a.rule, a.user_id, a.item, str(a.state)) for a in session.scalars(select(Alarm).order_by(Alarm.id))]


def look(followed: Live) -> None:
    followed.read()
    followed.publish()


def pairs(responses: list[int], one: int, two: int, apart: int, seconds: float = 10, first: int = 1) -> list[Made]:
    """Both mark every response, `apart` from each other."""
    found: list[Made] = []
    for n, response in enumerate(responses):
        base = 100 * (2 + n % 5)
        for slot, (who, mark) in enumerate(((one, base), (two, base + apart)), start=1):
            values = {"21": mark}
            found.append(Made(first + len(found), response, task_of(response, slot), who, values, milliseconds=int(seconds * 1000)))
    return found


def test_an_alarm_opens_once_and_is_over_when_its_rule_holds_no_more(open_anywhere: OpenHall) -> None:
    hall = open_anywhere(with_alarms('{when: "exact < 0.5", over: 6}'), sweep=False)
    one, two = hall.person("marker"), hall.person("marker")
    responses = make_responses(hall, 12)
    followed = Live(hall.site)
    marks = pairs(responses[:5], one, two, 200)
    write_marks(hall, marks)
    look(followed)
    assert shown(hall) == []  # too few to say so
    more = pairs(responses[5:7], one, two, 200, first=20)
    write_marks(hall, more)
    for _ in range(3):
        look(followed)
    assert shown(hall) == [("exact", one, "21", "open"), ("exact", two, "21", "open")]
    change_states(hall, {m.id: "void" for m in (*marks, *more) if m.marker == two})
    look(followed)
    assert {state for *_, state in shown(hall)} == {"over"}
    write_marks(hall, pairs(responses[7:], one, two, 300, first=40)[:4])
    look(followed)
    assert len(shown(hall)) == 2
    with hall.site.database.read() as session:
        told = [e.body["state"] for e in session.scalars(select(Event).where(Event.kind == "alarm").order_by(Event.id))]
        assert sorted(told) == ["open", "open", "over", "over"]
        alarm = session.scalars(select(Alarm).where(Alarm.user_id == one)).one()
        assert (alarm.value, alarm.limit, alarm.marks) == (0.0, 0.5, 7)
        assert session.scalars(select(LedgerEntry).where(LedgerEntry.entry.like("%alarm%"))).all() == []


def test_what_a_person_saw_is_open_no_more_and_still_ends_by_itself(open_anywhere: OpenHall) -> None:
    hall = open_anywhere(with_alarms('{name: too_fast, when: "seconds < 4", over: 3}'), sweep=False)
    one, two = hall.person("marker"), hall.person("marker")
    responses = make_responses(hall, 30)
    followed = Live(hall.site)
    write_marks(hall, pairs(responses[:4], one, two, 0, seconds=2))
    look(followed)
    with hall.site.database.read() as session:
        first = session.scalars(select(Alarm.id).order_by(Alarm.id)).first()
    assert first is not None
    with pytest.raises(NotFound, match="among yours"):
        alarms.see(hall.site, hall.exam_id, first, "user:9", lambda paper, group: False)
    alarms.see(hall.site, hall.exam_id, first, "user:9", lambda paper, group: (paper, group) == ("M", "W21"))
    look(followed)
    assert [state for *_, state in shown(hall)] == ["seen", "open"]
    write_marks(hall, pairs(responses[4:], one, two, 0, seconds=30, first=100))
    look(followed)
    assert [state for *_, state in shown(hall)] == ["over", "over"]
    with hall.site.database.read() as session:
        assert [a.by for a in alarms.listed(session, hall.exam_id)] == ["", "user:9"]


def test_a_rule_that_stops_does_so_once_with_what_it_measured(open_anywhere: OpenHall, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "AGAIN", 0.0)
    hall = open_anywhere(with_alarms('{name: too_fast, when: "seconds < 4", over: 3, then: stop}'), sweep=False)
    one, two = hall.person("marker"), hall.person("marker")
    quick = [m for m in pairs(make_responses(hall, 5), one, two, 0, seconds=2) if m.marker == one]
    write_marks(hall, quick)
    followed = Live(hall.site)
    for _ in range(3):
        look(followed)
    with hall.site.database.read() as session:
        stop = session.scalars(select(Stop)).one()
        assert (stop.user_id, stop.rule, stop.by) == (one, "too_fast", "rule:too_fast")
        assert stop.reason == "alarm too_fast: 2 against the limit 4, over 5"
        assert {m.state for m in session.scalars(select(Mark))} == {MarkState.VOID}
        assert session.scalars(select(Alarm)).one().by == "rule:too_fast"
    look(followed)  # the marks went back: nothing is left that the rule rests on
    assert shown(hall) == [("too_fast", one, "", "over")]


def test_a_stop_that_a_leader_lifted_stays_lifted_while_the_rule_still_holds(open_exam: OpenHall, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "AGAIN", 0.0)
    rules = with_alarms('{when: "seconds < 4", over: 3, then: stop}').replace("since: today", "since: never")
    hall = open_exam(rules, sweep=False)
    one, two, leader = hall.person("marker"), hall.person("marker"), hall.person("leader")
    write_marks(hall, [m for m in pairs(make_responses(hall, 5), one, two, 0, seconds=2) if m.marker == one])
    followed = Live(hall.site)
    look(followed)
    stopping.lift(hall.site, hall.exam_id, leader, one, "M", "W21")
    for _ in range(2):
        followed._groups[hall.exam_id, "M", "W21"].dirty = True
        look(followed)
    with hall.site.database.read() as session:
        (stop,) = session.scalars(select(Stop)).all()
    assert stop.lifted_by == f"user:{leader}"
    assert shown(hall) == [("seconds", one, "", "open")]


def test_an_alarm_of_a_group_names_no_marker(open_exam: OpenHall) -> None:
    hall = open_exam(with_alarms('{when: "third_rate > 25 %", over: 10, of: group}'), sweep=False)
    one, two = hall.person("marker"), hall.person("marker")
    write_marks(hall, pairs(make_responses(hall, 6), one, two, 300))
    look(Live(hall.site))
    assert shown(hall) == [("third_rate", None, "", "open")]


def test_a_rule_of_the_last_hours_forgets_what_was_before(open_exam: OpenHall) -> None:
    hall = open_exam(
        with_alarms('{name: now, when: "seconds < 4", over: 3, hours: 1}', '{name: ever, when: "seconds < 4", over: 3}'), sweep=False
    )
    one, two = hall.person("marker"), hall.person("marker")
    followed = Live(hall.site)
    write_marks(hall, pairs(make_responses(hall, 4), one, two, 0, seconds=2))
    look(followed)
    assert {(rule, state) for rule, _, _, state in shown(hall)} == {("now", "open"), ("ever", "open")}
    hall.clock.pass_by(hours=2)
    followed._groups[hall.exam_id, "M", "W21"].dirty = True
    look(followed)
    assert {(rule, state) for rule, _, _, state in shown(hall)} == {("now", "over"), ("ever", "open")}


def measured(**items: list[float]) -> Measured:
    group = definition_of(one_group()).papers[0].written[0]
    columns = {name: np.array(values) for name, values in items.items()}
    return Measured(Shape(group), (7, 8), Figures({}, (columns,)), Figures({}, ()))


@pytest.mark.parametrize(
    ("low", "high", "holds"),
    [(1.6, 2.4, True), (1.4, 2.4, False), (-2.4, -1.6, True), (-2.4, -1.4, False), (-3.0, 3.0, False), (math.nan, math.nan, False)],
)
def test_severity_is_beyond_when_its_whole_interval_is(low: float, high: float, holds: bool) -> None:
    rule = AlarmRule.model_validate({"when": "severity beyond 1.5"})
    columns = {"severity": [(low + high) / 2] * 2, "severity_low": [low, 0], "severity_high": [high, 0], "severity_n": [40.0, 40.0]}
    found = alarms.findings([rule], lambda hours: measured(**columns))
    assert [f.user_id for f in found] == ([7] if holds else [])


def test_drift_is_held_against_its_own_limits_and_all_terms_must_hold() -> None:
    rule = AlarmRule.model_validate({"when": "drift beyond limits and exact < 50 %"})
    columns = {"drift": [-0.8, 0.8], "drift_limit": [0.69, 0.69], "pairs": [40.0, 40.0], "exact": [0.4, 0.6]}
    found = alarms.findings([rule], lambda hours: measured(**columns))
    assert [(f.user_id, f.item, f.value, f.limit, f.marks) for f in found] == [(7, "21", -0.8, 0.69, 40)]
