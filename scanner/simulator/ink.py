"""Ink on paper: graphite that catches on the paper's tooth, and pen. Works on small windows, finer than the scan.

A `Sheet` of ink holds what lies on one side of a card as darkness (0 bare paper, 255 black), apart for graphite,
for pen and for soiling, so that a colour scanner sees their colours and `meaning` can measure ink alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate

import cv2
import numpy as np
from numpy.typing import NDArray

from scanner.simulator.draws import stream
from scanner.simulator.strokes import Path

Plane = NDArray[np.uint8]
Window = NDArray[np.float32]
MM_PER_INCH = 25.4
TILE = 700


@dataclass(frozen=True, slots=True)
class Sheet:
    dpi: int
    graphite: Plane
    pen: Plane
    soil: Plane  # stains: no ink, so no part of what a mark means
    pen_blue: bool = False

    @classmethod
    def empty(cls, shape: tuple[int, int], dpi: int, *, pen_blue: bool = False) -> Sheet:
        return cls(dpi, np.zeros(shape, np.uint8), np.zeros(shape, np.uint8), np.zeros(shape, np.uint8), pen_blue)

    @property
    def per_mm(self) -> float:
        return self.dpi / MM_PER_INCH

    @property
    def fine(self) -> int:
        """How many times finer than the scan ink is painted: about 16 points a millimetre."""
        return max(2, round(16 / self.per_mm))

    def copy(self) -> Sheet:
        return Sheet(self.dpi, self.graphite.copy(), self.pen.copy(), self.soil.copy(), self.pen_blue)


@dataclass(frozen=True, slots=True)
class Lead:
    """What a stroke is made with: the darkness of a full load, its width, the tooth that stays white."""

    darkness: float
    width_mm: float
    tooth: float
    pen: bool = False


def draw(sheet: Sheet, paths: Sequence[Path], lead: Lead, rng: np.random.Generator, *, pressure: float = 1.0) -> None:
    """Put strokes down. Where they overlap there is more graphite, and less of the tooth stays white."""
    found = load_of(sheet, paths, lead.width_mm, rng)
    if found is None:
        return
    load, at = found
    lay(sheet.pen if lead.pen else sheet.graphite, darkness_of(load * pressure, lead, rng), at, sheet.fine)


def load_of(sheet: Sheet, paths: Sequence[Path], width_mm: float, rng: np.random.Generator) -> tuple[Window, tuple[int, int]] | None:
    """Graphite along the strokes in a fine window (1 = one stroke), and the window's top left scan pixel."""
    if not paths:
        return None
    points = np.concatenate(paths)
    box = _window(sheet, points, width_mm)
    if box is None:
        return None
    left, top, right, bottom = box
    fine = sheet.fine
    shape = ((bottom - top) * fine, (right - left) * fine)
    thick = max(1, round(width_mm * sheet.per_mm * fine))
    load = np.zeros(shape, np.float32)
    places = np.round(((points * sheet.per_mm - (left, top)) * fine - 0.5) * 8).astype(np.int32)
    ends = list(accumulate(len(p) for p in paths))
    lines = [places[end - len(p) : end] for p, end in zip(paths, ends, strict=True)]
    for turn in range(min(3, len(paths))):
        layer = np.zeros(shape, np.uint8)
        cv2.polylines(layer, lines[turn::3], False, 255, thick, cv2.LINE_AA, 3)
        load += layer * np.float32(rng.uniform(0.75, 1.1) / 255)
    return cv2.GaussianBlur(load, (0, 0), 0.06 * sheet.per_mm * fine).astype(np.float32, copy=False), (left, top)


def darkness_of(load: Window, lead: Lead, rng: np.random.Generator) -> Window:
    """Graphite fills the paper's tooth from its peaks down: darkness saturates, speckle fades with load."""
    bare = 1.0 - np.exp(-2.4 * load)
    white = np.clip(lead.tooth * (1.1 + tooth_at(load.shape, rng)) * np.exp(-0.7 * load), 0.0, 0.9)
    return np.asarray(lead.darkness * bare * (1.0 - white), dtype=np.float32)


def lay(plane: Plane, dark: Window, at: tuple[int, int], fine: int) -> None:
    """Add a fine window's darkness to a plane: light passes through both."""
    left, top = at
    height, width = dark.shape[0] // fine, dark.shape[1] // fine
    coarse = cv2.resize(dark, (width, height), interpolation=cv2.INTER_AREA) if fine > 1 else dark
    part = plane[top : top + height, left : left + width]
    part[:] = np.rint(255.0 - (255.0 - part) * (1.0 - coarse)).astype(np.uint8)


def tooth_at(shape: tuple[int, ...], rng: np.random.Generator) -> Window:
    """A random piece of the paper's tooth: mean 0, standard deviation 1."""
    tile = _tooth()
    y, x = int(rng.integers(TILE // 2)), int(rng.integers(TILE // 2))
    if shape[0] + y <= tile.shape[0] and shape[1] + x <= tile.shape[1]:
        return tile[y : y + shape[0], x : x + shape[1]]
    return np.asarray(np.take(np.take(tile, np.arange(y, y + shape[0]) % TILE, axis=0), np.arange(x, x + shape[1]) % TILE, axis=1))


@lru_cache(maxsize=1)
def _tooth() -> Window:
    """Rough paper: grains of 0.1 to 0.2 mm with finer fibres between, on the fine raster of 16 points a millimetre."""
    noise = stream("the paper's tooth").standard_normal((TILE, TILE)).astype(np.float32)
    grains = cv2.GaussianBlur(noise, (0, 0), 1.6, borderType=cv2.BORDER_REFLECT_101)
    clumps = cv2.GaussianBlur(noise[::-1], (0, 0), 6.0, borderType=cv2.BORDER_REFLECT_101)
    tile = grains / grains.std() + 0.5 * clumps / clumps.std()
    return np.asarray(tile / tile.std(), dtype=np.float32)


def _window(sheet: Sheet, points: NDArray[np.float64], width_mm: float) -> tuple[int, int, int, int] | None:
    """The scan pixels that strokes through `points` can touch, or None when they lie off the sheet."""
    margin = width_mm / 2 + 0.4
    height, width = sheet.graphite.shape
    left, top = np.maximum(np.floor((points.min(axis=0) - margin) * sheet.per_mm), 0).astype(int)
    right, bottom = np.minimum(np.ceil((points.max(axis=0) + margin) * sheet.per_mm), (width, height)).astype(int)
    return (int(left), int(top), int(right), int(bottom)) if right > left and bottom > top else None
