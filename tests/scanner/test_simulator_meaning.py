"""What ink means is decided from the ink that was painted, against limits that are written down."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from core.template import Line, lines_of
from scanner.simulator.hand import INVIGILATOR, Hand
from scanner.simulator.ink import Lead, Sheet, draw
from scanner.simulator.marks import bubble_shape, draw_marks
from scanner.simulator.meaning import Meaning, ink_of, meaning_of
from scanner.simulator.plan import Kind, MarkPlan
from scanner.simulator.rates import MARK_LEAST, STRAY_MOST, LevelName, Rates
from tests.scanner.simulator_form import template

LINES = list(lines_of(template().side(1)))
QUESTION = next(i for i, line in enumerate(LINES) if line.field == "Q1")
HAND = replace(INVIGILATOR, spread=0.05, tooth=0.25)


def line() -> Line:
    return LINES[QUESTION]


def mark(kind: Kind, value: int = 1, *, meant: bool = True, hand: Hand = HAND) -> MarkPlan:
    return MarkPlan(1, QUESTION, value, kind, meant, hand)


def painted(*marks: MarkPlan, level: LevelName = "typical", seed: int = 1) -> Sheet:
    sheet = Sheet.empty((1400, 1000), 200)
    draw_marks(sheet, LINES, marks, Rates(level), seed, "sheet")
    return sheet


def meaning(*marks: MarkPlan, level: LevelName = "typical", seed: int = 1) -> Meaning:
    return meaning_of(painted(*marks, level=level, seed=seed), line(), marks)


@pytest.mark.parametrize("kind", ["full", "partial", "stroke_out", "tick", "cross", "faint"])
@pytest.mark.parametrize("seed", range(6))
def test_a_mark_as_most_people_make_it_has_one_meaning(kind: Kind, seed: int) -> None:
    assert not meaning(mark(kind), seed=seed).ambiguous


@pytest.mark.parametrize("kind", ["ring", "between"])
def test_a_mark_that_is_nowhere_in_particular_is_ambiguous(kind: Kind) -> None:
    assert meaning(mark(kind)).ambiguous


def test_a_dot_is_ambiguous() -> None:
    fine = replace(HAND, stroke_mm=0.5)
    assert meaning(mark("dot", hand=fine)).ambiguous


@pytest.mark.parametrize("seed", range(6))
def test_the_ghost_of_a_good_erasure_means_nothing(seed: int) -> None:
    assert not meaning(mark("full"), mark("ghost", 3, meant=False), seed=seed).ambiguous


@pytest.mark.parametrize("seed", range(6))
def test_the_ghost_of_a_bad_erasure_is_ambiguous(seed: int) -> None:
    assert meaning(mark("full"), mark("heavy_ghost", 3, meant=False), seed=seed).ambiguous


def test_a_crossed_out_bubble_beside_a_filled_one_is_plain_to_a_person() -> None:
    found = meaning(mark("full"), mark("cancelled", 3, meant=False))
    assert not found.ambiguous
    assert "crossed-out" in found.note


def test_a_crossed_out_bubble_alone_is_ambiguous() -> None:
    assert meaning(mark("cancelled")).ambiguous


def test_an_empty_line_means_blank() -> None:
    assert not meaning().ambiguous


def test_a_pencil_slip_into_another_bubble_is_ambiguous() -> None:
    marks = [mark("full")]
    sheet = painted(*marks)
    x, y = line().bubbles[2]
    draw(sheet, [np.array([[x - 1.5, y], [x + 1.5, y]])], Lead(0.8, 0.8, 0.1), np.random.default_rng(1), pressure=2)
    assert meaning_of(sheet, line(), marks).ambiguous


def test_ink_is_measured_as_mean_darkness_over_the_inside() -> None:
    shape = bubble_shape(line(), 0)
    sheet = Sheet.empty((1400, 1000), 200)
    assert ink_of(sheet, shape) == 0
    sheet.graphite[:] = 102
    assert ink_of(sheet, shape) == pytest.approx(0.4, abs=1e-3)
    sheet.pen[:] = 255
    assert ink_of(sheet, shape) == pytest.approx(1.0, abs=1e-3)


def test_a_stain_is_no_ink() -> None:
    sheet = Sheet.empty((1400, 1000), 200)
    sheet.soil[:] = 120
    assert ink_of(sheet, bubble_shape(line(), 0)) == 0


def test_the_limits_leave_a_gap_between_a_mark_and_a_stray() -> None:
    assert STRAY_MOST < MARK_LEAST


@pytest.mark.parametrize("dpi", [150, 200, 240, 300])
def test_the_same_mark_has_nearly_the_same_ink_at_every_resolution(dpi: int) -> None:
    sheet = Sheet.empty((int(180 * dpi / 25.4), int(120 * dpi / 25.4)), dpi)
    draw_marks(sheet, LINES, [mark("full")], Rates("none"), 1, "sheet")
    assert ink_of(sheet, bubble_shape(line(), 1)) == pytest.approx(0.68, abs=0.1)
