"""The readers' probabilities tried on an ink, a scanner or a paper that their fit has not seen: rows of `make accuracy`.

Makes small sets with seeds of fitting, gathers what the readers measure on them and throws the pictures away.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path

import cv2

from benchmarks.fit_readers import LeftOut, Sample, left_out, sample_of
from benchmarks.gathered import Gathered, gather_set
from benchmarks.harness import Row
from benchmarks.make_sets import make_set
from scanner.simulator.rates import LevelName, Rates

BATCHES, CARDS = 2, 20


@dataclass(frozen=True)
class Material:
    """A set of the fit."""

    seed: int
    level: LevelName = "harsh"
    only: str = ""
    batches: int = BATCHES


def materials(troubles: Sequence[str]) -> Iterator[Material]:
    """Every trouble as the levels mix it, and each of these by itself."""
    yield Material(701, "harsh", batches=4)
    yield Material(711, "typical", batches=3)
    for i, trouble in enumerate(troubles):
        yield Material(721 + i * BATCHES, only=trouble)


def gathered(material: Material) -> list[tuple[Gathered, Sample | None]]:
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / (f"only-{material.only}" if material.only else material.level)
        rates = Rates(material.level, frozenset({material.only}) if material.only else None)
        make_set(folder, "hundred", rates, batches=material.batches, cards=CARDS, first_seed=material.seed)
        return [(page, sample_of(page)) for page in gather_set(folder)]


def left_out_in_turn(troubles: Sequence[str], state: Path, workers: int) -> list[LeftOut]:
    """Each trouble tested on the fit of all pages without it; kept, since the fits take minutes."""
    kept = state / "left-out.json"
    if kept.exists():
        found = [LeftOut(**one) for one in json.loads(kept.read_text(encoding="utf-8"))]
        if [one.trouble for one in found] == list(troubles):
            return found
    print("fits with a trouble left out ...", flush=True)
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        pile = [pair for found in pool.map(gathered, materials(troubles)) for pair in found]
    pages, samples = [page for page, _ in pile], [sample for _, sample in pile]
    result = [left_out(trouble, pages, samples) for trouble in troubles]
    kept.write_text(json.dumps([asdict(one) for one in result]), encoding="utf-8")
    return result


def left_out_rows(found: Sequence[LeftOut]) -> Iterator[Row]:
    for one in found:
        name = f"fit without {one.trouble}, on {one.answers:,} answers with it"
        yield Row.judged(f"{name}: wrong in silence", one.silent, "below", 0, "answers")
        yield Row.told(f"{name}: mistakes expected", one.expected, "answers")
        yield Row.told(f"{name}: mistakes found", one.wrong, "answers")
        yield Row.told(f"{name}: in doubt", one.unsure, "answers")
