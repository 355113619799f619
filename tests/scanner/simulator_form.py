"""A small form of its own for the simulator's tests: two sides, every kind of grid, codes and a ruled region."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import zxingcpp
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas

from core.ids import PageCode
from core.template import Bubble, Code, Grid, Mark, Region, Registration, Side, Template, dump_template
from scanner.simulator.cards import Card, Face, Stack, load_stack

WIDTH, HEIGHT = 210.0, 297.0
NUMBER = "20260007"
BUBBLE = Bubble(width=4.2, height=2.6)
CORNERS = tuple(Mark(shape="square", x=x, y=y, width=5, height=5) for x in (12.0, 198.0) for y in (12.0, 285.0))
PAGE_CODE = Code(name="page", role="page", symbology="QRCode", box=(170.0, 18.0, 20.0, 20.0))


def template() -> Template:
    digits = tuple("0123456789")
    grids = (
        Grid(name="absent", role="absent", fields=("absent",), values=("1",), origin=(30, 85), value_step=(6, 0), bubble=BUBBLE),
        Grid(
            name="number", role="candidate", fields=("number",), values=digits, origin=(130, 50), value_step=(0, 4.6),
            field_step=(6, 0), joined=True, lines=8, bubble=BUBBLE,
        ),
        Grid(
            name="single", fields=tuple(f"Q{i}" for i in range(1, 11)), values=tuple("ABCD"), origin=(30, 110),
            value_step=(6, 0), field_step=(0, 5.2), bubble=BUBBLE,
        ),
        Grid(
            name="several", fields=("Q11", "Q12"), values=tuple("ABCD"), origin=(80, 110), value_step=(6, 0), field_step=(0, 5.2),
            multiple=True, bubble=BUBBLE,
        ),
    )  # fmt: skip
    barcode = Code(name="barcode", role="candidate", symbology="Code128", box=(25.0, 55.0, 80.0, 16.0))
    registration = Registration(marks=CORNERS)
    front = Side(side=1, registration=registration, codes=(PAGE_CODE, barcode), grids=grids,
                 regions=(Region(name="W", group="W", box=(20, 175, 170, 90)),))  # fmt: skip
    back = Side(side=2, registration=registration, codes=(PAGE_CODE,), regions=(Region(name="W.2", group="W", box=(20, 45, 170, 220)),))
    return Template(name="small", width=WIDTH, height=HEIGHT, candidate="number", sides=(front, back))


def told(number: str = NUMBER) -> dict[str, str]:
    single = {f"Q{i}": "ABCD"[i % 4] for i in range(1, 11)}
    return {"absent": "", "number": number, **single, "Q11": "A|C", "Q12": "B"}


def card(sheet: str = "010000011", **changes: Any) -> Card:
    plain = Card(sheet, NUMBER, (Face(1, 1), Face(2, 2)), told(), {"W": 0.4})
    return replace(plain, **changes)


def cards(count: int) -> tuple[Card, ...]:
    return tuple(card(f"01{i:06d}1") for i in range(count))


def write_form(folder: Path, sheets: int = 1, *, spares: int = 0) -> tuple[Path, Path]:
    """The PDF with its template and list, and the answers: everything that a run of the simulator starts from."""
    form = template()
    pdf = folder / "form.pdf"
    canvas = Canvas(str(pdf), pagesize=(WIDTH * mm, HEIGHT * mm))
    rows, answers = [], []
    for i in range(sheets + spares):
        serial = f"01{i:06d}1"
        for side in form.sides:
            _draw_side(canvas, side, serial)
            canvas.showPage()
            rows.append([serial, "M", NUMBER if i < sheets else "", "", 0, 2 * i + side.side, side.side])
        if i < sheets:
            answers += [[serial, field, value] for field, value in told().items()] + [[serial, "W", "0.4"]]
    canvas.save()
    (folder / "form.template.json").write_text(dump_template(form), encoding="utf-8")
    _write(folder / "form.sheets.csv", ["sheet", "paper", "candidate", "name", "sheet_index", "page", "side"], rows)
    _write(folder / "answers.csv", ["sheet", "field", "value"], answers)
    return pdf, folder / "answers.csv"


def stack(folder: Path, sheets: int = 1, *, spares: int = 0) -> Stack:
    return load_stack(*write_form(folder, sheets, spares=spares))


def _write(path: Path, head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([head, *rows])


def _draw_side(canvas: Canvas, side: Side, serial: str) -> None:
    for mark in side.registration.marks:
        _box(canvas, mark.x - mark.width / 2, mark.y - mark.height / 2, mark.width, mark.height, fill=1)
    for grid in side.grids:
        for line in range(grid.line_count):
            for value in range(len(grid.values)):
                x, y = grid.bubble_at(line, value)
                w, h = grid.bubble.width / 2, grid.bubble.height / 2
                canvas.ellipse((x - w) * mm, (HEIGHT - y - h) * mm, (x + w) * mm, (HEIGHT - y + h) * mm)
    for code in side.codes:
        text = str(PageCode("TEST", "M", "1", serial, side.side)) if code.role == "page" else NUMBER
        _draw_code(canvas, code, text)
    for region in side.regions:
        x, y, width, height = region.box
        _box(canvas, x, y, width, height, fill=0)
        for i in range(1, int(height / 9)):
            canvas.line((x + 2) * mm, (HEIGHT - y - 9 * i) * mm, (x + width - 2) * mm, (HEIGHT - y - 9 * i) * mm)


def _draw_code(canvas: Canvas, code: Code, text: str) -> None:
    kind = zxingcpp.BarcodeFormat.QRCode if code.symbology == "QRCode" else zxingcpp.BarcodeFormat.Code128
    modules = np.array(zxingcpp.create_barcode(text, kind).to_image(scale=1, add_quiet_zones=True))
    modules = modules if code.symbology == "QRCode" else modules[modules.shape[0] // 2 :][:1]
    x, y, width, height = code.box
    step, tall = width / modules.shape[1], height / modules.shape[0]
    for row, column in np.argwhere(modules == 0):
        _box(canvas, x + column * step, y + row * tall, step, tall, fill=1)


def _box(canvas: Canvas, x: float, y: float, width: float, height: float, *, fill: int) -> None:
    canvas.rect(x * mm, (HEIGHT - y - height) * mm, width * mm, height * mm, fill=fill, stroke=1 - fill)
