"""Hostile files for the fuzz run: small pages of every format, and what chance makes of them. A seed and a number name one."""

from __future__ import annotations

import io
import random
import struct
import zlib
from collections.abc import Callable
from functools import cache

import numpy as np
import pikepdf
from numpy.typing import NDArray
from PIL import Image

Picture = NDArray[np.uint8]

_SIZE = (330, 310)  # just above the least side that is read: the smaller the file, the more of it a mutation reaches
_TELLING = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 300, 65_536, 100_000)


def fuzzed(seed: int, number: int) -> tuple[str, bytes]:
    """The input of that number: the name of the file that it was made from, and its bytes."""
    chance = random.Random(f"{seed}/{number}")
    name, whole = chance.choice(corpus())
    data = bytearray(whole)
    for _ in range(chance.choice((1, 1, 1, 2, 3, 5, 10, 30))):
        chance.choice(_MUTATIONS)(data, chance)
    if data[:4] == b"\x89PNG" and chance.random() < 0.6:
        data = _with_checksums(data)
    return name, bytes(data)


@cache
def corpus() -> list[tuple[str, bytes]]:
    """Whole files, the same in every run."""
    page = _page()
    colour = np.dstack([page, page[::-1], page[:, ::-1]])
    found = [(f"{form} {mode}", _saved(page, mode, form)) for form, mode in _PLAIN]
    found += [(f"tiff {packing}", _saved(page, "1", "TIFF", compression=packing)) for packing in ("group3", "group4", "tiff_ccitt")]
    found += [(f"tiff {packing}", _saved(page, "L", "TIFF", compression=packing)) for packing in _PACKINGS]
    found += [("tiff jpeg colour", _saved(colour, "RGB", "TIFF", compression="jpeg")), ("tiff pages", _pages(page))]
    found += [("jpeg progressive", _saved(page, "L", "JPEG", progressive=True)), ("jpeg turned", _saved(page, "L", "JPEG", exif=_turned()))]
    return found + _pdfs(page, colour)


_PLAIN = [
    *(("PNG", mode) for mode in ("1", "L", "P", "RGB", "RGBA", "LA", "I;16")),
    *(("JPEG", mode) for mode in ("L", "RGB", "CMYK")),
    *(("TIFF", mode) for mode in ("1", "L", "P", "RGB", "CMYK")),
    *(("BMP", mode) for mode in ("1", "L", "RGB")),
    *(("WEBP", mode) for mode in ("L", "RGBA")),
]
_PACKINGS = ("tiff_lzw", "tiff_deflate", "packbits", "jpeg")


def _page() -> Picture:
    """Strokes and some grain, so that every packing has something to say."""
    chance = np.random.default_rng(3)
    page = np.full(_SIZE, 250, np.uint8)
    for top, left in chance.integers(0, 290, (80, 2)):
        page[top : top + 3, left : left + 18] = 20
    return page - chance.integers(0, 4, _SIZE).astype(np.uint8)


def _saved(page: Picture, mode: str, form: str, **options: object) -> bytes:
    sink = io.BytesIO()
    picture = Image.fromarray(page)
    (picture if picture.mode == mode else picture.convert(mode)).save(sink, form, **options)
    return sink.getvalue()


def _pages(page: Picture) -> bytes:
    sink = io.BytesIO()
    first, *rest = [Image.fromarray(page).convert("1") for _ in range(3)]
    first.save(sink, "TIFF", save_all=True, append_images=rest, compression="group4")
    return sink.getvalue()


def _turned() -> Image.Exif:
    exif = Image.Exif()
    exif[274] = 6
    return exif


def _pdfs(page: Picture, colour: Picture) -> list[tuple[str, bytes]]:
    name, packed = pikepdf.Name, zlib.compress(page.tobytes())
    fax = _saved(page, "1", "TIFF", compression="group4", strip_size=1 << 30)
    with Image.open(io.BytesIO(fax)) as strip:
        tags = strip.tag_v2  # type: ignore[attr-defined]  # a TIFF has tags
        strip_bytes = fax[tags[273][0] : tags[273][0] + tags[279][0]]
    grey = {"ColorSpace": name.DeviceGray, "BitsPerComponent": 8}
    bits = {"ColorSpace": name.DeviceGray, "BitsPerComponent": 1}
    columns = pikepdf.Dictionary(K=-1, Columns=_SIZE[1], Rows=_SIZE[0])
    kinds: dict[str, tuple[bytes, dict[str, object]]] = {
        "jpeg": (_saved(page, "L", "JPEG"), {"Filter": name.DCTDecode, **grey}),
        "cmyk": (_saved(page, "CMYK", "JPEG"), {"Filter": name.DCTDecode, "ColorSpace": name.DeviceCMYK, "BitsPerComponent": 8}),
        "jpx": (_saved(page, "L", "JPEG2000"), {"Filter": name.JPXDecode, **grey}),
        "fax": (strip_bytes, {"Filter": name.CCITTFaxDecode, "DecodeParms": columns, **bits}),
        "flate": (packed, {"Filter": name.FlateDecode, **grey}),
        "twice": (zlib.compress(packed), {"Filter": pikepdf.Array([name.FlateDecode, name.FlateDecode]), **grey}),
        "raw": (page.tobytes(), grey),
        "jbig2": (_jbig2(), {"Filter": name.JBIG2Decode, **bits}),
        "lzw": (_saved(page, "L", "TIFF", compression="tiff_lzw"), {"Filter": name.LZWDecode, **grey}),
    }
    found = [(f"pdf {kind}", _pdf(stream, b"q 595 0 0 842 0 0 cm /Im0 Do Q", options)) for kind, (stream, options) in kinds.items()]
    jpeg, options = kinds["jpeg"]
    return [*found, ("pdf drawn", _pdf(jpeg, b"q 500 0 0 700 9 9 cm /Im0 Do Q 0 0 50 50 re f 1 0 0 RG 9 9 m 99 99 l S", options))]


