"""Marks that look like a picture are found in any turn and size, and nothing else is taken for them."""

from __future__ import annotations

import base64

import cv2
import numpy as np
import pytest

from core.template import Template, parse_template
from scanner.laid import Laid
from scanner.markless import ways_without_marks
from tests.scanner.markless_form import HEIGHT, WIDTH, corners_of, drawn, form, furthest, photographed

PLACES = ((60, 150), (540, 150), (540, 660), (60, 660))


def ringed(size: int) -> np.ndarray:
    mark = np.full((4 * size, 4 * size), 255, np.uint8)
    for share, shade in ((0.48, 0), (0.36, 255), (0.26, 0), (0.12, 255)):
        cv2.circle(mark, (2 * size, 2 * size), round(4 * size * share), shade, -1)
    return np.asarray(cv2.resize(mark, (size, size), interpolation=cv2.INTER_AREA), np.uint8)


def marked_form() -> Template:
    done, data = cv2.imencode(".png", ringed(120))
    assert done
    marks = [{"shape": "picture", "x": x, "y": y, "width": 36, "height": 36} for x, y in PLACES]
    picture = f"data:;base64,{base64.b64encode(data.tobytes()).decode()}"
    raw = form().model_dump(mode="json")
    raw["sides"][0]["registration"] = {"kind": "pictures", "marks": marks, "reference": picture}
    return parse_template(raw, where="marked")


FORM = marked_form()


def page(*, marks: int = 4) -> np.ndarray:
    picture = drawn(FORM, text=None)
    for x, y in PLACES[:marks]:
        picture[y - 18 : y + 18, x - 18 : x + 18] = ringed(36)
    return picture


def ways(pixels: np.ndarray) -> list[Laid]:
    return list(ways_without_marks(pixels, FORM, FORM.sides[0]))


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
@pytest.mark.parametrize(("skew", "taper", "share"), [(0, 0.0, 0.95), (4, 0.06, 0.7)])
def test_four_marks_place_a_page_in_any_turn(turn: int, skew: float, taper: float, share: float) -> None:
    corners = corners_of(turn + skew, taper, share)
    (laid,) = ways(photographed(page(), corners, ground=230, slope=0.2))
    assert laid.turn == turn
    assert furthest(laid, FORM, corners) < 0.35


@pytest.mark.parametrize("marks", [0, 2, 3])
def test_without_four_marks_a_page_is_not_believed(marks: int) -> None:
    assert ways(photographed(page(marks=marks), corners_of(0, 0, 0.95), ground=230)) == []


def test_marks_on_another_form_are_not_believed() -> None:
    other = np.full((HEIGHT, WIDTH), 244, np.uint8)
    for x, y in PLACES:
        other[y - 18 : y + 18, x - 18 : x + 18] = ringed(36)
    assert ways(photographed(other, corners_of(0, 0, 0.95), ground=230)) == []
