"""However the sheet was seen, its places are found to a tenth of a millimetre or the page is not believed."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanner import register
from scanner.furnishing import furnish
from scanner.furniture import Furniture
from scanner.laid import Laid
from scanner.register import check_furniture, lay_over
from tests.scanner.warped import PLACES, Scan, error_mm, form, furnished

Grey = np.ndarray


def believed(pixels: Grey) -> tuple[Laid, Furniture] | None:
    """The first way that the furniture allows to be read, as a reader takes it."""
    for laid in lay_over(pixels, furnished(), dpi=None):
        furniture, corrected = check_furniture(pixels, laid, furnished())
        if furniture.found >= 0.6 * furniture.expected and furniture.residual_mm <= 1.5 and furniture.oriented > 0:
            return corrected, furniture
    return None


def error(scan: Scan, seed: int = 0) -> float:
    """Millimetres; an error where the page is not believed."""
    pixels, matrix = scan.picture(seed)
    way = believed(pixels)
    assert way is not None
    assert way[0].turn == scan.turn
    return error_mm(way[0].places(PLACES), matrix, scan.dpi)


@pytest.mark.parametrize("dpi", [72, 100, 150, 200, 300, 400, 600])
def test_any_resolution_will_do(dpi: int) -> None:
    assert error(Scan(dpi=dpi, skew=1, light=0.3)) < 0.06


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
@pytest.mark.parametrize("skew", [-15, -8, 4, 15])
@pytest.mark.parametrize("background", [20, 245])
def test_skew_to_fifteen_degrees_on_black_or_white(turn: int, skew: float, background: int) -> None:
    assert error(Scan(turn=turn, skew=skew, border=25, background=background)) < 0.06


@pytest.mark.parametrize("border", [-5, -3, 3, 10, 20, 30])
@pytest.mark.parametrize("background", [10, 245])
def test_cropped_edges_and_borders(border: float, background: int) -> None:
    assert error(Scan(border=border, skew=0.5, background=background)) < 0.06


def test_a_small_sheet_anywhere_on_a_large_glass() -> None:
    for shift in ((0, 0), (-31, -43.5), (31, 43.5)):
        assert error(Scan(frame=(210, 297), shift=shift, background=250)) < 0.06


@pytest.mark.parametrize("covered", [c for n in (1, 2) for c in itertools.combinations(range(4), n)])
@pytest.mark.parametrize("turn", [0, 90])
def test_three_marks_are_enough_and_two_with_the_timing_marks(covered: tuple[int, ...], turn: int) -> None:
    assert error(Scan(covered=covered, skew=1, scale=(1.01, 0.995), turn=turn)) < 0.06


def test_one_mark_is_not_enough() -> None:
    assert believed(Scan(covered=(0, 1, 2)).picture()[0]) is None


@pytest.mark.parametrize("tilt", [(0.1, 0.1), (-0.12, 0.1), (0.05, 0.15), (0.15, -0.05)])
@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_a_photo_is_laid_in_perspective(tilt: tuple[float, float], turn: int) -> None:
    assert error(Scan(tilt=tilt, border=40, skew=3, turn=turn, light=0.4)) < 0.06


def test_a_timing_mark_covered_in_part_pulls_nothing() -> None:
    assert error(Scan(hidden=((130, 60, 7, 60), (8.5, 100, 6, 50)))) < 0.06


def test_a_sheet_one_step_off_is_not_believed() -> None:
    """Without its corner marks a column of equal marks fits as well one step up; what lies beyond its end says so."""
    pixels, matrix = Scan(covered=(0, 1, 2, 3)).picture()
    for x, y in ((10, 20), (138, 20), (138, 210), (10, 210)):  # what looks like corner marks, a step too low
        u, v = (matrix @ (x, y, 1))[:2].astype(int)
        pixels[v - 20 : v + 20, u - 20 : u + 20] = 25
    assert believed(pixels) is None


@settings(max_examples=60, deadline=None)
@given(
    scan=st.builds(
        Scan,
        dpi=st.sampled_from([72, 100, 150]),
        turn=st.sampled_from([0, 90, 180, 270]),
        skew=st.one_of(st.floats(-2, 2), st.floats(-15, 15)),
        scale=st.tuples(st.floats(0.98, 1.02), st.floats(0.98, 1.02)),
        shift=st.tuples(st.floats(-5, 5), st.floats(-5, 5)),
        tilt=st.one_of(st.just((0.0, 0.0)), st.tuples(st.floats(-0.12, 0.12), st.floats(-0.12, 0.12))),
        border=st.floats(-8, 30),
        background=st.sampled_from([10, 60, 245]),
        light=st.floats(0, 0.5),
        grain=st.floats(1, 7),
        covered=st.sets(st.integers(0, 3), max_size=3).map(tuple),
        hidden=st.lists(st.tuples(st.floats(0, 140), st.floats(0, 200), st.floats(3, 20), st.floats(3, 60)), max_size=3).map(tuple),
    ),
    seed=st.integers(0, 99),
)
def test_never_believed_and_wrong(scan: Scan, seed: int) -> None:
    pixels, matrix = scan.picture(seed)
    way = believed(pixels)
    if way is not None:
        assert way[0].turn == scan.turn
        assert error_mm(way[0].places(PLACES), matrix, scan.dpi) < 0.2  # 0.1 at 150 dpi; half a pixel at 72


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 9999), count=st.integers(0, 400), shade=st.integers(10, 150))
def test_a_page_of_other_things_is_not_believed(seed: int, count: int, shade: int) -> None:
    rng = np.random.default_rng(seed)
    pixels = np.clip(rng.normal(235, 4, (1240, 874)), 0, 255).astype(np.uint8)
    for x, y, w, h in rng.uniform((0, 0, 3, 3), (874, 1240, 60, 60), (count, 4)).astype(int):
        pixels[y : y + h, x : x + w] = shade
    assert believed(pixels) is None


@pytest.mark.parametrize("shade", [0, 30, 128, 255])
def test_a_page_of_one_grey_has_no_way(shade: int) -> None:
    assert list(lay_over(np.full((1240, 874), shade, np.uint8), furnished(), dpi=None)) == []


def test_without_timing_marks_two_corner_marks_and_perspective_are_refused() -> None:
    plain = form(timing=False)
    furnishing = furnish(plain, plain.sides[0])
    for scan in (Scan(covered=(0, 2)), Scan(tilt=(0.1, 0.1), border=40)):
        ways = [laid for laid in lay_over(scan.picture()[0], furnishing, dpi=None) if laid.marks == 2 or laid.way in ("timing", "photo")]
        assert ways == []


def test_no_slower_way_is_looked_for_once_the_caller_has_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = form(timing=False)
    furnishing, pixels = furnish(plain, plain.sides[0]), Scan().picture()[0]
    searches: list[bool] = []
    search = register._corner_spots

    def counted(*at: Any, **how: Any) -> Any:
        searches.append(how["thorough"])
        return search(*at, **how)

    monkeypatch.setattr(register, "_corner_spots", counted)
    quick = [way.way for way in lay_over(pixels, furnishing, dpi=None, enough=lambda: True)]
    assert set(quick) == {"quick"}
    assert not any(searches)
    every = [way.way for way in lay_over(pixels, furnishing, dpi=None, enough=lambda: False)]
    assert any(searches)
    assert every[: len(quick)] == quick


def test_halftone_marks_of_a_form_measured_in_cells_are_found_the_quick_way() -> None:
    """A copier prints black as dots: 3 in 4 pixels of it."""
    template = form(timing=False).model_copy(update={"unit": "cell"})
    pixels, matrix = Scan(dpi=300).picture()
    pixels[::2, ::2] = 235
    first = next(lay_over(pixels, furnish(template, template.sides[0]), dpi=300))
    assert (first.way, first.marks, first.turn) == ("quick", 4, 0)
    assert error_mm(first.places(PLACES), matrix, 300) < 0.06
