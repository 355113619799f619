"""A file -> its pages: a picture is one page, a TIFF or PDF as many as it holds.

A page that cannot be read is an item of its own (`FrameUnreadable`), so that one bad page never stops the pages
after it. A PDF page that is one picture gives that picture's own pixels; only other pages are rendered.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator, Sequence
from typing import Any, cast

import numpy as np
import pikepdf
import pypdfium2
import pypdfium2.raw as pdfium
from PIL import Image

from core.errors import FrameUnreadable
from scanner.decode import (
    LIMITS,
    Channel,
    Limits,
    Page,
    check_bytes,
    check_size,
    decode,
    open_picture,
    page_of,
    sniff,
)
from scanner.overheard import unpack_fax

RENDER_DPI = 200
_FAX = {"group3", "group4", "tiff_ccitt"}  # packings whose damage the library only mentions
_PAINTS = {"f", "F", "f*", "B", "B*", "b", "b*", "S", "s", "sh"}
_WRITES = {"Tj", "TJ", "'", '"'}
_INVISIBLE = 3  # the text mode of the hidden words that a scanner's own OCR lays under a page

PageOrError = Page | FrameUnreadable


def count_pages(data: bytes, *, where: str, limits: Limits = LIMITS) -> int:
    """How many pages the file holds; raises FrameUnreadable when it cannot be opened at all."""
    check_bytes(data, where=where, limits=limits)
    form = sniff(data, where=where)
    if form == "tiff":
        with open_picture(data, where=where) as picture:
            return _tiff_length(picture, where, limits)
    if form == "pdf":
        with _open_pdf(data, where) as pdf:
            return _pdf_length(pdf, where, limits)
    return 1


def pages_in(data: bytes, *, where: str, channel: Channel = "grey", limits: Limits = LIMITS) -> Iterator[PageOrError]:
    """Each page of the file in order, or the reason why that page (or the whole file) cannot be read."""
    try:
        check_bytes(data, where=where, limits=limits)
        form = sniff(data, where=where)
        if form == "tiff":
            yield from _tiff(data, where, channel, limits)
        elif form == "pdf":
            yield from _pdf(data, where, channel, limits)
        else:
            yield decode(data, where=where, channel=channel, limits=limits)
    except FrameUnreadable as e:
        yield e


def page_at(data: bytes, number: int, *, where: str, channel: Channel = "grey", limits: Limits = LIMITS) -> Page:
    """Page `number` (from 1) of the file."""
    form = sniff(data, where=where)
    if form == "pdf":
        check_bytes(data, where=where, limits=limits)
        with _open_pdf(data, where) as pdf:
            if not 1 <= number <= _pdf_length(pdf, where, limits):
                raise FrameUnreadable(f"has no page {number}.", where=where)
            return _pdf_page(data, pdf, number, f"{where}, page {number}", channel, limits)
    for at, page in enumerate(pages_in(data, where=where, channel=channel, limits=limits), 1):
        if at == number:
            if isinstance(page, FrameUnreadable):
                raise page
            return page
    raise FrameUnreadable(f"has no page {number}.", where=where)


def _tiff_length(picture: Image.Image, where: str, limits: Limits) -> int:
    try:
        length = int(getattr(picture, "n_frames", 1))
    except (OSError, SyntaxError, ValueError, EOFError, struct.error, KeyError, TypeError) as e:
        raise FrameUnreadable("the TIFF's list of pages is broken.", where=where, remedy="Export it again.") from e
    if length > limits.pages:
        raise FrameUnreadable(f"the TIFF has {length} pages; at most {limits.pages} are read.", where=where, remedy="Split it.")
    return length


def _tiff(data: bytes, where: str, channel: Channel, limits: Limits) -> Iterator[PageOrError]:
    with open_picture(data, where=where) as picture:
        length = _tiff_length(picture, where, limits)
        for i in range(length):
            place = where if length == 1 else f"{where}, page {i + 1}"
            try:
                picture.seek(i)
                _whole_strips(picture, len(data), place)
                yield _tiff_page(picture, place, channel, limits)
            except FrameUnreadable as e:
                yield e
            except (OSError, SyntaxError, ValueError, EOFError, struct.error, KeyError, TypeError):
                yield FrameUnreadable("this page of the TIFF is damaged.", where=place, remedy="Scan it again.")


def _tiff_page(picture: Image.Image, where: str, channel: Channel, limits: Limits) -> Page:
    def unpack() -> Page:
        return page_of(picture, where=where, form="tiff", channel=channel, limits=limits)

    if picture.info.get("compression") not in _FAX:
        return unpack()
    page, damaged = unpack_fax(unpack)
    if damaged:
        raise FrameUnreadable("this page of the TIFF is damaged.", where=where, remedy="Scan it again.")
    return page


def _whole_strips(picture: Image.Image, size: int, where: str) -> None:
    """A strip that lies beyond the file's end would be decoded as white paper."""
    tags: Any = getattr(picture, "tag_v2", {})
    for offsets, counts in ((273, 279), (324, 325)):
        for offset, count in zip(_numbers(tags.get(offsets)), _numbers(tags.get(counts)), strict=False):
            if offset + count > size:
                raise FrameUnreadable("the TIFF breaks off before its end.", where=where, remedy="Scan or export this page again.")


def _numbers(value: Any) -> Sequence[int]:
    if value is None:
        return ()
    return value if isinstance(value, tuple) else (int(value),)


