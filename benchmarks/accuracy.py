"""`make accuracy`: how many answers are wrong in silence on ten million simulated bubbles a level, and on real scans.

    python -m benchmarks.accuracy [--positions N] [--levels typical harsh] [--workers 2] [--state FOLDER]

A stopped count goes on where it was. The seeds are from 1000 on; thresholds are only ever fitted to seeds below
(docs/simulator.md has the rates, which no reader was consulted about). Exit status 1 when something was wrong in silence.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from itertools import islice
from multiprocessing import get_context
from pathlib import Path

from benchmarks.accuracy_rows import alone_rows, rows_of
from benchmarks.harness import Row, show, write
from benchmarks.judging import Tally
from benchmarks.left_out_rows import left_out_in_turn, left_out_rows
from benchmarks.make_sets import FIRST_TEST_SEED
from benchmarks.real_sets import real_rows
from benchmarks.shards import CARDS, ROOT, ROUND, Shard, count, counted, shards, state_folder
from scanner.simulator.rates import LevelName

POSITIONS = 10_000_000
LEVELS: tuple[LevelName, ...] = ("typical", "harsh")
ALONE = ("pencil_hb", "pen", "faint_hand", "one_bit", "dither", "soft_focus", "dpi_150", "damp", "stain", "fold")
"""Inks, scanners and papers that are also counted by themselves, each on sheets that have this trouble and no other, and
left out of the fit of the readers' probabilities in turn."""
ALONE_BATCHES, ALONE_CARDS = 4, 25
Tallies = dict[str, Tally]  # by sheet


class Progress:
    """Says every few seconds how far the count is and when it will be done."""

    def __init__(self, goal: int, every: float = 10.0) -> None:
        self.goal, self.every = goal, every
        self.started = self.said = time.monotonic()
        self.before: dict[str, int] = {}

    def tell(self, level: str, tallies: Tallies) -> None:
        positions = sum(t.positions for t in tallies.values())
        now = time.monotonic()
        begun = self.before.setdefault(level, positions)
        if now - self.said < self.every:
            return
        self.said = now
        rate = (positions - begun) / (now - self.started)
        left = f"{max(0, self.goal - positions) / rate / 60:.0f} min left" if rate > 0 else "?"
        wrong = sum(len(t.silent) for t in tallies.values())
        print(f"{level}: {positions:,} of {self.goal:,} positions, {wrong} wrong in silence, {left}", flush=True)


def count_level(
    level: LevelName, goal: int, state: Path, workers: int, *, sheets: Sequence[str] = ROUND, cards: int = CARDS,
    first_seed: int = FIRST_TEST_SEED,
) -> Tallies:  # fmt: skip
    """Shards until `goal` bubbles were read without a doubt; those that are counted already are not made again."""
    tallies: Tallies = {}
    added = 0
    progress = Progress(goal)
    todo = shards(level, sheets=sheets, cards=cards, first_seed=first_seed)
    for shard in todo:
        known = counted(shard, state)
        if known is None or enough(tallies, goal):
            todo = _from(shard, todo)
            break
        tallies.setdefault(shard.sheet, Tally()).add(known)
        added += 1
    progress.tell(level, tallies)
    if enough(tallies, goal):
        return tallies
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        running: dict[Future[Tally], Shard] = {}
        while not enough(tallies, goal):
            for shard in islice(todo, wanted(tallies, goal, added, len(running), workers)):
                running[pool.submit(known_or_counted, shard, state)] = shard
            if not running:
                break  # the seeds for fitting are all used
            for done in wait(running, return_when=FIRST_COMPLETED).done:
                tallies.setdefault(running.pop(done).sheet, Tally()).add(done.result())
                added += 1
            progress.tell(level, tallies)
        for future in running:
            future.cancel()
    return tallies


def count_alone(trouble: str, state: Path, workers: int) -> Tally:
    """The sheets of one trouble that always happens, without any other."""
    total = Tally()
    todo = list(islice(shards("harsh", sheets=("hundred",), cards=ALONE_CARDS, only=trouble), ALONE_BATCHES))
    missing = [shard for shard in todo if counted(shard, state) is None]
    if missing:
        print(f"{trouble} alone ...", flush=True)
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            list(pool.map(count, missing, [state] * len(missing)))
    for shard in todo:
        total.add(known_or_counted(shard, state))
    return total


def _from(first: Shard, rest: Iterator[Shard]) -> Iterator[Shard]:
    yield first
    yield from rest


def known_or_counted(shard: Shard, state: Path) -> Tally:
    return counted(shard, state) or count(shard, state)


def wanted(tallies: Tallies, goal: int, added: int, running: int, workers: int) -> int:
    """How many more shards to begin: none while those that run will do, by what a shard has given so far."""
    have = sum(t.positions for t in tallies.values())
    lacking = math.ceil((goal - have) * added / have) if have else workers + 1
    return max(0 if running else 1, min(workers + 1, lacking) - running)


def enough(tallies: Tallies, goal: int) -> bool:
    return sum(t.positions for t in tallies.values()) >= goal


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--positions", type=int, default=POSITIONS, help="bubbles read without a doubt, of each level")
    parser.add_argument("--levels", choices=LEVELS, nargs="+", default=LEVELS)
    parser.add_argument(
        "--alone", action=argparse.BooleanOptionalAction, default=True, help="also each trouble by itself, and left out of the fit"
    )
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--state", type=Path, default=ROOT / ".make" / "accuracy")
    parser.add_argument("--first-seed", type=int, default=FIRST_TEST_SEED, help="below 1000: to look at mistakes, not to count")
    parser.add_argument("--lines", type=int, default=20, help="how many single mistakes to show")
    options = parser.parse_args()
    state = state_folder(options.state)
    state.mkdir(parents=True, exist_ok=True)
    rows: list[Row] = []
    silent: list[str] = []
    for level in options.levels:
        tallies = count_level(level, options.positions, state, options.workers, first_seed=options.first_seed)
        rows += rows_of(level, tallies)
        silent += [f"{level}: {line}" for tally in tallies.values() for line in tally.silent]
    for trouble in ALONE if options.alone else ():
        tally = count_alone(trouble, state, options.workers)
        rows += alone_rows(trouble, tally)
        silent += [f"{trouble} alone: {line}" for line in tally.silent]
    if options.alone:
        rows += left_out_rows(left_out_in_turn(ALONE, state, options.workers))
    real, mistakes = real_rows()
    rows += real
    show(rows)
    for line in [*silent, *mistakes][: options.lines]:
        print(f"WRONG {line}")
    if target := os.environ.get("BENCH_JSON"):
        write(rows, Path(target))
    return int(bool(silent or mistakes))


if __name__ == "__main__":
    sys.exit(main())
