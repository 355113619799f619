"""The loops are compiled once, with a word about it, and a command knows whether they were."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from omr import warm


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    return tmp_path


def test_it_is_said_before_it_is_done_and_then_never_again(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    done: list[bool] = []
    monkeypatch.setattr(warm, "_read_all_ways", lambda: done.append(bool(said)))
    assert not warm.is_warm()
    for _ in range(2):
        warm.warm_up(said.append)
    assert warm.is_warm()
    assert (len(said), done) == (1, [True])


def test_changed_sources_are_compiled_again(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warm, "_read_all_ways", lambda: None)
    warm.warm_up(lambda said: None)
    monkeypatch.setattr(warm, "ROOM", kept)
    (kept / "omr").mkdir()
    (kept / "omr" / "kernels.py").write_text("changed", encoding="utf-8")
    assert not warm.is_warm()


def test_the_drawn_page_is_read_as_it_was_filled() -> None:
    from core.template import parse_template
    from omr.reading import Reader
    from scanner.bounds import Page

    template = parse_template(warm._FORM, where="warm-up")
    reading = Reader([template]).read(Page(warm._drawn(), "warm-up", 203.2), cut=True)
    assert [reading.fields[f"Q{i}"].value for i in range(1, 7)] == list("ABCABC")
    assert reading.regions


def test_the_command_of_the_installer_ends_well(root: Path) -> None:
    found = subprocess.run([sys.executable, "-m", "omr.warm"], cwd=root, check=False, capture_output=True, text=True)
    assert found.returncode == 0, found.stderr
