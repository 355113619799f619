"""The second reader: the same question answered by another principle, so that one mistake is not made twice.

It shares no fill code with the first: its own pixels (the page's, none interpolated), its own measure (black
against white by a local threshold, counted), its own decision (rank and gap within the row).
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from core.template import Line
from omr.kernels import inked_counts

Grey = NDArray[np.uint8]
Floats = NDArray[np.float64]

_INNER = 0.70  # share of the half axes that is counted: the ring lies outside
_LEAST = 0.085  # share newly inked below which a bubble is empty, whatever the page is like
_EQUAL = 0.40  # a mark counts beside the row's strongest from this share of it on


def second_reading(
    pixels: Grey, lines: tuple[Line, ...], starts: NDArray[np.int64], centres: Floats, axes: Floats, halves: Floats
) -> list[tuple[int, ...] | None]:
    """For each row the indices of its marked bubbles; None where a bubble of it could not be seen."""
    counted = inked_counts(pixels, centres, axes, halves, _INNER)
    share = counted[:, 0]
    excess = _excess(share, lines)
    quiet = _quiet(excess, starts)
    answers: list[tuple[int, ...] | None] = []
    for i in range(len(lines)):
        row = slice(int(starts[i]), int(starts[i + 1]))
        answers.append(None if (share[row] < 0).any() else _ranked(excess[row], quiet))
    return answers


def _excess(share: Floats, lines: tuple[Line, ...]) -> Floats:
    """Ink beyond what is printed: against the median of the emptier half of the bubbles with the same letter."""
    letters = np.array([v for line in lines for v in line.grid.values])
    sizes = np.array([line.grid.bubble.width for line in lines for _ in line.grid.values])
    usual = float(np.median(np.sort(share[share >= 0])[: max(1, int((share >= 0).sum() * 0.7))])) if (share >= 0).any() else 0.0
    base = np.full(share.shape, usual)
    for letter in np.unique(letters):
        for size in np.unique(sizes[letters == letter]):
            same = (letters == letter) & (sizes == size) & (share >= 0)
            if same.sum() >= 6:
                lower = np.sort(share[same])[: max(3, int(same.sum() * 0.6))]
                mid = float(np.median(lower))
                base[same] = mid if mid < usual + 0.15 else usual
    return np.asarray((share - base) / np.maximum(1.0 - base, 0.2))


def _quiet(excess: Floats, starts: NDArray[np.int64]) -> float:
    """How much ink an empty bubble of this page may show: from all bubbles that are not the first of their row."""
    others = np.concatenate([np.sort(excess[a:b])[: max(0, b - a - 1)] for a, b in pairwise(starts)])
    noise = float(np.percentile(others, 97)) if others.size >= 20 else 0.05
    return max(_LEAST, min(2.2 * noise, 0.25))


def _ranked(excess: Floats, quiet: float) -> tuple[int, ...]:
    top = float(excess.max())
    if top <= quiet:
        return ()
    return tuple(int(i) for i in np.flatnonzero((excess > quiet) & (excess >= _EQUAL * top)))
