"""Handwriting in the answer spaces: lines of letter-like shapes on the ruling, a struck-out word, a sketch.

Each of a few writers has a set of letter shapes, made of strokes once a process and set down with small
variations. Nobody can read it; it has the ink, spacing and slant of writing. Owns no region's place.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from core.geometry import Box
from scanner.simulator.draws import stream, within
from scanner.simulator.hand import Hand
from scanner.simulator.ink import Lead, Plane, Sheet, draw, tooth_at
from scanner.simulator.strokes import Path

MOVEMENTS: tuple[tuple[tuple[float, float], ...], ...] = (
    ((0.0, 0.75), (0.18, 0.52), (0.4, 0.6), (0.4, 0.88), (0.2, 1.0), (0.03, 0.85), (0.12, 0.6), (0.4, 0.55), (0.44, 0.9), (0.55, 0.97)),
    ((0.0, 0.6), (0.06, 0.56), (0.08, 1.0), (0.1, 0.7), (0.25, 0.52), (0.36, 0.62), (0.38, 0.95), (0.52, 0.95)),
    ((0.0, 0.56), (0.04, 1.0), (0.12, 0.6), (0.22, 0.56), (0.25, 1.0), (0.33, 0.6), (0.44, 0.56), (0.47, 0.96), (0.6, 0.94)),
    ((0.0, 0.55), (0.03, 0.88), (0.18, 1.0), (0.34, 0.85), (0.37, 0.55), (0.39, 0.92), (0.54, 0.97)),
    ((0.0, 0.9), (0.16, 0.45), (0.2, 0.08), (0.1, 0.04), (0.07, 0.5), (0.1, 0.95), (0.3, 0.95)),
    ((0.05, 0.05), (0.06, 0.6), (0.05, 1.0), (0.1, 0.68), (0.26, 0.52), (0.37, 0.65), (0.38, 0.96), (0.5, 0.95)),
    ((0.4, 0.58), (0.2, 0.5), (0.04, 0.72), (0.14, 0.97), (0.36, 0.85), (0.4, 0.56), (0.38, 1.25), (0.2, 1.42), (0.06, 1.25), (0.5, 0.9)),
    ((0.0, 0.8), (0.28, 0.7), (0.28, 0.53), (0.12, 0.52), (0.04, 0.8), (0.18, 1.0), (0.44, 0.9)),
    ((0.0, 0.95), (0.2, 0.5), (0.22, 0.62), (0.32, 0.8), (0.22, 0.99), (0.04, 0.96)),
    ((0.0, 0.7), (0.07, 0.55), (0.06, 0.9), (0.16, 1.0), (0.28, 0.9)),
    ((0.0, 0.6), (0.05, 0.55), (0.03, 1.4), (0.06, 0.7), (0.24, 0.52), (0.38, 0.72), (0.24, 0.97), (0.08, 0.92)),
)
"""Control points of running letters: x from the left, y from the top of a tall letter (0) to the line (1) and below."""

LETTERS = 40
MARGIN_MM = 3.0


@dataclass(frozen=True, slots=True)
class Writer:
    """One handwriting at one resolution: letter pictures (255 ink) and how they are set."""

    letters: tuple[Plane, ...]
    size_mm: float
    gap_mm: float
    word: tuple[int, int]  # letters between spaces
    height: float  # part of the line's pitch that letters take


def ruling_rows(page: NDArray[np.uint8], box: Box, per_mm: float) -> list[float]:
    """The printed writing lines inside `box`, in millimetres; evenly spaced ones where nothing is printed."""
    left, right = int((box.x + 4) * per_mm), int((box.x + box.width - 4) * per_mm)
    top, bottom = int((box.y + 2) * per_mm), int((box.y + box.height - 1) * per_mm)
    part = page[top:bottom, left:right]
    if part.size:
        dark = 255.0 - (part if part.ndim == 2 else part.min(axis=2)).mean(axis=1)
        rows = np.flatnonzero(dark > max(12.0, 0.5 * float(dark.max())))
        starts = rows[np.concatenate([[True], np.diff(rows) > 2 * per_mm])] if len(rows) else rows
        if len(starts) >= 2:
            return [float(r + top) / per_mm for r in starts]
    pitch = 9.0
    return [box.y + 1 + pitch * (i + 1) for i in range(int((box.height - 2) / pitch))]


def write(
    sheet: Sheet, box: Box, rows: list[float], amount: float, hand: Hand, rng: np.random.Generator, *, over_edge: bool = False
) -> None:
    """Fill `amount` (0..1) of the rows with writing; `over_edge`: one row runs past the frame."""
    if amount <= 0 or not rows:
        return
    writer = writer_of(hand.writer, sheet.dpi)
    letters = _inked(writer, hand, rng)
    plane = sheet.graphite if hand.write_with == "pencil" else sheet.pen
    full = amount * len(rows)
    past = int(rng.integers(max(1, math.ceil(full)))) if over_edge else -1
    for i in range(math.ceil(full)):
        share = min(1.0, full - i)
        right = box.x + box.width - MARGIN_MM
        end = box.x + MARGIN_MM + (right - box.x - MARGIN_MM) * share * rng.uniform(0.88, 1.0)
        if i == past:
            end = box.x + box.width + rng.uniform(2.0, 6.0)
        _write_row(plane, sheet.per_mm, writer, letters, box.x + MARGIN_MM + rng.uniform(0, 3), end, rows[i], rng)
        if rng.random() < 0.04 and end - box.x > 30:
            _strike_out(sheet, hand, box.x + rng.uniform(8, end - box.x - 20), rows[i] - 0.45 * writer.size_mm, rng)
    free = len(rows) - math.ceil(full)
    if free >= 3 and amount > 0.3 and rng.random() < 0.4:
        _sketch(sheet, hand, box, rows[-free], rows[-1], rng)


def writing_lead(hand: Hand, width_mm: float) -> Lead:
    if hand.write_with == "pencil":
        return Lead(0.6, width_mm, 0.35)
    return Lead(0.88 if hand.write_with == "black" else 0.8, width_mm, 0.03, pen=True)


@lru_cache(maxsize=64)
def writer_of(number: int, dpi: int) -> Writer:
    rng = stream("writer", number)
    size = within(rng, (3.8, 5.8))
    blocks = number % 3 != 2
    shapes = [_block(rng) if blocks else _cursive(rng) for _ in range(LETTERS)]
    width = within(rng, (0.30, 0.48))
    letters = tuple(_letter(shape, size, width, dpi) for shape in shapes)
    return Writer(letters, size, within(rng, (0.3, 0.9)) if blocks else -0.2, (5, 14) if blocks else (2, 8), 0.8)


def _letter(shape: list[Path], size: float, width: float, dpi: int) -> Plane:
    per_mm, fine = dpi / 25.4, 3
    side = math.ceil((size * 1.5) * per_mm)
    canvas = np.zeros((side * fine, side * fine), np.uint8)
    lines = [np.round((p * size + 0.25 * size) * per_mm * fine * 8).astype(np.int32) for p in shape]
    cv2.polylines(canvas, lines, False, 255, max(1, round(width * per_mm * fine)), cv2.LINE_AA, 3)
    small = cv2.resize(canvas, (side, side), interpolation=cv2.INTER_AREA)
    used = np.flatnonzero(small.max(axis=0))
    return np.ascontiguousarray(small[:, : int(used[-1]) + 1] if len(used) else small)


def _curve(points: NDArray[np.float64]) -> Path:
    """A smooth line through the points (Catmull-Rom)."""
    p = np.concatenate([points[:1], points, points[-1:]])
    t = np.linspace(0, 1, 5, endpoint=False)[:, None]
    parts = [
        0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
        for a, b, c, d in zip(p, p[1:], p[2:], p[3:], strict=False)
    ]
    return np.concatenate([*parts, points[-1:]])


def _cursive(rng: np.random.Generator) -> list[Path]:
    """A running letter: one of some movements that letters are made of, in this writer's way."""
    points = np.array(MOVEMENTS[int(rng.integers(len(MOVEMENTS)))])
    points = points * [rng.uniform(0.8, 1.25), 1.0] + rng.normal(0, 0.03, points.shape)
    points[:, 0] += rng.uniform(0.1, 0.25) * (1.0 - points[:, 1])
    extra = []
    if rng.random() < 0.15:
        x = float(points[:, 0].mean())
        extra.append(_curve(np.array([[x - 0.15, 0.32], [x + 0.2, 0.3 + rng.normal(0, 0.03)]])))
    return [_curve(points), *extra]


