"""`markhall read` of one page, from the start of the process to the answer, with compiled code in its cache."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.harness import Row
from benchmarks.pages import grey_pages
from core.template import dump_template

ROUNDS = 5


def rows() -> list[Row]:
    pages = grey_pages(200)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "page.jpg").write_bytes(pages.files[0])
        (folder / "template.json").write_text(dump_template(pages.template), encoding="utf-8")
        program = Path(sys.executable).with_name("markhall")
        command = [str(program), "read", "--template", "template.json", "page.jpg", "-o", "answers.csv"]
        seconds = [_seconds(command, folder) for _ in range(ROUNDS + 1)][1:]  # the first compiles what is not compiled yet
        answered = (folder / "answers.csv").read_text(encoding="utf-8").splitlines()
    assert len(answered) == 2, "markhall read gave no row"
    return [Row.judged("markhall read of one page, start to answer", statistics.median(seconds), "below", 1.5, "s")]


def _seconds(command: list[str], folder: Path) -> float:
    started = time.perf_counter()
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return time.perf_counter() - started
