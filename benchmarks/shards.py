"""The parts of a long count: each a batch of simulated cards, made, read, judged and thrown away; its counts are kept.

A shard is named by level, sheet and seed, and belongs to the state of the program that made it: after any change of the
engine or the simulator a count begins anew. Scans on which something was wrong in silence are kept beside the counts.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2

from benchmarks.cards import print_cards
from benchmarks.judging import Known, Tally, judge_scans
from benchmarks.make_sets import FIRST_TEST_SEED
from benchmarks.reader import reader_of
from core.template import Template, load_template
from scanner.simulator.rates import LevelName, Rates
from scanner.simulator.run import simulate_with

ROOT = Path(__file__).resolve().parents[1]
ENGINE = ("core", "scanner", "omr", "benchmarks/judging.py", "benchmarks/cards.py", "benchmarks/hundred-items.yaml", "examples/demo-exam")
CARDS = 50  # a feeder's tray, for which the rates of a scanner's troubles are meant
ROUND = ("hundred", "hundred", "hundred", "demo")
"""The sheets of successive shards: the demonstration sheet has few bubbles and much writing, and costs as much."""


@dataclass(frozen=True)
class Shard:
    level: LevelName
    sheet: str
    seed: int
    cards: int
    only: str = ""  # this trouble always, and no other

    @property
    def name(self) -> str:
        return "-".join(filter(None, (self.level, self.only, self.sheet, str(self.seed), str(self.cards))))


def shards(
    level: LevelName, *, sheets: Sequence[str] = ROUND, cards: int = CARDS, only: str = "", first_seed: int = FIRST_TEST_SEED
) -> Iterator[Shard]:
    """Each with the next seed; without end, but for those whose seeds are for fitting."""
    seeds = itertools.count(first_seed) if first_seed >= FIRST_TEST_SEED else range(first_seed, FIRST_TEST_SEED)
    for index, seed in enumerate(seeds):
        yield Shard(level, sheets[index % len(sheets)], seed, cards, only)


def state_folder(parent: Path) -> Path:
    """Where the counts of this very engine are kept."""
    digest = hashlib.sha256()
    for name in ENGINE:
        place = ROOT / name
        files = sorted(f for f in place.rglob("*") if f.suffix in (".py", ".yaml", ".csv", ".json")) if place.is_dir() else [place]
        for file in files:
            digest.update(file.relative_to(ROOT).as_posix().encode() + b"\0" + file.read_bytes())
    return parent / digest.hexdigest()[:12]


def counted(shard: Shard, state: Path) -> Tally | None:
    try:
        return Tally.from_json(json.loads((state / f"{shard.name}.json").read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None


@contextmanager
def scans_of(shard: Shard) -> Iterator[tuple[Known, Template]]:
    """The shard's scans, made anew and thrown away at the end."""
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        printed = print_cards(shard.sheet, shard.cards, folder, seed=shard.seed)
        rates = Rates(shard.level, frozenset({shard.only}) if shard.only else None)
        simulate_with(printed.stack(0, shard.cards), folder / shard.name, rates=rates, seed=shard.seed)
        yield Known.load(folder / shard.name, folder), load_template(next(folder.glob("*.template.json")))


def count(shard: Shard, state: Path) -> Tally:
    """Make, read and judge the shard's scans; its counts appear whole or not at all."""
    with scans_of(shard) as (known, template):
        tally = judge_scans(known, template, reader_of(template))
        if tally.silent:
            _keep_wrong(tally, known.folder, state / "wrong" / shard.name)
    unfinished = state / f"{shard.name}.{os.getpid()}.part"
    unfinished.write_text(json.dumps(tally.to_json()), encoding="utf-8")
    unfinished.replace(state / f"{shard.name}.json")
    return tally


def _keep_wrong(tally: Tally, scans: Path, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    for line in tally.silent:
        name = line.split()[0].partition("/")[2]
        shutil.copy(scans / name, out / name.replace("/", "-"))
    (out / "wrong.txt").write_text("\n".join(tally.silent) + "\n", encoding="utf-8")
