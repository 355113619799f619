"""The two printed symbols as bars and modules: the page code (QR) and the candidate's barcode (Code 128).

Sizes are chosen for a scan of 150 dots an inch and more: a module of the page code is 3.5 pixels there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import zxingcpp

PAGE_MODULE = 0.6  # mm
BAR_MODULE = 0.5
THINNEST_BAR = 0.34
QUIET_PAGE = 4  # modules, as the standard asks
QUIET_BAR = 10
_STRONGEST = 35  # a version 3 symbol of the strongest correction holds so many characters

Row = bytes  # one byte a module, 0 where it is black
_BLACK = re.compile(b"\0+")


def page_symbol(text: str) -> tuple[Row, ...]:
    """The QR symbol of a page code, row by row."""
    level = "H" if len(text) <= _STRONGEST else "Q"
    code = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode, ec_level=level)
    return _rows(code.to_image(scale=1, add_quiet_zones=False))


def bar_symbol(number: str) -> Row:
    code = zxingcpp.create_barcode(number, zxingcpp.BarcodeFormat.Code128)
    return _rows(code.to_image(scale=1, add_hrt=False, add_quiet_zones=False))[0]


def _rows(image: Any) -> tuple[Row, ...]:
    """The picture that the library gives, of one pixel a module."""
    pixels = memoryview(image)
    assert pixels.shape is not None
    flat, width = pixels.tobytes(), pixels.shape[1]
    return tuple(flat[i : i + width] for i in range(0, len(flat), width))


def runs(row: Row) -> Iterator[tuple[int, int]]:
    """The black runs of a row: first module and length."""
    for match in _BLACK.finditer(row):
        yield match.start(), match.end() - match.start()


def bar_module(digits: int, room: float) -> float:
    """The module of a barcode of `digits` digits with its quiet zones in `room` millimetres; 0 when it has no place."""
    modules = len(bar_symbol("0" * digits)) + 2 * QUIET_BAR
    module = min(BAR_MODULE, room / modules)
    return module if module >= THINNEST_BAR else 0.0
