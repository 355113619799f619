"""Real scans that others made, as rows: what is wrong on them, and how many pages go to a person.

The sets are no part of the repository: a folder named by MARKHALL_DATA, or `../shared/data` beside the checkout.
"""

from __future__ import annotations

import csv
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.harness import Row
from benchmarks.reader import Read, reader_of
from core.errors import FrameUnreadable
from core.template import load_template
from omr.reading import PageReading
from scanner.frames import pages_in

ROOT = Path(__file__).resolve().parents[1]
MOST_TO_A_PERSON = 2.0  # percent of the pages
OPENMCR_TEMPLATE = ROOT / "examples" / "openmcr-75q" / "template.json"


@dataclass(frozen=True)
class Judged:
    """How a set was read."""

    pages: int
    to_a_person: int
    cells: int
    wrong: list[str]  # a sentence each


def data_folder() -> Path:
    return Path(os.environ.get("MARKHALL_DATA") or ROOT.parent / "shared" / "data")


def real_rows() -> tuple[list[Row], list[str]]:
    """The rows of every set that is there, and each mistake in a sentence."""
    rows: list[Row] = []
    mistakes: list[str] = []
    for name, judge in (("openmcr", judge_openmcr),):
        folder = data_folder() / name
        if not folder.is_dir():
            print(f"{name}: left out, there is no {folder} (MARKHALL_DATA)", file=sys.stderr)
            continue
        judged = judge(folder)
        mistakes += judged.wrong
        rows += [
            Row.told(f"{name}: cells of {judged.pages} real pages", judged.cells, "cells"),
            Row.judged(f"{name}: cells wrong", len(judged.wrong), "below", 0, "cells"),
            Row.judged(
                f"{name}: pages to a person", 100 * judged.to_a_person / max(judged.pages, 1), "below", MOST_TO_A_PERSON, "% of pages"
            ),
        ]
    return rows, mistakes


def judge_openmcr(folder: Path) -> Judged:
    read = reader_of(load_template(OPENMCR_TEMPLATE))
    truth: dict[tuple[str, str], dict[str, str]] = {}
    with (folder / "truth.csv").open(encoding="utf-8") as source:
        for row in csv.DictReader(source):
            truth.setdefault((row["set"], row["file"]), {})[row["field"]] = row["value"].strip()
    wrong: list[str] = []
    cells = to_a_person = 0
    for (part, file), fields in truth.items():
        for reading in readings(folder / part / file, read):
            to_a_person += reading.status != "ok"
            for name, value in fields.items():
                cells += 1
                found = reading.fields.get(name)
                if found is not None and not found.doubt and found.value.strip() != value:
                    wrong.append(f"openmcr {part}/{file} {name}: true {value!r}, read {found.value!r}")
    return Judged(len(truth), to_a_person, cells, wrong)


def readings(file: Path, read: Read) -> Iterator[PageReading]:
    for page in pages_in(file.read_bytes(), where=file.name):
        yield PageReading("rejected", str(page), "unreadable") if isinstance(page, FrameUnreadable) else read(page)