def _block(rng: np.random.Generator) -> list[Path]:
    """A square letter of level, upright and slanting strokes, as Chinese characters and digits are."""
    paths = []
    for _ in range(int(rng.integers(3, 8))):
        x, y = rng.uniform(0.05, 0.6, 2)
        kind, length = rng.random(), rng.uniform(0.25, 0.8)
        if kind < 0.4:
            dx, dy = length, -0.08 * length
        elif kind < 0.7:
            dx, dy = rng.normal(0, 0.03), length
        elif kind < 0.85:
            dx, dy = -0.5 * length, 0.7 * length
        else:
            dx, dy = 0.5 * length, 0.6 * length
        end = np.clip([x + dx, y + dy], 0.0, 1.0)
        middle = (np.array([x, y]) + end) / 2 + rng.normal(0, 0.035, 2)
        hook = [end + np.array([rng.uniform(-0.12, 0.0), -0.1])] if rng.random() < 0.3 else []
        paths.append(_curve(np.array([[x, y], middle, end, *hook])))
    return paths


def _inked(writer: Writer, hand: Hand, rng: np.random.Generator) -> list[Plane]:
    """The writer's letters in this hand's ink; pencil shows the paper's tooth, a pen starves now and then."""
    lead = writing_lead(hand, 0.5)
    inked = []
    for letter in writer.letters:
        texture = 1.0 - lead.tooth * np.clip(0.6 + 0.6 * tooth_at(letter.shape, rng), 0, 1.4)
        inked.append(np.clip(letter * (lead.darkness * rng.uniform(0.85, 1.0)) * texture, 0, 255).astype(np.uint8))
    return inked


