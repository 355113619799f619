"""The page itself: paper sizes, registration and timing marks, the strip with the titles and the page code, columns.

All places are millimetres from the page's top left corner, rounded to hundredths so that the template says exactly
what is printed. Nothing that a machine must find lies nearer than `MARGIN` to the paper's edge, since scanners crop.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from core.exam import ExamDefinition, Language, Paper
from core.geometry import Box
from core.ids import PageCode
from core.template import Code, Grid, Mark, Region, Registration, Side, Timing
from omr.layout_ink import Drawing, Panel, Words
from omr.symbols import PAGE_MODULE, QUIET_PAGE, page_symbol

PAPER_SIZES = {"A4": (210.0, 297.0), "A3": (420.0, 297.0)}
MARGIN = 9.0
CORNER = 5.0
ORIENTATION = (10.0, 3.0)
TIMING = (4.0, 2.0)
TIMING_PITCH = 10.0
INSIDE = MARGIN + CORNER + 2.5  # where printed matter begins, clear of the marks
COLUMN_GAP = 5.0
FOOT = 8.0


def rounded(value: float) -> float:
    return round(value, 2)


def say(languages: tuple[Language, ...], zh: str, en: str, between: str = " ") -> str:
    """One text in the languages of the sheet."""
    return between.join({"zh": zh, "en": en}[language] for language in languages)


def rough_width(text: str, size: float) -> float:
    """Wide enough for `text` without asking the font."""
    return sum(size * (1.0 if ord(c) > 0x2E7F else 0.64) for c in text)


@dataclass(slots=True, eq=False)
class SideDraft:
    """A side while it is being laid out: what the template will say and what will be drawn."""

    number: int
    width: float
    height: float
    columns: list[Box]
    page_code: Box
    sheet_index: int | None  # None: an extra sheet
    front: bool
    drawing: Drawing = field(default_factory=lambda: Drawing([], []))
    codes: list[Code] = field(default_factory=list)
    grids: list[Grid] = field(default_factory=list)
    regions: list[Region] = field(default_factory=list)
    barcode: Box | None = None

    def finished(self) -> Side:
        return Side(
            side=self.number,
            registration=Registration(kind="marks", marks=marks_of(self.width, self.height)),
            timing=timing_of(self.width, self.height),
            codes=tuple(self.codes),
            grids=tuple(self.grids),
            regions=tuple(self.regions),
            extra=self.sheet_index is None,
        )


def marks_of(width: float, height: float) -> tuple[Mark, ...]:
    """Four corner squares, and a bar beside the top left one that tells which way up the page is."""
    near, right, bottom = MARGIN + CORNER / 2, width - MARGIN - CORNER / 2, height - MARGIN - CORNER / 2
    corners = tuple(
        Mark(shape="square", x=x, y=y, width=CORNER, height=CORNER)
        for x, y in ((near, near), (right, near), (right, bottom), (near, bottom))
    )
    bar = Mark(
        shape="square",
        x=INSIDE + 2 + ORIENTATION[0] / 2,
        y=MARGIN + ORIENTATION[1] / 2,
        width=ORIENTATION[0],
        height=ORIENTATION[1],
        role="orientation",
    )
    return (*corners, bar)


def timing_of(width: float, height: float) -> tuple[Timing, ...]:
    """A row of equal marks between the corners at the left edge, and one at the right."""
    near, span = MARGIN + CORNER / 2, height - 2 * MARGIN - CORNER
    gaps = round(span / TIMING_PITCH)
    step = rounded(span / gaps)
    return tuple(
        Timing(origin=(x, near + step), step=(0.0, step), count=gaps - 1, width=TIMING[0], height=TIMING[1]) for x in (near, width - near)
    )


def code_size(exam: ExamDefinition, paper: Paper) -> float:
    """The edge of the page code with its quiet zone; the same for every side and sheet of a paper."""
    longest = str(PageCode(exam.exam, paper.code, paper.edition, "0" * 9, 1))
    return rounded((len(page_symbol(longest)) + 2 * QUIET_PAGE) * PAGE_MODULE)


def open_side(exam: ExamDefinition, paper: Paper, number: int, sheet_index: int | None, front: bool) -> SideDraft:
    """An empty side: marks, titles, page code and empty columns."""
    width, height = PAPER_SIZES[paper.sheet.size]
    code = code_size(exam, paper)
    page_code = Box(rounded(width - INSIDE - code), MARGIN, code, code)
    top = rounded(MARGIN + code + 1.5)
    count = paper.sheet.columns
    column = (width - 2 * INSIDE - COLUMN_GAP * (count - 1)) / count
    columns = [
        Box(rounded(INSIDE + i * (column + COLUMN_GAP)), top, rounded(column - 0.005), rounded(height - MARGIN - FOOT - top))
        for i in range(count)
    ]
    draft = SideDraft(number, width, height, columns, page_code, sheet_index, front)
    draft.codes.append(
        Code(name="page", role="page", symbology="QRCode", box=(page_code.x, page_code.y, page_code.width, page_code.height))
    )
    _draw_marks(draft)
    _draw_titles(draft, exam, paper)
    return draft


def _draw_marks(draft: SideDraft) -> None:
    for mark in marks_of(draft.width, draft.height):
        draft.drawing.add(solid(mark.x, mark.y, mark.width, mark.height))
    for row in timing_of(draft.width, draft.height):
        draft.drawing.add(*(solid(x, y, row.width, row.height) for x, y in row.centres()))


def solid(x: float, y: float, width: float, height: float) -> Panel:
    """A black rectangle around the centre `x`, `y`."""
    return Panel(x - width / 2, y - height / 2, width, height, thick=0.0, fill="black")


def _draw_titles(draft: SideDraft, exam: ExamDefinition, paper: Paper) -> None:
    languages, middle = paper.sheet.languages, draft.width / 2
    room = 2 * (draft.page_code.x - 3 - middle)
    kind = ("答题卡", "Answer sheet") if draft.sheet_index is not None else ("附加答题卡", "Extra answer sheet")
    first = languages[0]
    head = f"{exam.title[first]}　{paper.title[first]}" if first == "zh" else f"{exam.title[first]} · {paper.title[first]}"
    big = 5.2 if draft.front else 4.2
    draft.drawing.add(
        Words(middle, MARGIN + 7.6, head, big, "centre", room, bold=True),
        Words(middle, MARGIN + 14.6, kind[first == "en"], big - 0.6, "centre", room, bold=True),
    )
    if len(languages) > 1:
        other = languages[1]
        line = " · ".join((exam.title[other], paper.title[other], kind[other == "en"]))
        draft.drawing.add(Words(middle, MARGIN + 20.2, line, 2.8, "centre", room - 40))
    draft.drawing.slot("serial", Words(INSIDE + 2, MARGIN + 20.2, "", 2.6))


def draw_foot(draft: SideDraft, exam: ExamDefinition, paper: Paper, last: int) -> None:
    """The line under the columns; it is drawn last since it says how many sides there are."""
    languages = paper.sheet.languages
    where = (
        say(languages, f"第 {draft.number} 面　共 {last} 面", f"Side {draft.number} of {last}", "　")
        if draft.sheet_index is not None
        else say(languages, "附加答题卡", "Extra answer sheet", "　")
    )
    warning = say(
        languages, "请在各题的答题框内作答，超出边框的内容无效。", "Write inside the frames; nothing outside them is marked.", "　"
    )
    y = draft.height - MARGIN
    draft.drawing.add(
        Words(draft.width / 2, y - 4.0, warning, 2.5, "centre", draft.width - 2 * INSIDE - 4),
        Words(
            draft.width / 2, y - 0.6, f"{where}　·　{exam.exam}/{paper.code}/{paper.edition}", 2.5, "centre", draft.width - 2 * INSIDE - 4
        ),
    )
