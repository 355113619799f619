"""What a page is like is told from a few of its pixels: paper, black, two levels, streaks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from scanner.quality import is_blank, look_at, streaks_of

Grey = NDArray[np.uint8]
SIZE = (1754, 1240)


def paper(light: int = 240, grain: float = 3.0, seed: int = 1) -> Grey:
    noise = np.random.default_rng(seed).normal(0, grain, SIZE)
    return np.clip(light + noise, 0, 255).astype(np.uint8)


def printed(page: Grey) -> Grey:
    """Lines of something like text on the page."""
    page = page.copy()
    for y in range(200, 1500, 40):
        page[y : y + 12, 150:1100][:, ::3] = 60
    return page


@pytest.mark.parametrize("shade", [0, 30, 60])
@pytest.mark.parametrize("grain", [0.0, 4.0, 8.0])
def test_a_dark_page_is_black(shade: int, grain: float) -> None:
    assert look_at(paper(shade, grain)).verdict == "black"


@pytest.mark.parametrize("light", [150, 200, 250])
def test_paper_is_not_black_and_its_lightness_is_told(light: int) -> None:
    look = look_at(printed(paper(light)))
    assert look.verdict == ""
    assert abs(look.paper - light) < 4


@settings(max_examples=30)
@given(dark=st.integers(0, 70), share=st.floats(0.85, 1.0), seed=st.integers(0, 99))
def test_a_page_mostly_black_is_black_whatever_is_left_of_it(dark: int, share: float, seed: int) -> None:
    page = paper(240, 2.0, seed)
    page[: int(share * SIZE[0])] = dark
    assert look_at(page).verdict == "black"


def test_a_page_of_paper_is_blank_and_a_printed_one_is_not() -> None:
    for page, blank in ((paper(), True), (paper(200, 7.0), True), (printed(paper()), False)):
        assert is_blank(page, look_at(page)) is blank


def test_black_and_white_without_grey_is_told() -> None:
    page = printed(paper())
    assert not look_at(page).two_level
    assert look_at(np.where(page > 128, 255, 0).astype(np.uint8)).two_level


@settings(max_examples=30, deadline=None)
@given(at=st.floats(0.05, 0.95), wide=st.integers(1, 4), left=st.floats(0.3, 0.85), lying=st.booleans(), seed=st.integers(0, 99))
def test_a_streak_along_the_page_is_found_where_it_is(at: float, wide: int, left: float, lying: bool, seed: int) -> None:
    page = printed(paper(235, 2.5, seed))
    page = np.ascontiguousarray(page.T) if lying else page
    x = int(at * page.shape[1])
    page[:, x : x + wide] = (page[:, x : x + wide] * left).astype(np.uint8)
    turned = np.ascontiguousarray(page.T)
    for picture, kind in ((page, "column"), (turned, "row")):
        assert any(k == kind and abs(place - x) <= 1 for k, place in streaks_of(picture, 235))


def test_what_is_printed_is_no_streak() -> None:
    page = printed(paper())
    page[150:1600, 300:303] = 30  # a rule that stops at its frame
    page[:, :25] = 10  # a black border
    assert look_at(page).streaks == ()
