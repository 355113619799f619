"""A picture's bytes -> one grey page, by the decoder of its format, within bounds checked before a pixel is unpacked.

A picture that a library would repair in silence (a truncated JPEG with a grey bottom, a fax strip with a white one) is
an error here: it would read as a blank answer. Must never look at what a page shows; brings in the compiler only when a
fax or PNG coded page is unpacked, never by being imported.
"""

from __future__ import annotations

import numpy as np

from core.errors import FrameUnreadable
from scanner.bounds import LIMITS, REMEDY_AGAIN, Channel, Format, Grey, Limits, Page, check_bytes, check_size, turned
from scanner.exif import jpeg_orientation
from scanner.jpeg import jpeg_dpi, unpack_jpeg
from scanner.pictures import open_picture, page_of
from scanner.png import open_png, unpack_png
from scanner.tiff import Directory, directories, unpack_tiff

__all__ = ["LIMITS", "STATED", "Channel", "Format", "Grey", "Limits", "Page", "check_bytes", "check_size", "decode", "sniff", "tiff_page"]

STATED = b"markhall: "  # what a station sends in place of a page that it could not take out of a file: its reason
_REMEDY_KIND = "Send JPEG, PNG, TIFF or PDF."


def sniff(data: bytes, *, where: str) -> Format:
    """The format that the bytes show; names of files are not believed."""
    if not data:
        raise FrameUnreadable("the file is empty (0 bytes).", where=where, remedy=REMEDY_AGAIN)
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
    """One picture's bytes as a page (of a TIFF: the first); `channel` picks the colour in which drop-out ink is white."""
    check_bytes(data, where=where, limits=limits)
    form = sniff(data, where=where)
    if form == "pdf":
        raise FrameUnreadable("a PDF is not one picture.", where=where, remedy="Open it page by page.")
    if form == "jpeg":
        return _jpeg(data, where, channel, limits)
    if form == "png":
        return _png(data, where, channel, limits)
    if form == "tiff":
        return tiff_page(data, 1, next(directories(data, where=where, limits=limits)), where=where, channel=channel, limits=limits)
    return _picture(data, where, form, channel, limits)


def tiff_page(data: bytes, number: int, directory: Directory, *, where: str, channel: Channel, limits: Limits) -> Page:
    """Page `number` (from 1) of a TIFF."""
    pixels = unpack_tiff(data, directory, where=where, channel=channel, limits=limits)
    if pixels is not None:
        return Page(turned(pixels, directory.orientation), where, directory.dpi, "tiff")
    with open_picture(data, where=where) as picture:
        try:
            picture.seek(number - 1)
        except (EOFError, OSError, ValueError, SyntaxError, KeyError, TypeError, IndexError) as e:
            raise FrameUnreadable("this page of the TIFF is damaged.", where=where, remedy=REMEDY_AGAIN) from e
        return page_of(picture, where=where, form="tiff", channel=channel, limits=limits)


def _jpeg(data: bytes, where: str, channel: Channel, limits: Limits) -> Page:
    pixels = unpack_jpeg(data, where=where, channel=channel, limits=limits)
    if pixels is None:
        return _picture(data, where, "jpeg", channel, limits)
    return Page(turned(pixels, jpeg_orientation(data)), where, jpeg_dpi(data), "jpeg")


def _png(data: bytes, where: str, channel: Channel, limits: Limits) -> Page:
    png = open_png(data, where=where)
    pixels = unpack_png(png, where=where, channel=channel, limits=limits)
    if pixels is None:
        return _picture(data, where, "png", channel, limits)
    return Page(np.ascontiguousarray(turned(pixels, png.orientation)), where, png.dpi, "png")


def _picture(data: bytes, where: str, form: Format, channel: Channel, limits: Limits) -> Page:
    with open_picture(data, where=where) as picture:
        return page_of(picture, where=where, form=form, channel=channel, limits=limits)
