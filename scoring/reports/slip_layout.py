"""Where things stand on a slip: papers one below the other, items down the columns, rows as high as the page allows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from reportlab.lib.pagesizes import A5
from reportlab.lib.units import mm

from core.exam import Paper
from scoring.statistics import PaperStatistics

PAGE_WIDTH, PAGE_HEIGHT = A5
MARGIN, COLUMNS, GAP, BAR = 12 * mm, 3, 5 * mm, 9 * mm
WIDTH = PAGE_WIDTH - 2 * MARGIN
ROWS = (6.4 * mm, 5.6 * mm, 4.8 * mm)  # row heights, the highest that keeps a slip on one page is taken
TOP = PAGE_HEIGHT - 62 * mm  # where the first paper begins
FLOOR = 20 * mm
HEADING, BELOW = BAR + 9.5 * mm, 4 * mm  # from a paper's top to its first row; from its last row to the next paper


@dataclass(frozen=True, slots=True)
class Cell:
    """Where an item's answer and marks are written."""

    item: str
    x: float
    y: float
    width: float


@dataclass(frozen=True, slots=True)
class Block:
    """A paper's part of a page: its bar, and the items below it."""

    paper: Paper
    full: int
    y: float
    cells: tuple[Cell, ...]
    first: bool  # the bar carries the score; a continuation's does not


def lay_out(papers: Sequence[tuple[Paper, PaperStatistics]]) -> list[list[Block]]:
    """The blocks of each page."""
    tries = [list(_pages(papers, row)) for row in ROWS]
    return next((pages for pages in tries if len(pages) == 1), tries[-1])


def _pages(papers: Sequence[tuple[Paper, PaperStatistics]], row: float) -> Iterator[list[Block]]:
    page: list[Block] = []
    y = TOP
    for paper, statistics in papers:
        items, first = _items(paper), True
        while items or first:
            room = int((y - HEADING - FLOOR) // row) + 1
            if page and room < min(4, -(-len(items) // COLUMNS)):
                yield page
                page, y = [], TOP
                continue
            rows = min(room, -(-len(items) // COLUMNS))
            here, items = items[: rows * COLUMNS], items[rows * COLUMNS :]
            page.append(Block(paper, statistics.full, y, tuple(_cells(here, rows, y, row)), first))
            y -= HEADING + rows * row + BELOW
            first = False
    yield page


def _items(paper: Paper) -> list[str]:
    items = [i.id for i in paper.objective if i.treatment != "voided"]
    return items + [i.id for g in paper.written for i in g.items if i.treatment != "voided"]


def _cells(items: Sequence[str], rows: int, y: float, row: float) -> Iterator[Cell]:
    width = (WIDTH - (COLUMNS - 1) * GAP) / COLUMNS
    for n, item in enumerate(items):
        column, line = divmod(n, rows)
        yield Cell(item, MARGIN + column * (width + GAP), y - HEADING - line * row, width)
