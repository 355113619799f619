"""From a paper's definition to its answer sheet: the template that will read it and the furniture that is printed.

Pure, and the only place where both are made, so that they cannot differ. Sides are numbered over the whole paper;
an extra sheet's sides come last.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

from core.errors import ExamInvalid
from core.exam import ExamDefinition, Paper, Ruling
from core.geometry import Box
from core.template import Template
from omr.layout_flow import GAP, Block, LayoutImpossible, flow
from omr.layout_head import head_of
from omr.layout_ink import Item, Slot, Words
from omr.layout_objective import objective_blocks
from omr.layout_page import INSIDE, PAPER_SIZES, SideDraft, draw_foot, open_side, rounded, say
from omr.layout_written import TITLE, choice_block, region_block, written_blocks

MOST_SIDES = 9
HEAD_COLUMN = 110.0  # a head fits into the first column when that is so wide; else it goes over all columns


@dataclass(frozen=True, slots=True)
class Face:
    """One side as it is drawn: `items` on every copy, `slots`, page code and barcode on each sheet for itself."""

    side: int
    sheet_index: int | None  # None: an extra sheet
    width: float
    height: float
    items: tuple[Item, ...]
    slots: tuple[Slot, ...]
    page_code: Box
    barcode: Box | None


@dataclass(frozen=True, slots=True)
class SheetDesign:
    template: Template
    faces: tuple[Face, ...]

    def sheets(self) -> tuple[tuple[Face, ...], ...]:
        """The faces of each sheet of a candidate, in order."""
        indexes = sorted({f.sheet_index for f in self.faces if f.sheet_index is not None})
        return tuple(tuple(f for f in self.faces if f.sheet_index == i) for i in indexes)

    def extra(self) -> tuple[Face, ...]:
        return tuple(f for f in self.faces if f.sheet_index is None)


def lay_out(exam: ExamDefinition, paper: Paper) -> SheetDesign:
    """The answer sheet of `paper`."""
    wishes = paper.sheet
    blocks = [*objective_blocks(paper, _column_width(paper)), *written_blocks(paper, _column_width(paper))]
    try:
        drafts = flow(blocks, _sides(exam, paper))
    except LayoutImpossible as e:
        raise ExamInvalid(f"a part of {e} has no place in a column of {wishes.size}.", where=f"paper {paper.code}") from e
    regular = len(drafts)
    if wishes.duplex and regular % 2:
        drafts.append(_blank_back(exam, paper, regular + 1))
        regular += 1
    if wishes.extra_sheets and paper.written:
        drafts += _extra(exam, paper, regular)
    if len(drafts) > MOST_SIDES:
        raise ExamInvalid(
            f"the answer sheets take {len(drafts)} sides, more than {MOST_SIDES}.",
            where=f"paper {paper.code}",
            remedy="Choose A3, more columns or lower heights.",
        )
    for draft in drafts:
        draw_foot(draft, exam, paper, regular)
    return SheetDesign(_template(exam, paper, drafts), tuple(_face(d) for d in drafts))


def _column_width(paper: Paper) -> float:
    width, _ = PAPER_SIZES[paper.sheet.size]
    return rounded((width - 2 * INSIDE - 5.0 * (paper.sheet.columns - 1)) / paper.sheet.columns - 0.01)


def _sides(exam: ExamDefinition, paper: Paper) -> Iterator[SideDraft]:
    """Fresh sides without end; each sheet's front has a head, which shortens the columns below it."""
    for number in count(1):
        index, back = divmod(number - 1, 2) if paper.sheet.duplex else (number - 1, 0)
        draft = open_side(exam, paper, number, index, front=not back)
        if not back:
            _add_head(draft, paper, first=index == 0)
        yield draft


def _add_head(draft: SideDraft, paper: Paper, *, first: bool) -> None:
    leading = draft.columns[0]
    whole = Box(INSIDE, leading.y, rounded(draft.width - 2 * INSIDE), leading.height)
    over_all = leading.width < HEAD_COLUMN
    height = head_of(draft, paper, whole if over_all else leading, first=first) + GAP
    for i, column in enumerate(draft.columns):
        if over_all or i == 0:
            draft.columns[i] = Box(column.x, rounded(column.y + height), column.width, rounded(column.height - height))


def _blank_back(exam: ExamDefinition, paper: Paper, number: int) -> SideDraft:
    draft = open_side(exam, paper, number, (number - 1) // 2, front=False)
    text = say(paper.sheet.languages, "本面无试题，请勿作答", "Nothing is asked on this side: leave it empty", "　")
    draft.drawing.add(Words(draft.width / 2, draft.height / 2, text, 3.6, "centre", draft.width - 60))
    return draft


def _extra(exam: ExamDefinition, paper: Paper, regular: int) -> list[SideDraft]:
    """The sides of an extra sheet: which question goes on, and ruled space on front and back."""
    sides = 2 if paper.sheet.duplex else 1
    drafts = [open_side(exam, paper, regular + 1 + i, None, front=i == 0) for i in range(sides)]
    _add_head(drafts[0], paper, first=False)
    text = ("本卡续答的题目（只填涂一个）", "The question that goes on here (fill one only)")
    blocks: list[Block] = [choice_block(paper, "extra", tuple(g.id for g in paper.written), text, _column_width(paper))]
    title = say(paper.sheet.languages, "续答区", "Continued answer")
    taken = GAP + blocks[0].height
    for column in (c for d in drafts for c in d.columns):
        height = column.height - GAP - taken - TITLE
        blocks.append(region_block(paper, "extra", title, height, Ruling(), start=len(blocks)))
        taken = 0.0
    return flow(blocks, iter([*drafts, *(open_side(exam, paper, 9, None, front=False) for _ in range(3))]))


def _template(exam: ExamDefinition, paper: Paper, drafts: list[SideDraft]) -> Template:
    number = paper.sheet.number
    width, height = PAPER_SIZES[paper.sheet.size]
    return Template(
        name=f"{exam.exam}/{paper.code}/{paper.edition}",
        width=width,
        height=height,
        exam=exam.exam,
        paper=paper.code,
        edition=paper.edition,
        candidate="number" if number.grid else "barcode" if number.barcode != "none" else None,
        drop_out=paper.sheet.drop_out,
        sides=tuple(d.finished() for d in drafts),
    )


def _face(draft: SideDraft) -> Face:
    return Face(
        side=draft.number,
        sheet_index=draft.sheet_index,
        width=draft.width,
        height=draft.height,
        items=tuple(draft.drawing.items),
        slots=tuple(draft.drawing.slots),
        page_code=draft.page_code,
        barcode=draft.barcode,
    )
