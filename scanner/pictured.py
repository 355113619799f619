"""Marks that look like a given picture, such as rings in each other: where they are -> the transform.

Owns finding four of them by correlation at many scales (Lewis 1995) and choosing those that can be the corners of one
form. Whether it is the right form, the bubbles must say.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import cv2
import numpy as np
from numpy.typing import NDArray

from core.template import Template

Grey = NDArray[np.uint8]
Floats = NDArray[np.float64]

_COARSE = 1000  # pixels of the longer side at which marks are looked for
_SCALES = np.geomspace(0.3, 2.2, 16)  # times the size that the template gives a mark if the form filled the picture
_LEAST_LIKE = 0.5  # correlation
_MOST = 12  # spots that are tried
_ALIKE = 0.25  # |ln| of sizes: the four marks of a page are printed alike, perspective changes them little
_MOST_ASPECT = 0.3
_MOST_TAPER = 0.3
_SMALLEST = 9.0  # pixels of a mark


@dataclass(frozen=True, slots=True)
class _Spot:
    x: float
    y: float
    size: float
    like: float


def quads_on(pixels: Grey, picture: Grey, template: Template, size: float) -> Iterator[tuple[Floats, float]]:
    """(4, 2) centres of marks that may be the form's corners, clockwise from the top left, and their likeness; likeliest first.

    `size` is a mark's width in the template's unit.
    """
    shrink = max(1.0, max(pixels.shape) / _COARSE)
    small = np.asarray(cv2.resize(pixels, None, fx=1 / shrink, fy=1 / shrink, interpolation=cv2.INTER_AREA), np.uint8)
    usual = size * small.shape[1] / template.width
    spots = _spots(small, picture, usual)
    found = sorted(_quads(spots, template), key=lambda q: -q[1])
    for corners, like in found[:4]:
        yield (corners + 0.5) * shrink - 0.5, like


def _spots(small: Grey, picture: Grey, usual: float) -> list[_Spot]:
    found: list[_Spot] = []
    for scale in _SCALES:
        side = float(usual * scale)
        if side < _SMALLEST or side > 0.2 * min(small.shape):
            continue
        size = max(8, round(side)), max(8, round(side * picture.shape[0] / picture.shape[1]))
        mark = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        like = np.asarray(cv2.matchTemplate(small, mark, cv2.TM_CCOEFF_NORMED), np.float32)
        peaks = (like == cv2.dilate(like, np.ones((2 * (size[1] // 2) + 1, 2 * (size[0] // 2) + 1), np.uint8))) & (like > _LEAST_LIKE)
        for y, x in np.argwhere(peaks):
            dx, dy = between_pixels(like, int(x), int(y))
            found.append(_Spot(x + dx + (size[0] - 1) / 2, y + dy + (size[1] - 1) / 2, side, float(like[y, x])))
    kept: list[_Spot] = []
    for spot in sorted(found, key=lambda s: -s.like):
        if all(math.hypot(spot.x - k.x, spot.y - k.y) > 0.5 * max(spot.size, k.size) for k in kept):
            kept.append(spot)
    return kept[:_MOST]


def between_pixels(like: NDArray[np.float32], x: int, y: int) -> tuple[float, float]:
    """How far beside a pixel the top of a correlation lies, across and down, by a parabola each way."""
    moves = []
    for values in (like[y, max(0, x - 1) : x + 2], like[max(0, y - 1) : y + 2, x]):
        if len(values) < 3:
            moves.append(0.0)
            continue
        before, top, after = (float(v) for v in values)
        bend = before - 2 * top + after
        moves.append(0.5 * (before - after) / bend if bend < -1e-9 else 0.0)
    return moves[0], moves[1]


def _quads(spots: list[_Spot], template: Template) -> Iterator[tuple[Floats, float]]:
    """Four spots of one size, in the form's proportions, upright within half a turn's eighth."""
    form = math.log(template.width / template.height)
    for a, c in product(spots, spots):
        if not (a.x < c.x and a.y < c.y and abs(math.log(a.size / c.size)) < _ALIKE):
            continue
        for b, d in product(spots, spots):
            if not (b.x > d.x and b.y < d.y and b.x > a.x and d.y > a.y and b.y < c.y and d.x < c.x):
                continue
            four = (a, b, c, d)
            if max(s.size for s in four) > math.exp(_ALIKE) * min(s.size for s in four):
                continue
            top, right, bottom, left = (math.hypot(s.x - t.x, s.y - t.y) for s, t in zip(four, (b, c, d, a), strict=True))
            if max(abs(math.log(top / bottom)), abs(math.log(left / right))) > _MOST_TAPER:
                continue
            apart = abs(math.log((top + bottom) / (left + right)) - form)
            if apart < _MOST_ASPECT:
                yield np.array([(s.x, s.y) for s in four]), sum(s.like for s in four) / 4 - 0.2 * apart
