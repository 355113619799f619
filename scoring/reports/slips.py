"""A slip for each candidate: an A5 page with scores, item marks, status, release and digest; what all share is drawn once.

A page is laid out for the exam, not for the candidate: the common part is one form in the PDF that every page cites,
so that only a candidate's own figures are written per page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A5
from reportlab.lib.units import mm
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.pdfgen.canvas import Canvas

from core.exam import Language, Text, from_hundredths
from core.fonts import font_for
from scoring.records import WHOLE, ScoreRecord
from scoring.reports.gather import Person, ReportData
from scoring.reports.slip_layout import BAR, MARGIN, PAGE_HEIGHT, PAGE_WIDTH, TOP, WIDTH, Block, lay_out
from scoring.reports.words import both, marks_of, word

Progress = Callable[[int, int], None]
Align = Literal["left", "right", "centre"]
INK, SOFT, LINE, ACCENT, BAND = "#1d2733", "#5b6877", "#cfd6de", "#1f5fa8", "#eef3f9"
ANSWER_AT = 0.36  # of a cell's width


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
        self.pages = tuple(lay_out(data.papers))
        self.fulls = {paper.code: s.full for paper, s in data.papers}

    def _characters(self, people: Sequence[Person]) -> Iterator[str]:
        for person in people:
            yield from (person.name, person.school, person.class_name, person.number)
        yield from (self.text(self.data.definition.title), *(self.text(p.title) for p, _ in self.data.papers), "–")
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
            canvas.setLineWidth(0.4)
            pen = _Pen(canvas, self.font)
            self._head(canvas, pen)
            for block in blocks:
                self._block(canvas, pen, block)
            self._foot(canvas, pen, n)
            pen.done()
            canvas.endForm()

    def _head(self, canvas: Canvas, pen: _Pen) -> None:
        top = PAGE_HEIGHT - MARGIN
        canvas.setFillColor(HexColor(ACCENT))
        canvas.rect(MARGIN, top - 1.2 * mm, WIDTH, 1.2 * mm, stroke=0, fill=1)
        pen.put(self.text(self.data.definition.title), MARGIN, top - 9.5 * mm, 15, room=WIDTH)
        pen.put(self.label("slip"), MARGIN, top - 15.5 * mm, 10, SOFT)
        for name, x, y in _fields():
            pen.put(self.label(name), x, y + 4.8 * mm, 7, SOFT)
        canvas.setStrokeColor(HexColor(LINE))
        canvas.line(MARGIN, TOP + 5 * mm, PAGE_WIDTH - MARGIN, TOP + 5 * mm)

    def _block(self, canvas: Canvas, pen: _Pen, block: Block) -> None:
        canvas.setFillColor(HexColor(BAND))
        canvas.roundRect(MARGIN, block.y - BAR, WIDTH, BAR, 1.2 * mm, stroke=0, fill=1)
        pen.put(self.text(block.paper.title), MARGIN + 3 * mm, block.y - 6 * mm, 11, room=WIDTH * 0.5)
        fulls = {i.id: i.marks for i in block.paper.objective} | {i.id: i.marks for g in block.paper.written for i in g.items}
        for x in sorted({cell.x for cell in block.cells}):
            width, y = block.cells[0].width, block.y - BAR - 4.2 * mm
            pen.put(self.label("item"), x, y, 5.5, SOFT, room=width * ANSWER_AT - 1)
            pen.put(self.label("answer"), x + width * ANSWER_AT, y, 5.5, SOFT, room=width * 0.3)
            pen.put(self.label("marks"), x + width, y, 5.5, SOFT, room=width * 0.28, align="right")
        for cell in block.cells:
            canvas.line(cell.x, cell.y - 1.4 * mm, cell.x + cell.width, cell.y - 1.4 * mm)
            pen.put(cell.item, cell.x, cell.y, 8, SOFT, room=cell.width * ANSWER_AT - 1)
            pen.put(f"/{from_hundredths(fulls[cell.item])}", cell.x + cell.width, cell.y, 7, SOFT, align="right")

    def _foot(self, canvas: Canvas, pen: _Pen, page: int) -> None:
        canvas.line(MARGIN, 15.5 * mm, PAGE_WIDTH - MARGIN, 15.5 * mm)
        data, y = self.data, 11.5 * mm
        left = " ".join(word("release", language).format(n=data.number) for language in self.languages) + f" · {data.at:%Y-%m-%d}"
        if data.state not in ("released", "superseded"):
            left = self.label("draft")
        pen.put(left, MARGIN, y, 7.5, SOFT)
        pen.put(f"{self.label('digest')} {data.digest[:16]}", PAGE_WIDTH - MARGIN, y, 7.5, SOFT, align="right")
        if len(self.pages) > 1:
            pen.put(f"{page + 1} / {len(self.pages)}", PAGE_WIDTH / 2, 7.5 * mm, 7.5, SOFT, align="centre")

    def draw(self, canvas: Canvas, person: Person, records: Mapping[str, ScoreRecord]) -> None:
        own = (person.number, person.name, person.school, person.class_name)
        for n, blocks in enumerate(self.pages):
            canvas.doForm(f"slip{n}")
            pen = _Pen(canvas, self.font)
            for value, (_, x, y) in zip(own, _fields(), strict=True):
                pen.put(value, x, y, 11, room=WIDTH / 2 - 4 * mm)
            for block in blocks:
                self._figures(pen, block, records.get(block.paper.code))
            if len(self.fulls) > 1:
                total = f"{self.label('total')}  {self._score(records.get(WHOLE))}"
                pen.put(total, PAGE_WIDTH - MARGIN, PAGE_HEIGHT - MARGIN - 15.5 * mm, 12, ACCENT, align="right")
            pen.done()
            canvas.showPage()

    def _figures(self, pen: _Pen, block: Block, record: ScoreRecord | None) -> None:
        if record is not None and record.published is not None:
            for cell in block.cells:
                value = record.items.get(cell.item)
                if value is None:
                    continue
                if len(value) > 2:
                    answer = value[2].replace("|", "") or "–"
                    pen.put(answer, cell.x + cell.width * ANSWER_AT, cell.y, 8, room=cell.width * 0.24)
                pen.put(marks_of((value[0], value[1])), cell.x + cell.width * 0.82, cell.y, 8, align="right")
        if block.first:
            self._headline(pen, block, record)

    def _headline(self, pen: _Pen, block: Block, record: ScoreRecord | None) -> None:
        right, y = PAGE_WIDTH - MARGIN - 3 * mm, block.y - 6.2 * mm
        if record is not None and record.published is not None:
            full = f" / {from_hundredths(block.full)}"
            pen.put(full, right, y, 10, SOFT, align="right")
            right -= stringWidth(full, self.font, 10)
        pen.put(self._score(record), right, y, 14, ACCENT, room=WIDTH * 0.42, align="right")

    def _score(self, record: ScoreRecord | None) -> str:
        """The published score, and the status in words where it says more than the score."""
        if record is None:
            return "–"
        if record.published is None:
            return self.label(record.status)
        score = from_hundredths(record.published)
        return f"{self.label(record.status)}  {score}" if record.status != "present" else score


class _Pen:
    """Writes in one text object, which says size and colour only when they change: most of a slip's time is spent here."""

    def __init__(self, canvas: Canvas, font: str) -> None:
        self.canvas = canvas
        self.font = font
        self._text = canvas.beginText()
        self._size, self._colour = 0.0, ""

    def put(self, value: str, x: float, y: float, size: float, colour: str = INK, *, room: float = 0, align: Align = "left") -> None:
        """Write `value` at its place, smaller where it would not fit into `room`."""
        if not value:
            return
        if room or align != "left":
            width = stringWidth(value, self.font, size)
            if 0 < room < width:
                size, width = size * room / width, room
            x -= {"left": 0.0, "right": width, "centre": width / 2}[align]
        if size != self._size:
            self._text.setFont(self.font, size)
            self._size = size
        if colour != self._colour:
            self._text.setFillColor(HexColor(colour))
            self._colour = colour
        self._text.setTextOrigin(x, y)
        self._text.textOut(value)

    def done(self) -> None:
        self.canvas.drawText(self._text)


_LABELS = ("slip", "number", "name", "school", "class", "release", "draft", "digest", "total", "item", "answer", "marks")
_STATUSES = ("absent", "blank", "withheld", "malpractice", "voided", "present")


def _fields() -> tuple[tuple[str, float, float], ...]:
    middle, first, second = PAGE_WIDTH / 2, TOP + 20.5 * mm, TOP + 8.5 * mm
    return ("number", MARGIN, first), ("name", middle, first), ("school", MARGIN, second), ("class", middle, second)
