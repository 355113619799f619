"""What must hold of every sheet that can be asked for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import combinations

import pytest
from hypothesis import HealthCheck, given, settings

from core.errors import ExamInvalid
from core.exam import ExamDefinition, Paper
from core.geometry import Box
from core.template import Grid, Side, Template, dump_template, lines_of, parse_template
from omr.layout_ink import Oval, Words
from omr.layout_page import MARGIN, rough_width
from omr.sheet import SheetDesign, lay_out
from tests.omr.exams import demo, group, paper_of, papers

anything = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


def around(x: float, y: float, width: float, height: float) -> Box:
    return Box(x - width / 2, y - height / 2, width, height)


def bubbles(grid: Grid) -> Iterator[Box]:
    for line in range(grid.line_count):
        for value in range(len(grid.values)):
            yield around(*grid.bubble_at(line, value), grid.bubble.width, grid.bubble.height)


def boxes(side: Side) -> Iterator[tuple[str, Box]]:
    """Every place of a side that a machine looks at."""
    for mark in side.registration.marks:
        yield f"mark {mark.role}", around(mark.x, mark.y, mark.width, mark.height)
    for row in side.timing:
        for x, y in row.centres():
            yield "timing", around(x, y, row.width, row.height)
    for code in side.codes:
        yield f"code {code.name}", Box(*code.box)
    for grid in side.grids:
        for bubble in bubbles(grid):
            yield f"bubble {grid.name}", bubble
    for region in side.regions:
        yield f"region {region.name}", Box(*region.box)


def apart(a: Box, b: Box) -> bool:
    return a.x + a.width <= b.x or b.x + b.width <= a.x or a.y + a.height <= b.y or b.y + b.height <= a.y


def laid_out(asked: tuple[ExamDefinition, Paper]) -> SheetDesign | None:
    """The design, or None for a paper that takes more sides than a sheet can number."""
    try:
        return lay_out(*asked)
    except ExamInvalid as e:
        if "sides" not in e.message:
            raise
        return None


@given(papers())
@anything
def test_nothing_that_is_read_overlaps_anything_else(asked: tuple[ExamDefinition, Paper]) -> None:
    design = laid_out(asked)
    for side in design.template.sides if design else ():
        for (name, one), (other, two) in combinations(boxes(side), 2):
            assert apart(one, two), f"side {side.side}: {name} {one} overlaps {other} {two}"


@given(papers())
@anything
def test_everything_lies_within_the_margin_of_the_paper(asked: tuple[ExamDefinition, Paper]) -> None:
    design = laid_out(asked)
    for side in design.template.sides if design else ():
        assert design is not None
        for name, box in boxes(side):
            assert min(box.x, box.y) >= MARGIN - 1e-6, name
            assert box.x + box.width <= design.template.width - MARGIN + 1e-6, name
            assert box.y + box.height <= design.template.height - MARGIN + 1e-6, name


@given(papers())
@anything
def test_every_item_choice_and_group_has_its_place_exactly_once(asked: tuple[ExamDefinition, Paper]) -> None:
    _, paper = asked
    design = laid_out(asked)
    if design is None:
        return
    template = design.template
    fields = list(template.fields())
    assert len(fields) == len(set(fields))
    answers = [f for s in template.sides for g in s.grids if g.role == "answer" for f in g.fields]
    assert answers == [i.id for i in paper.objective]
    assert [f for s in template.sides for g in s.grids if g.role == "choice" and not s.extra for f in g.fields] == [
        c.id for c in paper.choices
    ]
    regions = [r for s in template.sides if not s.extra for r in s.regions]
    assert len({r.name for r in regions}) == len(regions)
    assert list(dict.fromkeys(r.group for r in regions)) == [g.id for g in paper.written]
    assert ("absent" in fields, "type" in fields) == (paper.sheet.absent_box, bool(paper.types))


@given(papers())
@anything
def test_an_item_keeps_its_options_in_order_and_says_whether_it_takes_several(asked: tuple[ExamDefinition, Paper]) -> None:
    design = laid_out(asked)
    lines = {line.field: line for s in design.template.sides for line in lines_of(s)} if design else {}
    for item in asked[1].objective if design else ():
        assert lines[item.id].grid.values == item.options
        assert lines[item.id].grid.multiple == (item.type == "multiple")


@given(papers())
@anything
def test_a_group_gets_at_least_the_space_it_asks_for(asked: tuple[ExamDefinition, Paper]) -> None:
    design = laid_out(asked)
    for wanted in asked[1].written if design else ():
        assert design is not None
        heights = [r.box[3] for s in design.template.sides for r in s.regions if r.group == wanted.id]
        assert sum(heights) >= wanted.height_mm - 0.1


@given(papers())
@anything
def test_a_template_comes_back_from_its_json_and_is_the_same_each_time(asked: tuple[ExamDefinition, Paper]) -> None:
    design = laid_out(asked)
    if design is not None:
        text = dump_template(design.template)
        assert parse_template(json.loads(text), where="t.json") == design.template
        assert dump_template(lay_out(*asked).template) == text


@given(papers())
@anything
def test_every_bubble_of_the_template_is_drawn_just_there(asked: tuple[ExamDefinition, Paper]) -> None:
    design = laid_out(asked)
    for face, side in zip(design.faces, design.template.sides, strict=True) if design else ():
        ovals = {(i.x, i.y) for i in face.items if isinstance(i, Oval)}
        for line in lines_of(side):
            assert ovals >= set(line.bubbles)


def printed(words: Words) -> Box:
    """About the place of a line of text: its letters without what hangs below the line."""
    width = min(rough_width(words.text, words.size), words.width or 1000)
    left = words.x - {"left": 0.0, "centre": width / 2, "right": width}[words.align]
    return Box(left, words.y - 0.7 * words.size, width, 0.7 * words.size)


@given(papers())
@anything
def test_no_text_but_a_bubbles_own_letter_touches_what_is_read(asked: tuple[ExamDefinition, Paper]) -> None:
    design = laid_out(asked)
    for face, side in zip(design.faces, design.template.sides, strict=True) if design else ():
        read = [(name, box) for name, box in boxes(side) if not name.startswith(("region", "code barcode"))]
        for words in (i for i in face.items if isinstance(i, Words) and i.ink != "pale"):
            for name, box in read:
                assert apart(printed(words), box), f"side {side.side}: {words.text!r} touches {name}"


@given(papers())
@anything
def test_no_two_lines_of_text_lie_over_each_other(asked: tuple[ExamDefinition, Paper]) -> None:
    design = laid_out(asked)
    for face in design.faces if design else ():
        lines = [i for i in face.items if isinstance(i, Words) and i.ink != "pale"]
        for one, other in combinations(lines, 2):
            assert apart(printed(one), printed(other)), f"side {face.side}: {one.text!r} lies over {other.text!r}"


def sides(template: Template) -> list[int]:
    return [s.side for s in template.sides]


def test_the_demo_exam_is_one_duplex_sheet() -> None:
    exam = demo()
    design = lay_out(exam, exam.papers[0])
    assert sides(design.template) == [1, 2]
    assert [len(faces) for faces in design.sheets()] == [2]
    assert design.template.candidate == "number"
    assert [c.name for c in design.template.side(1).codes] == ["page", "barcode"]
    assert [c.name for c in design.template.side(2).codes] == ["page"]


def test_a_group_taller_than_a_column_goes_on_under_its_name_and_a_number() -> None:
    design = lay_out(*paper_of(written=[group("W1", 500)]))
    assert [r.name for s in design.template.sides for r in s.regions] == ["W1", "W1.2", "W1.3"]
    assert {r.group for s in design.template.sides for r in s.regions} == {"W1"}


def test_sides_are_numbered_over_all_sheets_and_each_sheet_tells_its_candidate() -> None:
    template = lay_out(*paper_of(written=[group("W1", 500)])).template
    assert sides(template) == [1, 2, 3, 4]
    assert {"number", "barcode", "number.2", "barcode.2"} <= set(template.fields())
    assert list(template.fields()).count("absent") == 1


def test_a_simplex_sheet_has_one_side() -> None:
    design = lay_out(*paper_of(written=[group("W1", 300)], sheet={"duplex": False}))
    assert [len(faces) for faces in design.sheets()] == [1] * len(design.template.sides)


def test_an_extra_sheet_comes_last_and_asks_which_group_goes_on() -> None:
    exam, paper = paper_of(written=[group("W1", 50), group("W2", 50)], sheet={"extra_sheets": True})
    design = lay_out(exam, paper)
    extra = [s for s in design.template.sides if s.extra]
    assert [s.side for s in extra] == [3, 4]
    assert next(g for g in extra[0].grids if g.name == "extra").values == ("W1", "W2")
    assert [r.name for s in extra for r in s.regions] == ["extra", "extra.2"]
    assert "number.extra" in design.template.fields()


def test_more_than_nine_sides_are_refused_with_a_remedy() -> None:
    with pytest.raises(ExamInvalid, match=r"paper P: the answer sheets take 1[0-9] sides, more than 9\. Choose A3"):
        lay_out(*paper_of(written=[group(f"W{i}", 900) for i in range(3)]))


@pytest.mark.parametrize("height", [30, 100, 150, 200, 225, 235, 240, 300])
def test_a_choice_stands_in_the_column_of_its_first_group(height: int) -> None:
    exam, paper = paper_of(written=[group("W1", height), group("W2", 100)], choices=[{"id": "C1", "among": ["W1", "W2"]}])
    side = next(s for s in lay_out(exam, paper).template.sides if any(g.name == "C1" for g in s.grids))
    assert "W1" in [r.name for r in side.regions]
    assert next(g for g in side.grids if g.name == "C1").values == ("W1", "W2")


def test_an_extra_sheet_always_has_a_number_grid_since_nothing_else_tells_whose_it_is() -> None:
    design = lay_out(*paper_of(sheet={"extra_sheets": True, "number": {"grid": False}}))
    fields = list(design.template.fields())
    assert "number" not in fields
    assert "number.extra" in fields
