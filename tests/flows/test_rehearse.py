"""The whole exam as a load test, cut off while people mark and gone on with: nothing lost, and who does not look is stopped."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from api.rehearsal.exam import AT_WORK, ITEMS, people

CANDIDATES, MARKERS = 75, 20
LAWS = {f"Z{n}" for n in range(1, 9)}


def start(folder: Path, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "api.cli", "rehearse", "--candidates", str(CANDIDATES), "--markers", str(MARKERS)]
    command += ["--careless", "1", "--webs", "1", "--dir", str(folder), "--lang", "en", *options]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MARKHALL_") and name != "BENCH_JSON"}
    environment["BENCH_JSON"] = str(folder.parent / "bench.json")
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True, env=environment
    )  # fmt: skip


def marks_in(folder: Path) -> int:
    try:
        with contextlib.closing(sqlite3.connect(f"file:{folder / 'site' / 'markhall.db'}?mode=ro", uri=True, timeout=30)) as database:
            return int(database.execute("SELECT count(*) FROM marks WHERE level = 'marker'").fetchone()[0])
    except sqlite3.OperationalError:
        return 0


def kill_while_they_mark(rehearsal: subprocess.Popen[str], folder: Path, marks: int) -> None:
    """kill -9 for the rehearsal and all it started."""
    deadline = time.monotonic() + 300
    while marks_in(folder) < marks:
        assert rehearsal.poll() is None, rehearsal.stdout.read() if rehearsal.stdout else ""
        assert time.monotonic() < deadline, "nobody began to mark"
        time.sleep(0.05)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(rehearsal.pid, signal.SIGKILL)
    rehearsal.communicate()


@pytest.fixture(scope="module")
def rehearsed(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], str, Path]:
    """The result of a rehearsal that was killed while people marked, and what it printed."""
    folder = tmp_path_factory.mktemp("rehearsal") / "rehearsal"
    kill_while_they_mark(start(folder), folder, 60)
    resumed = start(folder, "--resume")
    output, _ = resumed.communicate(timeout=600)
    assert resumed.returncode == 0, output[-4000:]
    return json.loads((folder / "result.json").read_text(encoding="utf-8")), output, folder


def value_of(result: dict[str, Any], name: str) -> float:
    (line,) = [line for line in result["lines"] if line["name"] == name]
    return float(line["value"])


def test_every_law_holds_and_nothing_that_was_acknowledged_is_lost(rehearsed: tuple[dict[str, Any], str, Path]) -> None:
    result, _, _ = rehearsed
    assert {law["law"] for law in result["state"]["measured"]["laws"] if law["holds"]} == LAWS
    assert value_of(result, "acknowledged marks that the database lacks") == 0
    assert value_of(result, "the release, checked off line") == 1


def test_all_responses_of_all_four_schemes_get_final_marks(rehearsed: tuple[dict[str, Any], str, Path]) -> None:
    result, _, _ = rehearsed
    assert value_of(result, "responses") == CANDIDATES * len(ITEMS)
    assert {g["group"]: g["scheme"] for g in result["found"]["groups"]} == {"short": "1", "steps": "1+1", "long": "2+1+1", "essay": "1+1+1"}
    seeds = result["state"]["measured"]["seeds"]
    assert sum(g["responses"] for g in result["found"]["groups"]) == CANDIDATES * len(ITEMS) - seeds
    assert all(g["near"] >= g["single"] for g in result["found"]["groups"] if g["group"] in ("steps", "long"))


def test_who_marks_without_looking_is_stopped_and_the_marks_go_back(rehearsed: tuple[dict[str, Any], str, Path]) -> None:
    result, _, _ = rehearsed
    (careless,) = [one for one in result["found"]["caught"] if one["careless"]]
    assert careless["rule"]
    assert 15 <= careless["marks"] <= 60
    assert careless["put_back"] > 0


def test_markers_learn_first_and_are_checked_unannounced(rehearsed: tuple[dict[str, Any], str, Path]) -> None:
    marks = rehearsed[0]["found"]["marks"]
    assert marks["trial"] >= 3 * (MARKERS - 1)
    assert marks["seed"] >= MARKERS - 1  # the first of the day, of everybody


def test_the_table_and_the_lines_for_programs_say_the_same(rehearsed: tuple[dict[str, Any], str, Path]) -> None:
    result, output, folder = rehearsed
    assert json.loads((folder.parent / "bench.json").read_text(encoding="utf-8")) == result["lines"]
    for name in ("marks acknowledged", "careless markers found and stopped", "Z5 marks"):
        assert name in output


def test_a_folder_that_holds_something_else_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    refused = start(tmp_path)
    output, _ = refused.communicate(timeout=120)
    assert refused.returncode == 2
    assert "holds something else" in output
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_everybody_has_a_team_as_large_as_its_work() -> None:
    crowd = people(500)
    teams = {group: sum(p.role == "marker" and p.group == group for p in crowd) for group in ITEMS}
    assert sum(teams.values()) == 500
    assert teams["short"] < min(teams[group] for group in ITEMS if group != "short")
    assert all(any(p.role == role and p.group == group for p in crowd) for group in ITEMS for role in ("leader", "arbiter"))
    at_work = [p for p in crowd if p.role in AT_WORK]
    assert len({p.number for p in at_work}) == len(at_work)
