"""A picture's bytes -> one grey page, within bounds that are checked before a pixel is unpacked.

Owns the bounds, the picture formats and the sentence for each way in which a picture can be broken. A picture
that a library would repair in silence (a truncated JPEG with a grey bottom) is an error here: it would read as
a blank answer. Must never import numba or look at what a page shows.
"""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from dataclasses import dataclass
from typing import Literal

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from core.errors import FrameUnreadable

Grey = NDArray[np.uint8]
Channel = Literal["grey", "red", "green", "blue"]
Format = Literal["jpeg", "png", "tiff", "bmp", "webp", "pdf"]

# Pillow's own guard warns instead of naming file and remedy; `Limits` is checked before any pixel is unpacked.
Image.MAX_IMAGE_PIXELS = None


@dataclass(frozen=True, slots=True)
class Limits:
    file_bytes: int = 256 * 1024 * 1024
    pixels: int = 120_000_000  # A3 at 600 dpi is 70 million
    least_side: int = 300  # an A5 page at 72 dpi is 420 pixels wide
    pages: int = 5_000


LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Page:
    """One side as a scanner saw it."""

    pixels: Grey  # (height, width), C-contiguous, 0 black to 255 white
    where: str  # the file, and the page in it
    dpi: float | None = None  # as the file states it, not as the paper is
    format: Format = "jpeg"


STATED = b"markhall: "  # what a station sends in place of a page that it could not take out of a file: its reason
_REMEDY_AGAIN = "Scan or export this page again."
_REMEDY_KIND = "Send JPEG, PNG, TIFF or PDF."


