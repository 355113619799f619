"""Rows of boxes found by their printed outlines, where they are not quite where the form says.

A form is now and then printed from another version than its layout: a row lies half a box aside, or its step is
another. Rows whose outlines are where they should be are left alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from omr.bounded_kernels import outline_lattice, outlines_at, row_fit

Grey = NDArray[np.uint8]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

PLAIN = 0.5  # mean fit, as a share of black, from which a row's outlines are plainly where they should be
SEEN = 0.12  # ... from which they are seen at all: hairlines at 50 dots an inch have 0.2
BETTER = 0.1  # by how much they must fit better elsewhere for the row to be moved
STEPS = 7  # tried each way
REACH = 0.6  # of a box: how far it may be from where the form says
RIGID = 0.15  # of a box: how much more its last box may be moved than its first for a row to be moved as it is
FEW = 4  # boxes below which a row is too short to know better than the rows beside it
NEAR = 3.0  # boxes: how far a row may be to be beside another


@dataclass(frozen=True, slots=True)
class Rows:
    """The boxes of a page, row after row."""

    centres: Floats  # (n, 2) pixels
    quarters: Floats  # (n, 2, 2) from a centre to the middle of the right and of the lower side, pixels
    counts: tuple[int, ...]  # boxes of each row

    def spans(self) -> list[slice]:
        ends = np.cumsum(self.counts).tolist()
        return [slice(end - count, end) for end, count in zip(ends, self.counts, strict=True)]


@dataclass(frozen=True, slots=True)
class Found:
    centres: Floats  # of the boxes, at their outlines
    there: Bools  # the outlines of the box's row were found
    stretched: Bools  # its row has another step than the form says
    fit: Floats  # how well each outline fits there, about 0 to 1


@dataclass(frozen=True, slots=True)
class _Move:
    shifts: Floats  # (boxes, 2) pixels
    there: bool
    stretched: bool


def at_outlines(pixels: Grey, rows: Rows, paper: float) -> Found:
    """The boxes at their outlines."""
    fit = outlines_at(pixels, rows.centres, rows.quarters, paper)
    spans = rows.spans()
    moves = [_move(pixels, rows, at, paper, float(fit[at].mean())) for at in spans]
    moves = [_beside(i, rows, spans, moves) if rows.counts[i] < FEW else move for i, move in enumerate(moves)]
    centres = rows.centres + np.concatenate([move.shifts for move in moves])
    return Found(
        centres,
        np.repeat([move.there for move in moves], rows.counts),
        np.repeat([move.stretched for move in moves], rows.counts),
        outlines_at(pixels, centres, rows.quarters, paper),
    )


def _move(pixels: Grey, rows: Rows, at: slice, paper: float, fit: float) -> _Move:
    """How one row must be moved to lie on its outlines."""
    count = at.stop - at.start
    stay = _Move(np.zeros((count, 2)), fit > SEEN, False)
    if fit > PLAIN:
        return stay
    size = 2 * float(np.abs(rows.quarters[at]).max())
    step = max(1, round(size * REACH / STEPS))
    lattice = outline_lattice(pixels, rows.centres[at], rows.quarters[at], paper, STEPS, step)
    along = np.abs(rows.centres[at.stop - 1] - rows.centres[at.start])
    axis = 0 if along[0] >= along[1] else 1
    cross, first, last, best = row_fit(lattice if axis == 0 else np.ascontiguousarray(lattice.transpose(0, 2, 1)))
    if best < SEEN or best < fit + BETTER:
        return stay
    shifts = np.empty((count, 2))
    shifts[:, axis] = np.linspace(first, last, count) * step
    shifts[:, 1 - axis] = cross * step
    return _Move(shifts, True, abs(last - first) * step > max(RIGID * size, 1.0))


def _beside(i: int, rows: Rows, spans: list[slice], moves: list[_Move]) -> _Move:
    """A short row's move is that of the nearest long row, when that one is near and moved as a whole."""
    middle = rows.centres[spans[i]].mean(axis=0)
    size = 2 * float(np.abs(rows.quarters[spans[i]]).max())
    gaps = [np.abs(rows.centres[at] - middle).max(axis=1).min() if rows.counts[j] >= FEW else np.inf for j, at in enumerate(spans)]
    nearest = int(np.argmin(gaps))
    if gaps[nearest] > NEAR * size or moves[nearest].stretched or not moves[nearest].there:
        return moves[i]
    return _Move(np.tile(moves[nearest].shifts[:1], (rows.counts[i], 1)), True, False)
