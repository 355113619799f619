"""Batch header pages: a sheet laid before a pile of cards, by which a station begins a new batch and names it.

The symbol stands in the middle, so that a page fed upside down or slipped by centimetres does as well; both sides of
the sheet carry it, so that neither is taken for anybody's page.
"""

from __future__ import annotations

from pathlib import Path

from reportlab.lib.pagesizes import A4
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfgen.canvas import Canvas

from core.fonts import font_for
from omr.draw import POINTS
from omr.symbols import page_symbol, runs
from scanner.station.header import header_text

SYMBOL = 90.0  # mm
_TITLE, _TITLE_EN = "批次封面", "Batch header"
_LINES = (
    "放在一叠答题卡之前扫描；本页之后的各页属于这一批。",
    "Lay it before a pile and scan it with the pile: the pages after it are this batch.",
    "双面打印，可重复使用；不要折叠，不要涂画。",
    "Print on both sides. It may be used again. Do not fold it or write on it.",
)
_FRONT, _BACK = "正面 front", "背面 back"


def print_batch_headers(count: int, out: Path, *, prefix: str = "B", first: int = 1) -> list[str]:
    """Write `count` headers, two pages each, and return their names. The file appears whole or not at all."""
    names = [f"{prefix}{number:04d}" for number in range(first, first + count)]
    texts = [header_text(name) for name in names]
    font = font_for([_TITLE, _TITLE_EN, *_LINES, _FRONT, _BACK, *names])
    unfinished = out.with_name(f"{out.name}.part")
    out.parent.mkdir(parents=True, exist_ok=True)
    canvas = Canvas(str(unfinished), pagesize=A4, pageCompression=1, invariant=1)
    canvas.setTitle(f"Markhall {_TITLE} {_TITLE_EN} {names[0]}-{names[-1]}")
    canvas.setCreator("Markhall")
    for name, text in zip(names, texts, strict=True):
        for side in (_FRONT, _BACK):
            _page(canvas, font, name, text, side)
            canvas.showPage()
    canvas.save()
    unfinished.replace(out)
    return names


def _page(canvas: Canvas, font: str, name: str, text: str, side: str) -> None:
    width, height = A4
    _line(canvas, font, 34, height - 34 * POINTS, f"{_TITLE}  {_TITLE_EN}")
    size = min(76.0, 0.82 * width / max(0.01, pdfmetrics.stringWidth(name, font, 1.0)))
    _line(canvas, font, size, height - 70 * POINTS, name)
    _symbol(canvas, text, width / 2, height / 2 - 14 * POINTS)
    for at, words in enumerate(_LINES):
        _line(canvas, font, 13 if at % 2 == 0 else 11, (52 - 8.5 * at) * POINTS, words)
    _line(canvas, font, 10, 12 * POINTS, f"{name}  {side}")


def _line(canvas: Canvas, font: str, size: float, y: float, words: str) -> None:
    canvas.setFont(font, size)
    canvas.drawCentredString(A4[0] / 2, y, words)


def _symbol(canvas: Canvas, text: str, x: float, y: float) -> None:
    """The symbol around a point, in points from the bottom left; all its modules are one path, so that no seams show."""
    rows = page_symbol(text)
    module = SYMBOL * POINTS / len(rows)
    canvas.saveState()
    canvas.transform(module, 0, 0, module, x - SYMBOL * POINTS / 2, y - SYMBOL * POINTS / 2)
    path = [f"{at} {len(rows) - 1 - down} {length} 1 re" for down, row in enumerate(rows) for at, length in runs(row)]
    canvas.setFillGray(0)
    canvas.addLiteral(" ".join(path) + " f")
    canvas.restoreState()
