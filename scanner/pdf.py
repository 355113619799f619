"""PDF -> pages: a page that is one picture gives that picture's own pixels; only other pages are drawn.

Owns the judgement whether a page is one picture, which way up it lies, and how its stream is unpacked. The streams of
scanners (JPEG, fax, deflate, JPEG 2000) are unpacked here from the document; JBIG2 and what is rare, and drawing, belong
to the drawing process, since only there can time and memory be bounded.
"""

from __future__ import annotations

import contextlib
import io
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pikepdf

from core.errors import FrameUnreadable
from scanner.bounds import Channel, Limits, Page, believable_dpi, check_size, damaged, turned
from scanner.drawing import Drawing
from scanner.streams import unpack_stream

DRAW_DPI = 200
_LONGEST_CONTENT = 1024 * 1024  # a page that is a picture says so in a few hundred bytes
_DEEPEST_FORM = 3
_PAINTS = {"f", "F", "f*", "B", "B*", "b", "b*", "S", "s", "sh"}
_WRITES = {"Tj", "TJ", "'", '"'}
_INVISIBLE = 3  # the text mode of the hidden words that a scanner's own OCR lays under a page
_SKEW = 0.02  # of a side; a picture laid on the page at a greater angle has to be drawn
_BROKEN = (pikepdf.PdfError, pikepdf.DataDecodingError, ValueError, TypeError, KeyError, AttributeError, IndexError, RecursionError)

Matrix = tuple[float, float, float, float]  # a b c d of PDF's cm: where the picture's right and up point

# qpdf unpacks only content and lists of objects for us; these stop a stream that unpacks to gigabytes.
_STREAM_BYTES = 64 * 1024 * 1024
pikepdf.settings.set_qpdf_limits(
    flate_max_memory=_STREAM_BYTES,
    png_max_memory=_STREAM_BYTES,
    run_length_max_memory=_STREAM_BYTES,
    tiff_max_memory=_STREAM_BYTES,
    doc_max_warnings=500,
)


@dataclass(frozen=True, slots=True)
class _Shown:
    """A picture as the page shows it."""

    stream: pikepdf.Stream
    lies: Matrix


class _NotOnePicture(Exception):
    """Something else is painted as well."""


class Pdf:
    """An opened document. `length` is its number of pages; `page` reads one of them."""

    def __init__(self, data: bytes, *, where: str, limits: Limits) -> None:
        self._where, self._limits = where, limits
        try:
            self._pdf = pikepdf.open(io.BytesIO(data))
        except pikepdf.PasswordError as e:
            raise FrameUnreadable("the PDF needs a password.", where=where, remedy="Save it without one and send it again.") from e
        except (*_BROKEN, OSError) as e:
            raise FrameUnreadable("the PDF is damaged.", where=where, remedy="Export it again.") from e
        self._drawing = Drawing(data, limits)
        try:
            self.length = self._length()
        except FrameUnreadable:
            self._pdf.close()
            raise

    def __enter__(self) -> Pdf:
        return self

    def __exit__(self, *_: object) -> None:
        self._pdf.close()

    def page(self, number: int, *, where: str, channel: Channel) -> Page:
        """Page `number` (from 1)."""
        try:
            page = self._pdf.pages[number - 1]
            shown = _one_picture(page)
            turn = _orientation(shown.lies, page) if shown is not None else 0
            if shown is not None and turn:
                return self._picture(number, shown, turn, where, channel)
            _check_parts(page, where, self._limits)
            pixels, dpi = self._drawing.page(number, DRAW_DPI, where=where, channel=channel)
            return Page(pixels, where, dpi, "pdf")
        except _BROKEN as e:
            raise FrameUnreadable("this page of the PDF is damaged.", where=where, remedy="Scan or export it again.") from e

    def _length(self) -> int:
        try:
            listed = int(self._pdf.Root.Pages.get("/Count", 0))  # before the library looks at the pages and sets it right
            length = len(self._pdf.pages)
        except _BROKEN as e:
            raise FrameUnreadable("the PDF's list of pages is broken.", where=self._where, remedy="Export it again.") from e
        if length > self._limits.pages:
            raise FrameUnreadable(
                f"the PDF has {length} pages; at most {self._limits.pages} are read.", where=self._where, remedy="Split it."
            )
        if length == 0:
            raise FrameUnreadable("the PDF has no page.", where=self._where, remedy="Export it again.")
        if listed > length:
            raise FrameUnreadable(
                f"the PDF lists {listed} pages and only {length} are there.", where=self._where, remedy="Export it again."
            )
        return length

    def _picture(self, number: int, shown: _Shown, turn: int, where: str, channel: Channel) -> Page:
        width, height = int(shown.stream.get("/Width", 0)), int(shown.stream.get("/Height", 0))
        check_size(width, height, where=where, limits=self._limits)
        pixels = unpack_stream(shown.stream, where=where, channel=channel, limits=self._limits)
        if pixels is None:
            pixels = self._drawing.picture(number, width, height, where=where, channel=channel)
        a, b, _, _ = shown.lies
        return Page(turned(pixels, turn), where, believable_dpi(72 * width / math.hypot(a, b)), "pdf")


