"""What happens to the card itself: smudges, stray marks, stains, creases, holes, a torn corner, damage to a code.

Soiling goes onto the sheet of ink; what removes or hides paper changes the picture of the page. What bends the paper
is in `feed`. Everything is drawn from the card's own stream, so a second scan of the card shows it again.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from core.geometry import Box
from core.template import Line
from core.template import Side as TemplateSide
from scanner.simulator.draws import happens, within
from scanner.simulator.hand import Hand
from scanner.simulator.ink import Lead, Plane, Sheet, draw, lay, tooth_at
from scanner.simulator.rates import Rates
from scanner.simulator.strokes import Path

Page = NDArray[np.uint8]
KEEP_CLEAR_MM = 3.0
"""At `typical` a stain, a crease or a stray mark keeps this far from bubbles and codes."""
TRIES = 30


def clear_of(side: TemplateSide, lines: Sequence[Line], x: float, y: float, radius: float) -> bool:
    """Whether a disc keeps clear of every bubble and every code."""
    for line in lines:
        for bx, by in line.bubbles:
            if abs(bx - x) < radius + line.grid.bubble.width / 2 and abs(by - y) < radius + line.grid.bubble.height / 2:
                return False
    boxes = (code.box for code in side.codes)
    return not any(bx - radius < x < bx + width + radius and by - radius < y < by + height + radius for bx, by, width, height in boxes)


def place_on(
    side: TemplateSide, lines: Sequence[Line], size: tuple[float, float], radius: float, rates: Rates, rng: np.random.Generator
) -> tuple[float, float] | None:
    """A place for trouble: anywhere at `harsh`, else clear of what is read; None when there is no such place."""
    for _ in range(TRIES):
        x, y = rng.uniform(5, size[0] - 5), rng.uniform(5, size[1] - 5)
        if rates.level == "harsh" or clear_of(side, lines, x, y, radius + KEEP_CLEAR_MM):
            return x, y
    return None


def smudge(sheet: Sheet, start: tuple[float, float], rates: Rates, rng: np.random.Generator) -> None:
    """A film of graphite that a sleeve drags on from a mark."""
    darkness = within(rng, rates.span("smudge_darkness"))
    length, angle, breadth = rng.uniform(6, 22), rng.normal(0.2, 0.5), rng.uniform(2.5, 6.0)
    left, top = (int(max(0, (v - 8 - 22 * 0.5) * sheet.per_mm)) for v in start)
    shape = tuple(min(int(60 * sheet.per_mm), limit - at) for limit, at in zip(sheet.graphite.shape, (top, left), strict=True))
    if min(shape) <= 0:
        return
    film = np.zeros(shape, np.uint8)
    begin = np.array(start) * sheet.per_mm - (left, top)
    end = begin + length * sheet.per_mm * np.array([math.cos(angle), math.sin(angle)])
    cv2.line(film, _whole(begin), _whole(end), 255, max(1, int(breadth * sheet.per_mm)))
    soft = cv2.GaussianBlur(film, (0, 0), 0.9 * sheet.per_mm).astype(np.float32) / 255
    fade = np.linspace(1.0, rng.uniform(0.3, 0.7), film.shape[1], dtype=np.float32)
    lay(sheet.graphite, np.clip(darkness * soft * fade * (1.0 + 0.4 * tooth_at(film.shape, rng)), 0, 1), (left, top), 1)


def stray_mark(sheet: Sheet, at: tuple[float, float], hand: Hand, rng: np.random.Generator) -> None:
    """A slip of the pencil, or the point where it rested."""
    start = np.array(at)
    lead = Lead(hand.darkness * rng.uniform(0.5, 1.0), 0.4, hand.tooth, hand.instrument == "pen")
    if happens(rng, 0.4):
        paths: list[Path] = [np.array([start, start + rng.normal(0, 0.15, 2)])]
    else:
        angle, length = rng.uniform(0, math.pi), rng.uniform(0.8, 2.8)
        d = length * np.array([math.cos(angle), math.sin(angle)])
        paths = [np.array([start - d / 2, start + rng.normal(0, 0.1, 2), start + d / 2])]
    draw(sheet, paths, lead, rng, pressure=float(rng.uniform(0.5, 1.0)))


def stain(sheet: Sheet, at: tuple[float, float], radius: float, darkness: float, rng: np.random.Generator) -> None:
    """A dried drop: uneven outline, darker rim."""
    scale = sheet.per_mm
    left, top = (max(0, int((v - 1.5 * radius) * scale)) for v in at)
    right, bottom = (min(limit, int((v + 1.5 * radius) * scale)) for v, limit in zip(at, sheet.soil.shape[::-1], strict=True))
    if right <= left or bottom <= top:
        return
    v, u = np.mgrid[top:bottom, left:right].astype(np.float32)
    dx, dy = u / scale - at[0], v / scale - at[1]
    angle = np.arctan2(dy, dx)
    outline = radius * (1 + sum(rng.normal(0, 0.12 / k) * np.cos(k * angle + rng.uniform(0, 6)) for k in (1, 2, 3, 5)))
    inside = np.clip((outline - np.hypot(dx, dy)) / 0.6, 0, 1)
    rim = np.exp(-(((outline - np.hypot(dx, dy)) / 0.7 - 1) ** 2))
    clouds = cv2.resize(rng.standard_normal((6, 6)).astype(np.float32), inside.shape[::-1], interpolation=cv2.INTER_CUBIC)
    dark = darkness * (inside * (0.55 + 0.12 * clouds + 0.04 * tooth_at(inside.shape, rng)) + 0.45 * rim)
    lay(sheet.soil, np.clip(dark, 0, 0.9).astype(np.float32), (left, top), 1)


def crease_shade(sheet: Sheet, start: tuple[float, float], end: tuple[float, float], darkness: float, rng: np.random.Generator) -> None:
    """The shadow in a crease: a thin line that comes and goes."""
    a, b = np.array(start), np.array(end)
    pieces = 12
    points = a + np.linspace(0, 1, pieces + 1)[:, None] * (b - a)
    for i in range(pieces):
        draw_to = Sheet(sheet.dpi, sheet.soil, sheet.soil, sheet.soil)
        lead = Lead(darkness * rng.uniform(0.5, 1.0), rng.uniform(0.25, 0.5), 0.2)
        draw(draw_to, [points[i : i + 2]], lead, rng, pressure=0.8)


def punch(page: Page, per_mm: float, size: tuple[float, float], background: int, rates: Rates, rng: np.random.Generator) -> None:
    x, diameter = rng.uniform(8.5, 12.0), within(rng, rates.span("hole_mm"))
    for dy in (-40.0, 40.0):
        centre = np.array([x, size[1] / 2 + dy + rng.normal(0, 0.4)]) * per_mm
        cv2.circle(page, _whole(centre * 16), int(diameter / 2 * per_mm * 16), (background,) * 3, -1, cv2.LINE_AA, 4)


def tear_corner(page: Page, per_mm: float, background: int, rates: Rates, rng: np.random.Generator) -> None:
    height, width = page.shape[:2]
    legs = [within(rng, rates.span("tear_mm")) * per_mm for _ in range(2)]
    corner = int(rng.integers(4))
    t = np.linspace(0, 1, 14)
    edge = np.stack([legs[0] * (1 - t), legs[1] * t], axis=1) + rng.normal(0, 0.25 * per_mm, (14, 2))
    outline = np.concatenate([[[-2.0, -2.0], [edge[0, 0], -2.0]], edge, [[-2.0, edge[-1, 1]]]])
    if corner % 2:
        outline[:, 0] = width - outline[:, 0]
    if corner >= 2:
        outline[:, 1] = height - outline[:, 1]
    cv2.fillPoly(page, [np.round(outline).astype(np.int32)], (background,) * 3, cv2.LINE_AA)


def hide_code(page: Page, box: Box, per_mm: float, rng: np.random.Generator) -> None:
    """A label stuck over most of the code, or a blot of ink that ran."""
    if happens(rng, 0.5):
        shift = rng.uniform(-0.06, 0.06, 2)
        centre = ((box.centre.x + shift[0] * box.width) * per_mm, (box.centre.y + shift[1] * box.height) * per_mm)
        extent = (box.width * rng.uniform(0.85, 1.0) * per_mm, box.height * rng.uniform(0.75, 1.0) * per_mm)
        corners = cv2.boxPoints((centre, extent, float(rng.uniform(-8, 8))))
        cv2.fillPoly(page, [np.round(corners + 1.5).astype(np.int32)], (205,) * 3, cv2.LINE_AA)
        cv2.fillPoly(page, [np.round(corners).astype(np.int32)], (248,) * 3, cv2.LINE_AA)
        return
    _blot(page, box, per_mm, rng)


def _blot(page: Page, box: Box, per_mm: float, rng: np.random.Generator) -> None:
    """Ink that ran: one dark pool with fingers, drying paler inside."""
    left, right = int(box.x * per_mm), int((box.x + box.width) * per_mm)
    top, bottom = int(box.y * per_mm), int((box.y + box.height) * per_mm)
    part = page[top:bottom, left:right]
    shape = part.shape[:2]
    coarse, fine = (rng.standard_normal((n, n)).astype(np.float32) for n in (5, 14))
    v, u = np.mgrid[-1 : 1 : shape[0] * 1j, -1 : 1 : shape[1] * 1j].astype(np.float32)
    field = 0.85 - np.hypot(u, v) ** 2 + 0.10 * cv2.resize(coarse, shape[::-1], interpolation=cv2.INTER_CUBIC)
    field += 0.08 * cv2.resize(fine, shape[::-1], interpolation=cv2.INTER_CUBIC)
    wet = np.clip(field / 0.04, 0, 1) * (0.93 + 0.05 * np.exp(-field / 0.1))
    part[:] = (part * (1.0 - (wet if part.ndim == 2 else wet[..., None]))).astype(np.uint8)


def scratch_code(page: Page, box: Box, per_mm: float, rng: np.random.Generator) -> None:
    """The print of a barcode rubbed away in patches through its whole height."""
    left, right = int(box.x * per_mm), int((box.x + box.width) * per_mm)
    top, bottom = int(box.y * per_mm), int((box.y + box.height) * per_mm)
    part = page[top:bottom, left:right]
    height, width = part.shape[:2]
    noise = cv2.GaussianBlur(rng.standard_normal((height, width)).astype(np.float32), (0, 0), 1.2 * per_mm)
    bands = cv2.GaussianBlur(rng.standard_normal((1, width)).astype(np.float32), (0, 0), sigmaX=2.0 * per_mm, sigmaY=0.01)
    wear = np.clip(1.2 + 1.1 * noise / noise.std() + 1.3 * bands / bands.std(), 0, 1)
    if part.ndim == 3:
        wear = wear[..., None]
    part[:] = (part + (250.0 - part) * wear).astype(np.uint8)


def paint_soil(page: Page, soil: Plane) -> Page:
    """Tea and shadow over the page; in colour a warm brown."""
    if page.ndim == 2:
        return np.asarray(cv2.multiply(page, cv2.bitwise_not(soil), scale=1 / 255))
    weight = np.array([1.25, 1.0, 0.75], np.float32)  # blue, green, red
    through = 255.0 - np.minimum(soil[..., None] * weight, 255.0)
    return np.asarray((page * through / 255).astype(np.uint8))


def _whole(point: NDArray[np.float64]) -> tuple[int, int]:
    return round(float(point[0])), round(float(point[1]))
