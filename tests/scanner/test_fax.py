"""Fax coded strips give just the picture that was coded, or are refused; damage is never white paper."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from core.errors import FrameUnreadable
from scanner.bounds import Grey
from scanner.fax import GROUP3, GROUP3_2D, GROUP4, unpack_fax
from scanner.frames import single_page

Bits = NDArray[np.bool_]
KINDS = {"group4": GROUP4, "group3": GROUP3, "tiff_ccitt": GROUP3}


def tiff(white: Bits, packing: str, **options: object) -> bytes:
    sink = io.BytesIO()
    Image.fromarray(white).save(sink, "TIFF", compression=packing, **options)
    return sink.getvalue()


def strip_of(white: Bits, packing: str, **options: object) -> bytes:
    data = tiff(white, packing, strip_size=1 << 30, **options)
    with Image.open(io.BytesIO(data)) as picture:
        tags = picture.tag_v2  # type: ignore[attr-defined]  # a TIFF has tags
        return data[tags[273][0] : tags[273][0] + tags[279][0]]


def unpacked(strip: bytes, shape: tuple[int, ...], packing: str, *, kind: int | None = None) -> Grey | None:
    rows = np.empty(shape, np.uint8)
    kind = KINDS[packing] if kind is None else kind
    right = unpack_fax(strip, rows, kind=kind, aligned=packing == "tiff_ccitt", inverted=True)
    return rows if right else None


def speckled(seed: int, shape: tuple[int, int], share: float) -> Bits:
    """Strokes with specks: long and short runs, rows that resemble the row above and rows that do not."""
    chance = np.random.default_rng(seed)
    white = np.ones(shape, bool)
    for top, left in zip(chance.integers(0, shape[0], 12), chance.integers(0, shape[1], 12), strict=True):
        white[top : top + 9, left : left + 40] = False
    return white ^ (chance.random(shape) < share)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 60), st.integers(1, 90), st.sampled_from([0, 0.01, 0.3, 0.9]), st.sampled_from([*KINDS]))
def test_what_another_library_coded_comes_back(seed: int, height: int, width: int, share: float, packing: str) -> None:
    white = speckled(seed, (height, width), share)
    found = unpacked(strip_of(white, packing), white.shape, packing)
    assert found is not None
    assert np.array_equal(found > 0, white)


@pytest.mark.parametrize("packing", KINDS)
def test_runs_of_every_length_come_back(packing: str) -> None:
    white = np.ones((2 * 2700, 2700), bool)
    for run in range(2700):
        white[2 * run, :run] = False  # a black run, then a white one of the rest
        white[2 * run + 1, run:] = False
    found = unpacked(strip_of(white, packing), white.shape, packing)
    assert found is not None
    assert np.array_equal(found > 0, white)


def test_rows_of_group_3_that_refer_to_the_row_above_come_back() -> None:
    white = speckled(4, (60, 80), 0.02)
    found = unpacked(strip_of(white, "group3", tiffinfo={292: 1}), white.shape, "group3", kind=GROUP3_2D)
    assert found is not None
    assert np.array_equal(found > 0, white)


def test_bits_in_the_other_order_come_back() -> None:
    white = speckled(5, (400, 500), 0.01)
    rows = np.empty(white.shape, np.uint8)
    other = bytes(int(f"{byte:08b}"[::-1], 2) for byte in strip_of(white, "group4"))
    assert unpack_fax(other, rows, kind=GROUP4, inverted=True, reverse=True)
    assert np.array_equal(rows > 0, white)
    assert not unpack_fax(other, rows, kind=GROUP4, inverted=True)


@pytest.mark.parametrize("packing", KINDS)
def test_a_strip_that_breaks_off_anywhere_is_refused(packing: str) -> None:
    white = speckled(1, (64, 200), 0.02)
    strip = strip_of(white, packing)
    rows_in = len(strip) - 8  # an end mark may be missing; a row may not
    assert all(unpacked(strip[:length], white.shape, packing) is None for length in range(rows_in))


@pytest.mark.parametrize("packing", KINDS)
def test_a_strip_with_more_or_fewer_rows_than_it_should_have_is_refused(packing: str) -> None:
    white = speckled(2, (64, 200), 0.02)
    strip = strip_of(white, packing)
    assert unpacked(strip, (65, 200), packing) is None
    assert unpacked(strip, (63, 200), packing) is None
    assert unpacked(strip, (64, 201), packing) is None


@pytest.mark.parametrize("packing", KINDS)
def test_overwritten_bytes_are_noticed(packing: str) -> None:
    white = speckled(3, (400, 500), 0.01)
    strip = strip_of(white, packing)
    chance = np.random.default_rng(9)
    noticed, tries = 0, 200
    for at in chance.integers(0, len(strip) - 60, tries):
        hurt = bytearray(strip)
        hurt[at : at + 20] = chance.bytes(20)
        noticed += unpacked(bytes(hurt), white.shape, packing) is None
    assert noticed == tries


def test_one_turned_bit_never_costs_more_than_an_edge_a_few_pixels_wide() -> None:
    white = speckled(6, (400, 500), 0)
    strip = strip_of(white, "group4")
    for bit in range((len(strip) - 8) * 8):
        hurt = bytearray(strip)
        hurt[bit // 8] ^= 1 << bit % 8
        found = unpacked(bytes(hurt), white.shape, "group4")
        assert found is None or np.count_nonzero((found > 0) != white) < 0.01 * white.size


def test_an_early_end_mark_is_damage_and_not_white_paper() -> None:
    half = strip_of(speckled(7, (200, 500), 0.01), "group4")
    assert unpacked(half, (200, 500), "group4") is not None
    assert unpacked(half, (400, 500), "group4") is None


def test_a_page_in_many_strips_is_whole() -> None:
    white = speckled(8, (1000, 900), 0.01)
    data = tiff(white, "group4", strip_size=8000)
    assert np.array_equal(single_page(data, where="page").pixels > 0, white)
    at = len(data) // 2
    with pytest.raises(FrameUnreadable, match="damaged"):
        single_page(data[:at] + bytes(30) + data[at + 30 :], where="page")
