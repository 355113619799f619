"""What is left to Pillow: formats and kinds of picture that are rare among scans."""

from __future__ import annotations

import io
import struct
import warnings

import numpy as np
from PIL import Image, UnidentifiedImageError

from core.errors import FrameUnreadable
from scanner.bounds import REMEDY_AGAIN, Channel, Format, Limits, Page, believable_dpi, check_size, damaged, turned
from scanner.samples import grey_of

# Pillow's own guard warns instead of naming file and remedy; `Limits` is checked before any pixel is unpacked.
Image.MAX_IMAGE_PIXELS = None

BROKEN = (OSError, SyntaxError, ValueError, EOFError, struct.error, MemoryError, KeyError, TypeError, IndexError, OverflowError)
_ORIENTATION = 274
_DEEP = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2, "LA": 2, "RGB": 3}  # bytes a pixel


def open_picture(data: bytes, *, where: str) -> Image.Image:
    """The picture's header; no pixel is unpacked yet."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a broken tag that no pixel depends on is no news to a user
            return Image.open(io.BytesIO(data))
    except (UnidentifiedImageError, *BROKEN) as e:
        raise FrameUnreadable("the picture's header is broken.", where=where, remedy=REMEDY_AGAIN) from e


def page_of(picture: Image.Image, *, where: str, form: Format, channel: Channel, limits: Limits) -> Page:
    """The pixels of an opened picture (of a TIFF: of its current page), the way up that it says."""
    check_size(*picture.size, where=where, limits=limits, deep=_DEEP.get(picture.mode, 4))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            turn = 1 if form == "tiff" else int(picture.getexif().get(_ORIENTATION, 1))  # a TIFF's is heeded by Pillow itself
            picture.load()
        pixels = grey_of(picture, channel)
    except BROKEN as e:
        raise damaged("picture", where) from e
    return Page(np.ascontiguousarray(turned(pixels, turn)), where, _stated_dpi(picture), form)


def _stated_dpi(picture: Image.Image) -> float | None:
    stated = picture.info.get("dpi")
    try:
        return believable_dpi(float(stated[0])) if stated else None
    except (TypeError, ValueError, ZeroDivisionError):
        return None
