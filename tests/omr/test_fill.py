"""What both readers make of bubbles drawn at known places; and that no darkness of a page can become a mark."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from core.geometry import Transform
from core.template import Template, parse_template
from omr.answers import Read, is_dithered, read_bubbles
from omr.calibration import chances
from omr.decide import Hand
from omr.rings import settle
from omr.rows import BubblePlan, frames_of, plan_bubbles
from scanner.register import Laid
from tests.omr.drawn import KEY, PX, Drawing, answers, expected, form

UPRIGHT = Laid(Transform((PX, 0, 0, 0, PX, 0, 0, 0, 1)), 0, 4, 0.0, 1 / PX, (PX, PX), 0.0)
PLAN = plan_bubbles(form(), form().sides[0])


def without_rings() -> Template:
    """The same bubbles, of which nothing is printed: no ring says that the page is misplaced."""
    raw = form().model_dump()
    for grid in raw["sides"][0]["grids"]:
        grid["bubble"] |= {"ring": False, "letter": False}
    return parse_template(raw, where="without rings")


BARE = plan_bubbles(without_rings(), without_rings().sides[0])


def read(pixels: NDArray[np.uint8], plan: BubblePlan = PLAN, *, whole: bool = True, laid: Laid = UPRIGHT) -> Read:
    return read_bubbles(np.ascontiguousarray(pixels), plan, laid, paper=float(np.percentile(pixels, 75)), thin=False, whole=whole)


def marked(found: Read) -> dict[str, str]:
    return {name: f.value for name, f in found.fields.items() if f.value and not f.doubt}


@pytest.mark.parametrize("whole", [True, False])
def test_each_reader_is_right_on_its_own(whole: bool) -> None:
    found = read(Drawing(answers(KEY)).page().pixels, whole=whole)
    assert {name: f.first for name, f in found.fields.items()} == expected()
    if whole:
        assert {name: f.second for name, f in found.fields.items()} == expected()
        assert not any(f.doubt for f in found.fields.values())


@settings(max_examples=40, deadline=None)
@example(shade=1, grain=0.5, slope=0.5, across=False, seed=29725)
@given(st.integers(1, 255), st.floats(0, 60), st.floats(-0.9, 0.9), st.booleans(), st.integers(0, 2**32 - 1))
def test_no_even_noisy_or_shaded_page_holds_a_mark(shade: int, grain: float, slope: float, across: bool, seed: int) -> None:
    """Neither with printed rings to look for nor where nothing is printed."""
    height, width = 1680, 1184
    ramp = 1 + slope * np.linspace(-1, 1, width if across else height)
    page = shade * (np.tile(ramp, (height, 1)) if across else np.tile(ramp[:, None], (1, width)))
    noise = np.random.default_rng(seed).normal(0, 1, (height // 4, width // 4)).repeat(4, 0).repeat(4, 1) * grain / 4
    pixels = np.clip(page + noise, 0, 255).astype(np.uint8)
    assert read(pixels).fields == {}
    assert marked(read(pixels, BARE)) == {}


@pytest.mark.parametrize("dx", [-2.5, 0.0, 1.5])
@pytest.mark.parametrize("dy", [-2.0, 0.0, 2.5])
def test_rows_settle_where_their_rings_are(dx: float, dy: float) -> None:
    pixels = Drawing(answers(KEY)).page().pixels
    frames = frames_of(PLAN, UPRIGHT)
    frames[:, 0] -= dx
    frames[:, 1] -= dy
    moves = settle(pixels, frames, PLAN.starts, PLAN.grid_of)
    assert np.abs(moves[:, 0] - dx).max() < 1.0
    assert np.abs(moves[:, 1] - dy).max() < 1.0


def test_a_page_whose_rings_are_elsewhere_has_no_fields() -> None:
    found = read(np.roll(Drawing(answers(KEY)).page().pixels, (21, 29), axis=(0, 1)))
    assert found.rings is not None
    assert found.rings < 0.5
    assert found.fields == {}


def test_a_stain_over_a_blank_row_is_a_doubt() -> None:
    pixels = Drawing(answers(KEY)).page().pixels.astype(np.float32)
    x, y = (round(v * PX) for v in form().sides[0].grids[0].bubble_at(10, 2))  # Q11 is blank
    pixels[y - 30 : y + 30, x - 40 : x + 40] *= 0.75
    found = read(pixels.astype(np.uint8))
    assert found.fields["Q11"].doubt


def test_a_dither_is_told_from_a_threshold() -> None:
    grey = np.full((400, 400), 230, np.uint8)
    dots = np.where(np.random.default_rng(3).random((400, 400)) < 0.06, 0, 255).astype(np.uint8)
    threshold = np.where(grey > 128, 255, 0).astype(np.uint8)
    assert is_dithered(dots)
    assert not is_dithered(threshold)


@given(st.floats(0, 0.7), st.floats(0, 0.3), st.integers(0, 1))
def test_the_probability_of_a_mistake_falls_with_the_margin(tone: float, more: float, mark: int) -> None:
    """More ink makes "marked" surer and "blank" less sure, and nothing is surer than what was counted."""

    def chance(ink: float) -> float:
        measures = np.array([[ink, ink, ink, ink, 0.5], [0.0, 0.0, 0.0, 0.0, 0.5]])
        tones, none = np.array([ink, 0.0]), np.zeros(2)
        hand = Hand(0.5, 0.6, 0.015, 40).numbers()
        plain = np.zeros(1, bool)
        return float(chances(tones, none, measures, np.array([mark]), np.array([0, 2]), plain, ~plain, hand)[0])

    assert 9e-6 < chance(tone) <= 1
    assert chance(tone + more) <= chance(tone) + 1e-12 if mark else chance(tone + more) >= chance(tone) - 1e-12