def sniff(data: bytes, *, where: str) -> Format:
    """The format that the bytes show; names of files are not believed."""
    if not data:
        raise FrameUnreadable("the file is empty (0 bytes).", where=where, remedy=_REMEDY_AGAIN)
    if data.startswith(STATED):
        said = data[len(STATED) : len(STATED) + 400].decode("utf-8", "replace")
        raise FrameUnreadable(f"the station could not take this page out of its file: {said}", where=where)
    if data[:3] == b"\xff\xd8\xff":
        return "jpeg"
    if data[:8] == b"\x89PNG\r\n\x1a\n":
        return "png"
    if data[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return "tiff"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    if data[:2] == b"BM":
        return "bmp"
    if b"%PDF-" in data[:1024]:
        return "pdf"
    raise FrameUnreadable("this is not a picture or PDF that can be read.", where=where, remedy=_REMEDY_KIND)


def decode(data: bytes, *, where: str, channel: Channel = "grey", limits: Limits = LIMITS) -> Page:
    """One picture's bytes as a page; `channel` picks the colour in which drop-out ink is white."""
    check_bytes(data, where=where, limits=limits)
    form = sniff(data, where=where)
    if form == "pdf":
        raise FrameUnreadable("a PDF is not one picture.", where=where, remedy="Open it page by page.")
    if form == "jpeg":
        return _jpeg(data, where, channel, limits)
    if form == "png":
        _check_png(data, where)
    with open_picture(data, where=where) as picture:
        return page_of(picture, where=where, form=form, channel=channel, limits=limits)


def check_bytes(data: bytes, *, where: str, limits: Limits = LIMITS) -> None:
    if len(data) > limits.file_bytes:
        size = len(data) // (1024 * 1024)
        raise FrameUnreadable(
            f"the file has {size} MiB; at most {limits.file_bytes // (1024 * 1024)} are read.",
            where=where,
            remedy="Split it into smaller files.",
        )


def check_size(width: int, height: int, *, where: str, limits: Limits = LIMITS) -> None:
    if width * height > limits.pixels:
        raise FrameUnreadable(
            f"the picture is {width} x {height} pixels; at most {limits.pixels // 1_000_000} million are read.",
            where=where,
            remedy="Scan at 150 to 300 dpi.",
        )
    if min(width, height) < limits.least_side:
        raise FrameUnreadable(
            f"the picture is only {width} x {height} pixels.", where=where, remedy="Scan the whole page at 150 dpi or more."
        )


def open_picture(data: bytes, *, where: str) -> Image.Image:
    """The picture's header; no pixel is unpacked yet."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a broken tag that no pixel depends on is no news to a user
            return Image.open(io.BytesIO(data))
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, struct.error, KeyError, TypeError) as e:
        raise FrameUnreadable("the picture's header is broken.", where=where, remedy=_REMEDY_AGAIN) from e


def page_of(picture: Image.Image, *, where: str, form: Format, channel: Channel = "grey", limits: Limits = LIMITS) -> Page:
    """The pixels of an opened picture (of a TIFF: of its current page)."""
    check_size(*picture.size, where=where, limits=limits)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            picture.load()
        pixels = _grey(picture, channel)
    except (OSError, SyntaxError, ValueError, EOFError, struct.error, MemoryError, KeyError, TypeError) as e:
        raise FrameUnreadable("the picture is damaged or breaks off.", where=where, remedy=_REMEDY_AGAIN) from e
    return Page(np.ascontiguousarray(pixels), where, _stated_dpi(picture), form)


def _check_png(data: bytes, where: str) -> None:
    """Every chunk's own checksum up to the end: a library would show a damaged picture as far as it goes."""
    at = 8
    while at + 12 <= len(data):
        length, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        end = at + 8 + length
        if end + 4 > len(data):
            break
        if zlib.crc32(data[at + 4 : end]) != int.from_bytes(data[end : end + 4], "big"):
            raise FrameUnreadable("the PNG is damaged.", where=where, remedy=_REMEDY_AGAIN)
        if kind == b"IEND":
            return
        at = end + 4
    raise FrameUnreadable("the PNG breaks off before its end.", where=where, remedy=_REMEDY_AGAIN)


def _grey(picture: Image.Image, channel: Channel) -> Grey:
    if picture.mode.startswith("I;16") or picture.mode in ("I", "F"):
        deep = np.asarray(picture, dtype=np.float64)
        return np.clip(deep / (257.0 if deep.max() > 255 else 1.0), 0, 255).astype(np.uint8)
    if "A" in picture.mode or "transparency" in picture.info:
        over = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", over.size, "white"), over).convert("RGB")
    if channel == "grey" or picture.mode in ("1", "L"):
        return np.asarray(picture.convert("L"))
    return np.asarray(picture.convert("RGB"))[:, :, ("red", "green", "blue").index(channel)]


def _stated_dpi(picture: Image.Image) -> float | None:
    stated = picture.info.get("dpi")
    try:
        dpi = float(stated[0]) if stated else 0.0
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return dpi if 50 <= dpi <= 2400 else None


def _jpeg(data: bytes, where: str, channel: Channel, limits: Limits) -> Page:
    try:
        height, width, space, _ = simplejpeg.decode_jpeg_header(data)
    except ValueError as e:
        raise FrameUnreadable("the JPEG's header is broken.", where=where, remedy=_REMEDY_AGAIN) from e
    check_size(width, height, where=where, limits=limits)
    if space in ("CMYK", "YCCK"):
        with open_picture(data, where=where) as picture:
            return page_of(picture, where=where, form="jpeg", channel=channel, limits=limits)
    try:
        pixels = simplejpeg.decode_jpeg(data, colorspace="GRAY" if channel == "grey" else "RGB", strict=True)
    except ValueError as e:
        raise FrameUnreadable("the JPEG is damaged or breaks off.", where=where, remedy=_REMEDY_AGAIN) from e
    plane = pixels[:, :, 0 if channel == "grey" else ("red", "green", "blue").index(channel)]
    return Page(np.ascontiguousarray(plane), where, _jfif_dpi(data), "jpeg")


def _jfif_dpi(data: bytes) -> float | None:
    """The density of the JFIF header, which nearly every scanner writes right after the start."""
    if data[2:4] != b"\xff\xe0" or data[6:11] != b"JFIF\0" or len(data) < 18:
        return None
    unit, across = data[13], int.from_bytes(data[14:16], "big")
    dpi = across * {1: 1.0, 2: 2.54}.get(unit, 0.0)
    return dpi if 50 <= dpi <= 2400 else None
