"""Barcodes in a window of a page, by two decoders that must agree.

The fast way first: one symbology, one window, no trying, a few averaged lines of a linear code. What is slower runs
only when that fails. The second decoder (scanner.zbar) needs the library libzbar, which comes with no wheel; without
it `decoders` says 1 and a reader of the result must look for another fact.
"""

from __future__ import annotations

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
_BAND, _AT = 2.0, 0.45  # mm of a linear code's height that are averaged, and where: the number under it is text
_LINES = 2  # lines that come of it
_SMALL = 120  # pixels across the picture in which the second decoder first looks for a square code: 3 a module of a usual one
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
    linear = code.symbology in zbar.LINEAR
    picture = _band(pixels, laid, code) if linear else _slice(pixels, laid, code)
    first = _zxing(picture, code.symbology)
    if first is not None:
        if not confirm or not _confirmable(code):
            return Decoded(first, 1)
        if zbar.read(picture if linear else _small(picture), code.symbology, every=1 if linear else 2) == first:
            return Decoded(first, 2)
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


def _band(pixels: Grey, laid: Laid, code: Code) -> Grey:
    """A few lines across a linear code, each the mean of several: (2, width)."""
    x, y, w, h = code.box
    unit = _mm_a_unit(laid)
    margin, tall = _AROUND / unit, min(_BAND / unit, h / 4)
    standing = h > 1.2 * w  # its bars lie flat
    box = (
        (x + _AT * w - tall / 2, y - margin, tall, h + 2 * margin)
        if standing
        else (x - margin, y + _AT * h - tall / 2, w + 2 * margin, tall)
    )
    band = straighten(pixels, laid, box)
    band = np.ascontiguousarray(band.T) if standing else band
    return np.asarray(cv2.resize(band, (band.shape[1], _LINES), interpolation=cv2.INTER_AREA), np.uint8)


def _slice(pixels: Grey, laid: Laid, code: Code) -> Grey:
    """The upright part of the page that holds a square code: no square symbol needs to be straightened."""
    x, y, w, h = code.box
    margin = _AROUND / 2 / _mm_a_unit(laid)
    corners = np.array(
        [(x - margin, y - margin), (x + w + margin, y - margin), (x + w + margin, y + h + margin), (x - margin, y + h + margin)]
    )
    places = laid.places(corners)
    left, top = np.maximum(np.floor(places.min(axis=0)).astype(int), 0).tolist()
    right, bottom = np.maximum(np.ceil(places.max(axis=0)).astype(int), 0).tolist()
    return pixels[top : max(top, bottom), left : max(left, right)]


def _small(picture: Grey) -> Grey:
    scale = _SMALL / min(picture.shape)
    if scale >= 0.85:
        return picture
    size = (round(picture.shape[1] * scale), round(picture.shape[0] * scale))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR), np.uint8)  # of areas it takes ten times as long


def _is_empty(window: Grey) -> bool:
    """Whether there is hardly any ink, so that no trick can find a symbol."""
    some = window[:: max(1, window.shape[0] // 100), :: max(1, window.shape[1] // 200)]
    return bool((some < _DARK * np.percentile(some, 90)).mean() < _LEAST_DARK)
