"""The second reader says the same by other means, and sees what the first may miss."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

import omr.second
from omr.answers import FieldReading
from omr.reading import read_page
from scanner.decode import Page
from tests.omr.drawn import KEY, PX, Drawing, Grey, answers, form


def test_the_second_reader_agrees_on_a_plain_page() -> None:
    reading = read_page(Drawing(answers(KEY)).page(), [form()], cut=False)
    assert all(f.first == f.second for f in reading.fields.values())


def test_the_second_reader_imports_nothing_of_the_first() -> None:
    tree = ast.parse(Path(omr.second.__file__).read_text(encoding="utf-8"))
    whole = {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
    modules = whole | {n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
    assert not modules & {"omr.fill", "omr.decide", "omr.answers", "omr.kernels"}
    assert "omr.second_kernels" in modules


def test_where_the_readers_differ_the_field_is_doubtful() -> None:
    for share in (0.10, 0.12, 0.16, 0.20):
        reading = read_page(Drawing(answers(KEY) | answers("Q11=C", share=share)).page(), [form()], cut=False)
        answer = reading.fields["Q11"]
        assert answer.doubt or answer.first == answer.second


def drawn_on(page: Page, draw: Callable[[Grey], object]) -> dict[str, FieldReading]:
    pixels = page.pixels.copy()
    draw(pixels)
    return read_page(replace(page, pixels=pixels), [form()], cut=False).fields


def at(field: int, value: int) -> tuple[int, int]:
    return round((40 + 7 * value) * PX), round((60 + 5.2 * (field - 1)) * PX)


@pytest.mark.parametrize("size", [1.3, 1.45, 1.6])
@pytest.mark.parametrize("shade", [60, 170])
def test_a_ring_around_an_empty_bubble_goes_to_a_person(size: float, shade: int) -> None:
    half = round(2.1 * PX * size), round(1.3 * PX * size)
    fields = drawn_on(Drawing(answers(KEY)).page(), lambda p: cv2.ellipse(p, at(11, 1), half, 0, 0, 360, shade, 3))
    assert fields["Q11"].doubt


def test_what_is_printed_around_every_bubble_is_no_ring() -> None:
    half = round(2.1 * PX * 1.4), round(1.3 * PX * 1.4)

    def draw(pixels: Grey) -> None:
        multiple = [(x, y + round(90 * PX)) for x, y in (at(row, value) for row in range(1, 5) for value in range(4))]
        for place in [at(row, value) for row in range(1, 16) for value in range(4)] + multiple:
            cv2.ellipse(pixels, place, half, 0, 0, 220, 90, 2)

    fields = drawn_on(Drawing(answers(KEY)).page(), draw)
    assert not fields["Q11"].doubt
    assert fields["Q11"].value == ""


@pytest.mark.parametrize("left", [0.55, 0.7, 0.85])
def test_the_edge_of_a_stain_is_never_an_answer(left: float) -> None:
    for aside in range(-30, 31, 4):
        for turn in (0, 1):
            x, y = at(11, 2)

            def draw(pixels: Grey, x: int = x, y: int = y, aside: int = aside, turn: int = turn) -> None:
                stain = np.zeros_like(pixels)
                cv2.circle(stain, (x + 150, y + aside) if turn else (x + aside, y + 150), 150, 255, -1)
                pixels[stain > 0] = (pixels[stain > 0] * left).astype(np.uint8)

            answer = drawn_on(Drawing(answers(KEY)).page(), draw)["Q11"]
            assert answer.doubt or answer.value == "", (aside, turn)


@pytest.mark.parametrize("share", [0.2, 0.3, 0.6])
def test_a_fill_crossed_out_as_palely_as_it_was_made_goes_to_a_person(share: float) -> None:
    def cross(pixels: Grey) -> None:
        x, y = at(11, 3)
        for slope in (-1, 1):
            cv2.line(pixels, (x - 32, y - 20 * slope), (x + 32, y + 20 * slope), round(240 * (1 - 0.7 * share)), 5)

    page = Drawing(answers(KEY + " Q11=BD", share=share)).page()
    assert drawn_on(page, cross)["Q11"].doubt
