"""What is decided before anything is painted: seeded, at the rates that are written down, and conserving frames."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from core.template import lines_of
from scanner.simulator.cards import Card, Stack
from scanner.simulator.plan import CardPlan, plan_run
from scanner.simulator.rates import CARELESS_FACTOR, EVENTS, LEVELS, MARKS, SIDES, LevelName, Rates
from tests.scanner.simulator_form import card, cards, template

TEMPLATE = template()


def stack_of(*given: Card, spares: tuple[Card, ...] = ()) -> Stack:
    return Stack(Path("form.pdf"), Path("form.template.json"), TEMPLATE, given, spares)


def plan(level: LevelName, count: int, seed: int = 1, only: str | None = None) -> list[CardPlan]:
    return plan_run(stack_of(*cards(count)), Rates(level, frozenset({only}) if only else None), seed)


@pytest.fixture(scope="module")
def many_harsh() -> list[CardPlan]:
    return [p for seed in range(10) for p in plan("harsh", 120, seed)]


@pytest.mark.parametrize("level", LEVELS)
def test_the_same_seed_gives_the_same_plan(level: LevelName) -> None:
    assert plan(level, 60, seed=4) == plan(level, 60, seed=4)


def test_another_seed_gives_another_plan() -> None:
    assert plan("typical", 20, seed=4) != plan("typical", 20, seed=5)


def test_what_happens_to_a_card_does_not_depend_on_the_cards_before_it() -> None:
    first, second = cards(2)
    alone = plan_run(stack_of(second), Rates("harsh"), 3)[0]
    after = plan_run(stack_of(first, second), Rates("harsh"), 3)[1]
    assert (alone.hand, alone.marks, alone.paper, alone.event) == (after.hand, after.marks, after.paper, after.event)


def test_at_none_every_mark_is_a_full_one_and_every_frame_is_normal() -> None:
    plans = plan("none", 60)
    assert {m.kind for p in plans for m in p.marks} == {"full"}
    assert {f.event for p in plans for f in p.frames} == {"normal"}
    assert not any(p.paper[side] for p in plans for side in p.paper)


def test_the_marks_meant_are_those_that_were_told() -> None:
    marked = plan("none", 1)[0].marks
    lines = list(lines_of(TEMPLATE.side(1)))
    read: dict[str, str] = {}
    for mark in marked:
        line = lines[mark.line]
        glue = "" if line.grid.joined else "|"
        read[line.field] = read[line.field] + glue + line.grid.values[mark.value] if line.field in read else line.grid.values[mark.value]
    assert read == {field: value for field, value in card().told.items() if value}


@pytest.mark.parametrize("name", EVENTS)
def test_events_come_at_their_rate(name: str, many_harsh: list[CardPlan]) -> None:
    assert_at_rate(sum(p.event == name for p in many_harsh), len(many_harsh), EVENTS[name].harsh)


@pytest.mark.parametrize("name", [n for n in SIDES if n not in ("skew", "shift", "stretch", "motion_blur", "upside_down")])
def test_troubles_of_the_paper_come_at_their_rate(name: str, many_harsh: list[CardPlan]) -> None:
    assert_at_rate(sum(name in p.paper[1] for p in many_harsh), len(many_harsh), SIDES[name].harsh)


@pytest.mark.parametrize("name", ["skew", "shift", "stretch", "motion_blur"])
def test_troubles_of_feeding_come_at_their_rate(name: str, many_harsh: list[CardPlan]) -> None:
    frames = [f for p in many_harsh for f in p.frames if f.again == 0]
    assert_at_rate(sum(name in f.feed for f in frames), len(frames), SIDES[name].harsh)


@pytest.mark.parametrize("name", ["tick", "cross", "faint"])
def test_kinds_of_marks_come_at_their_rate(name: str, many_harsh: list[CardPlan]) -> None:
    hands = [p for p in many_harsh if p.hand.habit == "fill" and not p.hand.faint]
    marks = [m for p in hands for m in p.marks if m.meant]
    assert_at_rate(sum(m.kind == name for m in marks), len(marks), MARKS[name].harsh)


def test_a_careless_hand_leaves_more_bubbles_partly_filled(many_harsh: list[CardPlan]) -> None:
    for careless, factor in ((False, 1), (True, CARELESS_FACTOR)):
        marks = [m for p in many_harsh if p.hand.careless is careless for m in p.marks if m.meant]
        assert_at_rate(sum(m.kind == "partial" for m in marks), len(marks), factor * MARKS["partial"].harsh)


def test_frames_are_conserved(many_harsh: list[CardPlan]) -> None:
    events = Counter(p.event for p in many_harsh)
    sides = sum(len(p.card.faces) for p in many_harsh)
    lost = events["missing_side"] + 2 * events["missing_sheet"]
    more = 2 * (events["double"] + events["foreign"] + events["extra"])
    assert sum(len(p.frames) for p in many_harsh) == sides - lost + more
    assert lost
    assert more


def test_no_two_frames_of_a_batch_have_the_same_place() -> None:
    places = Counter((f.batch, f.sequence, f.face) for p in plan("harsh", 300) for f in p.frames)
    assert max(places.values()) == 1


def test_every_side_is_among_the_frames_or_the_rescans(many_harsh: list[CardPlan]) -> None:
    for p in many_harsh:
        seen = {f.side for f in (*p.frames, *p.rescans) if f.content == "side" and f.sheet == p.card.sheet}
        assert seen == {f.side for f in p.card.faces}, p.event


def test_an_absent_candidates_card_bears_the_invigilators_mark_and_nothing_else() -> None:
    absent = card(told=dict(card().told) | {"absent": "1"}, written={"W": 0.5})
    for seed in range(20):
        p = plan_run(stack_of(absent), Rates("harsh"), seed)[0]
        assert [(m.line, m.meant, m.kind) for m in p.marks] == [(0, True, "full")]


def test_a_wrong_number_differs_in_one_digit_and_no_other_mark() -> None:
    right, wrong = plan("none", 1)[0], plan("typical", 1, only="wrong_number")[0]
    places = {(m.line, m.value) for m in right.marks} ^ {(m.line, m.value) for m in wrong.marks}
    assert len(places) == 2
    assert len({line for line, _ in places}) == 1
    assert wrong.event == "wrong_number"


def test_a_printed_spare_serves_as_the_extra_sheet() -> None:
    spare = replace(card("010000990"), candidate="", told={}, written={})
    plans = plan_run(stack_of(*cards(1), spares=(spare,)), Rates("typical", frozenset({"extra"})), 1)
    assert [f.sheet for p in plans for f in p.frames] == ["010000001"] * 2 + ["010000990"] * 2
    assert {m.meant for m in plans[1].marks} == {True}
    assert plans[1].card.told["number"] == card().told["number"]


def assert_at_rate(count: int, of: int, rate: float) -> None:
    """Within five standard deviations of a binomial, and one more."""
    assert abs(count - of * rate) <= 5 * math.sqrt(of * rate * (1 - rate)) + 1, (count, of * rate)
