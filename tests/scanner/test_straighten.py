"""A box cut upright is what a careful resampling gives, at any skew, shift and scale, also over the page's edge."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.geometry import Transform
from scanner.register import Laid
from scanner.straighten import Grey, straighten

PX = 8.0


def page() -> Grey:
    noise = np.random.default_rng(3).integers(0, 256, (900, 700)).astype(np.uint8)
    return np.asarray(cv2.GaussianBlur(noise, (0, 0), 2.0), np.uint8)


PAGE = page()


def laid(*, turn: int = 0, skew: float = 0.0, scale: tuple[float, float] = (PX, PX), at: tuple[float, float] = (0.0, 0.0)) -> Laid:
    angle = math.radians(turn + skew)
    c, s = math.cos(angle), math.sin(angle)
    m = (scale[0] * c, -scale[1] * s, at[0], scale[0] * s, scale[1] * c, at[1], 0.0, 0.0, 1.0)
    return Laid(transform=Transform(m), turn=turn, marks=4, defect_px=0.0, mm_a_pixel=1 / PX, scale=scale, skew=skew)


def resampled(over: Laid, box: tuple[float, float, float, float], shape: tuple[int, int]) -> Grey:
    """The same by the library: every pixel's own place, sampled on its own."""
    height, width = shape
    across, down = np.meshgrid((np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height)
    places = np.column_stack([box[0] + across.ravel() * box[2], box[1] + down.ravel() * box[3]])
    at = over.places(places).reshape(height, width, 2).astype(np.float32)
    drawn = cv2.remap(PAGE, at[..., 0], at[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=255)
    return np.asarray(drawn, np.uint8)


@settings(deadline=None, max_examples=60)
@given(
    skew=st.floats(-8, 8),
    across=st.floats(5, 11),
    stretch=st.floats(0.9, 1.1),
    at=st.tuples(st.floats(-20, 200), st.floats(-20, 300)),
)
def test_a_cut_box_is_the_page_resampled(skew: float, across: float, stretch: float, at: tuple[float, float]) -> None:
    over = laid(skew=skew, scale=(across, across * stretch), at=at)
    box = (3.0, 4.0, 40.0, 12.0)
    cut = straighten(PAGE, over, box)
    apart = np.abs(cut.astype(int) - resampled(over, box, cut.shape))[2:-2, 2:-2]
    assert np.percentile(apart, 99) <= 14  # a sixteenth of a pixel on this page
    assert apart.mean() <= 3


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_a_turned_sheet_is_cut_upright(turn: int) -> None:
    corner = {90: (650.0, 40.0), 180: (650.0, 800.0), 270: (40.0, 800.0)}[turn]
    over = laid(turn=turn, skew=1.2, at=corner)
    box = (5.0, 5.0, 50.0, 20.0)
    cut = straighten(PAGE, over, box)
    apart = np.abs(cut.astype(int) - resampled(over, box, cut.shape))[2:-2, 2:-2]
    assert apart.mean() <= 3


def test_what_lies_off_the_page_is_white() -> None:
    cut = straighten(PAGE, laid(at=(-400.0, -400.0)), (0.0, 0.0, 30.0, 20.0))
    assert (cut == 255).all()
    assert abs(cut.shape[1] - 240) <= 1


def test_a_box_larger_than_any_page_is_refused() -> None:
    with pytest.raises(ValueError, match="larger than any page"):
        straighten(PAGE, laid(scale=(9000.0, 9000.0)), (0.0, 0.0, 10.0, 10.0))
