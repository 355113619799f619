"""A store or a disk that is away for a minute is nobody's fault: no frame is blamed, and all are read when it is back."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from sqlalchemy.exc import OperationalError

from core.errors import MarkhallError, Unavailable
from core.states import AttemptState, ReceiptState
from core.store import PictureStore
from core.tables import Receipt
from omr import jobs
from omr.jobs import AWAY_SECONDS, read_attempt
from scanner import intake
from tests.omr.hall import Hall, open_hall

OFTEN = 8  # times that a reader comes to the store in vain: more than a frame that kills readers is tried


class Away:
    """A store of which one call fails, until it is told otherwise."""

    def __init__(self, store: PictureStore, call: str) -> None:
        self._store, self._call, self.back = store, call, False

    def __getattr__(self, name: str) -> Any:
        if name == self._call and not self.back:
            return self._fail
        return getattr(self._store, name)

    def _fail(self, *_: Sequence[Any]) -> Any:
        raise Unavailable("the bucket does not answer as it should.", where="s3://scans")


@pytest.fixture
def hall(tmp_path: Path, database_url: str, redis_url: str) -> Iterator[Hall]:
    made = open_hall(database_url, redis_url, tmp_path / "home")
    yield made
    made.site.close()


def white_page(grey: int) -> bytes:
    file = io.BytesIO()
    Image.new("L", (1240, 1754), grey).save(file, "JPEG")
    return file.getvalue()


@pytest.mark.parametrize("call", ["get", "put_pack"])
def test_a_store_that_is_away_costs_no_frame_its_reading(hall: Hall, call: str) -> None:
    intake.open_batch(hall.site, hall.exam_id, "s1", "b1", {})
    for n in range(3):
        intake.receive(hall.site, hall.exam_id, "s1", "b1", n + 1, 1, white_page(250 - n), name=f"{n}.jpg")
    intake.close_batch(hall.site, hall.exam_id, "s1", "b1", 3)
    store = Away(hall.site.store, call)
    site = replace(hall.site, store=store)

    def read_all() -> None:
        hall.clock.pass_seconds(30)
        intake.sweep(site, hall.exam_id)
        for attempt in hall.attempts(AttemptState.QUEUED):
            try:
                read_attempt(site, attempt)
            except MarkhallError:
                continue

    for _ in range(OFTEN):
        read_all()
    with hall.site.database.read() as session:
        receipts = session.query(Receipt).all()
    assert {one.state for one in receipts} <= {ReceiptState.RECEIVED, ReceiptState.QUEUED}, [one.reason for one in receipts]
    assert hall.cases() == []
    store.back = True
    read_all()
    assert {case.kind for case in hall.cases()} <= {"blank", "registration", "code_unknown"}
    assert len(hall.cases()) == 3


@pytest.mark.parametrize("database", ["answers", "is away too"])
def test_a_reader_rests_while_what_it_needs_is_away(hall: Hall, monkeypatch: pytest.MonkeyPatch, database: str) -> None:
    rests: list[float] = []
    monkeypatch.setattr("omr.jobs.time.sleep", rests.append)
    if database == "is away too":

        def away(*_: Any, **__: Any) -> None:
            raise OperationalError("SELECT 1", {}, Exception("the server closed the connection"))

        monkeypatch.setattr(jobs, "take_back", away)
    hall.send_card(0)
    hall.close()
    store = Away(hall.site.store, "get")
    site = replace(hall.site, store=store)
    intake.sweep(site, hall.exam_id)
    (attempt,) = hall.attempts(AttemptState.QUEUED)
    with pytest.raises((Unavailable, OperationalError)):
        read_attempt(site, attempt, mortal=True)
    assert rests == [AWAY_SECONDS]


def test_a_reader_whose_store_is_there_does_not_rest(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    rests: list[float] = []
    monkeypatch.setattr("omr.jobs.time.sleep", rests.append)
    hall.send_card(0)
    hall.close()
    intake.sweep(hall.site, hall.exam_id)
    (attempt,) = hall.attempts(AttemptState.QUEUED)
    assert read_attempt(hall.site, attempt, mortal=True) == {"waiting": 2}
    assert rests == []
