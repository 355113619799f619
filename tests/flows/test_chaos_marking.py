"""Ten times kill -9 while people are marking: every acknowledged mark is there once, and everything is agreed in the end.

The second half of what `make chaos` runs, with one round instead of ten. What it asks is in benchmarks/chaos_marking_check.py.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from benchmarks.chaos_marking import OTHERS, QUESTIONS, VICTIMS
from benchmarks.chaos_marking_browser import Browser
from benchmarks.chaos_marking_check import check_marking
from benchmarks.chaos_marking_crew import Crew
from benchmarks.chaos_marking_exam import Member, add_crew, make_exam, read_pages
from benchmarks.chaos_marking_witness import Witnesses
from benchmarks.chaos_plan import plan_round
from benchmarks.chaos_whole import words_for
from core.settings import Settings
from core.site import open_site
from core.states import MarkState, TaskState
from core.tables import Mark, Task
from marking import intake
from marking.submit import submit
from marking.work import next_tasks

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
    browser.note(sent="key 1", what="mark", task="T", marks={"1": "5"})
    browser.note(kept="key 1", outcome="counted")
    browser.note(refused="key 2", status=409, why="you have marked this answer already.")
    browser.note(refused="key 3", status=500, why="broken")
    browser.note(unlike="key 1", was="counted", now="409 {}")
    seen = Witnesses.read(browser.journal.parent, [browser])
    assert seen.kept["key 1"]["user"] == 7
    assert seen.sent["key 1"]["marks"] == {"1": "5"}
    assert set(seen.refused) == {"key 2", "key 3"}
    assert len(seen.oddities) == len(seen.unlike) == 1


@pytest.fixture
def marked(tmp_path: Path, sqlite_url: str, redis_url: str, browser: Browser) -> Iterator[Callable[[], dict[str, int]]]:
    """A small exam of which one answer has its first mark, as a journal says; how many faults each question finds in it."""
    site = open_site(Settings.at(tmp_path / "site", database_url=sqlite_url, redis_url=redis_url))
    exam_id = make_exam(site, 2)
    user = add_crew(site, exam_id)[0].user_id
    browser.member = Member(user, "marker", "token", 1)
    read_pages(site, exam_id, 2)
    intake.sweep(site, exam_id)
    (task,) = next_tasks(site, exam_id, user, "M/W2").tasks
    browser.note(handed=[task.task], began=0.0, after="")
    browser.note(sent="the key of it", what="mark", task=task.task, marks={"2": "5"})
    submit(site, exam_id, user, task.task, "the key of it", {"2": "5"})
    browser.note(kept="the key of it", outcome="counted")

    def ask(change: Any = None) -> dict[str, int]:
        if change is not None:
            with site.database.write() as session:
                session.execute(change)
        found, _ = check_marking(site, exam_id, 2, Witnesses.read(browser.journal.parent, [browser]))
        return {question: len(faults) for question, faults in found.faults.items() if faults}

    yield ask
    site.close()


UNFINISHED = {"agreed": 1, "conservation": 1, "laws": 1}  # of an exam that nobody has gone on with


@pytest.mark.parametrize(
    ("change", "question"),
    [
        (update(Mark).values(state=MarkState.SURPLUS), "acknowledged"),
        (update(Mark).values(values={"2": 600}), "acknowledged"),
        (update(Mark).values(key="another key"), "refused"),
        (update(Task).where(Task.state == TaskState.DONE).values(state=TaskState.VOID), "conservation"),
    ],
    ids=["not counted", "other marks", "nobody was told", "a slot that is gone"],
)
def test_the_check_finds_what_is_wrong(marked: Callable[..., dict[str, int]], change: Any, question: str) -> None:
    assert marked() == UNFINISHED
    assert marked(change).get(question, 0) > UNFINISHED.get(question, 0)


def test_the_check_finds_an_answer_that_is_handed_out_after_its_mark(marked: Callable[..., dict[str, int]], browser: Browser) -> None:
    (line,) = [json.loads(text) for text in browser.journal.read_bytes().splitlines() if b"handed" in text]
    browser.note(handed=line["handed"], began=time.monotonic(), after="")
    assert marked() == UNFINISHED | {"twice": 1}


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
    for name in ("marks on seeds", "own responses marked once more", "looks by leaders", "stops by a rule", "stops by a leader"):
        assert table[name]["value"] > 0, f"the kills hit no {name}"
    assert table["times that everything was asked between two kills"]["value"] > 0
    assert {table[sentence]["value"] for sentence in QUESTIONS.values()} == {0}
