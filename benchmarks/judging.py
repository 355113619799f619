"""Simulated scans read and held against what their candidates were told: who is right is never asked of a reader.

Owns what counts as wrong. A field whose ink has no one meaning (`ambiguous`) must come out as a doubt; every other
answer that is given without a doubt must be the one that was told.
"""

from __future__ import annotations

import csv
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from benchmarks.reader import Read
from core.errors import FrameUnreadable
from core.template import Grid, Template
from omr.reading import PageReading
from scanner.frames import pages_in

Frame = dict[str, str]
MARKED_OTHERWISE = {"wrong_number": "number", "absent_conflict": "absent"}
"""Events that are a mark which the truth does not count: the field, by the event."""
MOST_KEPT = 400  # sentences about single fields


@dataclass
class Tally:
    """What was counted; sums of tallies are tallies, and one goes to JSON and back."""

    sides: int = 0
    seconds: float = 0.0  # CPU, unpacking not counted
    positions: int = 0  # bubbles of the answers that were given without a doubt
    answers: int = 0  # fields of the sides that were read
    wrong_positions: int = 0
    wrong_sides: int = 0
    wrong_candidates: int = 0
    ambiguous: int = 0
    ambiguous_read: int = 0  # given without a doubt
    ambiguous_wrong: int = 0  # of these unlike what was told
    for_marks: int = 0  # sides that go to a person for marks alone
    for_marks_ambiguous: int = 0  # of these with an `ambiguous` field
    clean_to_a_person: int = 0  # neither event nor trouble, but not read
    to_a_person: Counter[str] = field(default_factory=Counter)  # sides by the kind of case
    why: Counter[str] = field(default_factory=Counter)  # doubts about fields that have one meaning
    troubles: Counter[str] = field(default_factory=Counter)  # of sides that go to a person for such a doubt
    silent: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    ambiguities: list[str] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        for one in fields(self):
            mine, theirs = getattr(self, one.name), getattr(other, one.name)
            if isinstance(mine, list):
                mine.extend(theirs[: MOST_KEPT - len(mine)] if len(mine) < MOST_KEPT else [])
            elif isinstance(mine, Counter):
                mine.update(theirs)
            else:
                setattr(self, one.name, mine + theirs)

    def to_json(self) -> dict[str, Any]:
        return {one.name: getattr(self, one.name) for one in fields(self)}

    @classmethod
    def from_json(cls, raw: dict[str, Any]) -> Tally:
        tally = cls()
        for name, value in raw.items():
            setattr(tally, name, Counter(value) if isinstance(value, dict) else value)
        return tally


@dataclass(frozen=True)
class Known:
    """What is known of a folder of simulated scans before anything is read."""

    folder: Path
    frames: tuple[Frame, ...]
    truth: dict[tuple[str, str], dict[str, str]]  # (sheet, side) -> field -> value or `ambiguous`
    told: dict[tuple[str, str], str]  # (sheet, field) -> what the answers file says
    candidates: dict[str, str]  # sheet -> number

    @classmethod
    def load(cls, folder: Path, printed: Path) -> Known:
        """`folder` holds scans, frames.csv and truth.csv; `printed` the sheets list and the answers."""
        truth: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)
        for row in _rows(folder / "truth.csv"):
            truth[row["sheet"], row["side"]][row["field"]] = row["value"]
        told = {(row["sheet"], row["field"]): row["value"] for row in _rows(printed / "answers.csv")}
        candidates = {row["sheet"]: row["candidate"] for row in _rows(next(printed.glob("*.sheets.csv")))}
        return cls(folder, tuple(_rows(folder / "frames.csv")), truth, told, candidates)


def _rows(file: Path) -> Iterator[dict[str, str]]:
    with file.open(encoding="utf-8") as source:
        yield from csv.DictReader(source)


