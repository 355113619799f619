"""How the card lies and bends under the scanner: one warp for all the geometry.

Skew, shift and both scales are one affine map. Slipping rollers, damp and creases displace the paper locally; that
field is worked out on a coarse raster and joined to the same map.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from scanner.simulator.draws import signed, within
from scanner.simulator.rates import Rates

Grid = NDArray[np.float32]
Bend = Callable[[Grid, Grid], tuple[Grid, Grid]]
"""Displacement in mm, of places in mm on the flat page: where the ink of that place is looked up."""
COARSE = 8  # scan pixels between the points at which displacement is worked out


@dataclass(frozen=True, slots=True)
class Lie:
    """Where the card lies: turned about its centre, shifted, scaled."""

    degrees: float
    shift: tuple[float, float]  # mm
    scale: tuple[float, float]


def overhang(lie: Lie, size: tuple[float, float]) -> float:
    """How many millimetres the card's corners leave a frame of the card's size."""
    angle = math.radians(abs(lie.degrees))
    c, s = math.cos(angle), math.sin(angle)
    wide = (size[0] * c * lie.scale[0] + size[1] * s * lie.scale[1] - size[0]) / 2 + abs(lie.shift[0])
    high = (size[0] * s * lie.scale[0] + size[1] * c * lie.scale[1] - size[1]) / 2 + abs(lie.shift[1])
    return max(0.0, wide, high)


def lie_of(feed: tuple[str, ...], scale: tuple[float, float], rates: Rates, rng: np.random.Generator) -> Lie:
    degrees = signed(rng, rates.span("play_degrees"))
    shift = (signed(rng, rates.span("play_mm")), signed(rng, rates.span("play_mm")))
    if "skew" in feed:
        degrees = signed(rng, rates.span("skew_degrees"))
    if "shift" in feed:
        shift = (signed(rng, rates.span("shift_mm")), signed(rng, rates.span("shift_mm")))
    return Lie(degrees, shift, scale)


def stretch(size: tuple[float, float], rates: Rates, rng: np.random.Generator) -> Bend:
    """Rollers slip: lines along the feed come too early and too late, smoothly."""
    most = signed(rng, rates.span("stretch_mm"))
    waves, phase, tilt = rng.uniform(0.6, 1.6), rng.uniform(0, 2 * math.pi), rng.uniform(-0.4, 0.4)

    def bend(x: Grid, y: Grid) -> tuple[Grid, Grid]:
        along = np.sin(2 * math.pi * waves * y / size[1] + phase + tilt * x / size[0])
        return (0.15 * most * along).astype(np.float32), (most * along).astype(np.float32)

    return bend


def damp(size: tuple[float, float], rates: Rates, rng: np.random.Generator) -> Bend:
    """Paper that took up water: grown, more across the fibre, and waved at its edges."""
    growth, wave = within(rng, rates.span("damp_growth")), signed(rng, rates.span("damp_wave_mm"))
    phase = rng.uniform(0, 2 * math.pi, 2)

    def bend(x: Grid, y: Grid) -> tuple[Grid, Grid]:
        u, v = x / size[0] - 0.5, y / size[1] - 0.5
        dx = -growth * u * size[0] + wave * np.sin(5.0 * v * 2 + phase[0]) * 2 * np.abs(u)
        dy = -growth / 3 * v * size[1] + wave * np.sin(4.0 * u * 2 + phase[1]) * 2 * np.abs(v)
        return dx.astype(np.float32), dy.astype(np.float32)

    return bend


def kink(start: tuple[float, float], end: tuple[float, float], rates: Rates, rng: np.random.Generator) -> Bend:
    """A crease takes paper in: what lies beyond it is moved towards it and a little along it."""
    most = within(rng, rates.span("fold_kink_mm"))
    slip = 0.4 * signed(rng, rates.span("fold_kink_mm"))
    length = math.hypot(end[0] - start[0], end[1] - start[1])
    along = ((end[0] - start[0]) / length, (end[1] - start[1]) / length)

    def bend(x: Grid, y: Grid) -> tuple[Grid, Grid]:
        off = (x - start[0]) * -along[1] + (y - start[1]) * along[0]
        beyond = np.tanh(off / 1.2)
        dx = 0.5 * beyond * (most * -along[1] + slip * along[0])
        dy = 0.5 * beyond * (most * along[0] + slip * along[1])
        return dx.astype(np.float32), dy.astype(np.float32)

    return bend


def warp(page: NDArray[np.uint8], per_mm: float, lie: Lie, bends: list[Bend], *, border_mm: float, background: int) -> NDArray[np.uint8]:
    """The page as it lies in the scanner's frame, which is the page's size and a border around it."""
    height, width = page.shape[:2]
    border = round(border_mm * per_mm)
    frame = (width + 2 * border, height + 2 * border)
    back = _inverse(lie, per_mm, (width, height), border)
    fill = (background,) * 3
    if not bends:
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        return np.asarray(cv2.warpAffine(page, back, frame, flags=flags, borderMode=cv2.BORDER_CONSTANT, borderValue=fill), np.uint8)
    columns, rows = -(-frame[0] // COARSE), -(-frame[1] // COARSE)
    u = ((np.arange(columns) + 0.5) * COARSE - 0.5).astype(np.float32)[None, :]
    v = ((np.arange(rows) + 0.5) * COARSE - 0.5).astype(np.float32)[:, None]
    x = (back[0, 0] * u + back[0, 1] * v + back[0, 2]).astype(np.float32)
    y = (back[1, 0] * u + back[1, 1] * v + back[1, 2]).astype(np.float32)
    moves = [bend((x + 0.5) / per_mm, (y + 0.5) / per_mm) for bend in bends]
    maps = []
    for base, part in ((x, 0), (y, 1)):
        coarse = base + per_mm * np.sum([m[part] for m in moves], axis=0)
        fine = cv2.resize(coarse.astype(np.float32), (columns * COARSE, rows * COARSE), interpolation=cv2.INTER_LINEAR)
        maps.append(fine[: frame[1], : frame[0]])
    _mend_edges(maps, back, frame)
    return np.asarray(cv2.remap(page, maps[0], maps[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=fill), np.uint8)


def _mend_edges(maps: list[NDArray[np.float32]], back: NDArray[np.float64], frame: tuple[int, int]) -> None:
    """Enlarging holds the last half step constant at the rim; there the affine part goes on instead."""
    half = COARSE // 2
    for k, plane in enumerate(maps):
        for i in range(half):
            plane[:, i] = plane[:, half] - back[k, 0] * (half - i)
            plane[i, :] = plane[half, :] - back[k, 1] * (half - i)
        last_x, last_y = (frame[0] // COARSE) * COARSE - half - 1, (frame[1] // COARSE) * COARSE - half - 1
        for i in range(last_x + 1, frame[0]):
            plane[:, i] = plane[:, last_x] + back[k, 0] * (i - last_x)
        for i in range(last_y + 1, frame[1]):
            plane[i, :] = plane[last_y, :] + back[k, 1] * (i - last_y)


def _inverse(lie: Lie, per_mm: float, size: tuple[int, int], border: int) -> NDArray[np.float64]:
    """Frame pixels to page pixels."""
    angle = math.radians(lie.degrees)
    c, s = math.cos(angle), math.sin(angle)
    forward = np.array([[c, -s], [s, c]]) @ np.diag(lie.scale)
    centre = np.array([(size[0] - 1) / 2, (size[1] - 1) / 2])
    moved = centre + border + np.array(lie.shift) * per_mm
    linear = np.linalg.inv(forward)
    return np.hstack([linear, (centre - linear @ moved)[:, None]])
