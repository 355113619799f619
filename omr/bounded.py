"""Boxes of forms that state their own bounds: the share of a box that is dark from which it is ticked, and the share
above which it was blackened to cancel it.

Such bounds are a promise of the form's author (Auto Multiple Choice prints and stores them), made for boxes of which
each may hold another letter, where no blank of the same letter can be learnt from the page. Two readings that share
nothing: pixels counted against a threshold, and the mean of samples. Near a bound, or where they differ, a doubt.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.template import Bubble, Line, Side, lines_of
from omr.answers import FieldReading
from omr.bounded_kernels import dark_shares, mean_darkness
from omr.outlined import SEEN, Rows, at_outlines
from scanner.register import Laid

Grey = NDArray[np.uint8]
Floats = NDArray[np.float64]

INSIDE = 0.8  # of the box's sides: what is looked at; the printed outline lies outside
NEAR = 0.08  # of a bound: a share that is nearer to it than this is not sure
WIDE = 0.3  # of the lower bound: how far the second reading, which knows greys, may be on the other side of a bound
LEAST_HELD = 0.6  # share of the outlines: hairlines at 50 dots an inch show three quarters, an upside-down page at most a half
_FULL = 0.995  # an upper bound from here on is none


@dataclass(frozen=True, slots=True)
class _Box:
    share: float  # of its pixels that are dark; below nought where it is off the page
    mean: float  # darkness
    elsewhere: float  # the share at the place where the form says it is, when its outline was found at another
    there: bool  # the outlines of its row are where the form says, or the row was moved to them


@dataclass(frozen=True, slots=True)
class Bounded:
    fields: dict[str, FieldReading]
    held: float | None  # share of the boxes whose printed outline is where it was looked for; None: the side has none


def read_bounded(pixels: Grey, laid: Laid, side: Side, *, paper: float) -> Bounded:
    """The fields whose boxes state bounds; `paper` is the lightness of the page's paper.

    Nothing is read where the outlines say that the page is misplaced or upside down: `held` is then below `LEAST_HELD`.
    """
    lines = [line for line in lines_of(side) if line.grid.bubble.bounds is not None]
    if not lines:
        return Bounded({}, None)
    points = np.array([b for line in lines for b in line.bubbles], np.float64)
    halves = np.array([(ln.grid.bubble.width / 2, ln.grid.bubble.height / 2) for ln in lines for _ in ln.bubbles], np.float64)
    quarters = np.ascontiguousarray(laid.axes(points) * halves[:, :, None])
    said = Rows(laid.places(points), quarters, tuple(len(line.bubbles) for line in lines))
    found = at_outlines(pixels, said, paper)
    held = float((found.fit > SEEN).mean())
    if held < LEAST_HELD:
        return Bounded({}, held)
    inside = quarters * INSIDE
    shares = dark_shares(pixels, found.centres, inside, paper)
    elsewhere = dark_shares(pixels, said.centres, inside, paper) if found.stretched.any() else shares
    means = mean_darkness(pixels, found.centres, inside, paper)
    numbers = zip(shares.tolist(), means.tolist(), np.where(found.stretched, elsewhere, shares).tolist(), found.there.tolist(), strict=True)
    boxes = iter([_Box(*n) for n in numbers])
    rows: dict[str, list[tuple[Line, list[_Box]]]] = {}
    for line in lines:
        rows.setdefault(line.field, []).append((line, [next(boxes) for _ in line.bubbles]))
    return Bounded({name: _field(own) for name, own in rows.items()}, held)


def ticked(share: float, bubble: Bubble) -> bool:
    low, high = bubble.bounds or (0.0, 1.0)
    return low <= share <= (high if high < _FULL else 2.0)


def _field(rows: Sequence[tuple[Line, list[_Box]]]) -> FieldReading:
    lines = [line for line, _ in rows]
    first = [[ticked(b.elsewhere, line.grid.bubble) for b in boxes] for line, boxes in rows]
    second = [[ticked(b.mean, line.grid.bubble) for b in boxes] for line, boxes in rows]
    whys = [why for line, boxes in rows for b in boxes if (why := _unsure(b, line.grid.bubble))]
    if any(line.grid.joined and sum(marks) > 1 for line, marks in zip(lines, first, strict=True)):
        whys.append("a column has two marks")
    value = _text(lines, first)
    return FieldReading(value, value, _text(lines, second) if whys else value, bool(whys), 0.2 if whys else 1e-6, whys[0] if whys else "")


def _unsure(box: _Box, bubble: Bubble) -> str:
    """Why a person must look at a box, or ''."""
    low, high = bubble.bounds or (0.0, 1.0)
    if box.share < 0:
        return "a box is off the page"
    if not box.there or ticked(box.share, bubble) != ticked(box.elsewhere, bubble):
        return "the printed boxes are not where the form says"
    for bound in (low, high) if high < _FULL else (low,):
        if abs(box.share - bound) < min(NEAR * bound, (1 - bound) / 2):
            return f"{box.share:.0%} of a box is dark, near the form's bound of {bound:.0%}"
    if ticked(box.share, bubble) != ticked(box.mean, bubble) and min(abs(box.mean - low), abs(box.mean - high)) > WIDE * low:
        return "the two readers do not agree"
    return ""


def _text(lines: Sequence[Line], marks: Sequence[Sequence[bool]]) -> str:
    chosen = [[v for v, m in zip(line.grid.values, own, strict=True) if m] for line, own in zip(lines, marks, strict=True)]
    if not lines[0].grid.joined:
        return "|".join(chosen[0])
    return "".join(" " if not c else c[0] if len(c) == 1 else "?" for c in chosen).strip()
