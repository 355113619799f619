"""The paper of the simulated hall: printed, filled and scanned once, kept under .make/hall, made on where it was broken off.

Owns who sits where, which cards each station scans, and what became of them on the way (`HallPaper` reads it back). The
cards go through the simulator at `typical`; on top of that one station's glass is dirty, and half of the absent
candidates' cards never reach a scanner. Knows nothing of the engine.
"""

from __future__ import annotations

import csv
import os
import random
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from api.demo.plan import SEATS_A_ROOM, instructions, invented_roster, sheets_of, write_instructions, write_roster
from core.definition import RosterRow, load_definition, load_roster
from core.exam import ExamDefinition
from omr.print import print_sheets
from scanner.simulator.cards import Card, Stack, load_stack
from scanner.simulator.rates import Pair, Rates
from scanner.simulator.run import simulate_with

EXAM = "HALL"
STATIONS = 10
DIRTY = 7  # the station whose glass nobody wipes
PART = 250  # cards that are simulated at once: what a stopped run loses at most
DPI = 150
ORDER = "order.csv"
_DEMO = Path(__file__).resolve().parent.parent / "examples" / "demo-exam" / "exam.yaml"
Row = dict[str, str]


@dataclass(frozen=True, slots=True)
class HallRates(Rates):
    """`typical`, by scanners that are all set to one resolution; the dirty one streaks from the first card to the last."""

    dirty: bool = False

    def chance(self, name: str) -> float:
        if name.startswith("dpi_"):
            return float(name == f"dpi_{DPI}")
        if name == "streak" and self.dirty:
            return 1.0
        return Rates.chance(self, name)

    def span(self, name: str) -> Pair:
        if self.dirty and name in ("streak_darkness", "streak_mm"):
            return Rates("harsh").span(name)
        return Rates.span(self, name)


@dataclass(frozen=True, slots=True)
class Seat:
    """A place in the hall and what became of its paper."""

    row: RosterRow
    sheet: str
    station: int
    absent: bool
    handed_in: bool  # an absent candidate's card is marked by the invigilator, or left in the envelope
    lost: bool  # the card was handed in and never reached a scanner


@dataclass(frozen=True)
class HallPaper:
    folder: Path
    candidates: int
    seed: int

    @property
    def definition_file(self) -> Path:
        return self.folder / "exam.yaml"

    @cached_property
    def definition(self) -> ExamDefinition:
        return load_definition(self.definition_file)

    @cached_property
    def roster(self) -> list[RosterRow]:
        return load_roster(self.folder / "roster.csv")

    @property
    def answers(self) -> Path:
        return self.folder / "answers.csv"

    def stations(self) -> list[str]:
        return [f"hall-{n:02d}" for n in range(1, STATIONS + 1)]

    def batches(self, station: int) -> list[Path]:
        """The folders that a station scans, in the order of the cards."""
        return sorted(p for part in self._parts(station) for p in (part / "scans").iterdir())

    def _parts(self, station: int) -> list[Path]:
        return sorted((self.folder / "paper" / f"hall-{station:02d}").glob("part-*"))

    def rescan(self, sheet: str, side: int) -> Path:
        """The second scan of a side: as the simulator foresaw it, or the card fed once more by a careful operator."""
        foreseen = (part / "rescans" / f"{sheet}-{side}.jpg" for n in range(1, STATIONS + 1) for part in self._parts(n))
        return next((file for file in foreseen if file.exists()), None) or self._fed_again(sheet, side)

    def _fed_again(self, sheet: str, side: int) -> Path:
        folder = self.folder / "again" / sheet
        if not (folder / "frames.csv").exists():
            stack = load_stack(self.folder / "sheets.pdf", self.answers)
            card = next(c for c in (*stack.cards, *stack.spares) if c.sheet == sheet)
            simulate_with(replace(stack, cards=(card,), spares=()), folder, rates=HallRates("none"), seed=self.seed)
        return folder / next(row["file"] for row in read_rows(folder / "frames.csv") if row["side"] == str(side))

    def rows(self, name: str) -> Iterator[tuple[int, Path, Row]]:
        """The lines of a file that the simulator writes, each with its station and part."""
        for station in range(1, STATIONS + 1):
            for part in self._parts(station):
                yield from ((station, part, row) for row in read_rows(part / name))

    @cached_property
    def lost(self) -> set[str]:
        """Sheets of which no side came out of a scanner, although they were put in."""
        seen = {row["sheet"] for _, _, row in self.rows("frames.csv")}
        return {row["sheet"] for row in read_rows(self.folder / ORDER) if row["scanned"] == "1"} - seen

    @cached_property
    def seats(self) -> list[Seat]:
        by_number = {r.number: r for r in self.roster}
        return [
            Seat(by_number[o["candidate"]], o["sheet"], int(o["station"]), o["absent"] == "1", o["scanned"] == "1", o["sheet"] in self.lost)
            for o in read_rows(self.folder / ORDER)
        ]


