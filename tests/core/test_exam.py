"""What an exam definition means once it is read."""

from __future__ import annotations

import json
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from core.definition import load_definition
from core.exam import ExamDefinition, ObjectiveItem, Paper, SheetWishes, Tolerance, from_hundredths, to_hundredths

DEMO = Path(__file__).parents[2] / "examples" / "demo-exam"


def paper(**parts: Any) -> Paper:
    plain: dict[str, Any] = {"code": "P", "title": "Paper"}
    return Paper.model_validate(plain | parts)


def run(**parts: Any) -> tuple[ObjectiveItem, ...]:
    return paper(types=parts.pop("types", ()), objective=[{"items": "Q1-Q2", "options": "ABCD", "marks": 2} | parts]).objective


@given(st.integers(0, 10**7))
def test_marks_are_written_and_read_back_exactly(hundredths: int) -> None:
    written = from_hundredths(hundredths)
    assert to_hundredths(written) == hundredths
    assert Decimal(written) * 100 == hundredths


@pytest.mark.parametrize("value", [True, None, [], "many", 0.125, "1/2", float("nan")])
def test_what_is_no_number_of_marks_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"marks|decimals"):
        to_hundredths(value)


def test_a_definition_comes_back_from_its_json_the_same() -> None:
    exam = load_definition(DEMO / "exam.yaml")
    body = exam.model_dump(mode="json")
    assert ExamDefinition.model_validate(json.loads(json.dumps(body))) == exam
    assert body["papers"][0]["objective"][10]["key"] == {"*": [["A", "C"]]}
    assert body["papers"][0]["objective"][10]["partial"]["marks"] == "2"


def test_a_run_stands_for_its_items() -> None:
    assert [(i.id, i.key) for i in run(keys="AD")] == [("Q1", {"*": (frozenset("A"),)}), ("Q2", {"*": (frozenset("D"),)})]


def test_a_key_may_be_a_list_of_answers_each_of_which_is_right() -> None:
    first, second = run(keys=[["A", "B"], "C"])
    assert first.key_for(None) == (frozenset("A"), frozenset("B"))
    assert second.key_for(None) == (frozenset("C"),)


def test_each_paper_type_may_have_its_own_keys() -> None:
    first, second = run(types="AB", keys={"A": "AB", "B": "CD"})
    assert first.key_for("A") == (frozenset("A"),)
    assert first.key_for("B") == (frozenset("C"),)
    assert second.key_for("B") == (frozenset("D"),)


def test_one_key_holds_for_every_paper_type() -> None:
    assert run(types="AB", keys="AB")[0].key_for("B") == (frozenset("A"),)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"keys": {"A": "AB"}, "types": "AB"}, "the paper has"),
        ({"keys": {"A": "AB", "B": "A"}, "types": "AB"}, "2 items and 1 keys for the paper type B"),
        ({}, "needs `keys`"),
        ({"key": "A"}, "needs `keys`"),
        ({"keys": True}, "YAML reads a bare"),
        ({"keys": 2.5}, "`keys` is a text such as ABCD or a list"),
        ({"keys": ["AB", "C"]}, "a single item has one option a key"),
        ({"keys": "AB", "partial": {"rule": "each"}}, "partial credit goes with type multiple"),
        ({"keys": "AB", "options": "AA"}, "two or more, all different"),
    ],
)
def test_a_run_that_cannot_be_meant_is_refused(parts: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        run(**parts)


def test_options_and_keys_may_be_digits() -> None:
    assert run(options=1234, keys=21)[0].key_for(None) == (frozenset("2"),)


def group(name: str, marks: int = 10) -> dict[str, Any]:
    return {"id": name, "title": name, "items": [{"id": f"{name}i", "marks": marks}]}


def test_of_optional_groups_the_dearest_counts() -> None:
    written = [group("A", 5), group("B", 10), group("C", 12)]
    assert paper(written=written, choices=[{"id": "X", "among": ["B", "C"]}]).full_marks == 1700


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ([{"id": "X", "among": ["A", "Z"]}], "there is no item group Z"),
        ([{"id": "X", "among": ["A", "B"]}, {"id": "Y", "among": ["B", "C"]}], "B is already to be chosen elsewhere"),
        ([{"id": "type", "among": ["A", "B"]}], "one of the answer sheet's own"),
    ],
)
def test_a_choice_is_among_groups_that_are_there_and_its_own(choices: list[Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        paper(written=[group("A"), group("B"), group("C")], choices=choices)


def test_a_paper_without_items_is_refused() -> None:
    with pytest.raises(ValidationError, match="paper P has no items"):
        paper()


@pytest.mark.parametrize(
    ("wishes", "message"),
    [
        ({"personalised": False}, "a printed barcode goes with personalised sheets"),
        ({"personalised": False, "number": {"barcode": "none", "grid": False}}, "nothing on the sheet would tell whose it is"),
        ({"languages": ["zh", "zh"]}, "a language stands twice"),
        ({"languages": []}, "at least 1 item"),
    ],
)
def test_a_sheet_must_be_able_to_tell_its_candidate(wishes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        SheetWishes.model_validate(wishes)


@pytest.mark.parametrize(
    ("given_as", "full", "expected"),
    [({"marks": 1.5}, 1200, Fraction(150)), ({"fraction": "1/6"}, 1000, Fraction(1000, 6)), ({"fraction": "0.1"}, 1000, Fraction(100))],
)
def test_a_tolerance_is_exact(given_as: dict[str, Any], full: int, expected: Fraction) -> None:
    assert Tolerance.model_validate(given_as).of(full) == expected


@pytest.mark.parametrize("wrong", [{}, {"marks": 1, "fraction": "1/6"}, {"fraction": "1/0"}, {"fraction": "few"}, {"fraction": "2"}])
def test_a_tolerance_is_given_in_one_way(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=r"tolerance|fraction"):
        Tolerance.model_validate(wrong)
