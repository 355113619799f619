"""Every kind of picture that scanners write gives its own pixels, the way up that it says; damage is refused."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
import simplejpeg
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from core.errors import FrameUnreadable
from scanner.bounds import Grey, Limits, turned
from scanner.decode import decode
from scanner.frames import count_pages, pages_in, single_page
from scanner.inflate import inflate_rows


def page(seed: int = 1, shape: tuple[int, ...] = (420, 330)) -> Grey:
    """Shades with an arrow's asymmetry and some grain."""
    chance = np.random.default_rng(seed)
    found = np.linspace(40, 250, int(np.prod(shape))).reshape(shape).astype(np.uint8)
    found[20:80, 30:200] = 10
    return found ^ chance.integers(0, 4, shape, dtype=np.uint8)


def saved(pixels: Grey, form: str, mode: str = "", **options: object) -> bytes:
    sink = io.BytesIO()
    picture = Image.fromarray(pixels)
    (picture.convert(mode) if mode else picture).save(sink, form, **options)
    return sink.getvalue()


def colours() -> Grey:
    return np.dstack([page(1), page(2)[::-1], page(3)[:, ::-1]])


def by_pillow(data: bytes) -> Grey:
    with Image.open(io.BytesIO(data)) as picture:
        return np.asarray(picture.convert("L"))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_a_png_of_every_kind_gives_what_the_usual_library_gives(mode: str) -> None:
    source = colours() if mode in ("P", "RGB", "RGBA") else page()
    data = saved(source, "PNG", mode)
    near = 1 if mode in ("I;16", "RGBA", "LA") else 0
    expected = by_pillow(saved(source, "PNG", "L")) if mode == "I;16" else by_pillow(data)
    if mode == "I;16":  # 16 bits that hold 8 bit values, as Pillow writes them
        assert decode(data, where="page").pixels.shape == expected.shape
    else:
        assert np.abs(decode(data, where="page").pixels.astype(int) - expected).max() <= near


def test_what_is_transparent_lies_on_white_paper() -> None:
    source = np.dstack([colours(), np.full((420, 330), 255, np.uint8)])
    source[100:200, :, 3] = 0
    source[200:300, :, 3] = 128
    found = decode(saved(source, "PNG"), where="page").pixels
    grey = by_pillow(saved(colours(), "PNG")).astype(int)
    assert np.array_equal(found[:100], grey[:100])
    assert (found[100:200] == 255).all()
    assert np.abs(found[200:300] - (grey[200:300] * 128 + 255 * 127) / 255).max() <= 1


@pytest.mark.parametrize("mode", ["LA", "RGBA", "I;16"])
def test_a_picture_of_many_bytes_a_pixel_may_have_fewer_pixels(mode: str) -> None:
    data = saved(page(), "PNG", mode)
    deep = {"LA": 2, "RGBA": 4, "I;16": 2}[mode]
    enough = 420 * 330 * max(deep, 3) // 3
    assert decode(data, where="page", limits=Limits(pixels=enough)).pixels.shape == (420, 330)
    with pytest.raises(FrameUnreadable, match="420 pixels; at most"):
        decode(data, where="page", limits=Limits(pixels=enough - 3))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 5), st.integers(2, 40), st.sampled_from([1, 2, 3, 4]))
def test_filters_are_undone_as_the_specification_says(seed: int, height: int, pixels: int, step: int) -> None:
    chance = np.random.default_rng(seed)
    rows = chance.integers(0, 256, (height, 1 + pixels * step), dtype=np.uint8)
    rows[:, 0] = chance.integers(0, 5, height)
    found = inflate_rows(zlib.compress(rows.tobytes()), 8 * pixels * step, height, step)
    assert found is not None
    assert np.array_equal(found[:, 1:], undone(rows, step))