def judge_scans(known: Known, template: Template, read: Read) -> Tally:
    total = Tally()
    grids = {name: grid for side in template.sides for grid in side.grids for name in grid.fields}
    for frame in known.frames:
        for page in pages_in((known.folder / frame["file"]).read_bytes(), where=frame["file"]):
            total.sides += 1
            if isinstance(page, FrameUnreadable):
                total.to_a_person["unreadable"] += 1
                continue
            start = time.process_time()
            reading = read(page)
            total.seconds += time.process_time() - start
            Judgement(total, known, frame, grids).count(reading)
    return total


@dataclass(frozen=True)
class Judgement:
    """One frame's reading, and where what is found is counted."""

    total: Tally
    known: Known
    frame: Frame
    grids: dict[str, Grid]

    def count(self, reading: PageReading) -> None:
        total, frame = self.total, self.frame
        clean = frame["event"] == "normal" and not frame["trouble"]
        truth = self.known.truth.get((frame["sheet"], frame["side"]), {})
        if reading.status != "ok":
            total.to_a_person[f"{reading.kind} ({'clean' if clean else frame['event']})"] += 1
            total.clean_to_a_person += clean
        if self._wrong_candidate(reading):
            total.wrong_candidates += 1
            total.silent.append(f"{self._place} is taken for {reading.code} / {reading.barcode}")
        wrong_before, doubts = total.wrong_positions, 0
        for name, found in reading.fields.items():
            if name not in truth or name == MARKED_OTHERWISE.get(frame["event"]):
                continue
            total.answers += 1
            doubts += found.doubt and truth[name] != "ambiguous"
            self._answer(name, found.value, found.why if found.doubt else "", truth[name])
        total.wrong_sides += total.wrong_positions > wrong_before
        marks = [name for name, found in reading.fields.items() if found.doubt and name in self.grids]
        if reading.kind == "doubt" and marks:
            total.for_marks += 1
            total.for_marks_ambiguous += any(truth.get(name) == "ambiguous" for name in marks)
        if doubts:
            total.troubles.update(frame["trouble"].split(";"))

    @property
    def _place(self) -> str:
        return f"{self.known.folder.name}/{self.frame['file']}"

    def _wrong_candidate(self, reading: PageReading) -> bool:
        sheet = self.frame["sheet"]
        number = self.known.candidates.get(sheet)
        if self.frame["event"] in ("foreign", "extra", "blank"):
            return reading.status == "ok"
        other_sheet = reading.code is not None and reading.code.serial != sheet
        return other_sheet or (reading.barcode is not None and reading.barcode != number)

    def _answer(self, name: str, value: str, doubt: str, truth: str) -> None:
        total, told = self.total, self.known.told.get((self.frame["sheet"], name), "")
        said = f"{self._place} {name}: told {told!r}, read {value!r}"
        if truth == "ambiguous":
            total.ambiguous += 1
            if not doubt:
                total.ambiguous_read += 1
                total.ambiguous_wrong += value != told
                total.ambiguities.append(f"{said} [{self.frame['trouble']}]")
        elif doubt:
            total.why[doubt] += 1
            if len(total.doubts) < MOST_KEPT:
                total.doubts.append(f"{said}: {doubt} [{self.frame['trouble']}]")
        else:
            grid = self.grids.get(name)
            if grid is not None:
                total.positions += len(grid.values) * (grid.line_count if grid.joined else 1)
            if value != truth:
                total.wrong_positions += wrong_bubbles(truth, value, joined=grid is not None and grid.joined)
                total.silent.append(f"{said} [{self.frame['trouble']}]")


def wrong_bubbles(truth: str, value: str, *, joined: bool) -> int:
    """How many bubbles are taken for what they are not: an other digit of a number is two, a missing one is one."""
    if not joined:
        return len({v for v in truth.split("|") if v} ^ {v for v in value.split("|") if v})
    pairs = zip(truth.ljust(len(value)), value.ljust(len(truth)), strict=True)
    return sum(bool(a.strip()) + bool(b.strip()) for a, b in pairs if a != b)
