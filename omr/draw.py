"""Printing: the faces of a sheet design as PDF pages.

Each face's furniture is one form that all copies share; a copy adds its page code, its barcode and its own texts, so
that a hundred thousand sheets stay small. Millimetres from the top left become points from the bottom left here,
and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from io import BytesIO
from pathlib import Path

from reportlab import rl_config
from reportlab.lib.colors import Color
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfgen.canvas import Canvas

from core.exam import Paper
from omr.layout_ink import Ink, Item, Oval, Panel, Stroke, Words
from omr.sheet import Face
from omr.spool import PageSpool
from omr.symbols import PAGE_MODULE, QUIET_PAGE, bar_module, bar_symbol, page_symbol, runs

rl_config.useA85 = 0  # page streams as plain bytes: a fifth smaller, and quicker

POINTS = 72 / 25.4
LEAST_BOLD = 2.6  # mm: smaller letters would run together
BAR_TEXT = 4.6  # kept free under the bars for the number

_GREY: dict[Ink, Color] = {
    "black": Color(0, 0, 0),
    "text": Color(0, 0, 0),
    "shape": Color(0.2, 0.2, 0.2),
    "pale": Color(0.58, 0.58, 0.58),
    "tint": Color(0.93, 0.93, 0.93),
}
_DROP_OUT = {"red": (0.93, 0.22, 0.20), "green": (0.16, 0.66, 0.34), "blue": (0.25, 0.58, 0.92)}


class _Pages(Canvas):
    """A canvas whose pages can be taken out as operators, instead of being kept until the file is saved."""

    _preamble: str
    _code: list[str]

    def take(self) -> str:
        operators = "\n".join([self._preamble, *self._code])
        self._startPage()  # type: ignore[attr-defined]  # the typed stubs leave out what is for subclasses
        return operators


class SheetPrinter:
    """One PDF file of sheets of one paper; it is written by `save`."""

    def __init__(self, out: Path, faces: tuple[Face, ...], paper: Paper, font: str, title: str) -> None:
        self._out = out
        self._spool = PageSpool(out.parent)
        self._kinds = {face.side: kind for kind, face in enumerate(faces)}
        self._base = BytesIO()
        self._canvas = _Pages(self._base, pageCompression=1, invariant=1)
        self._canvas.setTitle(title)
        self._canvas.setCreator("Markhall")
        self._font = font
        self._inks = inks_of(paper.sheet.drop_out)
        for face in faces:
            self._canvas.beginForm(_form(face), 0, 0, face.width * POINTS, face.height * POINTS)
            for item in face.items:
                self._draw(item, face.height)
            self._canvas.endForm()
        for face in faces:
            self._canvas.setPageSize((face.width * POINTS, face.height * POINTS))
            self._canvas.doForm(_form(face))
            self._canvas.showPage()

    def __enter__(self) -> SheetPrinter:
        return self

    def __exit__(self, *_: object) -> None:
        self._spool.close()

    def page(self, face: Face, code: str, texts: Mapping[str, str]) -> None:
        """One side of one sheet: `texts` by the keys of the face's slots."""
        self._canvas.doForm(_form(face))
        self._page_code(face, code)
        if face.barcode is not None and texts.get("number"):
            self._barcode(face, texts["number"])
        for slot in face.slots:
            if texts.get(slot.key):
                self._words(slot.words, texts[slot.key], face.height, _GREY["text"])
        self._spool.add(self._kinds[face.side], self._canvas.take())

    def save(self) -> None:
        self._canvas.save()
        self._spool.write(self._base.getvalue(), self._out)

    def _page_code(self, face: Face, text: str) -> None:
        symbol = page_symbol(text)
        size, box = len(symbol), face.page_code
        left, top = box.x + QUIET_PAGE * PAGE_MODULE, box.y + QUIET_PAGE * PAGE_MODULE
        rectangles = ((x, size - 1 - y, length, 1) for y, row in enumerate(symbol) for x, length in runs(row))
        self._modules(rectangles, left, face.height - top - size * PAGE_MODULE, PAGE_MODULE, PAGE_MODULE)

    def _barcode(self, face: Face, number: str) -> None:
        assert face.barcode is not None
        box, bars = face.barcode, bar_symbol(number)
        module = bar_module(len(number), box.width)
        left = box.x + (box.width - len(bars) * module) / 2
        height = box.height - BAR_TEXT - 1.0
        rectangles = ((x, 0, length, 1) for x, length in runs(bars))
        self._modules(rectangles, left, face.height - box.y - 1.0 - height, module, height)

    def _modules(self, rectangles: Iterable[tuple[int, int, int, int]], left: float, bottom: float, across: float, up: float) -> None:
        """Black rectangles counted in modules, as one path so that no seams show between them."""
        canvas = self._canvas
        canvas.saveState()
        canvas.setFillColor(_GREY["black"])
        canvas.transform(across * POINTS, 0, 0, up * POINTS, left * POINTS, bottom * POINTS)
        canvas.addLiteral(" ".join(f"{x} {y} {width} {height} re" for x, y, width, height in rectangles) + " f")
        canvas.restoreState()

    def _draw(self, item: Item, page: float) -> None:
        if isinstance(item, Words):
            self._words(item, item.text, page, self._inks[item.ink])
        elif isinstance(item, Stroke):
            self._pen(item.ink, item.thick, item.dashed)
            self._canvas.line(item.x1 * POINTS, (page - item.y1) * POINTS, item.x2 * POINTS, (page - item.y2) * POINTS)
        elif isinstance(item, Panel):
            self._panel(item, page)
        else:
            self._oval(item, page)

    def _panel(self, item: Panel, page: float) -> None:
        self._pen(item.ink, item.thick, item.dashed)
        if item.fill:
            self._canvas.setFillColor(self._inks[item.fill])
        x, y, width, height = (v * POINTS for v in (item.x, page - item.y - item.height, item.width, item.height))
        if item.radius:
            self._canvas.roundRect(x, y, width, height, item.radius * POINTS, stroke=item.thick > 0, fill=item.fill is not None)
        else:
            self._canvas.rect(x, y, width, height, stroke=item.thick > 0, fill=item.fill is not None)

    def _oval(self, item: Oval, page: float) -> None:
        self._pen(item.ink, item.thick, False)
        if item.fill:
            self._canvas.setFillColor(self._inks[item.fill])
        left, right = (item.x - item.width / 2) * POINTS, (item.x + item.width / 2) * POINTS
        low, high = (page - item.y - item.height / 2) * POINTS, (page - item.y + item.height / 2) * POINTS
        self._canvas.ellipse(left, low, right, high, stroke=1, fill=item.fill is not None)

    def _pen(self, ink: Ink, thick: float, dashed: bool) -> None:
        self._canvas.setStrokeColor(self._inks[ink])
        self._canvas.setLineWidth(thick * POINTS)
        self._canvas.setDash([3, 2] if dashed else [])

    def _words(self, words: Words, text: str, page: float, colour: Color) -> None:
        size = words.size * POINTS
        width = pdfmetrics.stringWidth(text, self._font, size)
        if words.width is not None and width > words.width * POINTS:
            size *= words.width * POINTS / width
            width = words.width * POINTS
        shift = {"left": 0.0, "centre": width / 2, "right": width}[words.align]
        line = self._canvas.beginText(words.x * POINTS - shift, (page - words.y) * POINTS)
        line.setFont(self._font, size)
        line.setFillColor(colour)
        if words.bold and size >= LEAST_BOLD * POINTS:
            self._canvas.setLineWidth(size * 0.025)
            self._canvas.setDash([])
            line.setStrokeColor(colour)
            line.setTextRenderMode(2)
        line.textOut(text)
        line.setTextRenderMode(0)  # it would last beyond the text object
        self._canvas.drawText(line)


def inks_of(drop_out: str) -> dict[Ink, Color]:
    """The colours of a sheet. With a drop-out colour all but the black is printed in it, lighter where it is pale."""
    if drop_out == "none":
        return _GREY
    red, green, blue = _DROP_OUT[drop_out]

    def tone(share: float) -> Color:
        return Color(1 - (1 - red) * share, 1 - (1 - green) * share, 1 - (1 - blue) * share)

    return {"black": _GREY["black"], "text": tone(1), "shape": tone(1), "pale": tone(0.65), "tint": tone(0.12)}


def _form(face: Face) -> str:
    return f"side{face.side}"
