"""The scan hall at a glance: counts by station from simulated stations, and alarms that fire when they must and seldom else."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from redis import Redis
from sqlalchemy import insert, select

from core import presence
from core.presence import Present, Reader, readers
from core.states import AttemptState, BatchState, CaseState, ReceiptState
from core.tables import Attempt, Batch, DeskCase, Receipt
from scanner.intake.hall import LAST_FRAMES, HallNow, StationNow, hall_now
from scanner.intake.hall_alarms import CHANCE, Alarm, alarms, is_worse, tail
from tests.omr.hall import Hall, open_hall

NOW = datetime(2026, 6, 7, 10, 0, tzinfo=UTC)
ALIVE = [Reader("reader-1", 7, NOW, True)]


@pytest.fixture
def hall(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[Hall]:
    opened = open_hall(database_url, redis_url, tmp_path)
    opened.clock.time = NOW
    yield opened
    opened.site.close()


def simulate(hall: Hall, station: str, frames: int, *, batch: str = "b1", state: BatchState = BatchState.OPEN, every: float = 0.5,
             until: datetime = NOW, read: int | None = None, doubtful: int = 0, declared: int | None = None) -> list[int]:  # fmt: skip
    """A station has sent so many frames, the last one at `until`; the first `read` were read, some of the newest of these in doubt."""
    done = frames if read is None else read
    with hall.site.database.write() as session:
        begun = until - timedelta(seconds=every * frames)
        row = Batch(exam_id=hall.exam_id, station=station, name=batch, state=state, declared=declared, manifest={}, opened_at=begun)
        row.closed_at = until if state is not BatchState.OPEN else None
        session.add(row)
        session.flush()
        sent = [
            {
                "exam_id": hall.exam_id,
                "batch_id": row.id,
                "sequence": n // 2 + 1,
                "face": n % 2 + 1,
                "sha256": f"{n:064d}",
                "size": 1,
                "name": "f",
                "state": ReceiptState.READ if n < done else ReceiptState.RECEIVED,
                "received_at": until - timedelta(seconds=every * (frames - 1 - n)),
            }
            for n in range(frames)
        ]
        if sent:
            session.execute(insert(Receipt), sent)
        ids = list(session.scalars(select(Receipt.id).where(Receipt.batch_id == row.id).order_by(Receipt.sequence, Receipt.face)))
        for receipt in ids[done - doubtful : done] if doubtful else []:
            session.add(_case(hall.exam_id, receipt, "doubt"))
        return ids


def _case(exam_id: int, receipt: int, kind: str) -> DeskCase:
    return DeskCase(
        exam_id=exam_id, kind=kind, state=CaseState.RESOLVED, receipt_id=receipt, items=[], evidence={}, resolution={}, opened_at=NOW
    )


def look(hall: Hall, readers: list[Reader] | None = ALIVE) -> tuple[HallNow, list[Alarm]]:
    with hall.site.database.read() as session:
        now = hall_now(session, hall.exam_id, hall.clock())
    return now, alarms(now, readers)


def of_kind(found: list[Alarm], kind: str) -> list[Alarm]:
    return [a for a in found if a.kind == kind]


def test_stations_say_what_they_sent_in_the_last_minute_and_in_the_last_ten(hall: Hall) -> None:
    simulate(hall, "A", 400, every=0.5)
    simulate(hall, "B", 100, every=12, until=NOW - timedelta(seconds=30))
    simulate(hall, "C", 10, until=NOW - timedelta(hours=1), state=BatchState.COMPLETE, declared=10)
    now, _ = look(hall)
    shown = {s.station: (s.last_minute, s.a_minute, s.batches) for s in now.stations}
    assert shown == {"A": (120, 40.0, {"open": 1}), "B": (3, 4.8, {"open": 1}), "C": (0, 0.0, {"complete": 1})}
    assert {s.station: s.last_frame for s in now.stations}["C"] == NOW - timedelta(hours=1)
    assert [(b.station, b.received) for b in now.batches] == [("A", 400), ("B", 100)]


def test_what_waits_for_a_reader_is_counted_and_the_oldest_named(hall: Hall) -> None:
    simulate(hall, "A", 100, read=40, every=1)
    now, found = look(hall)
    assert (now.waiting, now.queued, now.oldest) == (60, 0, NOW - timedelta(seconds=59))
    assert of_kind(found, "oldest") == []
    hall.clock.pass_seconds(62)
    (alarm,) = of_kind(look(hall)[1], "oldest")
    assert (alarm.since, "60 pages wait" in alarm.sentence.en) == (NOW - timedelta(seconds=59), True)


def test_readers_that_hold_frames_are_named_with_the_frame_they_read(hall: Hall) -> None:
    ids = simulate(hall, "A", 10, read=0)
    with hall.site.database.write() as session:
        row = Attempt(id="a" * 32, exam_id=hall.exam_id, state=AttemptState.RUNNING, frames=10, worker="reader-2:812:ab", queued_at=NOW)
        row.lease_until, row.reading = NOW, ids[4]
        session.add(row)
    (one,) = look(hall)[0].reading
    assert (one.machine, one.process, one.frames, one.station, one.batch, one.sequence) == ("reader-2", 812, 10, "A", "b1", 3)


def test_a_dirty_glass_is_told_from_the_other_stations(hall: Hall) -> None:
    for station in "ABCD":
        simulate(hall, station, 600, doubtful=40 if station == "C" else 5)
    now, found = look(hall)
    assert {s.frames for s in now.stations} == {LAST_FRAMES}
    (alarm,) = of_kind(found, "dirty")
    assert (alarm.about, alarm.since) == ("C", NOW - timedelta(seconds=0.5 * 39))
    assert alarm.sentence.en == "Station C: 8.0% of its last 500 frames are in doubt, 1.0% elsewhere. Clean its glass and rollers."


def test_a_glass_that_was_cleaned_is_forgotten_after_as_many_frames(hall: Hall) -> None:
    for station in "ABC":
        simulate(hall, station, 600, doubtful=60 if station == "C" else 3, batch="dirty", state=BatchState.COMPLETE)
        simulate(hall, station, 520, batch="clean")
    assert of_kind(look(hall)[1], "dirty") == []


def test_a_batch_that_is_short_and_a_station_that_is_silent_are_told_when_it_is_time(hall: Hall) -> None:
    simulate(hall, "A", 10, state=BatchState.CLOSED, declared=12)
    simulate(hall, "B", 10)
    for seconds, kinds in ((170, []), (20, ["silent"]), (120, ["short", "silent"])):
        hall.clock.pass_seconds(seconds)
        found = look(hall)[1]
        assert sorted(a.kind for a in found) == kinds, seconds
    assert [(a.about, a.since) for a in found] == [("A/b1", NOW), ("B/b1", NOW)]
    assert "2 are not here" in of_kind(found, "short")[0].sentence.en


def test_a_station_that_goes_on_in_another_batch_is_not_silent(hall: Hall) -> None:
    simulate(hall, "A", 10, batch="lunch", until=NOW - timedelta(minutes=9))
    simulate(hall, "A", 10, batch="now")
    assert of_kind(look(hall)[1], "silent") == []


@pytest.mark.parametrize(
    ("known", "kinds"), [(ALIVE, []), ([Reader("m", 1, NOW, False)], ["readers"]), ([], ["readers"]), (None, ["queue"])]
)
def test_no_reader_alive_is_told_while_there_is_work(hall: Hall, known: list[Reader] | None, kinds: list[str]) -> None:
    simulate(hall, "A", 10)
    assert [a.kind for a in look(hall, known)[1]] == kinds


def test_a_hall_at_rest_has_no_alarm(hall: Hall) -> None:
    simulate(hall, "A", 10, state=BatchState.COMPLETE, declared=10)
    hall.clock.pass_seconds(9999)
    assert look(hall, [])[1] == []


def test_a_reader_is_alive_while_it_says_so(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    redis = Redis.from_url(redis_url) if "://" in redis_url else Redis(unix_socket_path=redis_url)
    with Present(redis):
        presence.tell(redis, "stopped:99")
        end = time.monotonic() + 20
        while not (found := [r for r in readers(redis) if r.machine != "stopped"]) and time.monotonic() < end:
            time.sleep(0.01)  # a thread of its own says it
        (mine,) = found
        assert mine.alive
        monkeypatch.setattr(presence, "SILENT", 0.0)
        assert not any(r.alive for r in readers(redis))
    assert [(r.machine, r.process) for r in readers(redis)] == [("stopped", 99)]
    redis.close()


@given(whole=st.integers(1, 60), data=st.data())
def test_the_tail_is_a_probability_that_counts_every_case(whole: int, data: Any) -> None:
    marked, drawn = data.draw(st.integers(0, whole)), data.draw(st.integers(0, whole))
    tails = [tail(k, drawn, marked, whole) for k in range(min(drawn, marked) + 2)]
    assert tails[0] == pytest.approx(1)
    assert all(a >= b - 1e-9 for a, b in pairwise(tails))
    assert sum(tails[1:]) == pytest.approx(drawn * marked / whole)  # the mean of what is drawn


@settings(max_examples=8)
@given(share=st.sampled_from([0.003, 0.01, 0.03, 0.1]), stations=st.integers(2, 12), seed=st.integers(0, 2**32))
def test_stations_that_are_alike_hardly_ever_raise_an_alarm(share: float, stations: int, seed: int) -> None:
    """2,000 looks at halls without a fault: about two by chance would be within the bound, more than eight never."""
    chance, false = random.Random(seed), 0
    for _ in range(2000):
        doubts = [_binomial(chance, share) for _ in range(stations)]
        whole = sum(doubts)
        false += any(is_worse(d, 500, whole - d, 500 * (stations - 1), CHANCE / stations) for d in doubts)
    assert false <= 8


def _binomial(chance: random.Random, share: float) -> int:
    """How many of 500 frames, by the waiting times between them."""
    count, at = 0, 0.0
    while True:
        at += math.floor(math.log(1 - chance.random()) / math.log(1 - share)) + 1
        if at > 500:
            return count
        count += 1


@given(base=st.integers(0, 10), stations=st.integers(3, 12))
def test_a_station_five_times_as_bad_is_always_told(base: int, stations: int) -> None:
    others = 500 * (stations - 1)
    assert is_worse(max(5 * base, 20), 500, base * (stations - 1), others, CHANCE / stations)


@given(frames=st.integers(0, 99), doubtful=st.integers(0, 99))
def test_few_frames_accuse_nobody(frames: int, doubtful: int) -> None:
    assert not is_worse(min(doubtful, frames), frames, 0, 5000, CHANCE)
    assert not is_worse(400, 500, 0, frames, CHANCE)


def test_alarms_say_all_in_both_languages() -> None:
    station = StationNow("A", 0, 0.0, None, {}, 500, 100, NOW)
    other = StationNow("B", 0, 0.0, None, {}, 500, 0, None)
    now = HallNow(NOW + timedelta(hours=1), (station, other), (), 3, 2, NOW, ())
    for alarm in alarms(now, []):
        assert alarm.sentence.zh.endswith("。")
        assert alarm.sentence.en.endswith(".")


def test_a_batch_of_which_more_came_than_was_said_does_not_lack_less_than_nothing(hall: Hall) -> None:
    simulate(hall, "A", 5, state=BatchState.CLOSED, declared=3, until=NOW - timedelta(minutes=6))
    (told,) = [a for a in look(hall)[1] if a.about == "A/b1"]
    assert told.kind == "over"
    assert "with 3 frames, and 2 more are here" in told.sentence.en
    assert "多收 2 帧" in told.sentence.zh
