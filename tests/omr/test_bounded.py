"""Boxes with stated bounds: ticked between them, empty below, cancelled above; a doubt where that is not sure."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from core.errors import TemplateInvalid
from core.template import Template, parse_template
from omr.foreign.amc import answers_of, template_of
from omr.reading import PageReading, read_page
from scanner.decode import Page

DPI = 150
WIDTH, HEIGHT, SIZE = 1240, 1754, 24
# A pixel is inked where this is below the share of ink: the same share everywhere in the box.
SCREEN = np.fromfunction(lambda y, x: (7 * y + 3 * x) % 20 / 20, (SIZE - 4, SIZE - 4))


def layout(rows: int = 8) -> dict[str, Any]:
    """Four discs and rows of five boxes, in pixels at 150 dpi; nothing is symmetrical about the page's middle."""
    boxes = [
        {"question": f"q{r}", "answer": a + 1, "xmin": 200 + 60 * a, "xmax": 224 + 60 * a, "ymin": 240 + 70 * r, "ymax": 264 + 70 * r}
        for r in range(rows)
        for a in range(5)
    ]
    marks = [[1, 120, 120], [2, 1120, 120], [3, 1120, 1640], [4, 120, 1640]]
    return {"dpi": DPI, "width": WIDTH, "height": HEIGHT, "mark_diameter": 22, "marks": marks, "boxes": boxes}


def form(upper: float = 1.0, rows: int = 8) -> Template:
    return template_of(layout(rows), name="boxes", bounds=(0.2, upper))


def drawn(dark: dict[tuple[str, int], float], aside: tuple[float, float] = (0, 0), stretch: float = 0.0, rows: int = 8) -> np.ndarray:
    """The page with a share of each named box blackened, its rows printed `aside` and with a step `stretch` too wide."""
    page = np.full((HEIGHT, WIDTH), 255, np.uint8)
    down, across = np.mgrid[0:HEIGHT, 0:WIDTH]
    for _, x, y in layout()["marks"]:
        page[(across - x) ** 2 + (down - y) ** 2 <= 11**2] = 0
    for box in layout(rows)["boxes"]:
        x = round(box["xmin"] + aside[0] + stretch * (box["answer"] - 1))
        y = round(box["ymin"] + aside[1])
        page[y : y + SIZE, x : x + SIZE] = 0
        page[y + 2 : y + SIZE - 2, x + 2 : x + SIZE - 2] = 255
        inked = dark.get((box["question"], box["answer"]), 0.0)
        page[y + 2 : y + SIZE - 2, x + 2 : x + SIZE - 2][inked > SCREEN] = 0
    return page


def read(pixels: np.ndarray, template: Template) -> PageReading:
    return read_page(Page(np.ascontiguousarray(pixels), "boxes", DPI), [template], cut=False)


TICKS = {("q0", 1): 0.75, ("q2", 3): 0.9, ("q2", 5): 0.5, ("q5", 2): 1.0, ("q7", 4): 0.45}


def told(dark: dict[tuple[str, int], float] = TICKS) -> dict[tuple[str, str], bool]:
    return {(f"q{r}", str(a)): (f"q{r}", a) in dark for r in range(8) for a in range(1, 6)}


def got(reading: PageReading, template: Template) -> dict[tuple[str, str], bool]:
    return answers_of(template, {name: f.value for name, f in reading.fields.items()})


@pytest.mark.parametrize("turn", [0, 1, 2, 3])
def test_each_box_is_read_by_itself_in_any_turn(turn: int) -> None:
    reading = read(np.rot90(drawn(TICKS), -turn), form())
    assert (reading.status, reading.reason) == ("ok", "")
    assert reading.evidence["turn"] == 90 * turn
    assert got(reading, form()) == told()


def test_three_boxes_are_enough_for_a_page() -> None:
    few = layout(1) | {"boxes": layout(1)["boxes"][:3]}
    template = template_of(few, name="three", bounds=(0.2, 1.0))
    reading = read(drawn({("q0", 2): 0.7}, rows=1), template)
    assert (reading.status, reading.fields["q0"].value) == ("ok", "2")


def test_a_box_blackened_to_cancel_it_is_not_ticked() -> None:
    reading = read(drawn(TICKS | {("q5", 2): 1.0}), form(upper=0.95))
    assert reading.status == "ok"
    assert got(reading, form(upper=0.95)) == told({k: v for k, v in TICKS.items() if v < 0.95})


@pytest.mark.parametrize("upper", [1.0, 0.6])
def test_ink_near_a_bound_is_a_doubt(upper: float) -> None:
    near = 0.2 if upper == 1.0 else upper
    reading = read(drawn(TICKS | {("q3", 3): near}), form(upper))
    assert reading.status == "review"
    assert [name for name, f in reading.fields.items() if f.doubt] == ["q3"]
    assert "bound" in reading.fields["q3"].why


@pytest.mark.parametrize("aside", [(0, 11), (10, -9), (-12, 0), (3, 3)])
def test_boxes_printed_aside_are_found_by_their_outlines(aside: tuple[int, int]) -> None:
    reading = read(drawn(TICKS, aside=aside), form())
    assert reading.status == "ok", reading.reason
    assert got(reading, form()) == told()


def test_where_the_step_differs_and_the_place_changes_the_answer_a_person_looks() -> None:
    page = drawn({("q0", 1): 0.6}, stretch=3.4)
    page[240:264, 226 + 240 : 250 + 240] = 0  # ink where the form says the fifth box is, beside the one that is printed
    reading = read(page, form())
    assert reading.fields["q0"].doubt


def test_a_page_without_its_boxes_is_never_read() -> None:
    reading = read(drawn(TICKS, rows=0), form())
    assert (reading.kind, reading.fields) == ("registration", {})
    assert "printed boxes" in reading.reason


@pytest.mark.parametrize("shade", range(0, 256, 51))
def test_no_even_grey_is_a_page_of_ticks(shade: int) -> None:
    reading = read(np.full((HEIGHT, WIDTH), shade, np.uint8), form())
    assert reading.fields == {}


def test_bounds_the_wrong_way_round_are_refused() -> None:
    with pytest.raises(TemplateInvalid, match="bounds"):
        template_of(layout(), name="boxes", bounds=(0.6, 0.2))
    with pytest.raises(TemplateInvalid, match="not a layout"):
        template_of({"dpi": 300}, name="nothing")
    assert parse_template(form().model_dump(mode="json"), where="again") == form()
