"""What registration needs of a side of a template, worked out once: marks, timing marks and codes as arrays.

Owns no pixels and finds nothing. A `Furnishing` is made when a template is loaded and serves every page.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from core.template import Mark, Side, Template, Timing
from scanner.marks import centre_of, solidity

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Furnishing:
    """A side's printed furniture. Lengths are in the template's unit."""

    template: Template
    side: Side
    corners: Floats  # (4, 2) centres of gravity of the corner marks, clockwise from the top left
    sizes: Floats  # (4, 2) their widths and heights
    solid: Floats  # (4,) the share of its box that each covers; 0 where a corner has no mark
    turns: Floats  # (4,) 1 where a mark's upright box grows when it is turned by a little, 0 for discs
    subsets: Ints  # (s, 4) corners that make a fit, all of them first, then all but one; -1 fills up
    inverses: Floats  # (s, 3, 4) each subset's pseudo-inverse: times the pixels of its marks it is the affine
    middles: Floats  # (b, 2) places well inside solid corner marks, where the print's black is measured
    black_reach: float  # half width of what is looked at there
    oriented: Floats  # (o, 4) orientation marks: centre, half width, half height
    timing: Floats  # (n, 6) timing marks: centre, half width, half height, half of the gaps to the neighbours
    track: Ints  # (n,) which row of timing marks each belongs to
    across: bool  # the tracks run across the form
    beyond: Floats  # (e, 6) one step beyond either end of each track, where no timing mark is


def furnish(template: Template, side: Side) -> Furnishing:
    """All that registration and the furniture check need of a side."""
    marks = side.registration.marks
    by_corner = _by_corner(template, [m for m in marks if m.role == "corner"])
    middle = (template.width / 2, template.height / 2)
    corners, sizes, solid, turns = np.zeros((4, 2)), np.ones((4, 2)), np.zeros(4), np.zeros(4)
    for corner, mark in by_corner.items():
        corners[corner] = centre_of(mark, middle)
        sizes[corner] = mark.width, mark.height
        solid[corner] = solidity(mark)
        turns[corner] = mark.shape != "disc"
    subsets, inverses = _subsets(corners, sorted(by_corner))
    timing, track, across = _timing(side.timing)
    beyond = [_mark(row, i) for row in side.timing for i in (-1, row.count)]
    oriented = [(*centre_of(m, middle), m.width / 2, m.height / 2) for m in marks if m.role == "orientation"]
    full = [c for c, m in by_corner.items() if m.shape in ("square", "disc")]
    reach = 0.2 * float(sizes[full].min()) if full else 0.0
    return Furnishing(
        template, side, corners, sizes, solid, turns, subsets, inverses, corners[full], reach,
        np.array(oriented, np.float64).reshape(-1, 4), timing, track, across,
        np.array(beyond, np.float64).reshape(-1, 6),
    )  # fmt: skip


def _by_corner(template: Template, marks: Sequence[Mark]) -> dict[int, Mark]:
    """Corner (0 top left, then clockwise) -> the mark that lies there: the outermost of a quarter."""
    middle = (template.width / 2, template.height / 2)
    found: dict[int, tuple[float, Mark]] = {}
    for mark in marks:
        x, y = centre_of(mark, middle)
        corner = (0 if x < middle[0] else 1) if y < middle[1] else (3 if x < middle[0] else 2)
        distance = math.hypot(x - middle[0], y - middle[1])
        if corner not in found or distance > found[corner][0]:
            found[corner] = (distance, mark)
    return {corner: mark for corner, (_, mark) in found.items()}


def _subsets(corners: Floats, present: Sequence[int]) -> tuple[Ints, Floats]:
    """The choices of three or four marks from which an affine can be had, and the matrix that gives it."""
    chosen = [c for size in range(len(present), 2, -1) for c in combinations(present, size)]
    subsets, inverses = np.full((len(chosen), 4), -1, np.int64), np.zeros((len(chosen), 3, 4))
    for i, subset in enumerate(chosen):
        subsets[i, : len(subset)] = subset
        design = np.column_stack([corners[list(subset)], np.ones(len(subset))])
        inverses[i, :, : len(subset)] = np.linalg.pinv(design)
    return subsets, inverses


def _timing(rows: Sequence[Timing]) -> tuple[Floats, Ints, bool]:
    """All timing marks, track by track in the order of their places; tracks that run the other way come last."""
    across = sum(t.count for t in rows if _runs_across(t)) > sum(t.count for t in rows if not _runs_across(t))
    beside, along = (1, 0) if across else (0, 1)
    ordered = sorted(rows, key=lambda t: (_runs_across(t) != across, t.origin[beside], t.origin[along]))
    marks = [mark for row in ordered for mark in sorted((_mark(row, i) for i in range(row.count)), key=lambda m: m[along])]
    track = [i if _runs_across(row) == across else -1 for i, row in enumerate(ordered) for _ in range(row.count)]
    return np.array(marks, np.float64).reshape(-1, 6), np.array(track, np.int64), across


def _runs_across(row: Timing) -> bool:
    return abs(row.step[0]) > abs(row.step[1])


def _mark(row: Timing, i: int) -> tuple[float, ...]:
    """The centre, half sizes and half gaps of the mark `i` steps from a row's first."""
    gap_x = max(abs(row.step[0]) - row.width, 0.0) or row.width * 1.5
    gap_y = max(abs(row.step[1]) - row.height, 0.0) or row.height * 1.5
    x, y = row.origin[0] + i * row.step[0], row.origin[1] + i * row.step[1]
    return x, y, row.width / 2, row.height / 2, 0.45 * gap_x, 0.45 * gap_y
