"""Barcodes in a window of a page, by two decoders that must agree.

The fast way first: one symbology, one window, no trying. What is slower runs only when that fails. The second
decoder (pyzbar) needs the library libzbar, which comes with no wheel; without it `decoders` says 1 and a reader
of the result must look for another fact.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import cv2
import numpy as np
import zxingcpp
from numpy.typing import NDArray

from core.template import Code

Grey = NDArray[np.uint8]

_ZBAR_NAMES = {"QRCode": "QRCODE", "Code128": "CODE128", "Code39": "CODE39", "ITF": "I25", "EAN13": "EAN13", "PDF417": "PDF417"}
_LINEAR = {"Code128", "Code39", "ITF", "EAN13"}


@dataclass(frozen=True, slots=True)
class Decoded:
    text: str | None  # None: nothing was read, or the decoders disagree
    decoders: int  # how many decoders read it and agree
    disagree: bool = False


@cache
def second_decoder() -> Callable[..., Any] | None:
    """pyzbar's `decode`, or None on a machine without libzbar."""
    try:
        from pyzbar import pyzbar
    except ImportError:  # pyzbar raises this when the shared library is missing
        return None
    decode: Callable[..., Any] = pyzbar.decode
    return decode


def read_code(window: Grey, code: Code, *, confirm: bool = True) -> Decoded:
    """The text of one symbol in a cut-out part of a page, read by the second decoder too where there is one."""
    if min(window.shape) < 8:
        return Decoded(None, 0)
    first = _by_zxing(window, code.symbology)
    if not confirm or second_decoder() is None:
        return Decoded(first, int(first is not None))
    second = _by_zbar(window, code.symbology)
    if first is not None and second is not None:
        return Decoded(first, 2) if first == second else Decoded(None, 0, disagree=True)
    text = first if first is not None else second
    return Decoded(text, int(text is not None))


def _by_zxing(window: Grey, symbology: str) -> str | None:
    wanted = getattr(zxingcpp.BarcodeFormat, symbology)
    quick = zxingcpp.read_barcodes(window, formats=wanted, try_rotate=False, try_downscale=False, try_invert=False)
    for found in quick:
        return str(found.text)
    for picture in _easier(window, linear=symbology in _LINEAR):
        for found in zxingcpp.read_barcodes(picture, formats=wanted):
            return str(found.text)
    return None


def _easier(window: Grey, *, linear: bool) -> Iterator[Grey]:
    """The same symbol made easier, cheapest first: as it is with every trick, larger, sharper, its bars averaged."""
    yield window
    large = cv2.resize(window, None, fx=2.0, fy=2.0, interpolation=cv2.INTER_CUBIC).astype(np.uint8)
    yield large
    soft = cv2.GaussianBlur(large, (0, 0), 2.0)
    yield cv2.addWeighted(large, 2.2, soft, -1.2, 0).astype(np.uint8)
    yield cv2.medianBlur(window, 3).astype(np.uint8)
    if linear:
        yield _averaged(large)


def _averaged(window: Grey) -> Grey:
    """A linear code straightened and averaged along its bars: scratches and specks fade, edges stay."""
    upright = window if window.shape[1] >= window.shape[0] else np.ascontiguousarray(window.T)
    gradient = np.abs(cv2.Sobel(upright, cv2.CV_32F, 1, 0))
    moments = [cv2.moments(part) for part in (gradient[: len(gradient) // 2], gradient[len(gradient) // 2 :])]
    if min(m["m00"] for m in moments) <= 0:
        return upright
    lean = (moments[1]["m10"] / moments[1]["m00"] - moments[0]["m10"] / moments[0]["m00"]) / (len(gradient) / 2)
    height, width = upright.shape
    matrix = np.array([[1, lean, -lean * height / 2], [0, 1, 0]])
    sheared = cv2.warpAffine(upright, matrix, (width, height), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderValue=255)
    profile = np.median(sheared, axis=0).astype(np.uint8)
    return np.ascontiguousarray(np.tile(profile, (60, 1)))


def _by_zbar(window: Grey, symbology: str) -> str | None:
    decode, name = second_decoder(), _ZBAR_NAMES.get(symbology)
    if decode is None or name is None:
        return None
    from pyzbar.pyzbar import ZBarSymbol

    with contextlib.suppress(UnicodeDecodeError):
        for found in decode(window, symbols=[ZBarSymbol[name]]):
            return str(found.data.decode("utf-8"))
    return None


def barcodes_on(pixels: Grey, symbology: str) -> list[str]:
    """All texts of one symbology anywhere on the page: the last resort for a page that cannot be registered."""
    wanted = getattr(zxingcpp.BarcodeFormat, symbology)
    return [str(found.text) for found in zxingcpp.read_barcodes(pixels, formats=wanted)]
