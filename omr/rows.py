"""All bubbles of a side as arrays, compiled from the template once: what both readers and the search for rings need.

Owns the plan and the frames of bubbles on a scan. Reads no pixels and decides nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from core.template import Line, Side, Template, learnt_lines_of
from scanner.kernels import njit
from scanner.laid import Laid

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Spell = Callable[[list[int]], str]

MOST_VALUES = 62  # the marked values of a row are the bits of a 64-bit number


@dataclass(frozen=True, slots=True)
class BubblePlan:
    """The rows of a side and their n bubbles, row after row."""

    lines: tuple[Line, ...]
    points: Floats  # (n, 2) template unit
    halves: Floats  # (n, 2) half width and height, template unit
    starts: Ints  # (lines + 1,) the first bubble of each row
    line_of: Ints  # (n,)
    grid_of: Ints  # (lines,) which grid a row belongs to
    kind_of: Ints  # (n,) bubbles of one size with one letter, or with none
    by_kind: Ints  # (n,) bubble numbers, kind after kind
    kind_starts: Ints  # (kinds + 1,)
    lettered: Bools  # (kinds,) a letter is printed inside
    multiple: Bools  # (lines,) several marks are allowed
    counted: Bools  # (lines,) a blank row means something (an absent box is nearly always blank)
    printed: bool  # every bubble's ring is printed in an ink that the scan shows
    fields: tuple[tuple[str, int, int, Spell, bool], ...]  # name, first row, row after the last, its text, joined

    @property
    def size(self) -> int:
        return len(self.points)


def plan_bubbles(template: Template, side: Side) -> BubblePlan:
    lines = tuple(learnt_lines_of(side))
    if any(len(line.bubbles) > MOST_VALUES for line in lines):
        raise ValueError(f"a row of bubbles has more than {MOST_VALUES} values")
    counts = [len(line.bubbles) for line in lines]
    bubbles = [line.grid.bubble for line in lines for _ in line.bubbles]
    names = [(value if line.grid.bubble.letter else "", line.grid.bubble) for line in lines for value in line.grid.values]
    kinds: dict[tuple[str, float, float], int] = {}
    kind_of = np.array([kinds.setdefault((letter, b.width, b.height), len(kinds)) for letter, b in names], np.int64)
    grids = {id(grid): i for i, grid in enumerate(side.grids)}
    return BubblePlan(
        lines=lines,
        points=np.array([b for line in lines for b in line.bubbles], np.float64).reshape(-1, 2),
        halves=np.array([(b.width / 2, b.height / 2) for b in bubbles], np.float64).reshape(-1, 2),
        starts=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        line_of=np.repeat(np.arange(len(counts), dtype=np.int64), counts),
        grid_of=np.array([grids[id(line.grid)] for line in lines], np.int64),
        kind_of=kind_of,
        by_kind=np.argsort(kind_of, kind="stable").astype(np.int64),
        kind_starts=np.concatenate([[0], np.cumsum(np.bincount(kind_of, minlength=len(kinds)))]).astype(np.int64),
        lettered=np.array([key[0] != "" for key in kinds], np.bool_),
        multiple=np.array([line.grid.multiple for line in lines], np.bool_),
        counted=np.array([line.grid.role not in ("absent", "text") for line in lines], np.bool_),
        printed=template.drop_out == "none" and all(line.grid.bubble.ring for line in lines),
        fields=tuple(_fields(lines)),
    )


def frames_of(plan: BubblePlan, laid: Laid) -> Floats:
    """(n, 6) pixels: each bubble's centre x, y, then the vector of its half axis across, then of that down."""
    out = np.empty((plan.size, 6))
    out[:, 0:2] = laid.places(plan.points)
    _scaled(laid.axes(plan.points), plan.halves, out)
    return out


@njit(cache=True, nogil=True)
def _scaled(axes: Floats, halves: Floats, out: Floats) -> None:
    """Writes (n, 2, 2) pixels a unit times (n, 2) half sizes into the last four columns of `out`, (n, 6)."""
    for i in range(out.shape[0]):
        for k in range(2):
            out[i, 2 + 2 * k] = axes[i, k, 0] * halves[i, k]
            out[i, 3 + 2 * k] = axes[i, k, 1] * halves[i, k]


def _fields(lines: tuple[Line, ...]) -> Iterable[tuple[str, int, int, Spell, bool]]:
    spells: dict[object, Spell] = {}
    for name, rows in groupby(enumerate(lines), key=lambda pair: pair[1].field):
        at = [i for i, _ in rows]
        grid = lines[at[0]].grid
        key = (grid.values, grid.joined)
        if key not in spells:
            spells[key] = _Digits(grid.values) if grid.joined else _Marked(grid.values)
        yield name, at[0], at[-1] + 1, spells[key], grid.joined


@dataclass(frozen=True, slots=True)
class _Marked:
    """The text of a plain field: its marked values joined with "|"; remembered, since most fields say the same few."""

    values: tuple[str, ...]
    said: dict[int, str] = field(default_factory=dict)

    def __call__(self, masks: list[int]) -> str:
        mask = masks[0]
        text = self.said.get(mask)
        return self.spelt(mask) if text is None else text

    def spelt(self, mask: int) -> str:
        return self.said.setdefault(mask, "|".join(v for i, v in enumerate(self.values) if mask >> i & 1))


@dataclass(frozen=True, slots=True)
class _Digits:
    """The text of a joined field: a blank digit is a space, one with two marks a question mark."""

    values: tuple[str, ...]

    def __call__(self, masks: list[int]) -> str:
        return "".join(" " if not m else self.values[m.bit_length() - 1] if not m & (m - 1) else "?" for m in masks).strip()
