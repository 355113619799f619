"""One look at a folder at a time: when a file is settled, which place it gets, which batch it comes into."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from scanner.station import DONE, header
from scanner.station.batch import BatchFolder
from scanner.station.load import Fate, Outcome
from scanner.station.settling import POLLS, STUCK, Settling
from scanner.station.sorting import Sorter

JPEG, END = b"\xff\xd8\xff picture", b"\xff\xd9"


def test_a_file_has_to_be_the_same_at_several_looks_after_it_last_changed(tmp_path: Path) -> None:
    settling, file = Settling(tmp_path), tmp_path / "1.bmp"
    for size in (1, 2, 3):
        file.write_bytes(b"BM" * size)
        assert [one.why for one in settling.look().waiting] == ["is still being written"]
    for _ in range(POLLS - 1):
        assert settling.look().ready == ()
    assert settling.look().ready == (file,)
    os.utime(file, ns=(1, 1))  # written again in the same size
    assert settling.look().ready == ()


def test_a_picture_without_its_end_waits_and_goes_as_it_is_when_nothing_changes_for_long(tmp_path: Path) -> None:
    settling, file = Settling(tmp_path), tmp_path / "1.jpg"
    file.write_bytes(JPEG)
    whys = [[one.why for one in settling.look().waiting] for _ in range(STUCK)]
    assert whys == [["is still being written"]] * POLLS + [["has no end yet"]] * (STUCK - POLLS)
    assert settling.look().ready == (file,)


def test_an_empty_file_holds_others_back_only_for_a_while(tmp_path: Path) -> None:
    settling = Settling(tmp_path)
    (tmp_path / "1.jpg").touch()
    (tmp_path / "2.jpg").write_bytes(JPEG + END)
    looks = [settling.look() for _ in range(STUCK + 1)]
    assert all(look.ready == () for look in looks[:-1])
    assert looks[-1].ready == (tmp_path / "2.jpg",)
    assert [(one.name, one.stuck) for one in looks[-1].waiting] == [("1.jpg", True)]


@pytest.fixture
def pile(tmp_path: Path) -> Path:
    (tmp_path / "1.jpg").write_bytes(JPEG + END)
    return tmp_path


def _send_all(batch: BatchFolder) -> None:
    batch.look()
    loads = [batch.pending.popleft() for _ in range(len(batch.pending))]
    batch.settle(Outcome(load, Fate.SENT, tuple((f.place, "0" * 64, 1) for f in load.frames)) for load in loads)


def test_a_name_that_comes_again_is_a_new_page_also_when_done_was_emptied(pile: Path) -> None:
    for times in range(1, 4):
        batch = BatchFolder(pile, "b", duplex=False, polls=0)
        _send_all(batch)
        assert [place.sequence for place in batch.book.files] == list(range(1, times + 1))
        batch.book.close()
        (pile / DONE / "1.jpg").unlink()
        (pile / "1.jpg").write_bytes(JPEG + END)


def test_a_picture_that_took_the_name_of_one_that_was_sent_and_not_moved_gets_a_place_of_its_own(pile: Path) -> None:
    batch = BatchFolder(pile, "b", duplex=False, polls=0)
    batch.look()
    load = batch.pending.popleft()
    batch.book.acknowledge(load.frames[0].place, "0" * 64, 1)
    batch.settle([Outcome(load, Fate.ANOTHER)])
    batch.look()
    assert [frame.place.sequence for frame in batch.pending[0].frames] == [2]
    assert batch.pending[0].frames[0].known == ""
    batch.book.close()


def test_a_file_that_was_touched_before_it_was_sent_keeps_its_place(pile: Path) -> None:
    batch = BatchFolder(pile, "b", duplex=False, polls=0)
    batch.look()
    load = batch.pending.popleft()
    os.utime(pile / "1.jpg", ns=(5, 5))
    batch.settle([Outcome(load, Fate.CHANGED)])
    batch.look()
    assert batch.pending[0].frames[0].place == load.frames[0].place
    assert len(batch.book.files) == 1
    batch.book.close()


def test_a_header_begins_a_batch_each_time_it_comes_after_pages_and_its_two_sides_begin_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(header, "header_on", lambda data: data[7:].decode() if data.startswith(b"header ") else None)

    def sorter() -> Sorter:
        return Sorter(tmp_path, "A", headers=True, idle=600, polls=0)

    sorting = sorter()
    for number, data in enumerate([b"header H1", b"header H1", b"page", b"header H1", b"header H1", b"page", b"header H2"]):
        (tmp_path / f"{number}.jpg").write_bytes(data)
        sorting.sort()
        sorting.close()
        sorting = sorter()  # whatever was decided outlives the station
    assert sorting.names == {"H1", "H1-2", "H2"}
    assert sorting.headers == {"H1": ["0.jpg", "1.jpg"], "H1-2": ["3.jpg", "4.jpg"], "H2": ["6.jpg"]}
    assert sorted(str(file.relative_to(tmp_path)) for file in tmp_path.glob("H*/*.jpg")) == ["H1-2/5.jpg", "H1/2.jpg"]
    sorting.close()
