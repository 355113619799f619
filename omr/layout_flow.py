"""Blocks into columns: in order, over columns and sides, taller ones split, and what is left over shared out.

A block knows its height and draws itself once its place is final. Nothing here knows what is in a block.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from core.geometry import Box
from omr.layout_page import SideDraft, rounded

GAP = 2.5
SMALLEST_PART = 36.0
MOST_GROWTH = 2.5


@dataclass(frozen=True, slots=True)
class Part:
    """Which piece of a split block is drawn: pieces count from 1."""

    number: int
    last: bool


Draw = Callable[[SideDraft, Box, Part], None]


@dataclass(frozen=True, slots=True)
class Block:
    height: float
    draw: Draw
    grows: bool = False
    splits: bool = False
    overhead: float = 0.0  # what every further part needs again (its title)
    keeps: bool = False  # stands in one column with the block after it


@dataclass(slots=True)
class _Placed:
    block: Block
    part: int
    height: float
    last: bool


@dataclass(slots=True)
class _Column:
    draft: SideDraft
    box: Box
    content: list[_Placed]

    @property
    def rest(self) -> float:
        return self.box.height - sum(p.height + GAP for p in self.content)


class _Columns:
    """The columns in reading order, opened one after another; two sides are looked ahead for the tallest to come."""

    def __init__(self, sides: Iterator[SideDraft]) -> None:
        self._sides = sides
        self._drafts = [next(sides)]
        self._ahead = [(self._drafts[0], box) for box in self._drafts[0].columns]
        self.opened: list[_Column] = []
        self.fresh()

    @property
    def now(self) -> _Column:
        return self.opened[-1]

    @property
    def tallest(self) -> float:
        return max(box.height for _, box in self._ahead[len(self.opened) - 1 :])

    def fresh(self) -> None:
        draft, box = self._ahead[len(self.opened)]
        self.opened.append(_Column(draft, box, []))
        while len(self._drafts) < self._drafts.index(draft) + 3:
            self._drafts.append(next(self._sides))
            self._ahead += [(self._drafts[-1], box) for box in self._drafts[-1].columns]

    def fresh_with(self, height: float) -> None:
        while self.now.rest < height:
            self.fresh()

    def used(self) -> list[SideDraft]:
        return self._drafts[: self._drafts.index(self.now.draft) + 1]


def flow(blocks: Sequence[Block], sides: Iterator[SideDraft]) -> list[SideDraft]:
    """Draw every block; the sides that were opened. `sides` gives fresh sides as long as they are asked for."""
    columns = _Columns(sides)
    held = False
    for block, after in zip(blocks, [*blocks[1:], None], strict=True):
        if not held:
            columns.fresh_with(_room_for(block, after if block.keeps else None, columns.tallest))
        _place(block, columns)
        held = block.keeps
    for column in columns.opened:
        _draw(column)
    return columns.used()


def _room_for(block: Block, kept: Block | None, tallest: float) -> float:
    """How much must be left of a column for `block` to start there: all of it and what it keeps, if that can be."""
    needs = [block.height + GAP + kept.height, block.height + GAP + SMALLEST_PART] if kept else [block.height]
    if block.splits:
        needs.append(SMALLEST_PART)
    for need in needs:
        if need <= tallest:
            return need
    raise LayoutImpossible(block.height)


def _place(block: Block, columns: _Columns) -> None:
    left, number = block.height, 1
    while left > columns.now.rest:
        height = columns.now.rest
        columns.now.content.append(_Placed(block, number, height, False))
        left, number = max(left - height + block.overhead, SMALLEST_PART), number + 1
        columns.fresh()
        columns.fresh_with(SMALLEST_PART)
    columns.now.content.append(_Placed(block, number, left, True))


class LayoutImpossible(Exception):
    """A block is taller than any column and cannot be split."""

    def __init__(self, height: float) -> None:
        super().__init__(f"{height:.0f} mm")
        self.height = height


def _draw(column: _Column) -> None:
    """Share what is left of the column among the blocks that may grow, then draw all of it."""
    growing = sum(p.height for p in column.content if p.block.grows)
    spare = column.rest + GAP if column.content else 0.0
    factor = min(1 + max(spare, 0.0) / growing, MOST_GROWTH) if growing else 1.0
    y = column.box.y
    for placed in column.content:
        height = placed.height * (factor if placed.block.grows else 1.0)
        bottom = min(y + height, column.box.y + column.box.height)
        box = Box(column.box.x, rounded(y), column.box.width, rounded(bottom - rounded(y) - 0.005))
        placed.block.draw(column.draft, box, Part(placed.part, placed.last))
        y = bottom + GAP