def _open_pdf(data: bytes, where: str) -> pikepdf.Pdf:
    try:
        return pikepdf.open(io.BytesIO(data))
    except pikepdf.PasswordError as e:
        raise FrameUnreadable("the PDF needs a password.", where=where, remedy="Save it without one and send it again.") from e
    except (pikepdf.PdfError, ValueError, OSError, RecursionError) as e:
        raise FrameUnreadable("the PDF is damaged.", where=where, remedy="Export it again.") from e


def _pdf_length(pdf: pikepdf.Pdf, where: str, limits: Limits) -> int:
    try:
        length = len(pdf.pages)
    except (pikepdf.PdfError, ValueError, RecursionError) as e:
        raise FrameUnreadable("the PDF's list of pages is broken.", where=where, remedy="Export it again.") from e
    if length > limits.pages:
        raise FrameUnreadable(f"the PDF has {length} pages; at most {limits.pages} are read.", where=where, remedy="Split it.")
    if length == 0:
        raise FrameUnreadable("the PDF has no page.", where=where, remedy="Export it again.")
    return length


def _pdf(data: bytes, where: str, channel: Channel, limits: Limits) -> Iterator[PageOrError]:
    with _open_pdf(data, where) as pdf:
        for number in range(1, _pdf_length(pdf, where, limits) + 1):
            try:
                yield _pdf_page(data, pdf, number, f"{where}, page {number}", channel, limits)
            except FrameUnreadable as e:
                yield e


def _pdf_page(data: bytes, pdf: pikepdf.Pdf, number: int, where: str, channel: Channel, limits: Limits) -> Page:
    try:
        picture = _only_picture(pdf.pages[number - 1])
        if picture is None:
            return _rendered(data, number, where, channel, limits)
        check_size(int(picture.get("/Width", 0)), int(picture.get("/Height", 0)), where=where, limits=limits)
        if _is_plain_jpeg(picture):
            page = decode(picture.read_raw_bytes(), where=where, channel=channel, limits=limits)
            return Page(page.pixels, where, page.dpi, "pdf")
        return _extracted(data, number, where, channel, limits)
    except (pikepdf.PdfError, pypdfium2.PdfiumError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as e:
        raise FrameUnreadable("this page of the PDF is damaged.", where=where, remedy="Scan or export it again.") from e


def _is_plain_jpeg(picture: pikepdf.Stream) -> bool:
    """A JPEG whose own samples are what the page shows: no mask, no inverting decode array, no odd colours."""
    kind = picture.get("/Filter")
    if isinstance(kind, pikepdf.Array):
        kind = kind[0] if len(kind) == 1 else None
    space = picture.get("/ColorSpace")
    plain = space in (pikepdf.Name.DeviceGray, pikepdf.Name.DeviceRGB) or isinstance(space, pikepdf.Array)
    return kind == pikepdf.Name.DCTDecode and plain and "/Decode" not in picture and "/SMask" not in picture


def _only_picture(page: pikepdf.Page) -> pikepdf.Stream | None:
    """The picture that covers the page by itself, or None when something else is painted as well."""
    shown: list[tuple[Any, float]] = []
    scale, saved, mode = np.eye(3), [], 0
    for instruction in pikepdf.parse_content_stream(page):
        operands, word = instruction.operands, str(instruction.operator)
        if word == "q":
            saved.append(scale)
        elif word == "Q" and saved:
            scale = saved.pop()
        elif word == "cm":
            a, b, c, d, e, f = (float(v) for v in operands)
            scale = np.array([[a, b, 0], [c, d, 0], [e, f, 1]]) @ scale
        elif word == "Tr":
            mode = int(operands[0])
        elif word == "Do":
            thing = page.resources.XObject[pikepdf.Name(str(operands[0]))]
            if thing.get("/Subtype") != pikepdf.Name.Image:
                return None
            shown.append((thing, abs(float(np.linalg.det(scale[:2, :2])))))
        elif word in _PAINTS or word == "INLINE IMAGE" or (word in _WRITES and mode != _INVISIBLE):
            return None
    left, bottom, right, top = (float(v) for v in page.mediabox)
    covers = len(shown) == 1 and shown[0][1] > 0.8 * abs((right - left) * (top - bottom))
    return cast(pikepdf.Stream, shown[0][0]) if covers and "/Annots" not in page else None


def _extracted(data: bytes, number: int, where: str, channel: Channel, limits: Limits) -> Page:
    """The decoded samples of the page's only picture, at its own resolution, whatever its filter is."""
    with pypdfium2.PdfDocument(data) as document:
        page = document[number - 1]
        picture = next(iter(page.get_objects(filter=[pdfium.FPDF_PAGEOBJ_IMAGE])), None)
        if picture is None:
            return _rendered(data, number, where, channel, limits)
        with picture.get_bitmap(render=False).to_pil() as image:
            found = page_of(image, where=where, form="pdf", channel=channel, limits=limits)
    return found


def _rendered(data: bytes, number: int, where: str, channel: Channel, limits: Limits) -> Page:
    with pypdfium2.PdfDocument(data) as document:
        page = document[number - 1]
        width, height = page.get_size()
        scale = RENDER_DPI / 72
        check_size(int(width * scale), int(height * scale), where=where, limits=limits)
        with page.render(scale=scale, grayscale=channel == "grey").to_pil() as image:
            found = page_of(image, where=where, form="pdf", channel=channel, limits=limits)
    return Page(found.pixels, where, float(RENDER_DPI), "pdf")
