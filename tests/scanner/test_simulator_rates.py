"""The rates are what docs/simulator.md says, and what the levels promise."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import scanner.simulator
from scanner.simulator.rates import AMOUNTS, BATCHES, EVENTS, HANDS, MARKS, SIDES, Rates, share_for_a_person
from scanner.simulator.tables import MARKS_A_SHEET, tables

CHANCES = EVENTS | HANDS | MARKS | SIDES | BATCHES


def test_at_none_nothing_goes_wrong() -> None:
    assert {name for name, chance in CHANCES.items() if chance.none} == set()


def test_at_typical_about_one_side_in_a_hundred_needs_a_person() -> None:
    assert 0.008 <= share_for_a_person("typical", marks_a_sheet=MARKS_A_SHEET) <= 0.012


def test_harsh_is_about_ten_times_worse() -> None:
    typical, harsh = (share_for_a_person(level, marks_a_sheet=MARKS_A_SHEET) for level in ("typical", "harsh"))
    assert 7 <= harsh / typical <= 13


@pytest.mark.parametrize("name", CHANCES)
def test_no_chance_is_smaller_at_a_worse_level(name: str) -> None:
    chance = CHANCES[name]
    assert 0 <= chance.none <= chance.typical <= chance.harsh <= 1
    assert chance.reason


def test_every_span_runs_upwards_and_has_its_reason() -> None:
    wrong = [n for n, s in AMOUNTS.items() if not s.reason or any(low > high for low, high in (s.none, s.typical, s.harsh))]
    assert wrong == []


def test_a_single_trouble_can_be_made_certain() -> None:
    rates = Rates("typical", frozenset({"fold"}))
    assert rates.chance("fold") == 1
    assert rates.chance("stain") == 0


def test_the_docs_show_the_rates_as_they_are(root: Path) -> None:
    docs = (root / "docs" / "simulator.md").read_text(encoding="utf-8")
    assert [line for line in tables().splitlines() if line not in docs.splitlines()] == []


def test_no_module_of_the_simulator_knows_a_reader() -> None:
    allowed = {"cards", "draws", "feed", "files", "hand", "handwriting", "ink", "marks", "meaning", "optics", "paint", "paper", "plan"}
    allowed |= {"printed", "rates", "run", "scan", "scanner", "strangers", "strokes", "tables"}
    for path in Path(scanner.simulator.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = (
                [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else [a.name for a in node.names]
                if isinstance(node, ast.Import)
                else []
            )
            for name in names:
                parts = name.split(".")
                assert parts[0] != "omr", path
                assert parts[0] != "scanner" or (parts[1] == "simulator" and (len(parts) == 2 or parts[2] in allowed)), f"{path}: {name}"
