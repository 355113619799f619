"""Frames that arrive together: one wait for the disk, and each answered for itself."""

from __future__ import annotations

import asyncio
import hashlib
import os
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, event, func, select
from sqlalchemy.exc import OperationalError

from core.errors import BadInput, Conflict, MarkhallError, NotFound, Unavailable
from core.pictures import picture_bytes
from core.settings import Settings
from core.site import Site, open_site
from core.tables import Event, Picture, Receipt
from scanner import intake
from scanner.intake import group
from scanner.intake.arriving import ArrivingFrame, ReceiptView
from scanner.intake.gate import Gate
from scanner.intake.group import take_in
from tests.omr.hall import Hall, open_hall


@pytest.fixture
def hall(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[Hall]:
    opened = open_hall(database_url, redis_url, tmp_path)
    intake.open_batch(opened.site, opened.exam_id, "A", "b1", {})
    yield opened
    opened.site.close()


def frame(hall: Hall, sequence: int, data: bytes, *, face: int = 1, batch: str = "b1", station: str = "A", said: str = "") -> ArrivingFrame:
    return ArrivingFrame(hall.exam_id, station, batch, sequence, face, data, said or None, f"{sequence}.jpg")


def packs(hall: Hall) -> int:
    folder = Path(hall.site.settings.store_url.removeprefix("file://")) / "packs"
    return sum(1 for file in folder.rglob("*") if file.is_file())


def receipts(site: Site) -> int:
    with site.database.read() as session:
        return session.scalar(select(func.count()).select_from(Receipt)) or 0


def test_a_group_is_one_pack_and_one_commit(hall: Hall) -> None:
    commits: list[int] = []
    event.listen(hall.site.database.engine, "commit", lambda _: commits.append(1))
    answers = take_in(hall.site, [frame(hall, n, f"frame {n}".encode()) for n in range(1, 21)])
    assert [type(a) for a in answers] == [ReceiptView] * 20
    assert (packs(hall), len(commits), receipts(hall.site)) == (1, 1, 20)
    for n, answer in enumerate(answers, 1):
        assert isinstance(answer, ReceiptView)
        assert picture_bytes(hall.site, answer.sha256) == f"frame {n}".encode()


def test_what_is_wrong_with_one_frame_costs_the_others_nothing(hall: Hall) -> None:
    take_in(hall.site, [frame(hall, 1, b"here")])
    intake.open_batch(hall.site, hall.exam_id, "A", "done", {})
    intake.close_batch(hall.site, hall.exam_id, "A", "done", 0)
    answers = take_in(
        hall.site,
        [
            frame(hall, 2, b"good"),
            frame(hall, 1, b"other bytes"),
            frame(hall, 3, b"wrong hash", said="0" * 64),
            frame(hall, 1, b"here"),
            frame(hall, 4, b"late", batch="done"),
            frame(hall, 5, b"nowhere", batch="never opened"),
            frame(hall, 0, b"no place"),
            frame(hall, 6, b"good too"),
        ],
    )
    kinds = [a.fresh if isinstance(a, ReceiptView) else type(a) for a in answers]
    assert kinds == [True, Conflict, BadInput, False, Conflict, NotFound, BadInput, True]
    assert receipts(hall.site) == 3
    kept = {hashlib.sha256(data).hexdigest() for data in (b"here", b"good", b"good too")}
    with hall.site.database.read() as session:
        assert set(session.scalars(select(Picture.sha256))) == kept


def test_the_same_place_twice_in_a_group_is_one_copy(hall: Hall) -> None:
    answers = take_in(hall.site, [frame(hall, 1, b"one"), frame(hall, 1, b"one"), frame(hall, 1, b"two")])
    assert isinstance(answers[0], ReceiptView)
    assert isinstance(answers[1], ReceiptView)
    assert (answers[0].fresh, answers[1].fresh, answers[0].receipt) == (True, False, answers[1].receipt)
    assert isinstance(answers[2], Conflict)


def test_the_same_place_twice_in_a_batch_that_becomes_complete_meanwhile_is_too_late_twice(
    hall: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = group._find

    def find_and_close(connection: Connection, waiting: Sequence[group.Waiting]) -> set[str]:
        here = find(connection, waiting)
        intake.close_batch(hall.site, hall.exam_id, "A", "b1", 0)
        return here

    monkeypatch.setattr(group, "_find", find_and_close)
    answers = take_in(hall.site, [frame(hall, 1, b"once"), frame(hall, 1, b"again")])
    assert [answer.message for answer in answers if isinstance(answer, Conflict)] == ["the batch is complete."] * 2


def test_the_same_bytes_are_written_once_and_are_as_many_pages_as_came(hall: Hall) -> None:
    take_in(hall.site, [frame(hall, 1, b"blank")])
    before = packs(hall)
    again = take_in(hall.site, [frame(hall, 2, b"blank"), frame(hall, 3, b"blank")])
    assert packs(hall) == before
    assert all(isinstance(a, ReceiptView) and a.fresh for a in again)
    with hall.site.database.read() as session:
        told = session.scalars(select(Event).where(Event.kind == "same-bytes").order_by(Event.id)).all()
    assert [e.body["place"] for e in told] == [f"station A, batch b1, frame 0000{n}-1" for n in (2, 3)]
    view = intake.batch_view(hall.site, hall.exam_id, "A", "b1")
    assert view.same_bytes == ("00002-1 = 00001-1", "00003-1 = 00001-1")


def test_a_station_is_not_told_where_another_stations_same_bytes_are(hall: Hall) -> None:
    intake.open_batch(hall.site, hall.exam_id, "B", "x", {})
    take_in(hall.site, [frame(hall, 1, b"blank", station="B", batch="x"), frame(hall, 7, b"blank")])
    assert intake.batch_view(hall.site, hall.exam_id, "A", "b1").same_bytes == ("00007-1 = another station's",)


def test_a_closed_batch_is_complete_with_the_group_that_brings_its_last_frame(hall: Hall) -> None:
    intake.open_batch(hall.site, hall.exam_id, "A", "b2", {})
    for batch in ("b1", "b2"):
        intake.close_batch(hall.site, hall.exam_id, "A", batch, 3)
    take_in(hall.site, [frame(hall, n, f"{batch} {n}".encode(), batch=batch) for batch in ("b1", "b2") for n in (1, 2, 3)])
    assert [intake.batch_view(hall.site, hall.exam_id, "A", batch).complete for batch in ("b1", "b2")] == [True, True]


def test_a_full_disk_answers_all_of_the_group_and_leaves_no_row(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(fd: int) -> None:
        raise OSError(28, "No space left on device")

    group = [frame(hall, n, f"{n}".encode()) for n in range(1, 5)]
    monkeypatch.setattr(os, "fsync", full)
    answers = take_in(hall.site, group)
    monkeypatch.undo()
    assert [type(a) for a in answers] == [Unavailable] * 4
    assert all(isinstance(a, MarkhallError) and a.message and a.where and a.remedy for a in answers)
    assert (receipts(hall.site), packs(hall)) == (0, 0)
    assert all(isinstance(a, ReceiptView) and a.fresh for a in take_in(hall.site, group))


def test_a_row_that_the_database_refuses_fails_alone(hall: Hall) -> None:
    refused = frame(hall, 2, b"two")
    object.__setattr__(refused, "name", ["no text", object()])
    answers = take_in(hall.site, [frame(hall, 1, b"one"), refused, frame(hall, 3, b"three")])
    assert [type(a) for a in answers] == [ReceiptView, Unavailable, ReceiptView]
    assert receipts(hall.site) == 2


def test_a_database_that_is_away_answers_all_and_then_takes_them_in(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(connection: object) -> None:
        raise OperationalError("COMMIT", {}, Exception("gone"))

    group = [frame(hall, n, f"{n}".encode()) for n in (1, 2)]
    with monkeypatch.context() as patch:
        patch.setattr(hall.site.database.engine.dialect, "do_commit", away)
        assert [type(a) for a in take_in(hall.site, group)] == [Unavailable] * 2
    assert receipts(hall.site) == 0
    assert all(isinstance(a, ReceiptView) and a.fresh for a in take_in(hall.site, group))


places = st.tuples(st.sampled_from(["b1", "b2"]), st.integers(1, 3), st.sampled_from([1, 2]), st.sampled_from([b"x", b"y", b"z"]))


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(groups=st.lists(st.lists(places, max_size=6), max_size=4))
def test_groups_leave_what_one_frame_after_another_would_leave(hall: Hall, groups: Sequence[Sequence[tuple[str, int, int, bytes]]]) -> None:
    station = f"S{receipts(hall.site)}-{os.urandom(4).hex()}"  # a new one for each example
    for batch in ("b1", "b2"):
        intake.open_batch(hall.site, hall.exam_id, station, batch, {})
    here: dict[tuple[str, int, int], bytes] = {}
    for several in groups:
        frames = [frame(hall, sequence, data, face=face, batch=batch, station=station) for batch, sequence, face, data in several]
        for (batch, sequence, face, data), answer in zip(several, take_in(hall.site, frames), strict=True):
            fresh = (batch, sequence, face) not in here
            stands = here.setdefault((batch, sequence, face), data)
            assert (isinstance(answer, ReceiptView) and answer.fresh == fresh) if stands == data else isinstance(answer, Conflict)
    views = [intake.batch_view(hall.site, hall.exam_id, station, batch) for batch in ("b1", "b2")]
    assert sum(view.received for view in views) == len(here)


def test_what_arrives_while_a_group_is_written_is_the_next_group(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    first_is_under_way, go_on = threading.Event(), threading.Event()

    def slow(site: Site, frames: Sequence[ArrivingFrame]) -> Sequence[object]:
        sizes.append(len(frames))
        if len(sizes) == 1:
            first_is_under_way.set()
            assert go_on.wait(20)
        return take_in(site, frames)

    monkeypatch.setattr("scanner.intake.gate.take_in", slow)

    async def arrive() -> list[ReceiptView]:
        gate = Gate(hall.site)
        first = asyncio.create_task(gate.receive(frame(hall, 1, b"1")))
        while not first_is_under_way.is_set():
            await asyncio.sleep(0.001)
        rest = [asyncio.create_task(gate.receive(frame(hall, n, f"{n}".encode()))) for n in range(2, 11)]
        await asyncio.sleep(0.01)
        go_on.set()
        return list(await asyncio.gather(first, *rest))

    answers = asyncio.run(arrive())
    assert sizes == [1, 9]
    assert all(answer.fresh for answer in answers)


def test_a_gate_lives_on_after_a_group_that_failed_in_a_way_nobody_thought_of(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(site: Site, frames: Sequence[ArrivingFrame]) -> Sequence[object]:
        raise RuntimeError("unthought of")

    async def arrive() -> ReceiptView:
        gate = Gate(hall.site)
        with monkeypatch.context() as patch:
            patch.setattr("scanner.intake.gate.take_in", broken)
            with pytest.raises(RuntimeError, match="unthought"):
                await gate.receive(frame(hall, 1, b"1"))
        return await gate.receive(frame(hall, 1, b"1"))

    assert asyncio.run(arrive()).fresh


def _send_all(home: Path, database_url: str, exam_id: int, frames: int) -> list[tuple[bool, int]]:
    """A process of a station, sending the whole batch."""
    site = open_site(Settings.at(home, database_url=database_url))
    intake.open_batch(site, exam_id, "A", "twice", {})
    with ThreadPoolExecutor(4) as several:
        sent = [
            several.submit(intake.receive, site, exam_id, "A", "twice", n, face, f"{n} {face}".encode())
            for n in range(1, frames + 1)
            for face in (1, 2)
        ]
        answers = [(one.result().fresh, one.result().receipt) for one in sent]
    intake.close_batch(site, exam_id, "A", "twice", 2 * frames)
    site.close()
    return answers


def test_two_processes_of_one_station_sending_the_same_batch_at_once_is_one_copy(hall: Hall, database_url: str) -> None:
    home = hall.site.settings.home
    with get_context("spawn").Pool(2) as pool:
        sent = [pool.apply_async(_send_all, (home, database_url, hall.exam_id, 15)) for _ in range(2)]
        one, other = (process.get(60) for process in sent)
    assert [receipt for _, receipt in one] == [receipt for _, receipt in other]
    assert all(mine != theirs for (mine, _), (theirs, _) in zip(one, other, strict=True))
    view = intake.batch_view(hall.site, hall.exam_id, "A", "twice")
    assert (view.received, view.complete) == (30, True)
    assert receipts(hall.site) == 30


def test_nobody_waits_for_ever_when_an_answer_is_lost(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scanner.intake.gate.take_in", lambda site, frames: take_in(site, frames)[:-1])

    async def ask() -> list[ReceiptView | BaseException]:
        gate = Gate(hall.site)
        asked = [gate.receive(frame(hall, n, b"frame %d" % n)) for n in (1, 2, 3)]
        return await asyncio.wait_for(asyncio.gather(*asked, return_exceptions=True), 20)

    answers = asyncio.run(ask())
    assert any(isinstance(answer, ValueError) for answer in answers)
