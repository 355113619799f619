"""What each kind of mark looks like: a `MarkPlan` becomes ink on a sheet.

Owns how a kind of mark is made from strokes; which marks are made is `plan`'s, what they mean is `meaning`'s.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np

from core.template import Line
from scanner.simulator import strokes
from scanner.simulator.draws import stream, within
from scanner.simulator.hand import Hand
from scanner.simulator.ink import Lead, Sheet, darkness_of, draw, lay, load_of, tooth_at
from scanner.simulator.plan import MarkPlan
from scanner.simulator.rates import Rates
from scanner.simulator.strokes import Shape

LINES = ("tick", "cross", "ring", "dot")


def bubble_shape(line: Line, value: int) -> Shape:
    bubble = line.grid.bubble
    x, y = line.bubbles[value]
    return Shape(x, y, bubble.width / 2, bubble.height / 2, 2.0 if bubble.shape == "ellipse" else 8.0)


def draw_marks(sheet: Sheet, lines: Sequence[Line], marks: Sequence[MarkPlan], rates: Rates, seed: int, name: str) -> None:
    for mark in marks:
        rng = stream(seed, name, mark.side, "mark", mark.line, mark.value)
        _draw_mark(sheet, lines[mark.line], mark, rates, rng)


def _draw_mark(sheet: Sheet, line: Line, mark: MarkPlan, rates: Rates, rng: np.random.Generator) -> None:
    hand = mark.hand
    place = bubble_shape(line, mark.value)
    shape = place.moved(*_offset(hand, rng))
    lead = _lead(hand, rng)
    if mark.kind in ("ghost", "heavy_ghost"):
        share = within(rng, rates.span("ghost_share" if mark.kind == "ghost" else "heavy_ghost_share"))
        _rub_out(sheet, shape, hand, lead, share, rng)
    elif mark.kind == "faint":
        faint = Lead(lead.darkness * within(rng, rates.span("faint_factor")), lead.width_mm, min(lead.tooth * 1.4, 0.6), lead.pen)
        draw(sheet, _fill(shape, hand, rng), faint, rng)
    elif mark.kind == "between":
        draw(sheet, _fill(place.moved(*_half_step(line, mark.value)), hand, rng), lead, rng)
    elif mark.kind in LINES:
        draw(sheet, _paths(mark, shape, place, rates, rng), _line_lead(lead), rng)
    else:
        draw(sheet, _paths(mark, shape, place, rates, rng), lead, rng)
        if mark.kind == "cancelled":
            over = Lead(min(lead.darkness * 1.1, 0.95), max(0.45, lead.width_mm * 0.8), 0.1, lead.pen)
            draw(sheet, strokes.cross(place, rng, reach=1.5), over, rng, pressure=1.5)


def _paths(mark: MarkPlan, shape: Shape, place: Shape, rates: Rates, rng: np.random.Generator) -> list[strokes.Path]:
    hand = mark.hand
    if mark.kind == "tick":
        return strokes.tick(place, rng)
    if mark.kind == "cross":
        return strokes.cross(place, rng)
    if mark.kind == "ring":
        return [strokes.loop(place.scaled(1.12, less=-0.15 - hand.stroke_mm / 2), rng, wobble=0.04)]
    if mark.kind == "dot":
        return strokes.dot(place, rng)
    if mark.kind == "partial":
        return strokes.part_filling(shape, hand.stroke_mm, hand.slant, rng, cover=within(rng, rates.span("partial_cover")))
    paths = _fill(shape, hand, rng)
    if mark.kind == "stroke_out":
        angle = hand.slant + math.pi * (rng.random() < 0.5) - math.pi / 2 * rng.random()
        paths += strokes.stroke_out(shape, within(rng, rates.span("stroke_out_mm")), angle, rng)
    return paths


def _fill(shape: Shape, hand: Hand, rng: np.random.Generator) -> list[strokes.Path]:
    return strokes.filling(shape, hand.stroke_mm, hand.slant, rng, cover=within(rng, hand.cover))


def _lead(hand: Hand, rng: np.random.Generator) -> Lead:
    varied = hand.darkness * (1.0 + float(np.clip(rng.normal(0, hand.spread), -2.5 * hand.spread, 2.5 * hand.spread)))
    width = hand.stroke_mm * float(rng.uniform(0.9, 1.1))
    return Lead(min(varied, 0.95), width, hand.tooth, hand.instrument == "pen")


def _line_lead(lead: Lead) -> Lead:
    """A drawn line is narrower than the broad side of the lead that fills, and pressed a little harder."""
    return Lead(min(lead.darkness * 1.05, 0.95), max(0.35, 0.65 * lead.width_mm), 0.7 * lead.tooth, lead.pen)


def _offset(hand: Hand, rng: np.random.Generator) -> tuple[float, float]:
    angle, length = rng.uniform(0, 2 * math.pi), rng.uniform(0, hand.offset_mm)
    return length * math.cos(angle), length * math.sin(angle)


def _half_step(line: Line, value: int) -> tuple[float, float]:
    step = line.grid.value_step
    sign = -0.5 if value == len(line.grid.values) - 1 else 0.5
    return sign * step[0], sign * step[1]


def _rub_out(sheet: Sheet, shape: Shape, hand: Hand, lead: Lead, share: float, rng: np.random.Generator) -> None:
    """An eraser takes most graphite, smears the rest along its strokes and leaves the grooves' darker lines."""
    found = load_of(sheet, _fill(shape, hand, rng), lead.width_mm, rng)
    if found is None:
        return
    load, at = found
    dark = darkness_of(load, lead, rng)
    reach = 0.25 * sheet.per_mm * sheet.fine
    smeared = cv2.GaussianBlur(dark, (0, 0), sigmaX=1.6 * reach, sigmaY=0.6 * reach)
    patchy = np.clip(1.0 + 0.35 * tooth_at(dark.shape, rng), 0.0, 2.0)
    left_over = share * (0.55 * smeared + 0.45 * dark) * patchy
    lay(sheet.pen if lead.pen else sheet.graphite, left_over.astype(np.float32), at, sheet.fine)
