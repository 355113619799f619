"""PNG -> grey: every chunk's checksum, then libdeflate, which checks the data's own, and the filters undone.

Pictures of the kinds that scanners write (1 bit, and 8 bits a sample) are unpacked here, several times as fast as by
the usual library; what is rarer (interlaced, 2, 4 and 16 bits, a transparent colour) is left to it, once the checksums
are found right.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field

from core.errors import FrameUnreadable
from scanner.bounds import REMEDY_AGAIN, Channel, Grey, Limits, believable_dpi, check_size, damaged
from scanner.exif import orientation_in
from scanner.inflate import inflate_rows
from scanner.samples import from_bits, from_samples

_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # of each kind of colour
_PALETTE = 3
_LARGEST_PALETTE = 768


@dataclass(slots=True)
class Png:
    """The parts of a whole PNG that say how to look at it; its data is still packed."""

    width: int
    height: int
    bits: int
    colour: int
    interlaced: bool
    packed: list[memoryview] = field(default_factory=list)
    palette: bytes | None = None
    clear: bool = False  # some colour is transparent
    dpi: float | None = None
    orientation: int = 1


def open_png(data: bytes, *, where: str) -> Png:
    """The chunks up to the end, each with its checksum found right."""
    png, at, view = None, 8, memoryview(data)
    while at + 12 <= len(data):
        length, kind = int.from_bytes(view[at : at + 4], "big"), data[at + 4 : at + 8]
        end = at + 8 + length
        if end + 4 > len(data):
            break
        if zlib.crc32(view[at + 4 : end]) != int.from_bytes(view[end : end + 4], "big"):
            raise FrameUnreadable("the PNG is damaged.", where=where, remedy=REMEDY_AGAIN)
        body = view[at + 8 : end]
        if png is None:
            png = _header(kind, body, where)
        elif kind == b"IEND":
            return png
        elif kind == b"IDAT":
            png.packed.append(body)
        else:
            _note(png, kind, bytes(body[:65536]))
        at = end + 4
    raise FrameUnreadable("the PNG breaks off before its end.", where=where, remedy=REMEDY_AGAIN)


def unpack_png(png: Png, *, where: str, channel: Channel, limits: Limits) -> Grey | None:
    """The grey values (or one colour); None for a kind that is left to the usual library."""
    samples = _SAMPLES.get(png.colour)
    check_size(png.width, png.height, where=where, limits=limits, deep=(samples or 4) * png.bits // 8)
    kind = (png.bits == 8 and samples is not None) or (png.bits == 1 and png.colour == 0)
    if not kind or samples is None or png.interlaced or png.clear or (png.colour == _PALETTE and png.palette is None):
        return None
    rows = inflate_rows(b"".join(png.packed), png.width * samples * png.bits, png.height, max(1, samples * png.bits // 8))
    if rows is None:
        raise damaged("PNG", where)
    if png.bits == 1:
        return from_bits(rows[:, 1:], png.width)
    return from_samples(rows[:, 1:], png.width, samples, channel, png.palette if png.colour == _PALETTE else None)


def _header(kind: bytes, body: memoryview, where: str) -> Png:
    if kind != b"IHDR" or len(body) != 13:
        raise FrameUnreadable("the picture's header is broken.", where=where, remedy=REMEDY_AGAIN)
    width, height = int.from_bytes(body[:4], "big"), int.from_bytes(body[4:8], "big")
    return Png(width, height, body[8], body[9], body[12] != 0)


def _note(png: Png, kind: bytes, body: bytes) -> None:
    """A chunk beside the picture itself."""
    if kind == b"PLTE":
        png.palette = body[:_LARGEST_PALETTE]
    elif kind == b"tRNS":
        png.clear = True
    elif kind == b"pHYs" and len(body) >= 9 and body[8] == 1:
        png.dpi = believable_dpi(int.from_bytes(body[:4], "big") * 0.0254)
    elif kind == b"eXIf":
        png.orientation = orientation_in(body)
