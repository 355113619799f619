"""What is in each bubble that is not printed there: the first reader's measures.

Every bubble is compared with the paper beside it and with the unfilled bubbles of the same letter on the same
page. Nothing is compared with the page's extremes: a black page has no paper and so no measures, not marks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.template import Line
from omr.kernels import crossing_arms, new_ink, patches, ring_contrasts, ring_offsets
from omr.streaks import streak_ink
from scanner.register import Laid

Grey = NDArray[np.uint8]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
Single = NDArray[np.float32]

INNER = 0.70  # share of the half axes within which ink counts: a printed ring, even a little displaced, lies outside
SIZE, SPAN = 20, 1.5  # a bubble's picture: cells a side, reach in half widths
_ENOUGH = 4  # pictures of one letter from which a blank one can be told
_SAME = 0.04  # mean darkness within which two bubbles of one letter hold the same ink: less than the faintest mark adds
_OPEN = 0.12  # a blank whose lightest quarter is darker than this has no paper in it
_PRINT = (0.15, 0.35)  # darkness from which a part of a blank is print: the lighter half is not, within these; a fifth never is
_LEAST_FREE = 0.08  # share of a bubble that must be free of print for anything to be said of it
_SPECK = 0.16  # new darkness from which a part of a bubble is inked
_CROSSED = 0.15  # share of a diagonal outside the bubble from which a stroke runs there
_PLAIN = 0.75  # a row whose rings are this much plainer than its neighbours' is placed as they are: fills hide its own
_MAYBE = 0.03  # new darkness below which a bubble is empty for any hand, and no streak through it matters
_LEAST_PAPER = 0.55  # a bubble's surroundings darker than this share of the page's paper hold no readable bubble

_STEPS = (np.arange(SIZE) + 0.5) * (2 * SPAN / SIZE) - SPAN
_RADIUS = np.sqrt(_STEPS[None, :] ** 2 + _STEPS[:, None] ** 2)
_INNER = _RADIUS < INNER
_OUTER = (_RADIUS > 1.18) & (_RADIUS < 1.45)


@dataclass(frozen=True, slots=True)
class Rows:
    """All bubbles of a side, row after row, and where they are on the scan."""

    lines: tuple[Line, ...]
    line_of: Ints  # (n,)
    starts: Ints  # (lines + 1,)
    centres: Floats  # (n, 2) pixels
    axes: Floats  # (n, 2, 2) pixels a unit
    halves: Floats  # (n, 2) unit


@dataclass(frozen=True, slots=True)
class Fill:
    """One number a bubble; darkness is 1 - value / local paper."""

    tone: Floats  # mean new darkness over the part of the inside that is not printed
    cover: Floats  # share of that part that is newly dark
    stroke: Floats  # the new darkness that the darkest tenth of it exceeds
    spill: Floats  # share of the surroundings that is dark
    diagonals: Floats  # how many of the four diagonal parts of the surroundings are dark, 0..4
    arms: Ints  # how many strokes leave the bubble through its corners, 0..4
    streak: Floats  # mean darkness of the inside that a line running through it explains; 0 for a bubble that is plainly empty
    ring: Floats  # contrast of the printed ring
    seen: Bools  # the bubble is on the page and has paper around it
    known: Bools  # a blank of the same letter was there to compare with


def rows_of(lines: Sequence[Line], laid: Laid) -> Rows:
    points = np.array([b for line in lines for b in line.bubbles], np.float64).reshape(-1, 2)
    counts = [len(line.bubbles) for line in lines]
    bubbles = [line.grid.bubble for line in lines for _ in line.bubbles]
    halves = np.array([(b.width / 2, b.height / 2) for b in bubbles], np.float64)
    return Rows(
        tuple(lines),
        np.repeat(np.arange(len(counts)), counts),
        np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        laid.places(points),
        laid.axes(points),
        halves.reshape(-1, 2),
    )


def refine(pixels: Grey, rows: Rows) -> tuple[Rows, Floats]:
    """Moves each row to where its rings are, by a few pixels, in agreement with the rows beside it.

    The second value is (lines, 3): the move in pixels and the ring contrast there.
    """
    size = float(np.median(np.abs(rows.axes[:, 0]).max(axis=1) * rows.halves[:, 0]))
    step = max(1.0, size / 14)
    found = ring_offsets(pixels, rows.centres, rows.axes, rows.halves, rows.line_of, len(rows.lines), 3, step)
    moves = found[:, :2].copy()
    for i, line in enumerate(rows.lines):
        near = [j for j in range(max(0, i - 3), min(len(rows.lines), i + 4)) if rows.lines[j].grid is line.grid]
        if found[i, 2] < _PLAIN * float(np.median(found[near, 2])):
            moves[i] = np.median(found[near, :2], axis=0)
    centres = rows.centres + moves[rows.line_of]
    found[:, :2] = moves
    return Rows(rows.lines, rows.line_of, rows.starts, centres, rows.axes, rows.halves), found


def measure(pixels: Grey, rows: Rows, *, page_paper: float) -> Fill:
    pictures = patches(pixels, rows.centres, rows.axes, rows.halves, SIZE, SPAN)
    on_page = pictures[:, 0, 0] >= 0
    surroundings = pictures[:, _OUTER]
    bright = int(0.8 * surroundings.shape[1])
    paper = np.partition(surroundings, bright, axis=1)[:, bright].astype(np.float64)
    seen = on_page & (paper > _LEAST_PAPER * page_paper)
    dark = np.clip(1.0 - pictures / np.maximum(paper, 1.0)[:, None, None], 0.0, 1.0).astype(np.float32)
    dark[~seen] = 0.0
    models, model_of, known = _blanks(dark, rows, seen)
    wide = _widened(models)
    half, fifth = np.percentile(wide[:, _INNER], (45, 20), axis=1)
    limits = np.maximum(np.clip(half, *_PRINT), fifth)
    found = new_ink(dark, models, wide, limits, model_of, INNER, SPAN, _SPECK)
    seen &= found[:, 8] >= _LEAST_FREE
    diagonals = (found[:, 4:8] > _CROSSED).sum(axis=1).astype(np.float64)
    rings = ring_contrasts(pixels, rows.centres, rows.axes, rows.halves)
    arms = crossing_arms(pixels, rows.centres, rows.axes, rows.halves, paper, _SPECK)
    inked = seen & (found[:, 0] > _MAYBE)
    streak = streak_ink(pixels, rows.centres, rows.axes, rows.halves, paper, inked, INNER)
    return Fill(found[:, 0], found[:, 1], found[:, 2], found[:, 3], diagonals, arms, streak, rings, seen, known)


def _widened(blank: Single) -> Single:
    """The blank allowed to lie half a cell aside, since no row is placed to a fraction of a pixel."""
    wide = blank.copy()
    for axis in (1, 2):
        fore = [slice(None)] * 3
        back = [slice(None)] * 3
        fore[axis], back[axis] = slice(1, None), slice(None, -1)
        between = (blank[tuple(fore)] + blank[tuple(back)]) / 2
        np.maximum(wide[tuple(fore)], between, out=wide[tuple(fore)])
        np.maximum(wide[tuple(back)], between, out=wide[tuple(back)])
    return wide


def _blanks(dark: Single, rows: Rows, seen: Bools) -> tuple[Single, Ints, Bools]:
    """What an unfilled bubble of each letter looks like on this page: the models, each bubble's one, and whether
    it is its own letter's.

    A letter of which every bubble is filled would give a filled "blank"; but print leaves paper between its strokes
    and a fill does not, so such a model is known by its lightest quarter, and what all sound models have in common
    stands in for it.
    """
    bubbles = [(value, line.grid.bubble) for line in rows.lines for value in line.grid.values]
    kinds: dict[tuple[str, float, float], list[int]] = {}
    for i, (value, bubble) in enumerate(bubbles):
        if seen[i]:
            kinds.setdefault((value if bubble.letter else "", bubble.width, bubble.height), []).append(i)
    model_of, known = np.full(len(bubbles), -1, np.int64), np.zeros(len(bubbles), np.bool_)
    sound: list[Single] = []
    orphans: list[int] = []
    for (value, _, _), members in kinds.items():
        model = _blank(dark[members]) if len(members) >= _ENOUGH else None
        if model is None or float(np.percentile(model[_INNER], 25)) > _OPEN:
            orphans += members
            known[members] = value == ""
            continue
        model_of[members], known[members] = len(sound), True
        sound.append(model)
    if not sound:
        return np.zeros((1, SIZE, SIZE), np.float32), model_of, known
    model_of[orphans] = len(sound)
    return np.stack([*sound, np.min(sound, axis=0)]), model_of, known


def _blank(dark: Single) -> Single:
    """One letter's blank: of the bubbles that hold hardly more ink than the emptiest one the upper quartile, cell by
    cell, so that it has all that print does under small displacements."""
    inked = dark[:, _INNER].mean(axis=1)
    empty = dark[inked <= float(inked.min()) + _SAME]
    upper = int(0.75 * len(empty))
    return np.asarray(np.partition(empty, upper, axis=0)[upper])
