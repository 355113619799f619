"""The paper of a chaos run: a small exam, printed, filled and scanned without trouble, and what is on every side of it.

Made once and kept. Real sheets, so that reading them is real; plain ones, so that whatever a reader doubts, loses or
reads twice is the fault of what was killed, and not of the paper.
"""

from __future__ import annotations

import csv
import hashlib
import os
import random
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from benchmarks.cards import write_answers
from core.definition import RosterRow, load_roster
from core.exam import ExamDefinition
from core.template import Template, load_template
from omr.print import print_sheets
from scanner.simulator.cards import load_stack
from scanner.simulator.rates import Rates
from scanner.simulator.run import simulate_with

DEFINITION = {
    "exam": "CHAOS",
    "title": {"zh": "故障演练", "en": "Chaos"},
    "papers": [
        {
            "code": "C",
            "title": {"zh": "综合", "en": "General"},
            "sheet": {"number": {"digits": 8, "grid": False}, "languages": ["en"], "absent_box": False},
            "objective": [{"items": "Q1-Q12", "options": "ABCD", "marks": 2, "keys": "ABCDABCDABCD"}],
            "written": [
                {"id": "W1", "title": {"zh": "一", "en": "One"}, "items": [{"id": "13", "marks": 10}], "height_mm": 60},
                {"id": "W2", "title": {"zh": "二", "en": "Two"}, "items": [{"id": "14", "marks": 10}], "height_mm": 190},
            ],
        }
    ],
}
CARDS_A_BATCH = 8
Place = tuple[str, str, int, int]  # station, batch, sequence, face


@dataclass(frozen=True, slots=True)
class PaperRates(Rates):
    """No trouble at all, at a resolution that is quickly made and read."""

    def chance(self, name: str) -> float:
        return float(name == "dpi_150")


@dataclass(frozen=True, slots=True)
class SentFrame:
    place: Place
    file: Path
    sha256: str
    sheet: str
    side: int


@dataclass(frozen=True)
class ChaosPaper:
    folder: Path
    cards: int

    @property
    def definition(self) -> ExamDefinition:
        return ExamDefinition.model_validate(DEFINITION)

    @cached_property
    def roster(self) -> list[RosterRow]:
        return load_roster(self.folder / "roster.csv")

    @cached_property
    def template(self) -> Template:
        return load_template(self.folder / "sheets.template.json")

    @cached_property
    def truth(self) -> dict[tuple[str, str], str]:
        """{(sheet, field): what the ink says}."""
        return {(row["sheet"], row["field"]): row["value"] for row in _rows(self.folder / "paper" / "truth.csv")}

    def deal(self, stations: list[str]) -> Iterator[SentFrame]:
        """Which frame each station will send in which place: cards dealt in turn, in batches of a few."""
        cards: dict[str, list[dict[str, str]]] = {}
        for row in _rows(self.folder / "paper" / "frames.csv"):
            cards.setdefault(row["sheet"], []).append(row)
        for number, (sheet, faces) in enumerate(cards.items()):
            nth, turn = divmod(number, len(stations))
            batch, sequence = f"b{nth // CARDS_A_BATCH + 1:02d}", nth % CARDS_A_BATCH + 1
            for row in faces:
                file = self.folder / "paper" / row["file"]
                place = (stations[turn], batch, sequence, int(row["face"]))
                yield SentFrame(place, file, self._hashes[row["file"]], sheet, int(row["side"]))

    @cached_property
    def _hashes(self) -> dict[str, str]:
        root = self.folder / "paper"
        return {row["file"]: hashlib.sha256((root / row["file"]).read_bytes()).hexdigest() for row in _rows(root / "frames.csv")}


def make_paper(folder: Path, cards: int, seed: int = 1) -> ChaosPaper:
    paper = ChaosPaper(folder / f"{cards}-{seed}", cards)
    if (paper.folder / "paper" / "truth.csv").exists():
        return paper
    shutil.rmtree(paper.folder, ignore_errors=True)
    paper.folder.mkdir(parents=True)
    rows = "".join(f"{26_000_000 + i * 37 % 999_983},Candidate {i}\n" for i in range(1, cards + 1))
    (paper.folder / "roster.csv").write_text("number,name\n" + rows, encoding="utf-8")
    print_sheets(paper.definition, paper.roster, paper.folder / "sheets.pdf")
    answers = paper.folder / "answers.csv"
    write_answers(paper.template, paper.folder / "sheets.sheets.csv", answers, random.Random(f"chaos {seed}"))
    stack, jobs = load_stack(paper.folder / "sheets.pdf", answers), os.cpu_count() or 1
    simulate_with(stack, paper.folder / "paper", rates=PaperRates("none"), seed=seed, jobs=jobs)
    return paper


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
