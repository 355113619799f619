"""A slip for each candidate: an A5 page with scores, item marks, status, release and digest; what all share is drawn once.

A page is laid out for the exam, not for the candidate: the common part is one form in the PDF that every page cites,
so that only a candidate's own figures are written per page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from reportlab.lib.colors import Color, HexColor
from reportlab.lib.pagesizes import A5
from reportlab.lib.units import mm
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.pdfgen.canvas import Canvas

from core.exam import Language, Paper, Text, from_hundredths
from core.fonts import font_for
from scoring.records import WHOLE, ScoreRecord
from scoring.reports.gather import Person, ReportData
from scoring.reports.words import both, marks_of, word
from scoring.statistics import PaperStatistics

Progress = Callable[[int, int], None]
PAGE_WIDTH, PAGE_HEIGHT = A5
MARGIN, COLUMNS, ROW, GAP = 12 * mm, 3, 4.7 * mm, 4 * mm
INK, SOFT, LINE, ACCENT, BAND = HexColor("#1d2733"), HexColor("#5b6877"), HexColor("#cfd6de"), HexColor("#1f5fa8"), HexColor("#eef3f9")
TOP = PAGE_HEIGHT - 62 * mm  # where the first paper begins
FLOOR = 20 * mm


@dataclass(frozen=True, slots=True)
class _Cell:
    """Where an item's marks and answer are written."""

    paper: str
    item: str
    x: float
    y: float
    width: float


@dataclass(frozen=True, slots=True)
class _Block:
    """A paper's part of a page: its bar, and the items that fit below it."""

    paper: Paper
    full: int
    y: float
    cells: tuple[_Cell, ...]
    first: bool  # the bar carries the score; a continuation does not


def write_slips(
    data: ReportData, path: Path, languages: Sequence[Language], *, only: frozenset[str] | None = None, progress: Progress | None = None
) -> None:
    """One PDF with the slips of all candidates, or of those whose numbers are in `only`."""
    people = [one for one in data.people if only is None or one[0].number in only]
    slip = _Slip(data, languages, [person for person, _ in people])
    canvas = Canvas(str(path), pagesize=A5, pageCompression=1)
    canvas.setTitle(f"{data.definition.title[languages[0]]} · {slip.label('slip')}")
    slip.draw_forms(canvas)
    for done, (person, records) in enumerate(people, 1):
        slip.draw(canvas, person, records)
        if progress is not None and (done % 100 == 0 or done == len(people)):
            progress(done, len(people))
    if not people:
        canvas.showPage()
    canvas.save()


