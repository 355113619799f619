"""What a watched folder may do to a station: files that grow, names that come again, header pages, pauses, numbers."""

from __future__ import annotations

import errno
import io
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image
from sqlalchemy import delete, select

from core.tables import Batch, Receipt
from omr.batch_header import print_batch_headers
from scanner import intake, sending
from scanner.frames import page_at
from scanner.station import DONE, REFUSED, Plan, rescans_of, watch_folder
from scanner.station.journal import Journal
from scanner.station.watching import rescan_sentence
from tests.omr.hall import Hall, open_hall
from tests.scanner.intake_server import Server, serving

POLL = 0.03


@pytest.fixture
def hall(sqlite_url: str, redis_url: str, tmp_path: Path) -> Iterator[Hall]:
    opened = open_hall(sqlite_url, redis_url, tmp_path / "home")
    yield opened
    opened.site.close()


@pytest.fixture
def server(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(sending, "FIRST_WAIT", 0.01)
    with serving(hall) as served:
        yield served


class Station:
    """A station that watches a folder in a thread of its own until the block ends."""

    def __init__(self, server: Server, folder: Path, plan: Plan | None = None) -> None:
        self.said: list[str] = []
        self.server, self.folder = server, folder
        self.plan = replace(plan or Plan("A", idle=0.3), poll=POLL)
        self._stop, self._error = threading.Event(), []  # type: tuple[threading.Event, list[BaseException]]
        self._thread = threading.Thread(target=self._run)
        folder.mkdir(exist_ok=True)

    def _run(self) -> None:
        try:
            watch_folder(self.folder, self.server.url, "T1", self.server.token, self.plan, stop=self._stop, say=self.said.append)
        except BaseException as e:
            self._error.append(e)

    def __enter__(self) -> Station:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        if self._error:
            raise self._error[0]

    def wait(self, ready: Callable[[], bool], seconds: float = 20.0) -> None:
        end = time.monotonic() + seconds
        while not ready():
            assert time.monotonic() < end, self.said
            assert not self._error, self._error
            time.sleep(POLL)

    def completes(self, batch: str, frames: int) -> None:
        self.wait(lambda: any(said.startswith(f"batch complete: {batch}: {frames} frames, {frames} on the server") for said in self.said))

    def rests(self, looks: int = 8) -> None:
        time.sleep(looks * POLL)


def once(server: Server, folder: Path, plan: Plan | None = None) -> tuple[bool, list[str]]:
    said: list[str] = []
    chosen = replace(plan or Plan("A"), poll=POLL, once=True)
    return watch_folder(folder, server.url, "T1", server.token, chosen, stop=threading.Event(), say=said.append), said


def scan(text: str) -> bytes:
    return b"\xff\xd8\xff" + text.encode() + b"\xff\xd9"


def frames(server: Server, batch: str) -> list[tuple[str, str]]:
    """(place, name) of what the server has."""
    with server.site.database.read() as session:
        rows = session.scalars(select(Receipt).join(Batch).where(Batch.name == batch).order_by(Receipt.sequence, Receipt.face))
        return [(f"{r.sequence}-{r.face}", r.name) for r in rows]


def bytes_of(server: Server, batch: str) -> set[int]:
    with server.site.database.read() as session:
        return set(session.scalars(select(Receipt.size).join(Batch).where(Batch.name == batch)))


def test_a_file_that_grows_is_sent_when_it_is_whole_and_those_behind_it_keep_their_order(server: Server, tmp_path: Path) -> None:
    pile = tmp_path / "hall" / "e1"
    pile.mkdir(parents=True)
    whole = scan("a long picture " * 40)
    with Station(server, tmp_path / "hall") as station:
        (pile / "2.jpg").write_bytes(scan("two"))
        with (pile / "1.jpg").open("wb") as file:
            for byte in range(0, len(whole), 40):
                file.write(whole[byte : byte + 40])
                file.flush()
                time.sleep(POLL / 2)
        station.completes("e1", 2)
    assert frames(server, "e1") == [("1-1", "1.jpg"), ("1-2", "2.jpg")]
    assert bytes_of(server, "e1") == {len(whole), len(scan("two"))}


def test_a_clock_that_is_hours_off_changes_nothing(server: Server, tmp_path: Path) -> None:
    pile = tmp_path / "hall" / "e1"
    pile.mkdir(parents=True)
    for name, skew in (("1.jpg", 9 * 3600), ("2.jpg", -9 * 3600), ("3.jpg", 0)):
        (pile / name).write_bytes(scan(name))
        os.utime(pile / name, (time.time() + skew,) * 2)
    with Station(server, tmp_path / "hall") as station:
        station.completes("e1", 3)


def test_an_empty_file_and_what_is_no_scan_stay_and_the_empty_one_is_named(server: Server, tmp_path: Path) -> None:
    pile = tmp_path / "hall" / "e1"
    pile.mkdir(parents=True)
    for name in ("Thumbs.db", "desktop.ini", ".DS_Store", "3.jpg.tmp", "~4.jpg", "5.jpg.part", "index.xml"):
        (pile / name).write_bytes(b"no scan")
    (pile / "1.jpg").write_bytes(b"")
    (pile / "2.jpg").write_bytes(scan("two"))
    with Station(server, tmp_path / "hall") as station:
        station.wait(lambda: any("1.jpg waits: it is empty" in said for said in station.said))
        station.wait(lambda: len(server.frames) == 1)
        station.rests(20)
        assert not any("complete" in said for said in station.said)
        (pile / "1.jpg").write_bytes(scan("one"))
        station.completes("e1", 2)
    left = {file.name for file in (tmp_path / "hall" / DONE / "e1").iterdir()}
    assert left >= {"Thumbs.db", "desktop.ini", ".DS_Store", "3.jpg.tmp", "~4.jpg", "5.jpg.part", "index.xml"}


def test_a_scanner_that_begins_its_numbers_again_loses_no_page_and_writes_over_none(server: Server, tmp_path: Path) -> None:
    pile = tmp_path / "hall" / "e1"
    pile.mkdir(parents=True)
    with Station(server, tmp_path / "hall", Plan("A", idle=1.5)) as station:
        for number in range(1, 4):
            (pile / "scan.jpg").write_bytes(scan("a blank side" if number < 3 else "another"))
            station.wait(lambda: not (pile / "scan.jpg").exists())
        station.completes("e1", 3)
    assert [place for place, _ in frames(server, "e1")] == ["1-1", "1-2", "2-1"]
    kept = tmp_path / "hall" / DONE / "e1" / DONE
    assert sorted(file.name for file in kept.iterdir()) == ["scan (2).jpg", "scan (3).jpg", "scan.jpg"]


def test_a_folder_of_the_same_name_on_another_day_is_a_batch_of_its_own(server: Server, tmp_path: Path) -> None:
    hall = tmp_path / "hall"
    for day in ("one", "two"):
        (hall / "room 1").mkdir(parents=True)
        (hall / "room 1" / "1.jpg").write_bytes(scan(day))
        assert once(server, hall)[0]
    assert len(frames(server, "room-1")) == 1
    assert len(frames(server, "room-1-2")) == 1


def test_header_pages_begin_batches_are_kept_and_are_no_frames(server: Server, tmp_path: Path) -> None:
    print_batch_headers(2, tmp_path / "headers.pdf")
    pdf = (tmp_path / "headers.pdf").read_bytes()
    headers = []
    for page in range(1, 5):
        picture = io.BytesIO()
        Image.fromarray(page_at(pdf, page, where="headers").pixels).rotate(181, fillcolor=255).save(picture, "JPEG", quality=50)
        headers.append(picture.getvalue())
    hall = tmp_path / "hall"
    hall.mkdir()
    # 1 and 2: both sides of the first header; then it comes again on another pile, after the second.
    stack = [headers[0], headers[1], scan("a"), scan("b"), headers[2], headers[3], scan("c"), headers[0], headers[1], scan("d"), scan("e")]
    for number, data in enumerate(stack, start=1):
        (hall / f"{number}.jpg").write_bytes(data)
    complete, said = once(server, hall, Plan("A", grouping="header", operator="Li", scanner="fi-7900"))
    assert complete, said
    found = {batch: [name for _, name in frames(server, batch)] for batch in ("B0001", "B0002", "B0001-2")}
    assert found == {"B0001": ["3.jpg", "4.jpg"], "B0002": ["7.jpg"], "B0001-2": ["10.jpg", "11.jpg"]}
    assert (hall / DONE / "B0001" / DONE / "1.jpg").read_bytes() == headers[0]
    told = {closing["header"]: closing for closing in server.closings}
    assert set(told) == {"1.jpg, 2.jpg", "5.jpg, 6.jpg", "8.jpg, 9.jpg"}
    assert told["5.jpg, 6.jpg"] | {"frames": 1, "operator": "Li", "scanner": "fi-7900", "refused": 0} == told["5.jpg, 6.jpg"]


def test_pauses_make_batches_named_by_station_and_day(server: Server, tmp_path: Path) -> None:
    hall = tmp_path / "hall"
    hall.mkdir()
    today = time.strftime("%Y%m%d")
    with Station(server, hall, Plan("hall 3", grouping="time", idle=0.4)) as station:
        for number in (1, 2):
            for page in "ab":
                (hall / f"{number}{page}.jpg").write_bytes(scan(f"{number}{page}"))
            station.completes(f"hall-3-{today}-{number:03d}", 2)


def test_numbers_of_the_imprinter_that_are_missing_or_twice_are_said(server: Server, tmp_path: Path) -> None:
    pile = tmp_path / "hall" / "e1"
    pile.mkdir(parents=True)
    for at, number in enumerate((17, 18, 21, 21, 22)):
        for face in "AB":
            (pile / f"{at}-N{number:06d}{face}.jpg").write_bytes(scan(f"{at}{face}"))
    complete, said = once(server, tmp_path / "hall", Plan("A", imprint=r"(?P<n>N\d+)[AB]\.jpg"))
    assert complete
    assert said == [
        "batch complete: e1: 10 frames, 10 on the server; "
        "imprinter numbers are missing: N000019 to N000020; imprinter numbers came twice: N000021"
    ]
    assert (server.closings[0]["first_imprint"], server.closings[0]["last_imprint"]) == ("N000017", "N000022")


def test_a_refused_file_keeps_its_batch_open_until_a_person_has_seen_to_it(server: Server, tmp_path: Path) -> None:
    pile = tmp_path / "hall" / "e1"
    pile.mkdir(parents=True)
    (pile / "1.jpg").write_bytes(scan("one"))
    (pile / "2.jpg").write_bytes(scan("two"))
    server.fail = [413]
    complete, said = once(server, tmp_path / "hall")
    assert not complete
    assert "batch e1 is NOT complete: 1 refused" in said[-1]
    (refused,) = (file for file in (pile / REFUSED).iterdir() if file.suffix != ".txt")
    assert "not now." in (pile / REFUSED / f"{refused.name}.txt").read_text("utf-8")
    refused.rename(pile / refused.name)
    assert once(server, tmp_path / "hall") == (True, ["batch complete: e1: 2 frames, 2 on the server"])


def test_what_an_older_copy_of_the_server_has_lost_is_sent_again(server: Server, tmp_path: Path) -> None:
    pile = tmp_path / "hall" / "e1"
    pile.mkdir(parents=True)
    with Station(server, tmp_path / "hall", Plan("A", idle=1.0)) as station:
        for number in range(1, 6):
            (pile / f"{number}.jpg").write_bytes(scan(str(number)))
        station.wait(lambda: (pile / DONE).is_dir() and len(list((pile / DONE).iterdir())) == 5)
        with server.site.database.write() as session:
            session.execute(delete(Receipt).where(Receipt.sequence > 1))
        station.wait(lambda: any("NOT complete: 5 frames here, 2 on the server" in said for said in station.said))
        station.completes("e1", 5)
    assert [place for place, _ in frames(server, "e1")] == ["1-1", "1-2", "2-1", "2-2", "3-1"]


def test_a_share_that_goes_away_is_waited_for(server: Server, tmp_path: Path) -> None:
    hall = tmp_path / "hall"
    with Station(server, hall) as station:
        station.rests()
        hall.rename(tmp_path / "unmounted")
        station.wait(lambda: any("No such file or directory. The station waits" in said for said in station.said))
        (tmp_path / "unmounted" / "e1").mkdir()
        (tmp_path / "unmounted" / "e1" / "1.jpg").write_bytes(scan("one"))
        (tmp_path / "unmounted").rename(hall)
        station.completes("e1", 1)
    assert f"{hall} can be used again." in station.said


def test_a_full_disk_moves_nothing_and_sends_nothing_as_two(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pile = tmp_path / "hall" / "e1"
    pile.mkdir(parents=True)
    for number in range(1, 7):
        (pile / f"{number}.jpg").write_bytes(scan(str(number)))
    full, sync = threading.Event(), Journal.sync

    def sync_on_a_full_disk(book: Journal) -> None:
        if full.is_set() and book.acknowledged:
            raise OSError(errno.ENOSPC, "No space left on device")
        sync(book)

    full.set()
    monkeypatch.setattr(Journal, "sync", sync_on_a_full_disk)
    with Station(server, tmp_path / "hall") as station:
        station.wait(lambda: any("No space left on device" in said for said in station.said))
        station.rests()
        assert len(list(pile.glob("*.jpg"))) == 6
        full.clear()
        station.completes("e1", 6)
    assert sorted(server.frames) == [f"{number}.jpg" for number in range(1, 7)]


def test_a_journal_on_another_disk_and_files_that_lie_beside_the_batches(server: Server, tmp_path: Path) -> None:
    hall, journals = tmp_path / "hall", tmp_path / "disk2" / "journals"
    (hall / "e1").mkdir(parents=True)
    (hall / "e1" / "1.jpg").write_bytes(scan("one"))
    (hall / "stray.jpg").write_bytes(scan("stray"))
    complete, said = once(server, hall, Plan("A", journal=journals))
    assert complete
    assert said[0] == "left alone: stray.jpg (files beside the batch folders)"
    assert (journals / "e1.complete").exists()
    assert (hall / "stray.jpg").exists()


def test_a_bad_line_in_the_middle_of_a_journal_costs_only_itself(server: Server, tmp_path: Path) -> None:
    pile = tmp_path / "hall" / "e1"
    pile.mkdir(parents=True)
    (pile / "1.jpg").write_bytes(scan("one"))
    (pile / "2.jpg").write_bytes(scan("two"))
    (pile / ".markhall-journal").write_bytes(
        b'{"note": "batch", "value": "e1"}\n{"file": "1.jpg", "page": 0, "place": [7, 1], "at": 0}\n\0\0\0\0\n{"sent": [7, 1], "sh'
    )
    complete, said = once(server, tmp_path / "hall")
    assert complete
    assert "1 lines cannot be read" in said[0]
    assert frames(server, "e1") == [("7-1", "1.jpg"), ("7-2", "2.jpg")]


def test_what_is_to_be_scanned_again_is_said_with_where_to_fetch_it(server: Server, tmp_path: Path) -> None:
    asked = {"paper": "P", "sheet": "000123", "side": 2, "number": "20260001", "room": "R1", "seat": "14", "station": "", "asked_at": "x"}
    server.rescans = [asked]
    listed = rescans_of(server.url, "T1", server.token)
    sentence = "scan again: paper P, room R1, seat 14, candidate 20260001, sheet 000123, side 2"
    assert [rescan_sentence(one) for one in listed] == [sentence]
    with Station(server, tmp_path / "hall") as station:
        station.wait(lambda: sentence in station.said)


def test_the_intake_is_asked_for_by_real_names(server: Server, tmp_path: Path) -> None:
    (tmp_path / "hall" / "第一考场 (a)").mkdir(parents=True)
    (tmp_path / "hall" / "第一考场 (a)" / "答题卡 1.jpg").write_bytes(scan("one"))
    assert once(server, tmp_path / "hall") == (True, ["batch complete: 第一考场-a: 1 frames, 1 on the server"])
    assert frames(server, "第一考场-a") == [("1-1", "答题卡 1.jpg")]
    assert intake.batch_view(server.site, server.exam_id, "A", "第一考场-a").complete


def test_a_page_that_comes_while_its_folder_is_put_away_is_sent(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pile = tmp_path / "hall" / "e1"
    pile.mkdir(parents=True)
    (pile / "1.jpg").write_bytes(scan("one"))
    rename = Path.rename

    def scan_meanwhile(self: Path, target: Path) -> Path:
        if self == pile:
            (self / "2.jpg").write_bytes(scan("two"))
            (self / "3.jpg.tmp").write_bytes(b"half")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", scan_meanwhile)
    with Station(server, tmp_path / "hall") as station:
        station.completes("e1", 1)
        station.wait(lambda: (pile / "3.jpg.tmp").exists())
        rename(pile / "3.jpg.tmp", pile / "3.jpg")
        station.completes("e1-2", 2)
    assert [name for _, name in frames(server, "e1-2")] == ["2.jpg", "3.jpg"]
