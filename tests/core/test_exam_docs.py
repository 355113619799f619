"""The two format documents say every key that there is, and their examples work."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Literal, get_args, get_origin

import pytest
import yaml
from pydantic import BaseModel

from core import exam, quality, scheme, template
from core.exam import ExamDefinition, Paper
from core.scheme import OwnTable
from core.template import parse_template

DOCS = Path(__file__).parents[2] / "docs"
EXAM = (DOCS / "exam-format.md").read_text(encoding="utf-8")
TEMPLATE = (DOCS / "template.md").read_text(encoding="utf-8")


def models(module: object) -> list[type[BaseModel]]:
    return [v for v in vars(module).values() if isinstance(v, type) and issubclass(v, BaseModel) and v.__module__ == module.__name__]  # type: ignore[attr-defined]  # a module


def words(model: type[BaseModel]) -> set[str]:
    """The keys of a model and the choices that they offer."""
    found = set(model.model_fields)
    for field in model.model_fields.values():
        if get_origin(field.annotation) is Literal:
            found |= {str(choice) for choice in get_args(field.annotation)}
    return found


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


@pytest.mark.parametrize(
    ("module", "text"),
    [
        pytest.param(exam, EXAM, id="exam-format.md"),
        pytest.param(scheme, EXAM, id="schemes"),
        pytest.param(quality, EXAM, id="quality"),
        pytest.param(template, TEMPLATE, id="template.md"),
    ],
)
def test_every_key_and_choice_is_in_its_document(module: object, text: str) -> None:
    spelled = set(re.findall(r"[A-Za-z0-9_+/-]+", " ".join(re.findall(r"`[^`\n]+`", text)) + " ".join(blocks(text, "(?:yaml|json)"))))
    spelled |= set(re.findall(r"`([^`\n]+)`", text))
    missing = {f"{m.__name__}.{w}" for m in models(module) for w in words(m) if w not in spelled}
    assert missing == set()


def test_the_keys_of_the_whole_definition_are_those_of_the_example() -> None:
    assert set(yaml.safe_load(blocks(EXAM, "yaml")[0])) <= set(ExamDefinition.model_fields)


def test_the_examples_of_the_exam_format_are_taken_as_they_stand() -> None:
    parts = {next(iter(p)): p for p in (yaml.safe_load(b) for b in blocks(EXAM, "yaml")) if "papers" not in p}
    written = [g | {"id": name, "items": [{"id": name + "i", "marks": 2}]} for g in parts["written"]["written"] for name in ("W22", "W23")]
    paper = Paper.model_validate(
        {"code": "M", "title": "x"} | parts["objective"] | parts["sheet"] | parts["choices"] | {"written": written}
    )
    assert [i.id for i in paper.objective][-1] == "Q21"
    Paper.model_validate({"code": "M", "title": "x"} | parts["written"])
    OwnTable.model_validate(parts["schemes"]["schemes"]["three-and-median"])


def test_the_example_of_the_template_format_is_complete() -> None:
    parsed = parse_template(json.loads(blocks(TEMPLATE, "json")[0]), where="docs")
    assert list(parsed.fields()) == ["number", "Q1", "Q2", "Q3"]


@pytest.mark.parametrize(
    ("key", "count", "right"),
    [("A", 1, {"A"}), ("[A, B]", 2, {"A", "B"}), ("AC", 1, {"AC"}), ("[AB, ABD]", 2, {"AB", "ABD"})],
)
def test_a_key_means_what_the_table_says(key: str, count: int, right: set[str]) -> None:
    kind = "multiple" if any(len(r) > 1 for r in right) else "single"
    entry = yaml.safe_load(f"{{id: Q, type: {kind}, options: ABCD, marks: 1, key: {key}}}")
    item = Paper.model_validate({"code": "M", "title": "x", "objective": [entry]}).objective[0]
    assert {"".join(sorted(a)) for a in item.key_for(None)} == right
    assert len(item.key_for(None)) == count
