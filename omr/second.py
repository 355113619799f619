"""The second reader: the same question answered by another principle, so that one mistake is not made twice.

It shares no fill code with the first: its own pixels (the page's, none interpolated), its own measure (black
against white by a local threshold, counted), its own decision (rank and gap within the row).
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from core.template import Line
from omr.second_kernels import inked_counts

Grey = NDArray[np.uint8]
Floats = NDArray[np.float64]

_INNER = 0.70  # share of the half axes that is counted: the ring lies outside
_LEAST = 0.085  # share newly inked below which a bubble is empty, whatever the page is like
_EQUAL = 0.25  # where one answer is asked for, a mark counts beside the row's strongest from this share of it on


def second_reading(
    pixels: Grey, lines: tuple[Line, ...], starts: NDArray[np.int64], centres: Floats, axes: Floats, halves: Floats
) -> list[tuple[int, ...] | None]:
    """For each row the indices of its marked bubbles; None where a bubble of it could not be seen."""
    counted = inked_counts(pixels, centres, axes, halves, _INNER)
    share = counted[:, 0]
    excess = _excess(share, lines)
    quiet = _quiet(excess, lines, starts)
    answers: list[tuple[int, ...] | None] = []
    for i in range(len(lines)):
        row = slice(int(starts[i]), int(starts[i + 1]))
        answers.append(None if (share[row] < 0).any() else _ranked(excess[row], quiet, multiple=lines[i].grid.multiple))
    return answers


def _excess(share: Floats, lines: tuple[Line, ...]) -> Floats:
    """Ink beyond what is printed: against the emptier fifth of the bubbles with the same letter, unless that is itself
    far from what the emptier fifth of all bubbles holds: then every bubble of the letter is filled."""
    seen = share >= 0
    letters = np.array([(v if line.grid.bubble.letter else "") for line in lines for v in line.grid.values])
    sizes = np.array([line.grid.bubble.width for line in lines for _ in line.grid.values])
    usual = float(np.percentile(share[seen], 30)) if seen.any() else 0.0
    base = np.full(share.shape, usual)
    base[letters == ""] = 0.0
    for letter in np.unique(letters[letters != ""]):
        for size in np.unique(sizes[letters == letter]):
            same = (letters == letter) & (sizes == size) & seen
            if same.sum() >= 4:
                low = float(np.percentile(share[same], 20))
                base[same] = low if low < usual + 0.2 else usual
    return np.asarray((share - base) / np.maximum(1.0 - base, 0.2))


def _quiet(excess: Floats, lines: tuple[Line, ...], starts: NDArray[np.int64]) -> float:
    """How much ink an empty bubble of this page may show: from those of single answers that are not first of their row."""
    single = [(a, b) for line, (a, b) in zip(lines, pairwise(starts), strict=True) if not line.grid.multiple]
    others = np.concatenate([np.sort(excess[a:b])[: b - a - 1] for a, b in single]) if single else np.zeros(0)
    noise = float(np.percentile(others, 97)) if others.size >= 20 else 0.05
    return max(_LEAST, min(2.2 * noise, 0.25))


def _ranked(excess: Floats, quiet: float, *, multiple: bool) -> tuple[int, ...]:
    top = float(excess.max())
    if top <= quiet:
        return ()
    least = quiet if multiple else max(quiet, _EQUAL * top)
    return tuple(int(i) for i in np.flatnonzero(excess >= least))
