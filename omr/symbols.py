"""The two printed symbols as bars and modules: the page code (QR) and the candidate's barcode (Code 128).

Sizes are chosen for a scan of 150 dots an inch and more: a module of the page code is 3.5 pixels there.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import zxingcpp

PAGE_MODULE = 0.6  # mm
BAR_MODULE = 0.5
THINNEST_BAR = 0.34
QUIET_PAGE = 4  # modules, as the standard asks
QUIET_BAR = 10
_STRONGEST = 35  # a version 3 symbol of the strongest correction holds so many characters

Run = tuple[int, int, int]  # row, first column, length: in modules


def page_symbol(text: str) -> tuple[tuple[bool, ...], ...]:
    """The QR symbol of a page code, row by row, True where it is black."""
    level = "H" if len(text) <= _STRONGEST else "Q"
    code = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode, ec_level=level)
    return _black(code.to_image(scale=1, add_quiet_zones=False))


def bar_symbol(number: str) -> tuple[bool, ...]:
    code = zxingcpp.create_barcode(number, zxingcpp.BarcodeFormat.Code128)
    return _black(code.to_image(scale=1, add_hrt=False, add_quiet_zones=False))[0]


def _black(image: Any) -> tuple[tuple[bool, ...], ...]:
    """One pixel a module, as the library gives it: a buffer of rows of bytes, 0 for black."""
    rows: Any = memoryview(image).tolist()
    return tuple(tuple(value == 0 for value in row) for row in rows)


def runs(row: tuple[bool, ...], index: int = 0) -> Iterator[Run]:
    """The black runs of a row of modules."""
    start: int | None = None
    for column, black in enumerate((*row, False)):
        if black and start is None:
            start = column
        elif not black and start is not None:
            yield index, start, column - start
            start = None


def bar_module(digits: int, room: float) -> float:
    """The module of a barcode of `digits` digits with its quiet zones in `room` millimetres; 0 when it has no place."""
    modules = len(bar_symbol("0" * digits)) + 2 * QUIET_BAR
    module = min(BAR_MODULE, room / modules)
    return module if module >= THINNEST_BAR else 0.0
