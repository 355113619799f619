"""Auto Multiple Choice as Debian packages it, on pages of its own test suite: its layouts rebuilt, its analysis run.

Its pages carry their number in binary boxes that the set does not list. A layout without them has the number 0, so each
layout gets a project of its own, and the program's own analysis goes all its way: marks, fit, boxes, picture, database.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

PROGRAM = "auto-multiple-choice"
TABLES = "use AMC::Data; AMC::Data->new($ARGV[0])->module($_) for qw(layout capture);"
AT_PAGE_0 = "0, 0"  # student and page


@dataclass(frozen=True)
class Group:
    """Pages that share a layout."""

    layout: dict[str, Any]
    pages: tuple[dict[str, Any], ...]


def groups_of(folder: Path) -> list[Group]:
    pages = json.loads((folder / "pages.json").read_text(encoding="utf-8"))

    def layout(page: dict[str, Any]) -> str:
        return json.dumps(page["layout"], sort_keys=True)

    return [Group(json.loads(key), tuple(own)) for key, own in groupby(sorted(pages, key=layout), key=layout)]


def installed() -> bool:
    return shutil.which(PROGRAM) is not None


def install() -> bool:
    """Where this is Debian and the user is root; else it is said how."""
    command = ["apt-get", "install", "-y", "--no-install-recommends", PROGRAM]
    if shutil.which("apt-get") and os.geteuid() == 0:
        print(f"peers: {' '.join(command)} (a few minutes) ...", flush=True)
        subprocess.run(["apt-get", "update"], check=False, capture_output=True)
        subprocess.run(command, check=False, capture_output=True)
    if not installed():
        print(f"peers: left out; install it as root with: {' '.join(command)}", flush=True)
    return installed()


@dataclass(frozen=True)
class Analysed:
    cpu: float  # seconds
    pages: int  # that it measured


def analyse(group: Group, images: Path, work: Path, *, times: int) -> Analysed:
    """One run over the group's pages, each as so many scans; a run's own start is in its time."""
    shutil.rmtree(work, ignore_errors=True)
    for name in ("data", "cr", "scans"):
        (work / name).mkdir(parents=True)
    subprocess.run(["perl", "-e", TABLES, str(work / "data")], check=True, capture_output=True)
    _write_layout(group.layout, work / "data" / "layout.sqlite")
    scans = []
    for i in range(times):
        for page in group.pages:
            scans.append(work / "scans" / f"{i}-{page['image']}")
            shutil.copy(images / page["image"], scans[-1])
    options = ["--data", str(work / "data"), "--cr", str(work / "cr"), "--multiple", "--n-procs", "1"]
    before = _children()
    subprocess.run([PROGRAM, "analyse", *options, *map(str, scans)], check=True, capture_output=True)
    return Analysed(_children() - before, _measured(work / "data" / "capture.sqlite"))


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _write_layout(layout: dict[str, Any], file: Path) -> None:
    with sqlite3.connect(file) as database:
        size = (layout["dpi"], layout["width"], layout["height"], layout["mark_diameter"])
        database.execute(f"INSERT INTO layout_page VALUES ({AT_PAGE_0}, 0, 1, 1, ?, ?, ?, ?)", size)
        database.executemany(f"INSERT INTO layout_mark VALUES ({AT_PAGE_0}, ?, ?, ?)", layout["marks"])
        database.executemany(f"INSERT INTO layout_box VALUES ({AT_PAGE_0}, 1, ?, ?, ?, ?, ?, ?, 0, NULL)", _boxes(layout["boxes"]))
    database.close()


def _boxes(boxes: Sequence[dict[str, Any]]) -> Iterator[tuple[float, ...]]:
    numbers = {name: i for i, name in enumerate(dict.fromkeys(box["question"] for box in boxes), 1)}
    for box in boxes:
        yield numbers[box["question"]], box["answer"], *(box[side] for side in ("xmin", "xmax", "ymin", "ymax"))


def _measured(file: Path) -> int:
    """How many pages it got as far as measuring a box of."""
    database = sqlite3.connect(file)
    try:
        query = "SELECT COUNT(DISTINCT copy) FROM capture_zone WHERE type = 4 AND total > 0"
        return int(database.execute(query).fetchone()[0])
    finally:
        database.close()
