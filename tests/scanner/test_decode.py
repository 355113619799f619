"""Bytes become a page, or one clear sentence; nothing in between."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest
import simplejpeg
from numpy.typing import NDArray
from PIL import Image

from core.errors import FrameUnreadable
from scanner.decode import STATED, Limits, decode, sniff


def picture() -> NDArray[np.uint8]:
    x, y = np.meshgrid(np.arange(400), np.arange(500))
    return ((x + y) % 256).astype(np.uint8)


def jpeg() -> bytes:
    return bytes(simplejpeg.encode_jpeg(picture()[:, :, None], quality=90, colorspace="GRAY", colorsubsampling="Gray"))


def saved(mode: str, form: str, **options: object) -> bytes:
    sink = io.BytesIO()
    Image.fromarray(picture()).convert(mode).save(sink, form, **options)
    return sink.getvalue()


@pytest.mark.parametrize(
    ("mode", "form", "near"),
    [("L", "PNG", 0), ("RGB", "PNG", 1), ("RGBA", "PNG", 1), ("L", "TIFF", 0), ("L", "BMP", 0), ("CMYK", "JPEG", 40), ("RGB", "JPEG", 40)],
)
def test_every_kind_of_picture_gives_the_same_grey(mode: str, form: str, near: int) -> None:
    page = decode(saved(mode, form), where="page")
    assert page.pixels.dtype == np.uint8
    assert page.pixels.flags.c_contiguous
    assert np.abs(page.pixels.astype(int) - picture()).max() <= near


def test_a_one_bit_picture_is_black_and_white() -> None:
    page = decode(saved("1", "PNG"), where="page")
    assert set(np.unique(page.pixels)) == {0, 255}


def test_drop_out_ink_is_white_in_its_own_colour() -> None:
    red = np.zeros((400, 400, 3), np.uint8)
    red[:, :, 0] = 255
    sink = io.BytesIO()
    Image.fromarray(red).save(sink, "PNG")
    assert decode(sink.getvalue(), where="page", channel="red").pixels.min() == 255
    assert decode(sink.getvalue(), where="page").pixels.max() < 100


def test_the_stated_resolution_is_kept() -> None:
    assert decode(saved("L", "JPEG", dpi=(200, 200)), where="page").dpi == 200
    assert round(decode(saved("L", "PNG", dpi=(300, 300)), where="page").dpi or 0) == 300


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"just some text", "not a picture"),
        (jpeg()[: len(jpeg()) // 2], "breaks off"),
        (jpeg()[:-200] + b"\xff\xd9", "breaks off"),
        (jpeg()[:40], "header"),
        (saved("L", "PNG")[:-20], "breaks off"),
        (saved("L", "BMP")[:5000], "damaged"),
        (saved("L", "TIFF")[:100], "broken|damaged|breaks"),
    ],
)
def test_a_broken_picture_is_refused_with_its_place(data: bytes, words: str) -> None:
    with pytest.raises(FrameUnreadable, match=words) as refusal:
        decode(data, where="batch/7.jpg")
    assert str(refusal.value).startswith("batch/7.jpg: ")


def test_a_flipped_byte_in_a_png_is_not_shown_as_a_picture() -> None:
    data = bytearray(saved("L", "PNG"))
    data[len(data) // 2] ^= 0xFF
    with pytest.raises(FrameUnreadable):
        decode(bytes(data), where="page")


def test_bounds_are_checked_before_a_pixel_is_unpacked() -> None:
    head = b"IHDR" + struct.pack(">IIBBBBB", 60_000, 60_000, 1, 0, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(c) - 4) + c + struct.pack(">I", zlib.crc32(c)) for c in (head, b"IDAT" + zlib.compress(bytes(1000)), b"IEND")
    )
    with pytest.raises(FrameUnreadable, match="60000 x 60000 pixels"):
        decode(bomb, where="page")
    with pytest.raises(FrameUnreadable, match="only 40 x 40"):
        decode(_small(), where="page")
    with pytest.raises(FrameUnreadable, match="MiB"):
        decode(jpeg(), where="page", limits=Limits(file_bytes=1000))


def _small() -> bytes:
    sink = io.BytesIO()
    Image.new("L", (40, 40)).save(sink, "PNG")
    return sink.getvalue()


def test_decoding_brings_in_no_compiler() -> None:
    code = "import sys, scanner.decode, scanner.frames; raise SystemExit('numba' in sys.modules or 'cv2' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_what_a_station_says_in_place_of_a_page_is_the_reason_that_a_person_sees() -> None:
    with pytest.raises(FrameUnreadable, match="could not take this page out of its file: page 3 is damaged"):
        sniff(STATED + b"page 3 is damaged", where="here")
