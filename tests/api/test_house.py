"""Which child of a house may fail without the others."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from api import processes
from api.processes import Child
from core.errors import Unavailable


def fail(child: Child, times: int) -> None:
    for _ in range(times):
        child.start_again(dict(os.environ))
        if child.process is not None:
            child.process.wait(60)


@pytest.fixture(autouse=True)
def no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "PATIENCE", 1)


def test_a_child_that_is_needed_ends_the_house_when_it_never_gets_anywhere(tmp_path: Path) -> None:
    child = Child(["no-such-command"], tmp_path / "child.log")
    with pytest.raises(Unavailable, match="again and again"):
        fail(child, 4)


def test_one_that_is_not_needed_is_left_alone_for_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    child = Child(["no-such-command"], tmp_path / "child.log", needed=False)
    fail(child, 6)
    size = child.log.stat().st_size
    fail(child, 1)
    assert child.log.stat().st_size == size
    child.rests_until = 0.0
    monkeypatch.setattr(processes, "PATIENCE", 9)
    fail(child, 1)
    assert child.log.stat().st_size > size
