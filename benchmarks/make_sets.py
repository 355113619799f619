"""Simulated scans that are kept, for the readers' work: `python -m benchmarks.make_sets FOLDER --sheet hundred --level harsh`.

Small batches, so that the troubles of a scanner vary within a set. A set that is there already is left alone. The seeds
are those of fitting (below `FIRST_TEST_SEED`); what is counted in the end is never made here.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from pathlib import Path

import cv2

from benchmarks.cards import EXAMS, print_cards
from scanner.simulator.rates import LEVELS, Rates
from scanner.simulator.run import simulate_with

FIRST_TEST_SEED = 1000
"""Seeds below are for fitting and looking; from here on they are for counting, and nothing is ever fitted to them."""


def make_set(folder: Path, sheet: str, rates: Rates, *, batches: int, cards: int, first_seed: int) -> None:
    """`batches` folders of `cards` cards, each with a scanner of its own; they appear whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / "done").exists():
        return
    printed = print_cards(sheet, batches * cards, folder, seed=first_seed)
    for i in range(batches):
        part = folder / f"seed-{first_seed + i:04d}"
        if part.exists():
            continue
        unfinished = folder / "unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        simulate_with(printed.stack(i * cards, cards), unfinished, rates=rates, seed=first_seed + i)
        unfinished.rename(part)
    (folder / "done").touch()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sheet", choices=tuple(EXAMS), default="hundred")
    parser.add_argument("--level", choices=LEVELS, default="typical")
    parser.add_argument("--only", nargs="+", help="these troubles always, and no others")
    parser.add_argument("--batches", type=int, default=15)
    parser.add_argument("--cards", type=int, default=20, help="in a batch")
    parser.add_argument("--first-seed", type=int, default=1)
    options = parser.parse_args()
    if options.first_seed + options.batches > FIRST_TEST_SEED:
        parser.error(f"seeds from {FIRST_TEST_SEED} on are for counting")
    cv2.setNumThreads(1)
    started = time.monotonic()
    rates = Rates(options.level, frozenset(options.only) if options.only else None)
    make_set(options.folder, options.sheet, rates, batches=options.batches, cards=options.cards, first_seed=options.first_seed)
    print(f"{options.folder}: {options.batches} batches of {options.cards} cards, {time.monotonic() - started:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
