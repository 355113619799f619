"""The whole main job, as a newcomer sees it, and again after everything was killed in the middle of it."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

CANDIDATES = 16


def start(folder: Path, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "api.cli", "demo", "--candidates", str(CANDIDATES), "--dir", str(folder), "--lang", "en", *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)


def finish(demo: subprocess.Popen[str]) -> str:
    output, _ = demo.communicate(timeout=600)
    assert demo.returncode == 0, output[-4000:]
    return output


def kill_everything(demo: subprocess.Popen[str]) -> None:
    """kill -9 for the demo and all it started; its servers die with it."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(demo.pid, signal.SIGKILL)
    demo.wait()
    assert demo.stdout is not None
    demo.stdout.close()


def count(folder: Path, query: str) -> int:
    """A number from the demo's database, 0 while there is none."""
    path = folder / "site" / "markhall.db"
    if not path.exists():
        return 0
    try:
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)) as database:
            return int(database.execute(query).fetchone()[0])
    except sqlite3.OperationalError:
        return 0


def wait_until(demo: subprocess.Popen[str], so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 400
    while not so():
        assert demo.poll() is None, f"the demo ended before it could be killed: {demo.stdout.read() if demo.stdout else ''}"
        assert time.monotonic() < deadline, "the demo did not come to the point where it should be killed"
        time.sleep(0.02)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("demo") / "demo"
    return folder, finish(start(folder))


def test_the_demo_ends_with_everything_equal(finished: tuple[Path, str]) -> None:
    _, output = finished
    assert "All equal." in output


def test_the_demo_leaves_reports_slips_and_a_release_that_can_be_checked(finished: tuple[Path, str]) -> None:
    folder, _ = finished
    assert list(folder.glob("reports/**/*.html"))
    assert list(folder.glob("reports/**/*.xlsx"))
    assert list(folder.glob("reports/**/slips.pdf"))
    checked = subprocess.run([sys.executable, "-m", "api.cli", "verify-release", str(folder / "release")], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_killed_while_reading_and_again_while_marking_it_resumes_to_the_same_end(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    demo = start(folder)
    wait_until(demo, lambda: count(folder, "select count(*) from receipts where state in ('received', 'queued')") > 5)
    kill_everything(demo)
    acknowledged = count(folder, "select count(*) from receipts")
    demo = start(folder, "--resume")
    wait_until(demo, lambda: count(folder, "select count(*) from marks") > 20)
    kill_everything(demo)
    marks = count(folder, "select count(*) from marks")
    assert "All equal." in finish(start(folder, "--resume"))
    assert count(folder, "select count(*) from receipts") >= acknowledged
    assert count(folder, "select count(*) from marks") > marks


def test_a_folder_that_holds_something_else_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    demo = start(tmp_path)
    output, _ = demo.communicate(timeout=120)
    assert demo.returncode == 2
    assert "holds something else" in output
    assert (tmp_path / "thesis.txt").read_text() == "years of work"
