"""Receiving frames: durable before the reply, once for each place, nothing dropped."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import event, func, select

from core import ledger
from core.errors import BadInput, Conflict, NotFound
from core.pictures import picture_bytes
from core.tables import Event, Picture, Receipt
from scanner import intake
from tests.omr.hall import Hall, open_hall


@pytest.fixture
def hall(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[Hall]:
    opened = open_hall(database_url, redis_url, tmp_path)
    intake.open_batch(opened.site, opened.exam_id, "A", "b1", {"operator": "Li"})
    yield opened
    opened.site.close()


def receive(hall: Hall, sequence: int, face: int, data: bytes, sha256: str | None = None) -> intake.ReceiptView:
    return intake.receive(hall.site, hall.exam_id, "A", "b1", sequence, face, data, sha256=sha256, name="x.jpg")


def test_a_frame_is_stored_and_has_a_receipt(hall: Hall) -> None:
    view = receive(hall, 1, 1, b"one")
    assert (view.state, view.fresh, view.sha256) == ("received", True, hashlib.sha256(b"one").hexdigest())
    assert picture_bytes(hall.site, view.sha256) == b"one"


def test_the_same_frame_again_is_the_same_receipt(hall: Hall) -> None:
    first, again = receive(hall, 1, 1, b"one"), receive(hall, 1, 1, b"one")
    assert (again.receipt, again.fresh) == (first.receipt, False)
    assert hall.conservation().received == 1


def test_other_bytes_under_the_same_place_are_refused_with_both_hashes(hall: Hall) -> None:
    first = receive(hall, 1, 1, b"one")
    with pytest.raises(Conflict) as refused:
        receive(hall, 1, 1, b"two")
    assert first.sha256 in str(refused.value)
    assert hashlib.sha256(b"two").hexdigest() in str(refused.value)
    assert picture_bytes(hall.site, first.sha256) == b"one"


def test_the_same_bytes_in_another_place_are_a_second_receipt_and_said_to_be_the_same(hall: Hall) -> None:
    first, second = receive(hall, 1, 1, b"one"), receive(hall, 1, 2, b"one")
    assert first.receipt != second.receipt
    with hall.site.database.read() as session:
        assert session.scalar(select(func.count()).select_from(Picture)) == 1
        (said,) = session.scalars(select(Event).where(Event.kind == "same-bytes"))
    assert (said.body["receipt"], said.body["as"]) == (second.receipt, first.receipt)


def test_bytes_that_do_not_have_the_hash_that_was_said_are_refused(hall: Hall) -> None:
    with pytest.raises(BadInput, match="not 0000"):
        receive(hall, 1, 1, b"one", sha256="0" * 64)
    assert hall.conservation().received == 0


@pytest.mark.parametrize(("sequence", "face"), [(0, 1), (1, 0), (1, 3), (-4, 2)])
def test_a_place_that_no_scanner_gives_is_refused(hall: Hall, sequence: int, face: int) -> None:
    with pytest.raises(BadInput, match="sequence from 1"):
        receive(hall, sequence, face, b"one")


def test_an_empty_file_is_a_frame_too(hall: Hall) -> None:
    assert receive(hall, 1, 1, b"").state == "received"


def test_a_frame_for_a_batch_that_nobody_opened_is_refused(hall: Hall) -> None:
    with pytest.raises(NotFound, match="Open the batch"):
        intake.receive(hall.site, hall.exam_id, "A", "b2", 1, 1, b"one")


def test_a_batch_is_complete_when_its_count_agrees_and_its_count_is_in_the_ledger(hall: Hall) -> None:
    for face in (1, 2):
        receive(hall, 1, face, f"face {face}".encode())
    view = intake.close_batch(hall.site, hall.exam_id, "A", "b1", 2)
    assert (view.declared, view.received, view.missing, view.complete) == (2, 2, (), True)
    with hall.site.database.read() as session:
        entries = [e for e in ledger.entries(session, hall.exam_id) if e["kind"] == "batch"]
    assert [(e["batch"], e["frames"], e["shard"]) for e in entries] == [("b1", 2, "station:A")]


def test_a_closed_batch_names_what_is_missing_and_is_complete_when_it_comes(hall: Hall) -> None:
    receive(hall, 1, 1, b"11")
    receive(hall, 2, 2, b"22")
    receive(hall, 2, 1, b"21")
    assert intake.close_batch(hall.site, hall.exam_id, "A", "b1", 4).missing == ("00001-2",)
    receive(hall, 1, 2, b"12")
    assert intake.batch_view(hall.site, hall.exam_id, "A", "b1").complete


def test_a_complete_batch_takes_what_it_has_and_nothing_new(hall: Hall) -> None:
    first = receive(hall, 1, 1, b"one")
    intake.close_batch(hall.site, hall.exam_id, "A", "b1", 1)
    assert intake.close_batch(hall.site, hall.exam_id, "A", "b1", 1).complete
    assert receive(hall, 1, 1, b"one").receipt == first.receipt
    with pytest.raises(Conflict, match="complete"):
        receive(hall, 1, 2, b"late")
    with pytest.raises(Conflict, match="not 5"):
        intake.close_batch(hall.site, hall.exam_id, "A", "b1", 5)


def test_what_only_the_end_of_a_batch_tells_joins_its_manifest(hall: Hall) -> None:
    intake.open_batch(hall.site, hall.exam_id, "A", "b7", {"operator": "Zhao", "first_imprint": ""})
    told = {"operator": "Zhao", "first_imprint": "000101", "last_imprint": "000199", "refused": 2, "header": "00001.jpg"}
    assert intake.close_batch(hall.site, hall.exam_id, "A", "b7", 0, told).manifest == told
    assert intake.batch_view(hall.site, hall.exam_id, "A", "b7").manifest == told


def test_a_station_is_known_by_its_token_and_a_new_token_ends_the_old(hall: Hall) -> None:
    old = intake.register_station(hall.site, hall.exam_id, "A")
    new = intake.register_station(hall.site, hall.exam_id, "A")
    assert intake.station_of(hall.site, old) is None
    found = intake.station_of(hall.site, new)
    assert found is not None
    assert (found.name, found.exam_id) == ("A", hall.exam_id)
    assert intake.station_of(hall.site, "guess") is None


def test_the_reply_comes_after_file_folder_and_commit_are_on_the_disk(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    happened: list[str] = []
    fsync, rename = os.fsync, os.rename

    def recording_fsync(fd: int) -> None:
        fsync(fd)
        happened.append("folder" if stat.S_ISDIR(os.fstat(fd).st_mode) else "file")

    def recording_rename(old: Path, new: Path) -> None:
        rename(old, new)
        happened.append("named")

    monkeypatch.setattr(os, "fsync", recording_fsync)
    monkeypatch.setattr(os, "rename", recording_rename)

    def commit(_: object) -> None:
        with hall.site.database.engine.connect() as other:
            seen = other.scalar(select(func.count()).select_from(Receipt))
        happened.append(f"commit, {seen} seen by others before")

    event.listen(hall.site.database.engine, "commit", commit)
    try:
        receive(hall, 1, 1, b"precious")
    finally:
        event.remove(hall.site.database.engine, "commit", commit)
    happened.append("reply")
    order = [happened.index(what) for what in ("file", "named", "commit, 0 seen by others before", "reply")]
    assert order == sorted(order)
    folders = [i for i, what in enumerate(happened) if what == "folder"]
    assert folders
    assert all(order[1] < i < order[2] for i in folders)


def test_a_store_that_cannot_write_gives_no_receipt(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Exception, match="cannot be written"):
        receive(hall, 1, 1, b"one")
    monkeypatch.undo()
    assert hall.conservation().received == 0
    assert receive(hall, 1, 1, b"one").fresh