def _one_picture(page: pikepdf.Page) -> _Shown | None:
    """The picture that covers the page by itself, or None when something else is painted as well."""
    if "/Annots" in page and len(page.Annots):
        return None
    contents = page.get("/Contents")
    streams = list(contents) if isinstance(contents, pikepdf.Array) else [contents] if contents is not None else []
    if sum(len(s.read_raw_bytes()) for s in streams) > _LONGEST_CONTENT or sum(len(s.read_bytes()) for s in streams) > _LONGEST_CONTENT:
        return None
    try:
        shown = list(_paintings(page, page.resources, (1, 0, 0, 1), 0))
    except _NotOnePicture:
        return None
    if len(shown) != 1:
        return None
    left, bottom, right, top = (float(v) for v in page.mediabox)
    a, b, c, d = shown[0].lies
    covered = abs(a * d - b * c) > 0.8 * abs((right - left) * (top - bottom))
    return shown[0] if covered else None


def _paintings(holder: Any, resources: Any, scale: Matrix, depth: int) -> Iterator[_Shown]:
    """The pictures that a page or a form paints; refuses what is no picture."""
    saved: list[tuple[Matrix, int, bool]] = []
    mode, black = 0, True
    for instruction in pikepdf.parse_content_stream(holder):
        operands, word = instruction.operands, str(instruction.operator)
        if word == "q":
            saved.append((scale, mode, black))
        elif word == "Q" and saved:
            scale, mode, black = saved.pop()
        elif word == "cm":
            scale = _times((float(operands[0]), float(operands[1]), float(operands[2]), float(operands[3])), scale)
        elif word == "Tr":
            mode = int(operands[0])
        elif word in ("g", "rg"):
            black = not any(float(v) for v in operands)
        elif word in ("k", "cs", "sc", "scn"):
            black = False
        elif word == "Do":
            yield from _done(resources.XObject[str(operands[0])], resources, scale, depth, black)
        elif word in _PAINTS or word == "INLINE IMAGE" or (word in _WRITES and mode != _INVISIBLE):
            raise _NotOnePicture


def _done(thing: Any, resources: Any, scale: Matrix, depth: int, black: bool) -> Iterator[_Shown]:
    if thing.get("/Subtype") == pikepdf.Name.Image:
        if thing.get("/ImageMask", False) and not black:
            raise _NotOnePicture
        yield _Shown(thing, scale)
    elif thing.get("/Subtype") == pikepdf.Name.Form and depth < _DEEPEST_FORM and len(thing.read_bytes()) <= _LONGEST_CONTENT:
        a, b, c, d, *_ = (float(v) for v in thing.get("/Matrix", (1, 0, 0, 1, 0, 0)))
        yield from _paintings(thing, thing.get("/Resources", resources), _times((a, b, c, d), scale), depth + 1)
    else:
        raise _NotOnePicture


def _times(inner: Matrix, outer: Matrix) -> Matrix:
    a, b, c, d = inner
    e, f, g, h = outer
    return a * e + b * g, a * f + b * h, c * e + d * g, c * f + d * h


def _orientation(lies: Matrix, page: pikepdf.Page) -> int:
    """How to turn the picture to see it as the page shows it (as EXIF numbers it), or 0 where it lies askew."""
    turns = int(page.get("/Rotate", 0)) // 90 % 4
    a, b, c, d = lies
    for _ in range(turns):
        a, b, c, d = b, -a, d, -c
    if abs(b) <= _SKEW * abs(a) and abs(c) <= _SKEW * abs(d):
        return {(True, True): 1, (False, True): 2, (False, False): 3, (True, False): 4}[a > 0, d > 0]
    if abs(a) <= _SKEW * abs(b) and abs(d) <= _SKEW * abs(c):
        return {(False, False): 5, (False, True): 6, (True, True): 7, (True, False): 8}[b > 0, c > 0]
    return 0


def _check_parts(page: pikepdf.Page, where: str, limits: Limits) -> None:
    """The drawing library shows what it can of a damaged picture: every picture of a drawn page has to unpack."""
    any_size = Limits(pixels=limits.pixels, least_side=1)
    with contextlib.suppress(AttributeError, KeyError):
        for thing in page.resources.XObject.values():
            if isinstance(thing, pikepdf.Stream) and thing.get("/Subtype") == pikepdf.Name.Image:
                width, height = int(thing.get("/Width", 0)), int(thing.get("/Height", 0))
                if width < 1 or height < 1:
                    raise damaged("PDF's picture", where)
                check_size(width, height, where=where, limits=any_size)
                unpack_stream(thing, where=where, channel="grey", limits=any_size)