def read_rows(path: Path) -> list[Row]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def make_paper(folder: Path, candidates: int, seed: int, *, jobs: int = os.cpu_count() or 1) -> HallPaper:
    """Print, fill and scan what is not there yet."""
    paper = HallPaper(folder / f"{candidates}-{seed}", candidates, seed)
    paper.folder.mkdir(parents=True, exist_ok=True)
    if not (paper.folder / ORDER).exists():
        _print_and_fill(paper)
    stack: Stack | None = None
    for number, (station, first, cards) in enumerate(parts(paper), start=1):
        target = paper.folder / "paper" / f"hall-{station:02d}" / f"part-{first:05d}"
        if target.exists():
            continue
        stack = stack or load_stack(paper.folder / "sheets.pdf", paper.answers)
        _scan_part(paper, stack, target, number, station, cards, jobs)
    return paper


def parts(paper: HallPaper) -> list[tuple[int, int, list[str]]]:
    """(station, first card, serials of the cards) of every part, in order."""
    found = []
    for station in range(1, STATIONS + 1):
        cards = [o["sheet"] for o in read_rows(paper.folder / ORDER) if o["station"] == str(station) and o["scanned"] == "1"]
        found += [(station, i, cards[i : i + PART]) for i in range(0, len(cards), PART)]
    return found


def _print_and_fill(paper: HallPaper) -> None:
    text = _DEMO.read_text(encoding="utf-8").replace("exam: DEMO", f"exam: {EXAM}")
    paper.definition_file.write_text(text.replace("absent_box: true", "absent_box: true\n      extra_sheets: true"), encoding="utf-8")
    write_roster(invented_roster(paper.candidates, paper.seed), paper.folder / "roster.csv")
    print(f"printing the sheets of {paper.candidates} candidates", flush=True)
    print_sheets(paper.definition, paper.roster, paper.folder / "sheets.pdf")
    sheets = sheets_of([paper.folder / "sheets.sheets.csv"])
    told = list(instructions(paper.definition, paper.roster, sheets, paper.seed))
    write_instructions(iter(told), paper.answers)
    absent = {t.sheet for t in told if t.field == "absent"}
    _write_order(paper, {number: serials[0] for (_, number), serials in sheets.items() if number}, absent)


def _write_order(paper: HallPaper, sheet_of: dict[str, str], absent: set[str]) -> None:
    """Who sits where, and whose card is scanned at which station: whole rooms, an equal share of them a station."""
    rooms = -(-len(paper.roster) // SEATS_A_ROOM)
    draft = paper.folder / f".{ORDER}"
    with draft.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file)
        out.writerow(["sheet", "candidate", "station", "absent", "scanned"])
        for i, row in enumerate(paper.roster):
            sheet = sheet_of[row.number]
            away = sheet in absent
            in_envelope = away and random.Random(f"envelope {paper.seed} {sheet}").random() < 0.5
            station = 1 + i // SEATS_A_ROOM * STATIONS // rooms
            out.writerow([sheet, row.number, station, int(away), int(not in_envelope)])
    draft.replace(paper.folder / ORDER)


def _scan_part(paper: HallPaper, stack: Stack, target: Path, number: int, station: int, cards: Sequence[str], jobs: int) -> None:
    total, begun = len(parts(paper)), time.monotonic()
    wanted = set(cards)
    few = replace(stack, cards=tuple(c for c in stack.cards if c.sheet in wanted), spares=_spares(stack, number, total))
    draft = target.with_name(f".{target.name}")
    shutil.rmtree(draft, ignore_errors=True)
    draft.parent.mkdir(parents=True, exist_ok=True)
    made = simulate_with(few, draft, rates=HallRates("typical", dirty=station == DIRTY), seed=paper.seed * 1000 + number, jobs=jobs)
    draft.rename(target)
    rate = made.frames / (time.monotonic() - begun)
    print(f"part {number} of {total}: {made.frames} frames by station {station}, {rate:.1f} pages/s", file=sys.stderr, flush=True)


def _spares(stack: Stack, number: int, total: int) -> tuple[Card, ...]:
    return stack.spares[number - 1 :: total]
