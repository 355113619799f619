"""Ten times kill -9 in the middle of sending and reading, and every other blow once: nothing is lost, nothing is twice.

The command that `make chaos` runs, with one round instead of twenty. What it asks afterwards is in benchmarks/chaos_check.py.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.chaos import QUESTIONS, not_fallen
from benchmarks.chaos_plan import DISK, OTHERS, VICTIMS, plan_round
from benchmarks.chaos_run import State

KILLS = 10


def test_the_same_seed_deals_the_same_blows_and_every_kind_of_them() -> None:
    first, again, other = (plan_round(seed, 1, 60, OTHERS) for seed in (1, 1, 2))
    assert first == again != other
    assert {blow.kind for blow in first} == {*VICTIMS, *OTHERS}
    assert sum(blow.kills for blow in first) == 60
    assert all(blow.after > 0 for blow in first)


def test_what_a_round_that_ended_early_did_not_deal_is_dealt_in_the_next() -> None:
    state = State(1, blows={"station": 9, "flush": 1, "away": 1, "full": 1})
    assert not_fallen(state, disk=True) == ("sleeper", "read_only")
    assert not_fallen(state, disk=False) == ("sleeper",)
    assert {blow.kind for blow in plan_round(1, 2, 0, not_fallen(state, disk=True))} == {"sleeper", "read_only"}


@pytest.fixture
def table(tmp_path: Path, built_client: None) -> dict[str, dict[str, Any]]:
    """The rows that the command wrote, by name."""
    file = tmp_path / "rows.json"
    command = [sys.executable, "-m", "benchmarks.chaos", "--kills", str(KILLS), "--cards", "40", "--all-blows", "--folder", str(tmp_path)]
    done = subprocess.run(command, env={**os.environ, "BENCH_JSON": str(file)}, capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    if "left out" in done.stdout:
        assert os.geteuid() != 0, "root can have a mount namespace, so a full disk must be tried"
    return {row["name"]: row for row in json.loads(file.read_text(encoding="utf-8"))}


def test_after_ten_kills_every_page_is_read_once_and_all_agree(table: dict[str, dict[str, Any]]) -> None:
    kills = next(row for name, row in table.items() if name.startswith("kill -9"))
    assert kills["value"] == KILLS
    others = {kind: table[f"other blow: {kind}"]["value"] for kind in OTHERS}
    assert all(others[kind] >= 1 for kind in OTHERS if os.geteuid() == 0 or kind not in DISK), others
    assert {table[sentence]["value"] for sentence in QUESTIONS.values()} == {0}
