"""A frame that kills or hangs its reader: real reader processes die of it, it is set aside, the others are read."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.site import utc_now
from core.states import AttemptState, ReceiptState
from core.store import FolderStore
from core.tables import Receipt
from omr import jobs
from omr.frames import Read
from scanner import intake
from scanner.intake.lost import ALONE
from tests.omr.hall import Hall, open_hall

READER = """
import ctypes, sys, time
from omr import jobs, lease
from omr.filing import FrameResult
from omr.frames import Read
lease.FRAME_SECONDS, lease._ARM_SECONDS = 0.5, 0.1

def read_frame(data, frame, forms):
    if data == b"kills":
        ctypes.string_at(0)
    if data == b"hangs":
        ctypes.PyDLL(None).sleep(60)  # and does not give the interpreter back
    return Read(FrameResult(frame.receipt_id, kind="registration", reason="no page"))

jobs.read_frame = read_frame
for attempt in sys.argv[1:]:
    jobs.read_pages(attempt)
"""


@pytest.fixture
def hall(sqlite_url: str, redis_url: str, tmp_path: Path) -> Iterator[Hall]:
    opened = open_hall(sqlite_url, redis_url, tmp_path, candidates=1)
    opened.clock.time = utc_now()  # the readers have clocks of their own
    yield opened
    opened.site.close()


def read_what_is_given_out(hall: Hall) -> int:
    """A reader of its own process for each attempt; how many died."""
    environment = {**os.environ, **hall.site.settings.as_environment(), "PYTHONPATH": os.getcwd()}
    waiting = hall.attempts(AttemptState.QUEUED)
    readers = [subprocess.Popen([sys.executable, "-c", READER, a], env=environment, stderr=subprocess.DEVNULL) for a in waiting]
    return sum(reader.wait(30) != 0 for reader in readers)


@pytest.mark.parametrize("poison", [b"kills", b"hangs"])
def test_a_frame_of_which_readers_die_is_set_aside_and_costs_the_others_nothing(hall: Hall, poison: bytes) -> None:
    for i in range(9):
        hall.send(hall.reading(0, 1), data=poison if i == 4 else b"page %d" % i)
    bad = sorted(hall.told)[4]
    hall.close()
    died = []
    for _ in range(ALONE + 3):
        intake.sweep(hall.site, hall.exam_id)
        died.append(read_what_is_given_out(hall))
        if len(died) == 2:  # one round later all others are read, and nobody waited for a lease
            with hall.site.database.read() as session:
                assert {session.get_one(Receipt, r).reason for r in hall.told if r != bad} == {"no page"}
    assert died == [1] * (1 + ALONE) + [0, 0]
    assert hall.state(bad) is ReceiptState.WAITING
    assert f"{ALONE} times when it was alone" in hall.case("unreadable").evidence["reason"]


def test_a_store_that_is_away_blames_no_frame(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    receipts = hall.send_card(0)
    hall.close()

    def away(*_: object) -> bytes:
        raise OSError("the disk is away")

    with monkeypatch.context() as patched:
        patched.setattr(FolderStore, "get", away)
        for _ in range(ALONE + 5):
            intake.dispatch(hall.site, hall.exam_id)
            (attempt,) = hall.attempts(AttemptState.QUEUED)
            with pytest.raises(OSError, match="away"):
                jobs.read_attempt(hall.site, attempt)
    assert {hall.state(r) for r in receipts} == {ReceiptState.RECEIVED}
    monkeypatch.setattr(jobs, "read_frame", lambda data, frame, forms: Read(hall.told[frame.receipt_id]))
    intake.dispatch(hall.site, hall.exam_id)
    monkeypatch.setattr(jobs, "_stored", lambda site, read: ([one.result for one in read], []))
    jobs.read_attempt(hall.site, *hall.attempts(AttemptState.QUEUED))
    assert {hall.state(r) for r in receipts} == {ReceiptState.READ}


def test_a_reader_that_wakes_after_its_chunk_was_given_to_another_is_refused(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    receipts = hall.send_card(0)
    hall.close()
    intake.dispatch(hall.site, hall.exam_id)
    (slow,) = hall.attempts(AttemptState.QUEUED)

    def sleeps(site: object, read: list[Read]) -> tuple[list[object], list[object]]:
        hall.clock.pass_seconds(30)
        intake.sweep(hall.site, hall.exam_id)
        return [one.result for one in read], []

    monkeypatch.setattr(jobs, "read_frame", lambda data, frame, forms: Read(hall.told[frame.receipt_id]))
    monkeypatch.setattr(jobs, "_stored", sleeps)
    assert jobs.read_attempt(hall.site, slow) == {}
    assert hall.attempts(AttemptState.LOST) == [slow]
    assert {hall.state(r) for r in receipts} == {ReceiptState.QUEUED}  # with the other reader