def _write_row(
    plane: Plane, per_mm: float, writer: Writer, letters: list[Plane], start: float, end: float, base: float, rng: np.random.Generator
) -> None:
    x, drift = start, rng.normal(0, 0.004)
    count = int((end - start) / (0.4 * writer.size_mm)) + 2
    picks = rng.integers(0, len(letters), count)
    lifts = rng.normal(-0.3, 0.25, count)
    until = int(rng.integers(*writer.word))
    for i in range(count):
        letter = letters[picks[i]]
        width_mm = letter.shape[1] / per_mm - 0.25 * writer.size_mm
        if x + width_mm > end:
            return
        top = round((base + lifts[i] + drift * (x - start) - 1.25 * writer.size_mm) * per_mm)
        _stamp(plane, letter, round((x - 0.25 * writer.size_mm) * per_mm), top)
        x += width_mm + writer.gap_mm
        until -= 1
        if until <= 0:
            x += rng.uniform(0.4, 0.9) * writer.size_mm
            until = int(rng.integers(*writer.word))


def _stamp(plane: Plane, letter: Plane, left: int, top: int) -> None:
    height, width = plane.shape
    x0, y0 = max(left, 0), max(top, 0)
    x1, y1 = min(left + letter.shape[1], width), min(top + letter.shape[0], height)
    if x1 > x0 and y1 > y0:
        part = plane[y0:y1, x0:x1]
        np.maximum(part, letter[y0 - top : y1 - top, x0 - left : x1 - left], out=part)


def _strike_out(sheet: Sheet, hand: Hand, x: float, y: float, rng: np.random.Generator) -> None:
    length = rng.uniform(8, 18)
    xs = np.linspace(x, x + length, 6)
    lines = [np.stack([xs, y + rng.normal(0, 0.4) + rng.normal(0, 0.25, 6)], axis=1) for _ in range(int(rng.integers(1, 4)))]
    draw(sheet, lines, writing_lead(hand, 0.45), rng)


def _sketch(sheet: Sheet, hand: Hand, box: Box, top: float, bottom: float, rng: np.random.Generator) -> None:
    """Axes with a curve, or a triangle: what a candidate draws beside an argument."""
    size = min(bottom - top, 40.0) * 0.8
    x, y = box.x + rng.uniform(10, max(11.0, box.width - size - 10)), bottom - 2
    if rng.random() < 0.5:
        t = np.linspace(0, 1, 12)
        curve = np.stack([x + size * t, y - size * (0.1 + 0.7 * t ** rng.uniform(0.5, 2.5))], axis=1)
        paths = [np.array([[x - 3, y], [x + size, y - 0.6]]), np.array([[x, y + 3], [x + 0.5, y - size]]), curve]
    else:
        a, b, c = ([x, y], [x + size, y - rng.uniform(0, 3)], [x + rng.uniform(0.2, 0.7) * size, y - size * rng.uniform(0.5, 0.9)])
        paths = [np.array([a, b]), np.array([b, c]), np.array([c, a])]
    draw(sheet, paths, writing_lead(hand, 0.42), rng)
