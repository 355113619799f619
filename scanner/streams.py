"""A picture's stream in a PDF -> grey, straight from its bytes, where it is of a kind that scanners write."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
import pikepdf

from scanner.bounds import Channel, Grey, Limits, damaged
from scanner.inflate import inflate_into, inflate_rows
from scanner.jpeg import unpack_jpeg
from scanner.jpx import unpack_jpx
from scanner.samples import from_bits, from_samples

_GREY = {"/DeviceGray", "/CalGray", "/G"}
_COLOUR = {"/DeviceRGB", "/CalRGB", "/RGB"}
_MOST_FILTERS = 4


def unpack_stream(picture: pikepdf.Stream, *, where: str, channel: Channel, limits: Limits) -> Grey | None:
    """The grey values (or one colour) of a picture, as it lies; None for a kind that is left to the drawing library.

    Raises FrameUnreadable for damage.
    """
    if "/SMask" in picture or "/Mask" in picture:
        return None
    filters, parms = _filters(picture)
    inverted = _inverted(picture)
    if len(filters) > _MOST_FILTERS or inverted is None:
        return None
    data = picture.read_raw_bytes()
    while len(filters) > 1 and filters[0] == "/FlateDecode" and not parms[0]:
        data, filters, parms = _inflated(data, where, limits), filters[1:], parms[1:]
    if len(filters) > 1:
        return None
    kind, parm = (filters[0], parms[0]) if filters else ("", {})
    if kind == "/JBIG2Decode":
        check_jbig2(data, where)
        return None
    if kind == "/CCITTFaxDecode":
        return _fax(picture, data, parm, inverted, where)
    if kind in ("", "/FlateDecode"):
        return _samples(picture, data, parm, kind, inverted, where, channel)
    samples = _samples_of(picture)
    if kind == "/DCTDecode" and samples in (1, 3) and not parm:
        grey = unpack_jpeg(data, where=where, channel=channel, limits=limits)
    elif kind == "/JPXDecode":
        grey = unpack_jpx(data, where=where, channel=channel, limits=limits)
    else:
        return None
    return None if grey is None else 255 - grey if inverted else grey


def _filters(picture: pikepdf.Stream) -> tuple[list[str], list[Any]]:
    kind, parm = picture.get("/Filter"), picture.get("/DecodeParms")
    kinds: list[Any] = list(kind) if isinstance(kind, pikepdf.Array) else [kind] if kind is not None else []
    parms: list[Any] = list(parm) if isinstance(parm, pikepdf.Array) else [parm]
    parms += [None] * (len(kinds) - len(parms))
    return [str(k) for k in kinds], [p if p is not None else {} for p in parms[: len(kinds)]]


def _inverted(picture: pikepdf.Stream) -> bool | None:
    """Whether the Decode array says that 0 is white; None for any other Decode array than the two plain ones."""
    decode = picture.get("/Decode")
    if decode is None:
        return False
    pairs = {(float(decode[i]), float(decode[i + 1])) for i in range(0, len(decode) - 1, 2)}
    return {frozenset({(0.0, 1.0)}): False, frozenset({(1.0, 0.0)}): True}.get(frozenset(pairs))


def _samples_of(picture: pikepdf.Stream) -> int:
    """Samples a pixel: 1 for grey, 3 for red, green and blue, 0 for any other space of colours."""
    if picture.get("/ImageMask", False):
        return 1
    space = picture.get("/ColorSpace")
    if isinstance(space, pikepdf.Array):
        if str(space[0]) == "/ICCBased":
            found = int(space[1].get("/N", 0))
            return found if found in (1, 3) else 0
        space = space[0]
    return 1 if str(space) in _GREY else 3 if str(space) in _COLOUR else 0


def _palette(picture: pikepdf.Stream) -> bytes | None:
    """The RGB palette of an indexed picture."""
    space = picture.get("/ColorSpace")
    if not isinstance(space, pikepdf.Array) or str(space[0]) not in ("/Indexed", "/I") or str(space[1]) not in _COLOUR:
        return None
    table = space[3]
    return (table.read_bytes() if isinstance(table, pikepdf.Stream) else bytes(table))[:768]


def _inflated(data: bytes, where: str, limits: Limits) -> bytes:
    """A whole deflated stream, within bounds."""
    unpacker = zlib.decompressobj()
    try:
        found = unpacker.decompress(data, limits.file_bytes)
    except zlib.error as e:
        raise damaged("PDF's picture", where) from e
    if not unpacker.eof:
        raise damaged("PDF's picture", where)
    return found


def _fax(picture: pikepdf.Stream, data: bytes, parm: Any, inverted: bool, where: str) -> Grey | None:
    from scanner.fax import GROUP3, GROUP3_2D, GROUP4, unpack_fax  # brings in the compiler

    width, height, k = int(parm.get("/Columns", 1728)), int(picture.Height), int(parm.get("/K", 0))
    if width != int(picture.Width) or _samples_of(picture) != 1:
        return None
    pixels = np.empty((height, width), np.uint8)
    right = unpack_fax(
        data,
        pixels,
        kind=GROUP4 if k < 0 else GROUP3_2D if k > 0 else GROUP3,
        aligned=bool(parm.get("/EncodedByteAlign", False)),
        inverted=bool(parm.get("/BlackIs1", False)) != inverted,
    )
    if not right:
        raise damaged("PDF's picture", where)
    return pixels


def _samples(picture: pikepdf.Stream, data: bytes, parm: Any, kind: str, inverted: bool, where: str, channel: Channel) -> Grey | None:
    width, height = int(picture.Width), int(picture.Height)
    palette = _palette(picture)
    bits = 1 if picture.get("/ImageMask", False) else int(picture.get("/BitsPerComponent", 0))
    samples = 1 if palette is not None else _samples_of(picture)
    predictor = int(parm.get("/Predictor", 1))
    if not samples or (bits != 8 and (bits, samples, palette) != (1, 1, None)) or predictor not in (1, *range(10, 16)):
        return None
    if predictor > 1 and (int(parm.get("/Columns", 1)), int(parm.get("/Colors", 1)), int(parm.get("/BitsPerComponent", 8))) != (
        width,
        samples,
        bits,
    ):
        return None
    rows = _rows(data, width * samples * bits, height, predictor > 1, max(1, samples * bits // 8), packed=kind != "")
    if rows is None:
        raise damaged("PDF's picture", where)
    if bits == 1:
        return from_bits(rows, width, black_is_0=not inverted)
    grey = from_samples(rows, width, samples, channel, palette)
    return np.ascontiguousarray(255 - grey if inverted else grey)


def _rows(data: bytes, bits: int, height: int, filtered: bool, step: int, *, packed: bool) -> Grey | None:
    """The rows of a picture of so many bits a row; None where the data does not give just them."""
    if filtered:
        found = inflate_rows(data, bits, height, step)
        return None if found is None else found[:, 1:]
    size = (bits + 7) // 8 * height
    if not packed:
        return np.frombuffer(data, np.uint8, size).reshape(height, -1) if size <= len(data) <= size + 2 else None
    flat = np.empty(size, np.uint8)
    return flat.reshape(height, -1) if inflate_into(data, flat) else None


def check_jbig2(data: bytes, where: str) -> None:
    """Every segment of an embedded JBIG2 stream lies within it (ISO/IEC 14492, 7.2); raises FrameUnreadable."""
    at = 0
    while at < len(data):
        if at + 11 > len(data):
            raise damaged("PDF's picture", where)
        number, flags, referred = int.from_bytes(data[at : at + 4], "big"), data[at + 4], data[at + 5] >> 5
        at += 5
        if referred == 7:
            referred = int.from_bytes(data[at : at + 4], "big") & 0x1FFFFFFF
            at += 4 + (referred + 8) // 8
        else:
            at += 1
        at += referred * (1 if number <= 256 else 2 if number <= 65536 else 4) + (4 if flags & 0x40 else 1)
        length = int.from_bytes(data[at : at + 4], "big")
        if length == 0xFFFFFFFF:  # allowed for one kind of segment: its end is known only by unpacking it
            return
        at += 4 + length
    if at != len(data) or at == 0:
        raise damaged("PDF's picture", where)