class _Slip:
    def __init__(self, data: ReportData, languages: Sequence[Language], people: Sequence[Person]) -> None:
        self.data = data
        self.languages = languages
        self.font = font_for(self._characters(people))
        self.pages = tuple(_lay_out(data.papers))
        self.fulls = {paper.code: s.full for paper, s in data.papers}

    def _characters(self, people: Sequence[Person]) -> Iterator[str]:
        for person in people:
            yield from (person.name, person.school, person.class_name, person.number)
        yield from (self.text(self.data.definition.title), *(self.text(p.title) for p, _ in self.data.papers), "–×")
        for name in (*_LABELS, *_STATUSES):
            yield both(name)

    def label(self, name: str) -> str:
        return both(name) if len(self.languages) > 1 else word(name, self.languages[0])

    def text(self, value: Text) -> str:
        return "  ".join(dict.fromkeys(value[language] for language in self.languages))

    def draw_forms(self, canvas: Canvas) -> None:
        """The common part of each page of a slip."""
        for n, blocks in enumerate(self.pages):
            canvas.beginForm(f"slip{n}", 0, 0, PAGE_WIDTH, PAGE_HEIGHT)
            self._head(canvas)
            for block in blocks:
                self._block(canvas, block)
            self._foot(canvas, n)
            canvas.endForm()

    def _head(self, canvas: Canvas) -> None:
        top = PAGE_HEIGHT - MARGIN
        canvas.setFillColor(ACCENT)
        canvas.rect(MARGIN, top - 1.2 * mm, PAGE_WIDTH - 2 * MARGIN, 1.2 * mm, stroke=0, fill=1)
        self._put(canvas, self.text(self.data.definition.title), MARGIN, top - 10 * mm, 15, INK, PAGE_WIDTH - 2 * MARGIN)
        self._put(canvas, self.label("slip"), MARGIN, top - 16.5 * mm, 10, SOFT)
        for name, x, y in _fields():
            self._put(canvas, self.label(name), x, y + 4.6 * mm, 7, SOFT)
        canvas.setStrokeColor(LINE)
        canvas.line(MARGIN, TOP + 8.5 * mm, PAGE_WIDTH - MARGIN, TOP + 8.5 * mm)

    def _block(self, canvas: Canvas, block: _Block) -> None:
        width = PAGE_WIDTH - 2 * MARGIN
        canvas.setFillColor(BAND)
        canvas.roundRect(MARGIN, block.y - 9 * mm, width, 9 * mm, 1.2 * mm, stroke=0, fill=1)
        self._put(canvas, self.text(block.paper.title), MARGIN + 3 * mm, block.y - 6 * mm, 11, INK, width * 0.55)
        if block.first:
            full = f" / {from_hundredths(block.full)}"
            self._put(canvas, full, PAGE_WIDTH - MARGIN - 3 * mm, block.y - 6 * mm, 10, SOFT, align="right")
        fulls = {i.id: i.marks for i in block.paper.objective} | {i.id: i.marks for g in block.paper.written for i in g.items}
        canvas.setStrokeColor(LINE)
        canvas.setLineWidth(0.4)
        for cell in block.cells:
            canvas.line(cell.x, cell.y - 1.3 * mm, cell.x + cell.width, cell.y - 1.3 * mm)
            self._put(canvas, cell.item, cell.x, cell.y, 8, SOFT, cell.width * 0.34)
            self._put(canvas, f"/{from_hundredths(fulls[cell.item])}", cell.x + cell.width, cell.y, 7, SOFT, align="right")

    def _foot(self, canvas: Canvas, page: int) -> None:
        canvas.setStrokeColor(LINE)
        canvas.line(MARGIN, 15.5 * mm, PAGE_WIDTH - MARGIN, 15.5 * mm)
        data, y = self.data, 11.5 * mm
        released = " ".join(word("release", language).format(n=data.number) for language in self.languages)
        left = f"{released} · {data.at:%Y-%m-%d}"
        if data.state not in ("released", "superseded"):
            left = f"{self.label('draft')}"
        self._put(canvas, left, MARGIN, y, 7.5, SOFT)
        self._put(canvas, f"{self.label('digest')} {data.digest[:16]}", PAGE_WIDTH - MARGIN, y, 7.5, SOFT, align="right")
        if len(self.pages) > 1:
            self._put(canvas, f"{page + 1} / {len(self.pages)}", PAGE_WIDTH / 2, 7.5 * mm, 7.5, SOFT, align="centre")

    def draw(self, canvas: Canvas, person: Person, records: Mapping[str, ScoreRecord]) -> None:
        own = (person.number, person.name, person.school, person.class_name)
        for n, blocks in enumerate(self.pages):
            canvas.doForm(f"slip{n}")
            for value, (_, x, y) in zip(own, _fields(), strict=True):
                self._put(canvas, value, x, y, 11, INK, (PAGE_WIDTH - 2 * MARGIN) / 2 - 4 * mm)
            if len(self.fulls) > 1:
                self._whole(canvas, records.get(WHOLE))
            for block in blocks:
                self._figures(canvas, block, records.get(block.paper.code))
            canvas.showPage()

    def _whole(self, canvas: Canvas, record: ScoreRecord | None) -> None:
        shown = self._score(record)
        self._put(
            canvas, f"{self.label('total')}  {shown}", PAGE_WIDTH - MARGIN, PAGE_HEIGHT - MARGIN - 16.5 * mm, 12, ACCENT, align="right"
        )

    def _figures(self, canvas: Canvas, block: _Block, record: ScoreRecord | None) -> None:
        if block.first:
            after = stringWidth(f" / {from_hundredths(block.full)}", self.font, 10)
            self._put(canvas, self._score(record), PAGE_WIDTH - MARGIN - 3 * mm - after, block.y - 6.3 * mm, 14, ACCENT, align="right")
        for cell in block.cells:
            value = record.items.get(cell.item) if record is not None else None
            if value is None or record is None or record.published is None:
                continue
            if len(value) > 2:
                self._put(canvas, value[2].replace("|", "") or "–", cell.x + cell.width * 0.42, cell.y, 8, INK, cell.width * 0.26)
            self._put(canvas, marks_of((value[0], value[1])), cell.x + cell.width * 0.8, cell.y, 8.5, INK, align="right")

    def _score(self, record: ScoreRecord | None) -> str:
        """The published score, and the status in words where it says more than the score."""
        if record is None:
            return "–"
        if record.published is None:
            return self.label(record.status)
        score = from_hundredths(record.published)
        return f"{self.label(record.status)}  {score}" if record.status != "present" else score

    def _put(
        self, canvas: Canvas, value: str, x: float, y: float, size: float, colour: Color, room: float = 0, align: str = "left"
    ) -> None:  # fmt: skip
        """Write `value` at its place, smaller where it would not fit into `room`."""
        if not value:
            return
        if room and (width := stringWidth(value, self.font, size)) > room:
            size *= room / width
        canvas.setFont(self.font, size)
        canvas.setFillColor(colour)
        draw = {"left": canvas.drawString, "right": canvas.drawRightString, "centre": canvas.drawCentredString}[align]
        draw(x, y, value)


_LABELS = ("slip", "number", "name", "school", "class", "release", "draft", "digest", "total")
_STATUSES = ("absent", "blank", "withheld", "malpractice", "voided", "present")


def _fields() -> tuple[tuple[str, float, float], ...]:
    middle, first, second = PAGE_WIDTH / 2, TOP + 24 * mm, TOP + 12.5 * mm
    return ("number", MARGIN, first), ("name", middle, first), ("school", MARGIN, second), ("class", middle, second)


def _lay_out(papers: Sequence[tuple[Paper, PaperStatistics]]) -> Iterator[list[_Block]]:
    """The blocks of each page; items run down the columns, and what does not fit goes on the next page."""
    width = (PAGE_WIDTH - 2 * MARGIN - (COLUMNS - 1) * GAP) / COLUMNS
    page: list[_Block] = []
    y = TOP
    for paper, statistics in papers:
        items = [i.id for i in paper.objective if i.treatment != "voided"]
        items += [i.id for g in paper.written for i in g.items if i.treatment != "voided"]
        first = True
        while items or first:
            room = int((y - 12 * mm - FLOOR) // ROW)
            if room < min(4, -(-len(items) // COLUMNS)):
                yield page
                page, y = [], TOP
                continue
            rows = min(room, -(-len(items) // COLUMNS))
            here, items = items[: rows * COLUMNS], items[rows * COLUMNS :]
            cells = tuple(
                _Cell(paper.code, item, MARGIN + n // rows * (width + GAP), y - 14 * mm - n % rows * ROW, width)
                for n, item in enumerate(here)
            )
            page.append(_Block(paper, statistics.full, y, cells, first))
            y -= 14 * mm + rows * ROW + 4 * mm
            first = False
    yield page
