"""The demo's comparison is worth something only if it shares nothing with the engine and can fail."""

from __future__ import annotations

import ast
from fractions import Fraction
from pathlib import Path

import pytest

from api.demo.compare import Comparison, adjudicate, objective_items

ENGINE = {"core", "scanner", "omr", "marking", "scoring", "api", "web"}
TOLERANT = {"name": "2+1+1", "tolerance": {"marks": 5}, "reading": "either"}
ESSAY = {"id": "1", "marks": 60}


def test_it_imports_nothing_of_the_engine(root: Path) -> None:
    tree = ast.parse((root / "api" / "demo" / "compare.py").read_text(encoding="utf-8"))
    imported = {a.name.split(".")[0] for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
    imported |= {(n.module or "").split(".")[0] for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
    assert not imported & ENGINE


@pytest.mark.parametrize(
    ("marks", "final"),
    [
        ([("marker", "30"), ("marker", "34")], 32),
        ([("marker", "30"), ("marker", "40"), ("marker", "36")], 38),
        ([("marker", "30"), ("marker", "36"), ("marker", "33")], 33),
        ([("marker", "30"), ("marker", "40"), ("marker", "50"), ("arbiter", "41")], 41),
        ([("marker", "36"), ("marker", "42"), ("marker", "39")], 39),
    ],
)
def test_it_adjudicates_the_published_examples(marks: list[tuple[str, str]], final: int) -> None:
    assert adjudicate(ESSAY, TOLERANT, marks) == final


def test_steps_are_added_before_marks_are_compared() -> None:
    item = {"id": "23", "marks": 16, "steps": [{"id": "a", "marks": 6}, {"id": "b", "marks": 10}]}
    scheme = {"tolerance": {"marks": 2}}
    assert adjudicate(item, scheme, [("marker", {"a": "4", "b": "7"}), ("marker", {"a": "5", "b": "7.5"})]) == Fraction(47, 4)


def test_runs_of_items_unfold_with_their_keys() -> None:
    paper = {"objective": [{"items": "Q9-Q11", "options": "ABCD", "marks": 3, "keys": "ABD"}]}
    assert [(i["id"], i["key"]) for i in objective_items(paper)] == [("Q9", "A"), ("Q10", "B"), ("Q11", "D")]


def test_a_difference_is_a_fault_and_is_named() -> None:
    comparison = Comparison()
    assert comparison.equal("A", "A", "candidate 1, Q1")
    assert not comparison.equal("A", "B", "candidate 1, Q2")
    assert comparison.faults == ["candidate 1, Q2: A, expected B"]
    assert comparison.checks == 2
