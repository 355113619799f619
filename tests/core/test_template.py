"""The template format: what it takes, what it refuses, and where its bubbles are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from core.errors import TemplateInvalid
from core.template import Template, dump_template, lines_of, load_template, parse_template

SQUARE = {"shape": "square", "width": 5, "height": 5}
CORNERS = [SQUARE | {"x": x, "y": y} for x, y in ((10, 10), (200, 10), (200, 287), (10, 287))]
BUBBLE = {"shape": "ellipse", "width": 4, "height": 2.5}
NUMBER = {
    "name": "id", "role": "candidate", "fields": ["id"], "values": list("0123456789"), "origin": [100, 40],
    "value_step": [0, 5], "field_step": [6, 0], "joined": True, "lines": 4, "bubble": BUBBLE,
}  # fmt: skip
ITEMS = {
    "name": "a", "fields": ["q1", "q2"], "values": ["A", "B"], "origin": [20, 40],
    "value_step": [6, 0], "field_step": [0, 5], "bubble": BUBBLE,
}  # fmt: skip


def raw(**side: Any) -> dict[str, Any]:
    plain = {"side": 1, "registration": {"marks": CORNERS}, "grids": [ITEMS, NUMBER]}
    return {"format": "markhall-template/1", "name": "form", "width": 210, "height": 297, "candidate": "id", "sides": [plain | side]}


def template(**side: Any) -> Template:
    return parse_template(raw(**side), where="t.json")


def test_fields_stand_in_the_order_of_the_file_codes_first() -> None:
    code = {"name": "sheet", "role": "field", "symbology": "Code39", "box": [1, 1, 40, 10]}
    page = {"name": "page", "role": "page", "symbology": "QRCode", "box": [60, 1, 20, 20]}
    assert list(template(codes=[page, code]).fields()) == ["sheet", "q1", "q2", "id"]


def test_a_row_of_a_plain_grid_is_a_field_with_its_bubbles_in_order() -> None:
    lines = list(lines_of(template().side(1)))
    assert [(line.field, line.position) for line in lines[:2]] == [("q1", 0), ("q2", 0)]
    assert lines[1].bubbles == ((20, 45), (26, 45))


def test_a_joined_grid_is_one_field_with_a_row_a_digit() -> None:
    digits = [line for line in lines_of(template().side(1)) if line.field == "id"]
    assert [line.position for line in digits] == [0, 1, 2, 3]
    assert digits[2].bubbles[9] == (112, 85)


def test_a_template_comes_back_from_its_file_the_same(tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text(dump_template(template()), encoding="utf-8")
    assert load_template(tmp_path / "t.json") == template()


@pytest.mark.parametrize(
    ("side", "place", "message"),
    [
        ({"registration": {"marks": CORNERS[:2]}}, "sides.0.registration", "at least three corner marks"),
        ({"registration": {"kind": "reference"}}, "sides.0.registration", "needs `reference`"),
        ({"grids": [ITEMS | {"colour": "red"}]}, "sides.0.grids.0.colour", "Extra inputs"),
        ({"grids": [ITEMS | {"bubble": BUBBLE | {"width": 0}}]}, "sides.0.grids.0.bubble.width", "greater than 0"),
        ({"grids": [{k: v for k, v in ITEMS.items() if k != "origin"}]}, "sides.0.grids.0.origin", "Field required"),
        ({"grids": [NUMBER | {"lines": None}]}, "sides.0.grids.0", "needs exactly one field and `lines`"),
        ({"grids": [ITEMS | {"lines": 2}]}, "sides.0.grids.0", "has `lines` but is not joined"),
        ({"grids": [ITEMS | {"values": ["A", "A"]}]}, "sides.0.grids.0", "names a value twice"),
        ({"grids": [ITEMS, ITEMS]}, "the whole", "the field q1 stands twice"),
        ({"grids": [ITEMS]}, "the whole", "candidate names the field id, which does not exist"),
    ],
)
def test_a_mistake_is_named_by_file_and_place(side: dict[str, Any], place: str, message: str) -> None:
    with pytest.raises(TemplateInvalid) as caught:
        template(**side)
    said = str(caught.value)
    assert said.startswith(f"t.json: {place}: ")
    assert message in said
    assert said.endswith("See docs/template.md.")


def test_two_sides_of_one_number_and_a_side_that_is_not_there_are_refused() -> None:
    double = raw() | {"sides": raw()["sides"] + raw(grids=[])["sides"]}
    with pytest.raises(TemplateInvalid, match="two sides have the same number"):
        parse_template(double, where="t.json")
    with pytest.raises(TemplateInvalid, match="form: the template has no side 2"):
        template().side(2)


def test_another_version_of_the_format_is_refused() -> None:
    with pytest.raises(TemplateInvalid, match="format: Input should be 'markhall-template/1'"):
        parse_template(raw() | {"format": "markhall-template/9"}, where="t.json")


@pytest.mark.parametrize("data", [b"", b"{", b"\xff\xfe"])
def test_a_file_that_is_no_json_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "t.json").write_bytes(data)
    with pytest.raises(TemplateInvalid, match=r"t.json: is not JSON"):
        load_template(tmp_path / "t.json")
    with pytest.raises(TemplateInvalid, match="cannot be opened"):
        load_template(tmp_path / "none.json")


def test_the_dump_says_its_format_and_leaves_out_what_is_usual() -> None:
    body = json.loads(dump_template(template()))
    assert body["format"] == "markhall-template/1"
    assert "drop_out" not in body
    assert "joined" not in body["sides"][0]["grids"][0]
