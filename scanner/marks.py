"""Solid printed marks in a part of a page: squares, discs, L shapes and crosses, to a small part of a pixel.

Owns finding; which found spot is which mark of a template is `scanner.register`'s business. Works on a window,
never on the whole page.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from core.template import Mark

Grey = NDArray[np.uint8]

_SIDE = 6  # a mark is looked for at a scale at which the smallest is about this many pixels wide
_INK = 0.68  # darker than this share of the paper around it is ink: printers' black is below 0.3, halftone grey about 0.5


@dataclass(frozen=True, slots=True)
class Spot:
    """A dark, compact thing. Pixels of the whole page."""

    x: float  # centre of gravity
    y: float
    width: float  # of its upright box
    height: float
    solid: float  # its share of that box


@dataclass(frozen=True, slots=True)
class Window:
    left: int
    top: int
    right: int
    bottom: int


def find_spots(pixels: Grey, window: Window, least: float, most: float) -> list[Spot]:
    """All compact dark things in the window whose box sides are between `least` and `most` pixels."""
    part = pixels[window.top : window.bottom, window.left : window.right]
    shrink = max(1, int(least / _SIDE))
    if min(part.shape) < 2 * shrink or least < 3:
        return []
    across, down = part.shape[1] // shrink, part.shape[0] // shrink
    whole = part[: down * shrink, : across * shrink]  # a cell of `small` is exactly `shrink` pixels
    small = part if shrink == 1 else cv2.resize(whole, (across, down), interpolation=cv2.INTER_AREA)
    ink = _ink(small, most / shrink)
    count, _, boxes, _ = cv2.connectedComponentsWithStats(ink, connectivity=4)
    spots = []
    for i in range(1, count):
        x, y, w, h, area = (int(v) for v in boxes[i])
        if not (least / shrink - 1 <= min(w, h) and max(w, h) <= most / shrink + 1 and area >= 0.3 * w * h):
            continue
        if x == 0 or y == 0 or x + w == small.shape[1] or y + h == small.shape[0]:
            continue
        spots.append(_refined(part, shrink, x, y, w, h, window))
    return [s for s in spots if s is not None]


def _ink(small: NDArray[Any], most: float) -> Grey:
    """Ink against the lightest paper within a mark's width: uneven light and grey paper do not matter."""
    size = 2 * int(most * 0.6) + 3
    paper = cv2.dilate(small, np.ones((3, 3), np.uint8))
    step = max(1, size // 8)
    coarse = cv2.resize(paper, (max(1, small.shape[1] // step), max(1, small.shape[0] // step)), interpolation=cv2.INTER_AREA)
    coarse = cv2.dilate(coarse, np.ones((size // step + 2, size // step + 2), np.uint8))
    light = cv2.resize(coarse, (small.shape[1], small.shape[0]), interpolation=cv2.INTER_LINEAR)
    return (small < light * np.float32(_INK)).astype(np.uint8)


def _refined(part: Grey, shrink: int, x: int, y: int, w: int, h: int, window: Window) -> Spot | None:
    """The spot's centre and box at full resolution, by the darkness itself and not by a threshold's outline.

    A copier prints black as a halftone: a blur of the finding scale makes it grey before black is measured.
    """
    margin = 1.5
    left, right = max(0, int((x - margin) * shrink)), min(part.shape[1], math.ceil((x + w + margin) * shrink))
    top, bottom = max(0, int((y - margin) * shrink)), min(part.shape[0], math.ceil((y + h + margin) * shrink))
    crop = cv2.blur(part[top:bottom, left:right], (shrink | 1, shrink | 1))
    ordered = np.sort(crop, axis=None)
    paper, black = int(ordered[int(0.92 * ordered.size)]), int(ordered[int(0.2 * ordered.size)])
    if paper - black < 25:
        return None
    dark = np.clip((paper - crop.astype(np.float32)) / (paper - black), 0, 1)
    dark[dark < 0.3] = 0
    mass = float(dark.sum())
    columns, rows = dark.sum(axis=0), dark.sum(axis=1)
    if mass <= 0:
        return None
    width, height = _extent(columns), _extent(rows)
    cx = float(columns @ np.arange(columns.size)) / mass
    cy = float(rows @ np.arange(rows.size)) / mass
    return Spot(cx + left + window.left, cy + top + window.top, width, height, min(1.0, mass / max(width * height, 1.0)))


def _extent(profile: NDArray[np.float32]) -> float:
    """Between the two places where a profile crosses a third of its height."""
    cut = float(np.sort(profile)[int(0.9 * profile.size)]) / 3
    above = np.flatnonzero(profile > cut)
    if above.size == 0:
        return 0.0
    first, last = int(above[0]), int(above[-1])
    head = 0.0 if first == 0 else (profile[first] - cut) / max(float(profile[first] - profile[first - 1]), 1e-6)
    tail = 0.0 if last == profile.size - 1 else (profile[last] - cut) / max(float(profile[last] - profile[last + 1]), 1e-6)
    return float(last - first + head + tail)


def centre_of(mark: Mark, middle: tuple[float, float]) -> tuple[float, float]:
    """The centre of gravity of a mark in the template's unit, wherever its `x`, `y` is measured.

    The arms of an L point from its outer corner towards the form's `middle`.
    """
    if mark.shape == "L":
        t = mark.thickness or min(mark.width, mark.height) / 3
        bar, stem = mark.width * t, (mark.height - t) * t
        inward_x = 1 if mark.x < middle[0] else -1
        inward_y = 1 if mark.y < middle[1] else -1
        return (
            mark.x + inward_x * (bar * mark.width / 2 + stem * t / 2) / (bar + stem),
            mark.y + inward_y * (bar * t / 2 + stem * (t + (mark.height - t) / 2)) / (bar + stem),
        )
    dx = {"centre": 0.0, "tl": 0.5, "bl": 0.5, "tr": -0.5, "br": -0.5}[mark.anchor]
    dy = {"centre": 0.0, "tl": 0.5, "tr": 0.5, "bl": -0.5, "br": -0.5}[mark.anchor]
    return mark.x + dx * mark.width, mark.y + dy * mark.height


def solidity(mark: Mark) -> float:
    """The share of its box that a mark covers."""
    t = mark.thickness or min(mark.width, mark.height) / 3
    area = mark.width * mark.height
    if mark.shape == "disc":
        return math.pi / 4
    if mark.shape == "L":
        return t * (mark.width + mark.height - t) / area
    if mark.shape == "cross":
        return t * (mark.width + mark.height - t) / area
    return 1.0


def likeness(spot: Spot, mark: Mark, scale: float, *, turned: bool) -> float:
    """How far a spot is from a printed mark: 0 is the same, 1 is about the most that blur and skew explain."""
    width, height = (mark.height, mark.width) if turned else (mark.width, mark.height)
    across, down = spot.width / (width * scale), spot.height / (height * scale)
    if across <= 0 or down <= 0:
        return math.inf
    size = max(abs(math.log(across)), abs(math.log(down))) / 0.35
    return max(size, abs(spot.solid - solidity(mark)) / 0.22)
