"""A benchmark's rows say whether the goal is met, and go to a file that a program can read."""

import json
import time
from pathlib import Path

import pytest

from benchmarks import __main__ as command
from benchmarks.harness import Row, in_turns, write
from benchmarks.markdown import table_of


@pytest.mark.parametrize(
    ("value", "better", "met"), [(1.0, "below", True), (1.2, "below", False), (1.2, "above", True), (1.0, "above", False)]
)
def test_a_goal_is_met_from_its_better_side(value: float, better: str, met: bool) -> None:
    assert Row.judged("x", value, "below" if better == "below" else "above", 1.1, "times").met is met


def test_a_slower_subject_has_a_ratio_above_one() -> None:
    pair = in_turns(lambda: time.sleep(0.004), lambda: time.sleep(0.001), rounds=5, warm_up=0, clock=time.perf_counter)
    assert pair.ratio > 1.5


def test_rows_are_written_as_a_list_of_five_fields(tmp_path: Path) -> None:
    write([Row.judged("a", 2, "below", 3, "ms"), Row.told("b", 4, "s")], tmp_path / "out.json")
    assert json.loads((tmp_path / "out.json").read_text()) == [
        {"name": "a", "value": 2, "goal": 3, "unit": "ms", "met": True},
        {"name": "b", "value": 4, "goal": None, "unit": "s", "met": None},
    ]


def test_rows_are_a_table_for_the_docs() -> None:
    rows = [Row.judged("a", 2.5, "below", 2, "ms"), Row.told("b", 12345678, "bubbles")]
    assert table_of(rows).splitlines()[2:] == ["| a | 2.5 ms | 2 | **no** |", "| b | 12,345,678 bubbles |  |  |"]


def test_an_unknown_benchmark_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["nothing"]) == 2
    assert "There is no benchmark nothing" in capsys.readouterr().err
