"""Hostile files: a short run finds nothing; and a run sees crashes, hangs and errors when there are some."""

from __future__ import annotations

import os
import time
from pathlib import Path

from benchmarks.fuzz import State, main, run
from benchmarks.fuzz_inputs import corpus, fuzzed
from core.errors import FrameUnreadable
from scanner.frames import pages_in

HERE = "tests.benchmarks.test_fuzz"


def test_some_hundred_hostile_files_give_a_page_or_one_clear_sentence(tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    assert main(["--inputs", "200", "--seed", "11", "--state", str(state)]) == 0
    assert main(["--inputs", "300", "--seed", "11", "--state", str(state)]) == 0  # goes on where it stopped
    assert '"done": 300' in state.read_text()


def test_every_file_that_the_run_begins_with_is_whole() -> None:
    for name, data in corpus():
        assert not any(isinstance(page, FrameUnreadable) for page in pages_in(data, where=name)), name


def test_a_number_and_a_seed_name_one_file() -> None:
    assert fuzzed(1, 5) == fuzzed(1, 5)
    assert len({fuzzed(1, number)[1] for number in range(50)}) > 45


def crash(seed: int, number: int) -> str:
    if number == 3:
        os.abort()
    return "pages"


def hang(seed: int, number: int) -> str:
    if number == 3:
        time.sleep(60)
    return "pages"


def raise_(seed: int, number: int) -> str:
    if number == 3:
        raise KeyError("nothing that a user could meet")
    return "pages"


_met: set[int] = set()


def crash_after_another(seed: int, number: int) -> str:
    _met.add(number)
    if number == 5 and 2 in _met:
        os.abort()
    return "pages"


def _state(name: str) -> State:
    return list(run(State(1), 8, part=8, target=f"{HERE}:{name}", slow=0.5))[-1]


def test_a_crash_is_named_and_the_run_goes_on() -> None:
    state = _state("crash")
    assert state.done == 8
    assert state.kinds == {"pages": 7}
    assert [(f["number"], f["after"]) for f in state.findings] == [(3, 0)]
    assert "status" in state.findings[0]["what"]


def test_a_hang_is_named_and_the_run_goes_on() -> None:
    state = _state("hang")
    assert state.done == 8
    assert [(f["number"], "hung" in f["what"]) for f in state.findings] == [(3, True)]


def test_an_error_that_is_no_clear_sentence_is_named() -> None:
    state = _state("raise_")
    assert state.kinds == {"pages": 7, "error": 1}
    assert "KeyError" in state.findings[0]["what"]


def test_a_crash_that_needs_files_before_it_is_narrowed_down() -> None:
    assert [(f["number"], f["after"]) for f in _state("crash_after_another").findings] == [(5, 3)]
