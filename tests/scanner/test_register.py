"""The transform is found to a twentieth of a millimetre, whatever the turn, skew and scale."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.geometry import Point
from core.template import Side, Template, parse_template
from scanner.fitting import fit_affine, fit_projective
from scanner.furnishing import furnish
from scanner.laid import apply, bend
from scanner.register import check_furniture, lay_over

PX = 8.0


def form() -> Template:
    marks = [{"shape": "square", "x": x, "y": y, "width": 5, "height": 5} for x, y in ((10, 10), (138, 10), (138, 200), (10, 200))]
    marks.append({"shape": "square", "x": 24, "y": 9, "width": 10, "height": 3, "role": "orientation"})
    timing = [{"origin": [x, 22], "step": [0, 10], "count": 17, "width": 4, "height": 2} for x in (10, 138)]
    side = {"side": 1, "registration": {"marks": marks}, "timing": timing}
    return parse_template({"name": "squares", "width": 148, "height": 210, "sides": [side]}, where="squares")


def drawn(side: Side) -> np.ndarray:
    """Four times as fine as it is scanned, with half a page of room around it."""
    fine = 4
    page = np.full((210 * 8 * fine, 148 * 8 * fine), 245, np.uint8)

    def box(x: float, y: float, w: float, h: float) -> None:
        k = PX * fine
        page[round((y - h / 2) * k) : round((y + h / 2) * k), round((x - w / 2) * k) : round((x + w / 2) * k)] = 25

    for mark in side.registration.marks:
        box(mark.x, mark.y, mark.width, mark.height)
    for row in side.timing:
        for x, y in row.centres():
            box(x, y, row.width, row.height)
    return page


FINE = drawn(form().sides[0])
FORM = furnish(form(), form().sides[0])


def scanned(turn: int, skew: float, stretch: float, shift: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    """The scan and the 2 x 3 matrix that takes millimetres to its pixels."""
    width, height = 148 * PX, 210 * PX
    angle = math.radians(skew)
    turned = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    linear = turned @ np.diag([PX * stretch, PX])
    middle = np.array([width / 2, height / 2])
    offset = middle - linear @ np.array([74.0, 105.0]) + np.array(shift) * PX - 0.5
    # Drawn at the fine scale and averaged down: sampling points of it would move every edge to a whole pixel.
    fine = linear / PX
    matrix = np.column_stack([fine, 4 * (offset + 0.5) - 0.5 + fine @ np.array([0.5, 0.5])])
    large = cv2.warpAffine(FINE, matrix, (4 * int(width), 4 * int(height)), flags=cv2.INTER_LINEAR, borderValue=245)
    upright = cv2.resize(large, (int(width), int(height)), interpolation=cv2.INTER_AREA)
    upright = cv2.GaussianBlur(upright, (0, 0), 0.8)
    truth = np.column_stack([linear, offset])
    quarter = np.eye(3)
    w, h = int(width), int(height)
    for _ in range(turn // 90):
        quarter = np.array([[0, -1, h - 1], [1, 0, 0], [0, 0, 1]]) @ quarter
        w, h = h, w
    return np.ascontiguousarray(np.rot90(upright, -turn // 90)), (quarter @ np.vstack([truth, [0, 0, 1]]))[:2]


@settings(max_examples=25)
@given(
    turn=st.sampled_from([0, 90, 180, 270]),
    skew=st.floats(-3, 3),
    stretch=st.floats(0.98, 1.015),
    x=st.floats(-2, 2),
    y=st.floats(-2, 2),
)
def test_any_turn_skew_and_scale_is_recovered(turn: int, skew: float, stretch: float, x: float, y: float) -> None:
    pixels, truth = scanned(turn, skew, stretch, (x, y))
    found = list(lay_over(pixels, FORM, dpi=None))
    right = [laid for laid in found if laid.turn == turn]
    assert right
    checked, corrected = check_furniture(pixels, right[0], FORM)
    assert (checked.oriented, checked.found) == (1.0, 34)
    places = np.array([[20.0, 20], [128, 20], [74, 105], [20, 190], [128, 190]])
    expected = places @ truth[:, :2].T + truth[:, 2]
    for got in (apply(right[0].transform, places), corrected.places(places)):
        assert np.hypot(*(got - expected).T).max() / PX < 0.05
    wrong = [laid for laid in found if laid.turn != turn]
    assert all(check_furniture(pixels, laid, FORM)[0].oriented == 0 for laid in wrong)


@given(st.lists(st.floats(-1, 1), min_size=6, max_size=6))
def test_the_affine_fit_is_exact_where_there_is_no_noise(numbers: list[float]) -> None:
    matrix = np.array(numbers).reshape(2, 3) + np.array([[3, 0, 0], [0, 3, 0]])
    places = np.array([[0.0, 0], [10, 0], [10, 20], [0, 20]])
    assert np.allclose(fit_affine(places, places @ matrix[:, :2].T + matrix[:, 2]), matrix, atol=1e-9)


def test_the_projective_fit_goes_through_its_four_points_and_back() -> None:
    places = np.array([[0.0, 0], [200, 0], [200, 290], [0, 290]])
    pixels = np.array([[12.0, 8], [1630, 20], [1600, 2320], [30, 2300]])
    transform = fit_projective(places, pixels)
    assert np.allclose(apply(transform, places), pixels, atol=1e-6)
    back = transform.inverse(transform(Point(70, 90)))
    assert math.isclose(back.x, 70, abs_tol=1e-6)
    assert math.isclose(back.y, 90, abs_tol=1e-6)


def test_stretched_paper_is_followed_by_its_timing_marks() -> None:
    pixels, _ = scanned(0, 0, 1.0, (0, 0))
    down, across = np.mgrid[0 : pixels.shape[0], 0 : pixels.shape[1]].astype(np.float32)
    wave = 0.5 * PX * np.sin(np.pi * down / pixels.shape[0]) ** 2
    bent = cv2.remap(pixels, across, down - wave.astype(np.float32), cv2.INTER_LINEAR, borderValue=245).astype(np.uint8)
    (laid,) = (way for way in lay_over(bent, FORM, dpi=None) if way.turn == 0)
    furniture, corrected = check_furniture(bent, laid, FORM)
    middle = np.array([[74.0, 105.0]])
    expected = 105 * PX - 0.5 + 0.5 * PX
    assert abs(laid.places(middle)[0, 1] - expected) / PX > 0.3
    assert abs(corrected.places(middle)[0, 1] - expected) / PX < 0.06
    assert 0.1 < furniture.residual_mm < 0.5


def test_a_page_without_marks_has_no_transform() -> None:
    rng = np.random.default_rng(3)
    noise = rng.integers(0, 255, (1680, 1184)).astype(np.uint8)
    assert list(lay_over(noise, FORM, dpi=None)) == []
    assert list(lay_over(np.zeros((1680, 1184), np.uint8), FORM, dpi=None)) == []


@pytest.mark.parametrize("lost", [0, 1, 2, 3])
def test_three_marks_are_enough(lost: int) -> None:
    pixels, truth = scanned(0, 1.0, 1.0, (0, 0))
    x, y = np.array([(10, 10), (138, 10), (138, 200), (10, 200)][lost]) @ truth[:, :2].T + truth[:, 2]
    pixels = pixels.copy()
    pixels[int(y) - 30 : int(y) + 30, int(x) - 30 : int(x) + 30] = 245
    found = [laid for laid in list(lay_over(pixels, FORM, dpi=None)) if laid.turn == 0]
    assert found[0].marks == 3
    place = np.array([[74.0, 105.0]])
    assert np.abs(apply(found[0].transform, place) - (place @ truth[:, :2].T + truth[:, 2])).max() / PX < 0.05


def test_the_correction_is_a_straight_line_between_the_columns() -> None:
    knots = np.array([[10.0, 50, 0, 2], [10, 150, 0, 4], [130, 50, 0, 0], [130, 150, 0, 0]])
    moved = bend(knots, np.array([[10.0, 100], [70, 100], [130, 100]]))
    assert np.allclose(moved, np.array([[0, 3], [0, 1.5], [0, 0]]))
