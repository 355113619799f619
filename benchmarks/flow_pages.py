"""The pages on which the whole way is timed: the demonstration exam's cards, both faces, as scanners deliver them.

Made once by the simulator and kept below `.make`. Owns which pages these are; nothing is timed here.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2

from api.demo.plan import instructions, invented_roster, sheets_of, write_instructions, write_roster
from benchmarks.cards import EXAMS
from core.definition import load_definition, load_roster
from omr.print import print_sheets
from scanner.simulator.cards import load_stack
from scanner.simulator.rates import Rates
from scanner.simulator.run import simulate_with
from scanner.simulator.scanner import plan_scanner

KEPT = Path(__file__).resolve().parents[1] / ".make" / "flow"
CARDS = 50  # of one batch: one scanner's
RATES = Rates("typical")


@dataclass(frozen=True)
class FlowSet:
    """An exam with its candidates, and the frames of their cards: a folder a batch, named by sequence and face."""

    folder: Path

    @property
    def definition(self) -> Path:
        return self.folder / "exam.yaml"

    @property
    def roster(self) -> Path:
        return self.folder / "roster.csv"

    @property
    def template(self) -> Path:
        return next(self.folder.glob("*.template.json"))

    @property
    def batches(self) -> list[Path]:
        return sorted((self.folder / "batches").iterdir())

    def files(self) -> list[Path]:
        return [file for batch in self.batches for file in sorted(batch.iterdir())]


def flow_set(dpi: int, cards: int, *, kept: Path = KEPT) -> FlowSet:
    """The set of at least so many cards at this resolution; made when it is not there."""
    batches = -(-cards // CARDS)
    folder = kept / f"{dpi}dpi-{batches * CARDS}"
    made = FlowSet(folder)
    if not (folder / "done").exists():
        _make(made, dpi, batches)
    return made


def _make(made: FlowSet, dpi: int, batches: int) -> None:
    cv2.setNumThreads(1)
    made.folder.mkdir(parents=True, exist_ok=True)
    definition = load_definition(EXAMS["demo"])
    shutil.copyfile(EXAMS["demo"], made.definition)
    write_roster(invented_roster(batches * CARDS, 1), made.roster)
    roster = load_roster(made.roster)
    printed = print_sheets(definition, roster, made.folder / "sheets.pdf").papers[0]
    answers = made.folder / "answers.csv"
    write_instructions(instructions(definition, roster, sheets_of([printed.list]), 1), answers)
    whole = load_stack(printed.pdf, answers)
    seeds = _seeds(dpi)
    for i in range(batches):
        target = made.folder / "batches" / f"{i + 1:04d}"
        if target.exists():
            continue
        seed = next(seeds)
        unfinished = made.folder / "unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        part = replace(whole, cards=whole.cards[i * CARDS : (i + 1) * CARDS], spares=())
        simulate_with(part, unfinished, rates=RATES, seed=seed, jobs=os.cpu_count() or 1)
        target.parent.mkdir(exist_ok=True)
        (scans,) = (unfinished / "scans").iterdir()
        scans.rename(target)
    shutil.rmtree(made.folder / "unfinished", ignore_errors=True)
    (made.folder / "done").touch()


def _seeds(dpi: int) -> Iterator[int]:
    """Of the scanners that the simulator draws, the grey ones with this resolution that write JPEG."""
    seed = 0
    while True:
        seed += 1
        scanner = plan_scanner(1, RATES, seed)
        if (scanner.dpi, scanner.mode, scanner.file) == (dpi, "grey", "jpg"):
            yield seed


if __name__ == "__main__":
    import sys

    print(flow_set(int(sys.argv[1]), int(sys.argv[2])).folder)
