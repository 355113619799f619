"""Ten times kill -9 while people are marking: every acknowledged mark is there once, and everything is agreed in the end.

The second half of what `make chaos` runs, with one round instead of ten. What it asks is in benchmarks/chaos_marking_check.py.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.chaos_marking import OTHERS, QUESTIONS, VICTIMS
from benchmarks.chaos_marking_check import Witnesses
from benchmarks.chaos_marking_crew import Browser, Crew
from benchmarks.chaos_marking_exam import Member
from benchmarks.chaos_plan import plan_round
from benchmarks.chaos_whole import words_for

KILLS = 10


def test_a_marking_round_has_blows_of_its_own_kinds_only() -> None:
    blows = plan_round(3, 1, 60, OTHERS, victims=VICTIMS)
    assert {blow.kind for blow in blows} == {*VICTIMS, *OTHERS}
    assert blows == plan_round(3, 1, 60, OTHERS, victims=VICTIMS) != plan_round(4, 1, 60, OTHERS, victims=VICTIMS)


def test_both_parts_are_told_how_many_kills_and_only_intake_the_rest() -> None:
    words = ["--kills", "20", "--cards", "40", "--fresh"]
    assert words_for("intake", words) == ["--kills", "20", "--fresh", "--cards", "40"]
    assert words_for("marking", words) == ["--kills", "20", "--fresh"]


@pytest.fixture
def browser(tmp_path: Path) -> Browser:
    return Crew.gather([Member(7, "marker", "token", 1)], "http://nowhere", tmp_path, "a seed").browsers[0]


def test_a_journal_tells_what_was_sent_kept_and_refused(browser: Browser) -> None:
    browser._note(sent="key 1", what="mark", task="T", marks={"1": "5"})
    browser._note(kept="key 1", outcome="counted")
    browser._note(refused="key 2", status=409, why="you have marked this answer already.")
    browser._note(refused="key 3", status=500, why="broken")
    browser._note(unlike="key 1", was="counted", now="409 {}")
    seen = Witnesses.read(browser.journal.parent, [browser])
    assert seen.kept["key 1"]["user"] == 7
    assert seen.sent["key 1"]["marks"] == {"1": "5"}
    assert set(seen.refused) == {"key 2", "key 3"}
    assert len(seen.oddities) == len(seen.unlike) == 1


@pytest.fixture
def table(tmp_path: Path, built_client: None) -> dict[str, dict[str, Any]]:
    """The rows that the command wrote, by name."""
    file = tmp_path / "rows.json"
    command = [sys.executable, "-m", "benchmarks.chaos_marking", "--kills", str(KILLS), "--scripts", "40", "--folder", str(tmp_path)]
    done = subprocess.run(command, env={**os.environ, "BENCH_JSON": str(file)}, capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    return {row["name"]: row for row in json.loads(file.read_text(encoding="utf-8"))}


def test_after_ten_kills_every_acknowledged_mark_is_there_once_and_all_is_agreed(table: dict[str, dict[str, Any]]) -> None:
    kills = next(row for name, row in table.items() if name.startswith("kill -9"))
    assert kills["value"] == KILLS
    assert table["marks that count"]["value"] > 40 * 4
    assert {table[sentence]["value"] for sentence in QUESTIONS.values()} == {0}
