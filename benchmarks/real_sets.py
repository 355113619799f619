"""Real scans that others made, as rows: what is wrong on them, and how many pages go to a person.

The sets are no part of the repository: a folder named by MARKHALL_DATA, or `../shared/data` beside the checkout.
"""

from __future__ import annotations

import csv
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.harness import Row
from benchmarks.judged import Judged
from benchmarks.omrchecker_set import judge_omrchecker
from benchmarks.reader import Read, reader_of
from core.errors import FrameUnreadable
from core.template import Template, load_template
from omr.foreign.amc import answers_of, template_of
from omr.reading import PageReading
from scanner.frames import PageOrError, pages_in

ROOT = Path(__file__).resolve().parents[1]
MOST_TO_A_PERSON = 2.0  # percent of the pages
OPENMCR_TEMPLATE = ROOT / "examples" / "openmcr-75q" / "template.json"


def data_folder() -> Path:
    return Path(os.environ.get("MARKHALL_DATA") or ROOT.parent / "shared" / "data")


def real_rows() -> tuple[list[Row], list[str]]:
    """The rows of every set that is there, and each mistake in a sentence."""
    rows: list[Row] = []
    mistakes: list[str] = []
    for name, judge in (("openmcr", judge_openmcr), ("amc", judge_amc), ("omrchecker", judge_omrchecker)):
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


def judge_amc(folder: Path) -> Judged:
    """Every box of Auto Multiple Choice's own test suite: ticked between its lower and its upper bound."""
    truth: dict[str, dict[tuple[str, str], bool]] = {}
    with (folder / "truth_boxes.csv").open(encoding="utf-8") as source:
        for row in csv.DictReader(source):
            truth.setdefault(row["image"], {})[row["question"], row["answer"]] = row["ticked"] == "1"
    wrong: list[str] = []
    to_a_person = 0
    pages = json.loads((folder / "pages.json").read_text(encoding="utf-8"))
    for page in pages:
        template = amc_template(page)
        (reading,) = readings(folder / "images" / page["image"], reader_of(template))
        to_a_person += reading.status != "ok"
        sure = {name: f.value for name, f in reading.fields.items() if not f.doubt}
        ticked = answers_of(template, {name: sure.get(name, "") for name in template.fields()})
        for grid in template.sides[0].grids:
            question = grid.fields[0].partition("/")[0]
            own = [(question, value) for value in grid.values if grid.fields[0] in sure]
            wrong += [
                f"amc {page['image']} {b[0]}.{b[1]}: true {truth[page['image']][b]}" for b in own if ticked[b] != truth[page["image"]][b]
            ]
    return Judged(len(pages), to_a_person, sum(len(boxes) for boxes in truth.values()), wrong)


def amc_template(page: dict[str, Any]) -> Template:
    return template_of(page["layout"], name=page["image"], bounds=(page["seuil"], page["seuil_up"]))


def only_page(data: bytes) -> PageOrError:
    """The page of a file that has one."""
    (page,) = pages_in(data, where="benchmark")
    return page


def readings(file: Path, read: Read) -> Iterator[PageReading]:
    for page in pages_in(file.read_bytes(), where=file.name):
        yield PageReading("rejected", str(page), "unreadable") if isinstance(page, FrameUnreadable) else read(page)
