"""Stations, sweepers, readers and clerks at the same time: nobody waits for ever, and no frame is lost between them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from core import ledger
from core.errors import Conflict
from core.states import AttemptState, ScriptState
from scanner import intake
from tests.omr.hall import Hall, open_hall

CARDS = 8


@pytest.fixture
def hall(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[Hall]:
    opened = open_hall(database_url, redis_url, tmp_path, candidates=CARDS)
    yield opened
    opened.site.close()


def test_all_at_once(hall: Hall) -> None:
    done, claimed, lock = threading.Event(), set[str](), threading.Lock()

    def until_done(step: Callable[[], None]) -> None:
        while not done.wait(0.01):
            step()

    def station() -> None:
        for card in range(CARDS):
            hall.send_card(card, {"Q1": "A?"} if card % 2 else None)
            hall.clock.pass_seconds(1)
        hall.close()

    def sweep() -> None:
        intake.sweep(hall.site, hall.exam_id)

    def read() -> None:
        for attempt in hall.attempts(AttemptState.QUEUED):
            with lock:
                mine = attempt not in claimed
                claimed.add(attempt)
            if mine:
                hall.file(attempt)

    def decide() -> None:
        for case in hall.cases():
            if case.kind == "doubt":
                try:
                    hall.resolve(case, "set_answer", values={"Q1": "C"})
                except Conflict:
                    continue  # the other clerk was first

    with ThreadPoolExecutor(7) as pool:
        busy = [pool.submit(until_done, step) for step in (sweep, sweep, read, read, decide, decide)]
        try:
            pool.submit(station).result(60)
            _wait(lambda: all(hall.script(c).state is ScriptState.COMPLETE for c in range(CARDS)))
        finally:
            done.set()
        for one in busy:
            one.result(30)
    now = hall.conservation()
    assert (now.received, now.states, now.faults) == (2 * CARDS, {"read": 2 * CARDS}, ())
    assert [hall.answers(c)["Q1"] for c in range(2)] == [("A", "readers"), ("C", "person")]
    with hall.site.database.read() as session:
        assert [c.fault for c in ledger.verify(session, hall.exam_id)] == [""] * 2


def test_one_frame_sent_by_two_connections_at_once_is_one_receipt(hall: Hall) -> None:
    intake.open_batch(hall.site, hall.exam_id, "A", "b1", {})
    together = threading.Barrier(4)

    def send() -> intake.ReceiptView:
        together.wait(10)
        return intake.receive(hall.site, hall.exam_id, "A", "b1", 1, 1, b"one")

    with ThreadPoolExecutor(4) as pool:
        views = [f.result(30) for f in [pool.submit(send) for _ in range(4)]]
    assert len({v.receipt for v in views}) == 1
    assert [v.fresh for v in views].count(True) == 1


def _wait(until: Callable[[], bool], seconds: float = 60.0) -> None:
    pause = threading.Event()
    for _ in range(int(seconds / 0.05)):
        if until():
            return
        pause.wait(0.05)
    raise AssertionError("it did not come to rest")
