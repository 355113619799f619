"""A sheet is placed by its edges wherever it lies, and never believed where it does not lie."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.template import Template, parse_template
from scanner.laid import Laid
from scanner.markless import ways_without_marks
from tests.scanner.markless_form import HEIGHT, WIDTH, corners_of, drawn, form, furthest, photographed

FORM = form()
PAGE = drawn(FORM)


def ways(pixels: np.ndarray, template: Template = FORM) -> list[Laid]:
    return list(ways_without_marks(pixels, template, template.sides[0]))


@settings(max_examples=15)
@given(
    turn=st.sampled_from([0, 90, 180, 270]),
    skew=st.floats(-12, 12),
    taper=st.floats(0, 0.15),
    share=st.floats(0.55, 0.85),
    x=st.floats(-90, 90),
    y=st.floats(-60, 60),
    slope=st.floats(0, 0.35),
)
def test_what_is_believed_is_right_wherever_the_sheet_lies(
    turn: int, skew: float, taper: float, share: float, x: float, y: float, slope: float
) -> None:
    corners = corners_of(turn + skew, taper, share, x, y)
    found = ways(photographed(PAGE, corners, slope=slope))
    for laid in found:
        assert laid.turn == turn
        assert furthest(laid, FORM, corners) < 0.35
    if corners.min() > 15 and corners.max() < 985:
        assert len(found) == 1


@pytest.mark.parametrize("ground", [10, 90, 150])
def test_the_ground_need_only_differ_from_the_paper(ground: int) -> None:
    corners = corners_of(3, 0.05, 0.75)
    (laid,) = ways(photographed(PAGE, corners, ground=ground))
    assert furthest(laid, FORM, corners) < 0.35


@pytest.mark.parametrize(("x", "y"), [(250, 0), (-260, 0), (0, 170), (0, -180), (220, 150)])
def test_a_sheet_partly_out_of_the_picture_is_not_believed(x: float, y: float) -> None:
    corners = corners_of(2, 0.05, 0.8, x, y)
    assert corners.min() < 0 or corners.max() > 999
    assert ways(photographed(PAGE, corners)) == []


def test_another_form_a_blank_sheet_and_no_sheet_are_not_believed() -> None:
    corners = corners_of(2, 0.05, 0.8)
    empty = np.full((HEIGHT, WIDTH), 240, np.uint8)
    assert ways(photographed(empty, corners)) == []
    moved = np.roll(PAGE, (17, 20), axis=(0, 1))  # half a step aside: the bubbles are where nobody looks
    assert all(furthest(laid, FORM, corners) < 0.35 for laid in ways(photographed(moved, corners)))
    assert ways(np.random.default_rng(1).integers(0, 255, (900, 700)).astype(np.uint8)) == []
    for shade in (0, 128, 255):
        assert ways(np.full((900, 700), shade, np.uint8)) == []


def symmetrical(*, upright: bool) -> Template:
    grid = {"name": "s", "fields": [f"q{i}" for i in range(11)], "values": list("ABCDE"), "origin": [164, 170], "value_step": [68, 0]}
    bubble = {"width": 20, "height": 20, "ring": False, "letter": False}
    registration = {"kind": "outline", "upright": upright}
    side = {"side": 1, "registration": registration, "grids": [grid | {"field_step": [0, 50], "bubble": bubble}]}
    return parse_template({"name": "same", "unit": "cell", "width": WIDTH, "height": HEIGHT, "sides": [side]}, where="same")


def test_a_form_that_looks_alike_upside_down_is_only_read_when_pages_come_upright() -> None:
    corners = corners_of(0, 0.02, 0.8)
    photo = photographed(drawn(symmetrical(upright=False), text=None), corners)
    assert ways(photo, symmetrical(upright=False)) == []
    (laid,) = ways(photo, symmetrical(upright=True))
    assert laid.turn == 0


def test_a_picture_that_another_program_cut_out_is_the_form_itself() -> None:
    template = form("frame")
    (laid,) = ways(PAGE, template)
    assert furthest(laid, template, np.array([(0, 0), (WIDTH, 0), (WIDTH, HEIGHT), (0, HEIGHT)]) - 0.5) < 0.2
    (laid,) = ways(np.ascontiguousarray(np.rot90(PAGE, -1)), template)
    assert laid.turn == 90
