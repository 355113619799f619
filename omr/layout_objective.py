"""Objective items: blocks of five rows of bubbles, gathered by kind into framed sections, sections into bands."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from core.exam import ObjectiveItem, Paper, from_hundredths
from core.geometry import Box
from core.template import Grid
from omr.layout_bubbles import BUBBLE, OPTION_PITCH, WIDTH, draw_grid
from omr.layout_flow import Block, Part
from omr.layout_ink import Panel, Words
from omr.layout_page import SideDraft, rounded, say

IN_A_BLOCK = 5
ITEM_PITCH = 5.2
LABEL = 8.0
BLOCK_GAP = 3.0
PAD = 1.8
KINDS = {
    "single": ("单项选择题", "Single choice"),
    "multiple": ("多项选择题", "Multiple: one or more"),
    "true_false": ("判断题", "True or false"),
}


@dataclass(frozen=True, slots=True)
class _Run:
    """Blocks of one kind that stand side by side in one frame."""

    kind: str
    marks: str | None
    blocks: tuple[tuple[ObjectiveItem, ...], ...]

    @property
    def block_width(self) -> float:
        return LABEL + OPTION_PITCH * len(self.blocks[0][0].options)

    def width_of(self, blocks: int) -> float:
        return blocks * self.block_width + (blocks - 1) * BLOCK_GAP + 2 * PAD

    @property
    def width(self) -> float:
        return self.width_of(len(self.blocks))

    def most_in(self, width: float) -> int:
        """How many blocks stand side by side in `width`."""
        return max(1, int((width - 2 * PAD + BLOCK_GAP) / (self.block_width + BLOCK_GAP)))


def objective_blocks(paper: Paper, width: float) -> list[Block]:
    """The bands of objective items, ready to flow into columns of `width`."""
    labels = _labels(paper.objective)
    bands: list[list[_Run]] = []
    for run in _runs(paper.objective):
        for piece in _pieces(run, width, bands[-1] if bands else []):
            if bands and _room(bands[-1], width) >= piece.width:
                bands[-1].append(piece)
            else:
                bands.append([piece])
    return [_band(band, width, paper, labels) for band in bands]


def _runs(items: Sequence[ObjectiveItem]) -> list[_Run]:
    found = []
    for (kind, _), group in groupby(items, key=lambda i: (i.type, i.options)):
        members = list(group)
        marks = {i.marks for i in members}
        blocks = tuple(tuple(members[i : i + IN_A_BLOCK]) for i in range(0, len(members), IN_A_BLOCK))
        found.append(_Run(kind, from_hundredths(marks.pop()) if len(marks) == 1 else None, blocks))
    return found


def _heading(paper: Paper) -> float:
    return 5.2 + 3.0 * (len(paper.sheet.languages) - 1)


def _room(band: Sequence[_Run], width: float) -> float:
    return width - sum(r.width + BLOCK_GAP for r in band)


def _pieces(run: _Run, width: float, band: Sequence[_Run]) -> list[_Run]:
    """The run as it is when it fits beside `band` or into a band of its own, else cut into full bands."""
    if run.width <= max(width, _room(band, width)):
        return [run]
    each = run.most_in(width)
    return [_Run(run.kind, run.marks, run.blocks[i : i + each]) for i in range(0, len(run.blocks), each)]


def _band(band: Sequence[_Run], width: float, paper: Paper, labels: dict[str, str]) -> Block:
    rows = max(len(block) for run in band for block in run.blocks)
    height = rounded(_heading(paper) + rows * ITEM_PITCH + 1.4)
    # One run alone keeps the places of a full band, so that blocks of several bands stand below each other.
    places = [run.most_in(width) if len(band) == 1 else len(run.blocks) for run in band]
    least = [run.width_of(n) for run, n in zip(band, places, strict=True)]
    spread = max(0.0, (width - sum(least) - BLOCK_GAP * (len(band) - 1)) / sum(places))

    def draw(draft: SideDraft, box: Box, part: Part) -> None:
        x = box.x
        for run, count, narrow in zip(band, places, least, strict=True):
            wide = rounded(narrow + spread * count)
            _draw_run(draft, run, Box(rounded(x), box.y, wide - 0.01, box.height), spread, paper, labels)
            x += wide + BLOCK_GAP

    return Block(height, draw)


def _draw_run(draft: SideDraft, run: _Run, box: Box, spare: float, paper: Paper, labels: dict[str, str]) -> None:
    draft.drawing.add(Panel(box.x, box.y, box.width, box.height, radius=1.2))
    _draw_heading(draft, run, box, paper)
    x = box.x + PAD + spare / 2
    for block in run.blocks:
        grid = Grid(
            name=block[0].id if len(block) == 1 else f"{block[0].id}-{block[-1].id}",
            fields=tuple(i.id for i in block),
            values=block[0].options,
            origin=(rounded(x + LABEL + WIDTH / 2), rounded(box.y + _heading(paper) + ITEM_PITCH / 2)),
            value_step=(OPTION_PITCH, 0.0),
            field_step=(0.0, ITEM_PITCH),
            multiple=run.kind == "multiple",
            bubble=BUBBLE,
        )
        draft.grids.append(grid)
        draw_grid(draft.drawing, grid)
        for i, item in enumerate(block):
            cx, cy = grid.bubble_at(i, 0)
            draft.drawing.add(Words(cx - WIDTH / 2 - 1.6, cy + 1.0, labels[item.id], 2.8, "right", LABEL - 1.6))
        x += run.block_width + BLOCK_GAP + spare


def _draw_heading(draft: SideDraft, run: _Run, box: Box, paper: Paper) -> None:
    zh, en = KINDS[run.kind]
    if run.marks:
        zh, en = f"{zh} 每题{run.marks}分", f"{en}, {run.marks} each"
    languages = paper.sheet.languages
    for i, language in enumerate(languages):
        text = say((language,), zh, en)
        draft.drawing.add(
            Words(box.x + PAD + 0.6, box.y + 3.6 + 3.2 * i, text, 2.9 if i == 0 else 2.2, "left", box.width - 2 * PAD - 1, bold=i == 0)
        )


def _labels(items: Sequence[ObjectiveItem]) -> dict[str, str]:
    """What is printed before an item: its number alone, as long as that is unmistakable."""
    short = {i.id: re.sub(r"^[A-Za-z]+(?=\d+$)", "", i.id) for i in items}
    return short if len(set(short.values())) == len(short) else {i: i for i in short}
