"""Who may send, in which batches, how fast; and that names of people and files are nothing but names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import BadInput, Forbidden, NotFound
from scanner import intake
from scanner.intake.rates import BURST, Rates
from scanner.intake.stations import KnownStations, StationView
from tests.omr.hall import Hall, open_hall


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def hall(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[Hall]:
    opened = open_hall(database_url, redis_url, tmp_path)
    yield opened
    opened.site.close()


@pytest.mark.parametrize(
    ("pattern", "batch", "fits"),
    [
        ("*", "anything", True),
        ("hall3-*", "hall3-0001", True),
        ("hall3-*", "hall31-0001", False),
        ("hall3-*", "xhall3-1", False),
        ("hall3-*", "hall3-\n", True),  # no name of a batch: refused as one
        ("h?ll", "hall", True),
        ("h?ll", "hll", False),
        ("h.ll", "hall", False),
    ],
)
def test_a_pattern_means_what_it_says(pattern: str, batch: str, fits: bool) -> None:
    station = StationView(1, 1, "A", pattern)
    if fits:
        station.require(batch)
    else:
        with pytest.raises(Forbidden, match="is for the batches"):
            station.require(batch)


@given(st.text(alphabet="ab.-", min_size=1, max_size=8), st.text(alphabet="ab.-", min_size=1, max_size=8))
def test_a_pattern_without_a_star_is_one_batch(pattern: str, batch: str) -> None:
    station = StationView(1, 1, "A", pattern)
    if pattern == batch:
        station.require(batch)
    else:
        with pytest.raises(Forbidden):
            station.require(batch)


@pytest.mark.parametrize("pattern", ["", "[a-z]*", "a b", "../x", "x" * 81])
def test_a_pattern_that_matches_no_batch_is_refused(hall: Hall, pattern: str) -> None:
    with pytest.raises(BadInput, match="matches no batch"):
        intake.register_station(hall.site, hall.exam_id, "A", batches=pattern)


def test_a_new_token_keeps_the_batches_unless_others_are_named(hall: Hall) -> None:
    for batches, then in ((None, "*"), ("a-*", "a-*"), (None, "a-*"), ("*", "*")):
        found = intake.station_of(hall.site, intake.register_station(hall.site, hall.exam_id, "A", batches=batches))
        assert found is not None
        assert found.batches == then


def test_a_revoked_token_opens_nothing_and_a_new_one_does(hall: Hall) -> None:
    token = intake.register_station(hall.site, hall.exam_id, "A")
    intake.revoke_station(hall.site, hall.exam_id, "A")
    assert intake.station_of(hall.site, token) is None
    assert intake.station_of(hall.site, intake.register_station(hall.site, hall.exam_id, "A")) is not None
    with pytest.raises(NotFound, match="no station B"):
        intake.revoke_station(hall.site, hall.exam_id, "B")


def test_a_token_that_was_seen_costs_no_query_and_its_end_acts_within_seconds(hall: Hall) -> None:
    clock = Clock()
    known = KnownStations(hall.site, seconds=3.0, clock=clock)
    token = intake.register_station(hall.site, hall.exam_id, "A")
    assert known.known(token) is None
    assert known.look_up(token) == known.known(token) != None  # noqa: E711
    intake.revoke_station(hall.site, hall.exam_id, "A")
    clock.now += 3.0
    assert known.known(token) is None
    assert known.look_up(token) is None
    assert known.look_up("a guess") is None
    assert known.known("a guess") is None


@pytest.mark.parametrize("name", ["", "../../x", "a/b", "a b", "x" * 81, "a\0", "a\n", "批次?"])
def test_a_name_that_is_no_name_opens_no_batch(hall: Hall, name: str) -> None:
    with pytest.raises(BadInput, match="cannot name a batch"):
        intake.open_batch(hall.site, hall.exam_id, "A", name, {})


def test_names_that_look_like_paths_are_only_names(hall: Hall, tmp_path: Path) -> None:
    intake.open_batch(hall.site, hall.exam_id, "A", "..", {})
    view = intake.receive(hall.site, hall.exam_id, "A", "..", 1, 1, b"one", name="../../../../etc/passwd")
    assert view.fresh
    written = {file.name for file in tmp_path.rglob("*") if file.is_file()}
    assert not any("passwd" in name for name in written)


@given(
    rate=st.integers(1, 500),
    asks=st.lists(st.tuples(st.floats(0, 0.2), st.integers(0, 3000)), min_size=1, max_size=200),
)
def test_no_station_is_let_through_more_than_its_rate_and_its_burst(rate: int, asks: list[tuple[float, int]]) -> None:
    clock = Clock()
    rates, begun = Rates(rate, 10_000, clock=clock), clock.now
    count = size = largest = 0
    for pause, asked in asks:
        clock.now += pause
        if rates.wait(1, asked) == 0:
            count, size, largest = count + 1, size + asked, max(largest, asked)
        spent = clock.now - begun
        assert count <= rate * (BURST + spent) + 1
        assert size <= 10_000 * (BURST + spent) + largest


@given(st.integers(1, 2000), st.integers(1, 64 * 2**20))
def test_whoever_waits_as_long_as_told_is_let_through_also_with_the_largest_frame(rate: int, size: int) -> None:
    clock = Clock()
    rates = Rates(rate, 2**20, clock=clock)
    for _ in range(5):
        clock.now += rates.wait(1, size)
        clock.now += rates.wait(1, size)
        assert rates.wait(1, size) in (0.0, pytest.approx(rates.wait(1, size)))
    lacking = rates.wait(1, size)
    clock.now += lacking
    assert rates.wait(1, size) == 0.0 or lacking == 0.0


def test_one_station_does_not_slow_another() -> None:
    rates = Rates(1, 1000, clock=Clock())
    while rates.wait(1) == 0:
        pass
    assert rates.wait(2) == 0
