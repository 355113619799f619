"""A whole run: plan all cards, scan them in as many processes as asked, write the files and what is known of them.

The only writer of the output folder.
"""

from __future__ import annotations

import csv
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import cv2

from core.errors import BadInput
from scanner.simulator.cards import Stack, load_stack
from scanner.simulator.paint import Studio, TruthRow
from scanner.simulator.plan import CardPlan, plan_run
from scanner.simulator.rates import LEVELS, Rates
from scanner.simulator.scan import Frame, scan_card

CHUNK = 5  # cards in one task of a process
FRAME_COLUMNS = ("file", "batch", "sequence", "face", "sheet", "side", "event", "trouble")
TRUTH_COLUMNS = ("sheet", "side", "field", "value", "note")


@dataclass(frozen=True, slots=True)
class SimulationSummary:
    """What a run made. A clean side has neither an event nor a trouble."""

    folder: Path
    cards: int
    sides: int  # sides of the cards that were to be scanned
    frames: int  # pictures that the scanners delivered
    rescans: int
    clean: int  # frames without any trouble or event
    ambiguous: int  # fields whose ink has no one meaning
    events: dict[str, int]  # cards, by event, without the normal ones
    troubles: dict[str, int]  # frames, by trouble

    def __str__(self) -> str:
        def listed(counts: dict[str, int]) -> str:
            return ", ".join(f"{name} {count}" for name, count in counts.items()) or "none"

        return (
            f"{self.folder}: {self.frames} frames of {self.sides} sides, {self.clean} of them clean, {self.rescans} rescans, "
            f"{self.ambiguous} ambiguous fields\nevents: {listed(self.events)}\ntroubles: {listed(self.troubles)}"
        )


@dataclass(frozen=True, slots=True)
class _Done:
    """What is left of a card once its pictures are written."""

    event: str
    frames: tuple[tuple[object, ...], ...]
    rescans: int
    truth: tuple[TruthRow, ...]


def simulate(
    sheets_pdf: Path, answers_csv: Path, out_dir: Path, *, trouble: str = "typical", seed: int = 1, jobs: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> SimulationSummary:  # fmt: skip
    """Fill and scan the printed sheets. The same seed gives the same files, whatever `jobs` is."""
    level = next((name for name in LEVELS if name == trouble), None)
    if level is None:
        raise BadInput(f"there is no trouble {trouble!r}.", where="--trouble", remedy=f"Choose one of {', '.join(LEVELS)}.")
    return simulate_with(load_stack(sheets_pdf, answers_csv), out_dir, rates=Rates(level), seed=seed, jobs=jobs, progress=progress)


def simulate_with(
    stack: Stack, out_dir: Path, *, rates: Rates, seed: int, jobs: int = 1, progress: Callable[[int, int], None] | None = None
) -> SimulationSummary:
    """The same with rates of one's own, such as a single trouble that always happens."""
    plans = plan_run(stack, rates, seed)
    _make_room(out_dir, plans)
    studio = Studio(stack.pdf, stack.template, rates, seed)
    done: list[_Done] = []
    for part in _scan_all(studio, plans, out_dir, jobs):
        done += part
        if progress is not None:
            progress(len(done), len(plans))
    frames = [row for card in done for row in card.frames]
    truth = [row for card in done for row in card.truth]
    _write_csv(out_dir / "frames.csv", FRAME_COLUMNS, frames)
    _write_csv(out_dir / "truth.csv", TRUTH_COLUMNS, ((r.sheet, r.side, r.field, r.value, r.note) for r in truth))
    return SimulationSummary(
        folder=out_dir,
        cards=len(plans),
        sides=sum(len(p.card.faces) for p in plans),
        frames=len(frames),
        rescans=sum(card.rescans for card in done),
        clean=sum(row[6] == "normal" and not row[7] for row in frames),
        ambiguous=sum(r.value == "ambiguous" for r in truth),
        events=dict(sorted(Counter(card.event for card in done if card.event != "normal").items())),
        troubles=dict(sorted(Counter(name for row in frames for name in str(row[7]).split(";") if name).items())),
    )


def _scan_all(studio: Studio, plans: Sequence[CardPlan], out_dir: Path, jobs: int) -> Iterator[list[_Done]]:
    chunks = [plans[i : i + CHUNK] for i in range(0, len(plans), CHUNK)]
    work = partial(_scan_chunk, studio, out_dir)
    if jobs <= 1 or len(chunks) <= 1:
        yield from map(work, chunks)
        return
    with ProcessPoolExecutor(max_workers=min(jobs, len(chunks)), mp_context=get_context("spawn"), initializer=_one_thread) as pool:
        yield from pool.map(work, chunks)


def _one_thread() -> None:
    cv2.setNumThreads(1)


def _scan_chunk(studio: Studio, out_dir: Path, plans: Sequence[CardPlan]) -> list[_Done]:
    return [_scan_one(studio, out_dir, plan) for plan in plans]


def _scan_one(studio: Studio, out_dir: Path, plan: CardPlan) -> _Done:
    scanned = scan_card(studio, plan)
    for frame in (*scanned.frames, *scanned.rescans):
        (out_dir / frame.name).write_bytes(frame.data)
    return _Done(plan.event, tuple(_row(f) for f in scanned.frames), len(scanned.rescans), scanned.truth)


def _row(frame: Frame) -> tuple[object, ...]:
    plan = frame.plan
    return frame.name, plan.batch, plan.sequence, plan.face, plan.sheet, plan.side or "", plan.event, ";".join(frame.trouble)


def _make_room(out_dir: Path, plans: Iterable[CardPlan]) -> None:
    """A new run replaces what an earlier one left in its two folders, so that no old frame is taken for a new one."""
    for name in ("scans", "rescans"):
        shutil.rmtree(out_dir / name, ignore_errors=True)
        (out_dir / name).mkdir(parents=True)
    for batch in {p.scanner.batch for p in plans}:
        (out_dir / "scans" / batch).mkdir()


def _write_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
