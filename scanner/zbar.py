"""The second decoder of barcodes: the library libzbar, through pyzbar's bindings.

Owns the scanners, one a symbology, made once and kept: making one for each symbol costs more than reading it. No
wheel carries libzbar; where it is missing there is no second decoder and `present` says so.
"""

from __future__ import annotations

from ctypes import c_char_p, c_void_p, cast, string_at
from functools import cache
from importlib import import_module
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.uint8]

NAMES = {"QRCode": "QRCODE", "Code128": "CODE128", "Code39": "CODE39", "ITF": "I25", "EAN13": "EAN13", "PDF417": "PDF417"}
"""zbar's names. It knows no Data Matrix, and most builds leave PDF417 out."""
LINEAR = frozenset({"Code128", "Code39", "ITF", "EAN13"})
_GREY = int.from_bytes(b"Y800", "little")
_lock = Lock()  # a scanner keeps state while it scans, and scanning lets other threads run


@cache
def _library() -> Any | None:
    """pyzbar's thin bindings, or None on a machine without libzbar."""
    try:
        return import_module("pyzbar.wrapper")
    except ImportError:  # pyzbar raises this when the shared library is missing
        return None


def present() -> bool:
    return _library() is not None


def knows(symbology: str) -> bool:
    return symbology in NAMES


@cache
def _scanner(symbology: str, every: int) -> Any:
    """A scanner for one symbology that looks at each `every`-th line; a linear code's bars are crossed one way only."""
    z = _library()
    assert z is not None
    made = z.zbar_image_scanner_create()
    wanted = z.ZBarSymbol[NAMES[symbology]]
    for symbol in z.ZBarSymbol:
        z.zbar_image_scanner_set_config(made, symbol, z.ZBarConfig.CFG_ENABLE, int(symbol == wanted))
    z.zbar_image_scanner_set_config(made, 0, z.ZBarConfig.CFG_Y_DENSITY, every)
    z.zbar_image_scanner_set_config(made, 0, z.ZBarConfig.CFG_X_DENSITY, 0 if symbology in LINEAR else every)
    return made


def read(picture: Grey, symbology: str, *, every: int = 1) -> str | None:
    """The text of the first symbol in the picture that is text; None where there is none, or no libzbar."""
    z = _library()
    if z is None or not knows(symbology) or picture.size == 0:
        return None
    height, width = picture.shape
    data = picture.tobytes()
    with _lock:
        image = z.zbar_image_create()
        try:
            z.zbar_image_set_format(image, _GREY)
            z.zbar_image_set_size(image, width, height)
            z.zbar_image_set_data(image, cast(c_char_p(data), c_void_p), len(data), None)
            found = z.zbar_scan_image(_scanner(symbology, every), image)
            symbol = z.zbar_image_first_symbol(image) if found > 0 else None
            while symbol:
                try:
                    return string_at(z.zbar_symbol_get_data(symbol), z.zbar_symbol_get_data_length(symbol)).decode("utf-8")
                except UnicodeDecodeError:
                    symbol = z.zbar_symbol_next(symbol)
            return None
        finally:
            z.zbar_image_destroy(image)
