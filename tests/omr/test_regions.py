"""A cut region is upright, at the scan's own resolution, and tells how much was written in it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import simplejpeg

from omr.reading import read_page
from omr.regions import ink_share
from scanner.decode import Page
from tests.omr.drawn import PX, Drawing, answers, form


def written(page: Page, *, lines: int) -> Page:
    pixels = page.pixels.copy()
    for i in range(lines):
        cv2.line(pixels, (700, 850 + 40 * i), (1000, 860 + 40 * i), 40, 3)
    return Page(pixels, "written")


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_a_region_is_upright_whatever_the_turn(turn: int) -> None:
    plain = written(Drawing(answers("Q1=A")).page(), lines=5)
    turned = Page(np.rot90(plain.pixels, -turn // 90).copy(), "turned")
    (cut,) = read_page(turned, [form()], cut=True).regions
    picture = simplejpeg.decode_jpeg(cut.jpeg, colorspace="GRAY")[:, :, 0]
    assert abs(picture.shape[1] - 45 * PX) <= 3
    assert abs(picture.shape[0] - 60 * PX) <= 3
    straight = plain.pixels[round(100 * PX) : round(160 * PX), round(85 * PX) : round(130 * PX)]
    size = (min(picture.shape[1], straight.shape[1]), min(picture.shape[0], straight.shape[0]))
    apart = np.abs(picture[: size[1], : size[0]].astype(int) - straight[: size[1], : size[0]])
    assert np.median(apart) < 6
    assert (apart > 80).mean() < 0.01


def test_more_writing_is_more_ink_and_no_writing_is_none() -> None:
    inks = [read_page(written(Drawing().page(), lines=n), [form()], cut=True).regions[0].ink for n in (0, 2, 6)]
    assert inks[0] < 0.001
    assert inks[0] < inks[1] < inks[2]


def test_printed_rules_are_not_ink() -> None:
    ruled = np.full((480, 360), 240, np.uint8)
    ruled[60::60] = 90
    assert ink_share(ruled) < 0.002
