"""Whether an answer's `p_wrong` is what it says: answers gathered by it, and how many of them were really wrong.

    python -m benchmarks.reliability [--sheets N] [--levels typical harsh] [--workers 2]

Every answer counts that has one meaning, also those in doubt, by the value that the reader would give. The seeds are
those that nothing is fitted to. Prints the table of the docs.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import islice
from multiprocessing import get_context

from benchmarks.bounds import upper_bound
from benchmarks.judging import MARKED_OTHERWISE
from benchmarks.reader import reader_of
from benchmarks.shards import Shard, scans_of, shards
from core.errors import FrameUnreadable
from scanner.frames import pages_in
from scanner.simulator.rates import LevelName

LEVELS: tuple[LevelName, ...] = ("typical", "harsh")
EDGES = (0.0, 1e-9, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.03, 0.1, 0.3, 1.0)
CARDS = 20


@dataclass(frozen=True)
class Answer:
    p_wrong: float
    wrong: bool
    doubt: bool


@dataclass(frozen=True)
class Bin:
    """Answers whose `p_wrong` is above `low` and at most `high`."""

    low: float
    high: float
    answers: int
    expected: float  # mistakes, if `p_wrong` is true
    wrong: int
    doubts: int


def answers_of(shard: Shard) -> list[Answer]:
    """Every answer with one meaning on the shard's scans."""
    found: list[Answer] = []
    with scans_of(shard) as (known, template):
        read = reader_of(template)
        grids = {name for side in template.sides for grid in side.grids for name in grid.fields}
        for frame in known.frames:
            truth = known.truth.get((frame["sheet"], frame["side"]), {})
            for page in pages_in((known.folder / frame["file"]).read_bytes(), where=frame["file"]):
                fields = {} if isinstance(page, FrameUnreadable) else read(page).fields
                for name in grids & fields.keys() & truth.keys() - {MARKED_OTHERWISE.get(frame["event"], "")}:
                    if truth[name] != "ambiguous":
                        field = fields[name]
                        found.append(Answer(field.p_wrong, field.value != truth[name], field.doubt))
    return found


def bins_of(answers: Iterable[Answer]) -> Iterator[Bin]:
    pile = sorted(answers, key=lambda a: a.p_wrong)
    for low, high in zip((-1.0, *EDGES[1:-1]), EDGES[1:], strict=True):
        own = [a for a in pile if low < a.p_wrong <= high]
        if own:
            expected = math.fsum(a.p_wrong for a in own)
            yield Bin(max(low, 0.0), high, len(own), expected, sum(a.wrong for a in own), sum(a.doubt for a in own))


def table_of(bins: Sequence[Bin]) -> str:
    lines = ["| p_wrong | answers | in doubt | mistakes expected | mistakes | rate, upper bound (95 %) |", "|---|---|---|---|---|---|"]
    lines += [
        f"| {one.low:g} to {one.high:g} | {one.answers:,} | {one.doubts:,} | {one.expected:.3g} | {one.wrong} "
        f"| {one.wrong / one.answers:.2g}, {upper_bound(one.wrong, one.answers):.2g} |"
        for one in bins
    ]
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sheets", type=int, default=1000, help="of each level")
    parser.add_argument("--levels", choices=LEVELS, nargs="+", default=LEVELS)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    with ProcessPoolExecutor(options.workers, mp_context=get_context("spawn")) as pool:
        for level in options.levels:
            todo = islice(shards(level, sheets=("hundred",), cards=CARDS), -(-options.sheets // CARDS))
            answers: list[Answer] = []
            for done in pool.map(answers_of, todo):
                answers += done
                print(f"{level}: {len(answers):,} answers", file=sys.stderr, flush=True)
            print(f"\n{level}, {options.sheets} sheets\n\n{table_of(list(bins_of(answers)))}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
