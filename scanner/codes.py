"""Barcodes in a window of a page, by two decoders that must agree.

The fast way first: one symbology, one window, no trying, a few averaged lines of a linear code. What is slower runs
only when that fails. The second decoder (scanner.zbar) needs the library libzbar, which comes with no wheel; without
it `decoders` says 1 and a reader of the result must look for another fact.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import zxingcpp
from numpy.typing import NDArray

from core.template import Code
from scanner import zbar
from scanner.laid import Laid
from scanner.straighten import straighten
from scanner.worn import easier

Grey = NDArray[np.uint8]
Box = tuple[float, float, float, float]

_AROUND = 2.0  # mm around a code's box that are looked at: a transform from three marks is not exact at the fourth corner
_BAND, _AT = 2.0, (0.45, 0.25)  # mm of a linear code's height that are averaged, and where: the number under it is text
_LINES = 2  # lines that come of it
_SMALL = 120  # pixels across the picture in which the second decoder first looks for a square code: 3 a module of a usual one
_HALVED = 180  # pixels across from which the first decoder tries every other one: a usual symbol then has 3 a module
_DARK, _LEAST_DARK = 0.8, 0.04  # darker than this share of the light is ink; a symbol inks more of its window than that


@dataclass(frozen=True, slots=True)
class Decoded:
    text: str | None  # None: nothing was read, or the decoders disagree
    decoders: int  # how many decoders read it and agree
    disagree: bool = False


NOTHING = Decoded(None, 0)


def second_decoder() -> bool:
    """Whether this machine has libzbar."""
    return zbar.present()


def code_on(pixels: Grey, laid: Laid, code: Code, *, confirm: bool = True) -> Decoded:
    """The text of one symbol of the form on a page: from the least of its picture that should do, then from more."""
    linear, both = code.symbology in zbar.LINEAR, confirm and _confirmable(code)
    first: str | None = None
    second: str | None = None
    for picture, shrink in _bands(pixels, laid, code) if linear else _slices(pixels, laid, code):
        if first is None and shrink and min(picture.shape) >= _HALVED:
            first = _zxing(picture[::2, ::2], code.symbology)
        first = first if first is not None else _zxing(picture, code.symbology)
        if both and first is not None and second is None:
            second = zbar.read(_small(picture), code.symbology, every=2) if shrink else zbar.read(picture, code.symbology)
        if first is not None and (second == first or not both):
            return Decoded(first, 2 if both else 1)
        if first is not None and second is not None:
            break
    margin = _AROUND / _mm_a_unit(laid)
    x, y, w, h = code.box
    return read_code(straighten(pixels, laid, (x - margin, y - margin, w + 2 * margin, h + 2 * margin)), code, confirm=confirm)


def read_code(window: Grey, code: Code, *, confirm: bool = True) -> Decoded:
    """The text of one symbol in a cut-out part of a page, with every trick, read by the second decoder too where there is one."""
    if min(window.shape) < 8 or _is_empty(window):
        return NOTHING
    linear, both = code.symbology in zbar.LINEAR, confirm and _confirmable(code)
    first, second = _zxing(window, code.symbology, hard=True), zbar.read(window, code.symbology) if both else None
    if first is None or (both and second is None):
        for picture in easier(window, linear=linear):
            first = first if first is not None else _zxing(picture, code.symbology, hard=True)
            second = second if second is not None or not both else zbar.read(picture, code.symbology)
            if first is not None and (second is not None or not both):
                break
    if first is not None and second is not None:
        return Decoded(first, 2) if first == second else Decoded(None, 0, disagree=True)
    text = first if first is not None else second
    return Decoded(text, int(text is not None))


def barcodes_on(pixels: Grey, symbology: str) -> list[str]:
    """All texts of one symbology anywhere on the page: the last resort for a page that cannot be registered."""
    return [str(found.text) for found in zxingcpp.read_barcodes(pixels, formats=getattr(zxingcpp.BarcodeFormat, symbology))]


def _confirmable(code: Code) -> bool:
    return second_decoder() and zbar.knows(code.symbology)


def _zxing(picture: Grey, symbology: str, *, hard: bool = False) -> str | None:
    if min(picture.shape) < 1:
        return None
    wanted = getattr(zxingcpp.BarcodeFormat, symbology)
    found = zxingcpp.read_barcodes(picture, formats=wanted, try_rotate=hard, try_downscale=hard, try_invert=False)
    return str(found[0].text) if found else None


def _mm_a_unit(laid: Laid) -> float:
    return float(laid.mm_a_pixel * (laid.scale[0] * laid.scale[1]) ** 0.5)


def _bands(pixels: Grey, laid: Laid, code: Code) -> Iterator[tuple[Grey, bool]]:
    """A few lines across a linear code, each the mean of several: (2, width); never made smaller."""
    x, y, w, h = code.box
    unit = _mm_a_unit(laid)
    margin, tall = _AROUND / unit, min(_BAND / unit, h / 4)
    standing = h > 1.2 * w  # its bars lie flat
    for at in _AT:
        box = (x - margin, y + at * h - tall / 2, w + 2 * margin, tall)
        if standing:
            box = (x + at * w - tall / 2, y - margin, tall, h + 2 * margin)
        band = straighten(pixels, laid, box)
        band = np.ascontiguousarray(band.T) if standing else band
        lines = np.asarray(cv2.resize(band, (band.shape[1], _LINES), interpolation=cv2.INTER_AREA), np.uint8)
        yield lines, False


def _slices(pixels: Grey, laid: Laid, code: Code) -> Iterator[tuple[Grey, bool]]:
    """The upright part of the page that holds a square code, and whether the second decoder gets it smaller: that first.
    No square symbol needs to be straightened."""
    x, y, w, h = code.box
    margin = _AROUND / 2 / _mm_a_unit(laid)
    left, top, right, bottom = x - margin, y - margin, x + w + margin, y + h + margin
    places = laid.places(np.array([(left, top), (right, top), (right, bottom), (left, bottom)]))
    from_x, from_y = np.maximum(np.floor(places.min(axis=0)).astype(int), 0).tolist()
    to_x, to_y = np.maximum(np.ceil(places.max(axis=0)).astype(int), 0).tolist()
    part = pixels[from_y : max(from_y, to_y), from_x : max(from_x, to_x)]
    yield part, True
    yield part, False


def _small(picture: Grey) -> Grey:
    scale = _SMALL / max(1, min(picture.shape))
    if scale >= 0.85:
        return picture
    size = (round(picture.shape[1] * scale), round(picture.shape[0] * scale))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR), np.uint8)  # of areas it takes ten times as long


def _is_empty(window: Grey) -> bool:
    """Whether there is hardly any ink, so that no trick can find a symbol."""
    some = window[:: max(1, window.shape[0] // 100), :: max(1, window.shape[1] // 200)]
    return bool((some < _DARK * np.percentile(some, 90)).mean() < _LEAST_DARK)
