"""TIFF: its directories, walked once and within bounds, and the packings that scanners use.

Group 3 and 4, deflate and JPEG strips are unpacked here by decoders that notice damage (the usual library shows it as
white or grey paper); other packings are left to that library, after a look whether all strips lie within the file.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from core.errors import FrameUnreadable
from scanner.bounds import REMEDY_AGAIN, Channel, Grey, Limits, believable_dpi, check_size, damaged
from scanner.inflate import inflate_into
from scanner.jpeg import unpack_jpeg
from scanner.samples import from_bits, from_samples

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_WHOLE = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}
_MOST_ENTRIES, _MOST_VALUES = 500, 1_000_000

_WIDTH, _HEIGHT, _BITS, _PACKING, _PHOTOMETRIC, _FILL_ORDER, _OFFSETS, _ORIENTATION = 256, 257, 258, 259, 262, 266, 273, 274
_SAMPLES, _ROWS, _COUNTS, _ACROSS, _PLANAR, _OPTIONS, _UNIT = 277, 278, 279, 282, 284, 292, 296
_PREDICTOR, _TILE_WIDTH, _TILE_HEIGHT, _TILES, _TILE_COUNTS, _TABLES = 317, 322, 323, 324, 325, 347
_UNPACKED, _RLE, _G3, _G4, _OLD_JPEG, _JPEG = 1, 2, 3, 4, 6, 7
_DEFLATE = (8, 32946)
_FAX = (_RLE, _G3, _G4)


@dataclass(frozen=True, slots=True)
class Directory:
    """What one page's directory says; `tags` are numbers, and the JPEG tables as bytes."""

    tags: dict[int, tuple[int, ...]]
    tables: bytes = b""
    dpi: float | None = None
    strips: tuple[tuple[int, int], ...] = field(default=())  # (offset, bytes)

    def one(self, tag: int, default: int) -> int:
        values = self.tags.get(tag)
        return values[0] if values else default

    @property
    def orientation(self) -> int:
        return self.one(_ORIENTATION, 1)


def directories(data: bytes, *, where: str, limits: Limits) -> Iterator[Directory]:
    """The pages' directories in order. A chain that runs in a circle, leaves the file or does not end is refused."""
    order = "<" if data[:2] == b"II" else ">"
    large = data[2:4] in (b"+\0", b"\0+")
    seen: set[int] = set()
    try:
        at = struct.unpack_from(order + ("Q" if large else "I"), data, 8 if large else 4)[0]
        while at:
            if at in seen:
                raise FrameUnreadable("the TIFF's list of pages runs in a circle.", where=where, remedy="Export it again.")
            if len(seen) >= limits.pages:
                raise FrameUnreadable(
                    f"the TIFF has more than {limits.pages} pages; at most {limits.pages} are read.", where=where, remedy="Split it."
                )
            seen.add(at)
            directory, at = _directory(data, at, order, large)
            yield directory
    except (struct.error, ValueError, OverflowError) as e:
        raise FrameUnreadable("the TIFF's list of pages is broken.", where=where, remedy="Export it again.") from e
    if not seen:
        raise FrameUnreadable("the TIFF holds no page.", where=where, remedy="Export it again.")


def unpack_tiff(data: bytes, page: Directory, *, where: str, channel: Channel, limits: Limits) -> Grey | None:
    """The grey values (or one colour) as they lie in the file; None for packings that are left to the usual library."""
    check_size(page.one(_WIDTH, 0), page.one(_HEIGHT, 0), where=where, limits=limits)
    if any(offset + count > len(data) for offset, count in page.strips):
        raise FrameUnreadable("the TIFF breaks off before its end.", where=where, remedy=REMEDY_AGAIN)
    _check_parts(page, where)
    packing, samples, photometric = page.one(_PACKING, 1), page.one(_SAMPLES, 1), page.one(_PHOTOMETRIC, 0)
    bits = page.tags.get(_BITS) or (1,)
    if _TILES in page.tags or (samples > 1 and page.one(_PLANAR, 1) != 1) or not page.strips:
        return None
    if packing in _FAX and samples == 1 and bits[0] == 1:
        return _fax(data, page, packing, where)
    if packing == _JPEG and photometric in (1, 6) and set(bits) == {8}:
        return _jpeg(data, page, where, channel, limits)
    grey = samples == 1 and photometric in (0, 1) and bits[0] in (1, 8)
    if packing in _DEFLATE and (grey or (photometric == 2 and bits == (8, 8, 8))) and page.one(_FILL_ORDER, 1) == 1:
        return _deflated(data, page, samples, bits[0], where, channel)
    return None


def _directory(data: bytes, at: int, order: str, large: bool) -> tuple[Directory, int]:
    """The directory at a place of the file, and where the next one is (0: none)."""
    count = struct.unpack_from(order + ("Q" if large else "H"), data, at)[0]
    if count > _MOST_ENTRIES:
        raise ValueError(count)
    at += 8 if large else 2
    entry = struct.Struct(order + ("HHQ" if large else "HHI"))
    tags: dict[int, tuple[int, ...]] = {}
    tables, dpi = b"", None
    for _ in range(count):
        tag, kind, length = entry.unpack_from(data, at)
        inline = at + entry.size
        at = inline + (8 if large else 4)
        size = _SIZES.get(kind, 0) * length
        place = inline if size <= at - inline else struct.unpack_from(order + ("Q" if large else "I"), data, inline)[0]
        if tag == _TABLES:
            tables = data[place : place + size]
        elif tag == _ACROSS and kind == 5:
            above, below = struct.unpack_from(order + "II", data, place)
            dpi = float(Fraction(above, below)) if below else None
        elif kind in _WHOLE and length <= _MOST_VALUES:
            tags[tag] = struct.unpack_from(f"{order}{length}{_WHOLE[kind]}", data, place)
    following = struct.unpack_from(order + ("Q" if large else "I"), data, at)[0]
    unit = tags.get(_UNIT, (2,))[:1]
    stated = believable_dpi(dpi * (2.54 if unit == (3,) else 1.0)) if dpi and unit != (1,) else None
    return Directory(tags, tables, stated, _strips(tags)), following


