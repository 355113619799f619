"""A blank form as a picture places pages of it, whatever was written on them, and no page of another form."""

from __future__ import annotations

import base64

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import TemplateInvalid
from core.template import Template
from scanner.laid import Laid
from scanner.markless import ways_without_marks
from tests.scanner.markless_form import HEIGHT, WIDTH, corners_of, drawn, form, furthest, photographed


def with_blank(picture: np.ndarray) -> Template:
    done, data = cv2.imencode(".png", picture)
    assert done
    return form("reference", reference=f"data:;base64,{base64.b64encode(data.tobytes()).decode()}")


FORM = with_blank(drawn(form(), filled=0))
PAGE = drawn(form(), filled=20, seed=5)


def ways(pixels: np.ndarray, template: Template = FORM) -> list[Laid]:
    return list(ways_without_marks(pixels, template, template.sides[0]))


@settings(max_examples=8)
@given(
    turn=st.sampled_from([0, 90, 180, 270]),
    skew=st.floats(-20, 20),
    taper=st.floats(0, 0.15),
    share=st.floats(0.7, 1.05),
    x=st.floats(-80, 80),
)
def test_a_filled_page_is_placed_in_any_turn_even_when_a_corner_is_cut_off(
    turn: int, skew: float, taper: float, share: float, x: float
) -> None:
    corners = corners_of(turn + skew, taper, share, x)
    found = ways(photographed(PAGE, corners, ground=200, slope=0.2))
    for laid in found:
        assert laid.turn == turn
        assert furthest(laid, FORM, corners) < 0.25
    if corners.min() > 0 and corners.max() < 999 and abs(skew) < 15:
        assert len(found) == 1


@pytest.mark.parametrize("seed", range(4))
def test_another_form_is_not_believed(seed: int) -> None:
    rng = np.random.default_rng(seed)
    other = np.full((HEIGHT, WIDTH), 244, np.uint8)
    for line in range(24):
        words = "".join(chr(int(c)) for c in rng.integers(65, 91, 30))
        cv2.putText(other, words, (30, 40 + 32 * line), cv2.FONT_HERSHEY_SIMPLEX, 0.7, 60, 1, cv2.LINE_AA)
    assert ways(photographed(other, corners_of(1, 0.02, 0.9))) == []


def test_the_same_bubbles_under_another_heading_are_right_or_not_believed() -> None:
    corners = corners_of(1, 0.02, 0.9)
    other = photographed(drawn(form(), seed=3, text=99), corners)
    assert all(furthest(laid, FORM, corners) < 0.25 for laid in ways(other))


def test_empty_and_noisy_pages_are_not_believed() -> None:
    assert ways(np.full((1000, 800), 240, np.uint8)) == []
    assert ways(np.random.default_rng(1).integers(0, 255, (1000, 800)).astype(np.uint8)) == []


@pytest.mark.parametrize("address", ["data:;base64,!!!", "data:;base64,bm90IGEgcGljdHVyZQ=="])
def test_a_damaged_blank_is_refused(address: str) -> None:
    with pytest.raises(TemplateInvalid):
        ways(PAGE, form("reference", reference=address))
