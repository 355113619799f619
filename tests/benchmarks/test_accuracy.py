"""The short form of the long count: 200,000 bubbles with seeds that nothing was fitted to, none wrong in silence."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import accuracy
from benchmarks.accuracy import count_level, wanted
from benchmarks.judging import Tally
from benchmarks.make_sets import FIRST_TEST_SEED
from benchmarks.shards import shards
from scanner.simulator.rates import LevelName

EACH = 100_000  # bubbles a level


@pytest.mark.parametrize("level", ["typical", "harsh"])
def test_nothing_is_wrong_in_silence(level: LevelName, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counted = count_level(level, EACH, tmp_path, 2, sheets=("hundred",), cards=20)["hundred"]
    assert counted.silent == []
    assert (counted.wrong_positions, counted.wrong_sides, counted.wrong_candidates, counted.clean_to_a_person) == (0, 0, 0, 0)
    assert counted.positions >= EACH
    assert counted.sides >= EACH / 500

    monkeypatch.delattr(accuracy, "ProcessPoolExecutor")  # a count that is done makes nothing again
    again = count_level(level, EACH, tmp_path, 2, sheets=("hundred",), cards=20)["hundred"]
    assert again.positions >= EACH
    assert again.silent == []


@pytest.mark.parametrize(
    ("have", "added", "running", "more"),
    [(0, 0, 0, 3), (0, 0, 2, 1), (50, 5, 0, 3), (50, 5, 2, 1), (80, 8, 1, 1), (80, 8, 2, 0), (95, 10, 1, 0), (99, 10, 0, 1), (0, 4, 0, 3)],
)
def test_no_more_shards_are_begun_than_are_wanted_and_always_one_runs(have: int, added: int, running: int, more: int) -> None:
    assert wanted({"hundred": Tally(positions=have)}, 100, added, running, 2) == more


def test_the_seeds_are_those_that_nothing_is_fitted_to() -> None:
    seeds = [shard.seed for shard, _ in zip(shards("harsh"), range(500), strict=False)]
    assert min(seeds) >= FIRST_TEST_SEED
    assert len(set(seeds)) == len(seeds)