def undone(rows: Grey, step: int) -> Grey:
    """PNG's clause 9 word for word, a byte at a time."""
    height, width = rows.shape[0], rows.shape[1] - 1
    found = np.zeros((height, width), np.uint8)
    for y in range(height):
        for x in range(width):
            a = int(found[y, x - step]) if x >= step else 0
            b = int(found[y - 1, x]) if y else 0
            c = int(found[y - 1, x - step]) if y and x >= step else 0
            p = a + b - c
            paeth = min((a, b, c), key=lambda v: abs(p - v))
            found[y, x] = (int(rows[y, x + 1]) + (0, a, b, (a + b) // 2, paeth)[rows[y, 0]]) % 256
    return found


def test_a_filter_that_there_is_not_is_damage() -> None:
    assert inflate_rows(zlib.compress(bytes([7, 1, 2, 3])), 24, 1, 1) is None
    assert inflate_rows(zlib.compress(bytes([0, 1, 2])), 24, 1, 1) is None
    assert inflate_rows(zlib.compress(bytes([0, 1, 2, 3, 4])), 24, 1, 1) is None


def test_a_png_whose_checksums_are_right_and_whose_data_is_not_is_refused() -> None:
    data = saved(page(), "PNG")
    at = data.index(b"IDAT")
    length = int.from_bytes(data[at - 4 : at], "big")
    body = bytearray(data[at + 4 : at + 4 + length])
    body[length // 2 : length // 2 + 8] = bytes(8)
    crc = zlib.crc32(b"IDAT" + body)
    with pytest.raises(FrameUnreadable, match="damaged"):
        decode(data[: at + 4] + bytes(body) + struct.pack(">I", crc) + data[at + 8 + length :], where="page")


@pytest.mark.parametrize("packing", ["raw", "tiff_lzw", "tiff_deflate", "tiff_adobe_deflate", "packbits"])
@pytest.mark.parametrize("mode", ["1", "L", "RGB"])
def test_a_tiff_of_every_packing_gives_its_own_pixels(packing: str, mode: str) -> None:
    source = colours() if mode == "RGB" else page()
    data = saved(source, "TIFF", mode, compression=packing, dpi=(200, 200))
    found = single_page(data, where="page")
    assert np.array_equal(found.pixels, by_pillow(data))
    assert found.dpi == 200


def test_a_tiff_with_differences_of_neighbours_gives_its_own_pixels() -> None:
    for source in (page(), colours()):
        data = saved(source, "TIFF", compression="tiff_adobe_deflate", tiffinfo={317: 2})
        assert np.array_equal(single_page(data, where="page").pixels, by_pillow(data))


@pytest.mark.parametrize("packing", ["tiff_deflate", "tiff_adobe_deflate"])
def test_deflated_strips_with_damage_are_refused(packing: str) -> None:
    data = saved(page(), "TIFF", compression=packing)
    chance = np.random.default_rng(2)
    for at in chance.integers(20, len(data) - 400, 60):
        hurt = bytearray(data)
        hurt[at] ^= 0x55
        with pytest.raises(FrameUnreadable):
            single_page(bytes(hurt), where="page")


def test_jpeg_strips_are_read_and_one_that_breaks_off_is_refused() -> None:
    data = saved(page(), "TIFF", compression="jpeg", quality=95)
    assert np.abs(single_page(data, where="page").pixels.astype(int) - page()).max() < 30
    with Image.open(io.BytesIO(data)) as picture:
        tags = picture.tag_v2  # type: ignore[attr-defined]  # a TIFF has tags
    end = tags[273][0] + tags[279][0]
    hurt = data[: end - 400] + b"\xff\xd9" * 200 + data[end:]
    with pytest.raises(FrameUnreadable, match="damaged"):
        single_page(hurt, where="page")


@pytest.mark.parametrize("packing", ["raw", "tiff_lzw", "packbits", "tiff_deflate", "group4", "jpeg"])
def test_rows_that_are_stated_and_not_there_are_damage(packing: str) -> None:
    data = bytearray(saved(page(), "TIFF", "1" if packing == "group4" else "", compression=packing))
    first = struct.unpack_from("<I", data, 4)[0]
    entries = [first + 2 + 12 * i for i in range(struct.unpack_from("<H", data, first)[0])]
    at = {struct.unpack_from("<H", data, entry)[0]: entry for entry in entries}
    struct.pack_into("<HHII", data, at[257], 257, 4, 1, 840)
    with pytest.raises(FrameUnreadable, match="damaged"):
        single_page(bytes(data), where="page")


@pytest.mark.parametrize("packing", ["tiff_lzw", "packbits"])
def test_a_strip_that_ends_early_is_damage(packing: str) -> None:
    data = bytearray(saved(page(), "TIFF", compression=packing, strip_size=1 << 30))
    first = struct.unpack_from("<I", data, 4)[0]
    for entry in [first + 2 + 12 * i for i in range(struct.unpack_from("<H", data, first)[0])]:
        tag, kind, count, value = struct.unpack_from("<HHII", data, entry)
        if tag == 279:
            struct.pack_into("<HHII", data, entry, tag, kind, count, value // 2)
    with pytest.raises(FrameUnreadable, match="damaged"):
        single_page(bytes(data), where="page")


def test_a_list_of_pages_that_runs_in_a_circle_is_refused() -> None:
    data = bytearray(saved(page(), "TIFF"))
    first = struct.unpack_from("<I", data, 4)[0]
    count = struct.unpack_from("<H", data, first)[0]
    struct.pack_into("<I", data, first + 2 + 12 * count, first)
    with pytest.raises(FrameUnreadable, match="circle"):
        count_pages(bytes(data), where="page")
    good, bad = pages_in(bytes(data), where="page")
    assert not isinstance(good, FrameUnreadable)
    assert isinstance(bad, FrameUnreadable)


def test_a_big_tiff_is_read() -> None:
    source = page()
    entries = [(256, 330), (257, 420), (258, 8), (259, 1), (262, 1), (273, 16), (278, 420), (279, source.size)]
    directory = struct.pack("<Q", len(entries)) + b"".join(struct.pack("<HHQQ", tag, 4, 1, value) for tag, value in entries) + bytes(8)
    data = b"II" + struct.pack("<HHHQ", 43, 8, 0, 16 + source.size) + source.tobytes() + directory
    assert np.array_equal(single_page(data, where="page").pixels, source)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF", "G4"])
def test_a_picture_is_seen_the_way_up_that_it_says(form: str, orientation: int) -> None:
    source = np.full((420, 330), 250, np.uint8)
    source[20:80, 30:200] = 10
    exif = Image.Exif()
    exif[274] = orientation
    options: dict[str, object] = {"exif": exif} if form not in ("TIFF", "G4") else {"tiffinfo": {274: orientation}}
    if form == "G4":
        options["compression"] = "group4"
    data = saved(source, form.replace("G4", "TIFF"), "1" if form == "G4" else "", **options)
    expected = {
        1: source, 2: source[:, ::-1], 3: source[::-1, ::-1], 4: source[::-1], 5: source.T,
        6: np.rot90(source, -1), 7: source.T[::-1, ::-1], 8: np.rot90(source, 1),
    }[orientation]  # fmt: skip
    found = single_page(data, where="page").pixels
    assert found.flags.c_contiguous
    assert found.shape == expected.shape
    assert np.abs(found.astype(int) - expected).mean() < 12
    assert np.array_equal(turned(source, orientation), expected)


def test_nonsense_in_exif_turns_nothing() -> None:
    exif = Image.Exif()
    exif[274] = 6
    data = saved(page(), "JPEG", exif=exif)
    at = data.index(b"Exif\0\0") + 6
    for block in (b"", b"II", b"XX*\0" + bytes(20), b"II*\0\xff\xff\xff\x7f" + bytes(8), b"II*\0\x08\0\0\0\xff\xff"):
        hurt = data[:at] + block.ljust(len(block), b"\0") + data[at + len(block) :]
        assert single_page(hurt, where="page").pixels.size == 420 * 330


def test_a_progressive_jpeg_is_read_and_one_of_endless_passes_is_refused() -> None:
    data = saved(page(), "JPEG", progressive=True)
    assert single_page(data, where="page").pixels.shape == (420, 330)
    with pytest.raises(FrameUnreadable, match="too often"):
        single_page(data, where="page", limits=Limits(scans=2))


def test_the_jpeg_way_makes_no_copy_of_the_pixels() -> None:
    data = bytes(simplejpeg.encode_jpeg(page()[:, :, None], colorspace="GRAY", colorsubsampling="Gray"))
    found = decode(data, where="page").pixels
    assert found.base is not None  # a view of what the library returned