def _strips(tags: dict[int, tuple[int, ...]]) -> tuple[tuple[int, int], ...]:
    offsets, counts = tags.get(_OFFSETS, tags.get(_TILES, ())), tags.get(_COUNTS, tags.get(_TILE_COUNTS, ()))
    return tuple(zip(offsets, counts, strict=False))


def _check_parts(page: Directory, where: str) -> None:
    """All strips or tiles of the page are listed, and unpacked ones are long enough: what is missing would be shown as one colour."""
    width, height, samples, packing = page.one(_WIDTH, 0), page.one(_HEIGHT, 0), page.one(_SAMPLES, 1), page.one(_PACKING, 1)
    if packing == _OLD_JPEG:
        raise FrameUnreadable("the TIFF holds a JPEG of a kind that is no longer read.", where=where, remedy="Save it as JPEG.")
    if _TILES in page.tags:
        across, down = page.one(_TILE_WIDTH, 0), page.one(_TILE_HEIGHT, 0)
        parts = -(-width // max(across, 1)) * -(-height // max(down, 1))
    else:
        parts = -(-height // max(1, min(page.one(_ROWS, height), height)))
        least = height * ((width * samples * page.one(_BITS, 1) + 7) // 8)
        if packing == _UNPACKED and sum(count for _, count in page.strips) < least:
            raise damaged("TIFF", where)
    planes = samples if page.one(_PLANAR, 1) == 2 else 1
    if len(page.strips) < parts * planes or any(count == 0 for _, count in page.strips):
        raise damaged("TIFF", where)


def _parts(data: bytes, page: Directory, where: str) -> Iterator[tuple[bytes, int, int]]:
    """Each strip's bytes, its first row and the row after its last; together they are the whole page."""
    height = page.one(_HEIGHT, 0)
    rows = min(page.one(_ROWS, height) or height, height)
    if len(page.strips) != -(-height // rows) or len(page.tags[_OFFSETS]) != len(page.strips):
        raise damaged("TIFF", where)
    for i, (offset, count) in enumerate(page.strips):
        yield data[offset : offset + count], i * rows, min((i + 1) * rows, height)


def _fax(data: bytes, page: Directory, packing: int, where: str) -> Grey:
    from scanner.fax import GROUP3, GROUP3_2D, GROUP4, unpack_fax  # brings in the compiler

    kind = {_G4: GROUP4, _RLE: GROUP3}.get(packing, GROUP3_2D if page.one(_OPTIONS, 0) & 1 else GROUP3)
    pixels = np.empty((page.one(_HEIGHT, 0), page.one(_WIDTH, 0)), np.uint8)
    for strip, top, bottom in _parts(data, page, where):
        right = unpack_fax(
            strip,
            pixels[top:bottom],
            kind=kind,
            aligned=packing == _RLE,
            inverted=page.one(_PHOTOMETRIC, 0) == 1,
            reverse=page.one(_FILL_ORDER, 1) == 2,
        )
        if not right:
            raise damaged("TIFF", where)
    return pixels


def _jpeg(data: bytes, page: Directory, where: str, channel: Channel, limits: Limits) -> Grey:
    """Strips that are JPEGs whose tables stand apart, once for all."""
    pixels = np.empty((page.one(_HEIGHT, 0), page.one(_WIDTH, 0)), np.uint8)
    any_height = Limits(pixels=limits.pixels, least_side=1)
    for strip, top, bottom in _parts(data, page, where):
        whole = page.tables[:-2] + strip[2:] if page.tables else strip
        part = unpack_jpeg(whole, where=where, channel=channel, limits=any_height)
        if part is None or part.shape[1] != pixels.shape[1] or part.shape[0] < bottom - top:
            raise damaged("TIFF", where)
        pixels[top:bottom] = part[: bottom - top]
    return pixels


def _deflated(data: bytes, page: Directory, samples: int, bits: int, where: str, channel: Channel) -> Grey:
    height, width = page.one(_HEIGHT, 0), page.one(_WIDTH, 0)
    rows = np.empty((height, (width * samples * bits + 7) // 8), np.uint8)
    for strip, top, bottom in _parts(data, page, where):
        part = rows[top:bottom]
        if not inflate_into(strip, part.reshape(-1)):
            raise damaged("TIFF", where)
    if page.one(_PREDICTOR, 1) == 2 and bits == 8:
        across = rows.reshape(height, width, samples)
        np.cumsum(across, axis=1, dtype=np.uint8, out=across)
    inverted = page.one(_PHOTOMETRIC, 0) == 0
    if bits == 1:
        return from_bits(rows, width, black_is_0=not inverted)
    grey = from_samples(rows, width, samples, channel)
    return 255 - grey if inverted else grey