def _jbig2() -> bytes:
    """A page and one region coded in full, filled by chance: the arithmetic coding makes a picture of any bytes."""
    height, width = _SIZE
    page = struct.pack(">IBBBI", 0, 48, 0, 1, 19) + struct.pack(">IIIIBH", width, height, 0, 0, 0, 0)
    body = struct.pack(">IIIIB", width, height, 0, 0, 0) + bytes([0, 3, 255, 253, 255, 2, 254, 254, 254]) + random.Random(1).randbytes(900)
    return page + struct.pack(">IBBBI", 1, 38, 0, 1, len(body)) + body


def _pdf(stream: bytes, content: bytes, options: dict[str, object]) -> bytes:
    sink = io.BytesIO()
    with pikepdf.new() as pdf:
        pdf.add_blank_page(page_size=(595, 842))
        shared = {"Type": pikepdf.Name.XObject, "Subtype": pikepdf.Name.Image, "Width": _SIZE[1], "Height": _SIZE[0]}
        picture = pdf.make_stream(stream, **shared, **options)
        pdf.pages[0].Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(Im0=picture))
        pdf.pages[0].Contents = pdf.make_stream(content)
        pdf.save(sink, compress_streams=False, object_stream_mode=pikepdf.ObjectStreamMode.disable, static_id=True)
    return sink.getvalue()


def _with_checksums(data: bytearray) -> bytearray:
    """The PNG with right checksums, as far as its chunks go, so that damage reaches what lies behind the checks."""
    at = 8
    while at + 12 <= len(data):
        end = at + 8 + int.from_bytes(data[at : at + 4], "big")
        if end + 4 > len(data):
            break
        data[end : end + 4] = zlib.crc32(data[at + 4 : end]).to_bytes(4, "big")
        at = end + 4
    return data


def _flip(data: bytearray, chance: random.Random) -> None:
    data[_place(data, chance)] ^= 1 << chance.randrange(8)


def _byte(data: bytearray, chance: random.Random) -> None:
    data[_place(data, chance)] = chance.randrange(256)


def _number(data: bytearray, chance: random.Random) -> None:
    order, size, at = chance.choice(("big", "little")), chance.choice((1, 2, 4)), _place(data, chance)
    value = chance.choice(_TELLING) & (1 << 8 * size) - 1
    data[at : at + size] = value.to_bytes(size, "big" if order == "big" else "little")


def _digits(data: bytearray, chance: random.Random) -> None:
    """Another number where the file (a PDF) has one in plain digits."""
    at = _place(data, chance)
    while at < len(data) and not 48 <= data[at] <= 57:
        at += 1
    data[at : at + 1] = str(chance.choice((*_TELLING, -1))).encode()


def _cut(data: bytearray, chance: random.Random) -> None:
    at = _place(data, chance)
    del data[at : at + chance.choice((1, 2, 4, 16, 100, 1000))]


def _end(data: bytearray, chance: random.Random) -> None:
    del data[_place(data, chance) :]


def _again(data: bytearray, chance: random.Random) -> None:
    at, length = _place(data, chance), chance.choice((1, 4, 16, 100))
    data[at:at] = data[at : at + length]


def _noise(data: bytearray, chance: random.Random) -> None:
    at, length = _place(data, chance), chance.choice((1, 2, 8, 64))
    data[at : at + length] = chance.randbytes(length)


def _splice(data: bytearray, chance: random.Random) -> None:
    """A piece of another file."""
    other = chance.choice(corpus())[1]
    at, source = _place(data, chance), chance.randrange(len(other))
    piece = other[source : source + chance.choice((4, 16, 64, 500))]
    data[at : at + len(piece)] = piece


def _place(data: bytearray, chance: random.Random) -> int:
    """Anywhere; half the time near the beginning, where headers are. An emptied file gets a byte again."""
    if not data:
        data.append(0)
    return min(int(chance.expovariate(1 / 60)), len(data) - 1) if chance.random() < 0.5 else chance.randrange(len(data))


_MUTATIONS: tuple[Callable[[bytearray, random.Random], None], ...] = (
    _flip, _flip, _byte, _byte, _number, _number, _digits, _cut, _end, _again, _noise, _splice,
)  # fmt: skip
