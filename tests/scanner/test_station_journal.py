"""Laws of the journal, of the order in which things reach the disk, and of the imprinter's numbers."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import BadInput
from scanner.station.batch import BatchFolder
from scanner.station.imprints import imprint_of, pattern_of, runs
from scanner.station.journal import Journal, Place
from scanner.station.load import Fate, Outcome
from scanner.station.names import batch_name, in_order, is_scan


def _filled(path: Path, files: int) -> None:
    with Journal(path) as book:
        for number in range(files):
            entry = book.begin(f"scan{number}.jpg", number, (0,), duplex=True)
            book.acknowledge(entry.places[0], f"{number:064x}", number)
            book.put_away(f"scan{number}.jpg", f"scan{number}.jpg")


@given(st.integers(0, 12), st.floats(0, 1))
def test_a_journal_that_is_cut_off_anywhere_says_what_it_said_before_the_cut(files: int, where: float) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "journal"
        _filled(path, files)
        data = path.read_bytes()
        lines = data[: round(where * len(data))].count(b"\n")
        path.write_bytes(data[: round(where * len(data))])
        with Journal(path) as book:
            assert len(book.files) == (lines + 2) // 3
            assert len(book.acknowledged) == (lines + 1) // 3
            assert book.spoiled == 0
            book.begin("later.jpg", 0, (0,), duplex=True)
        with Journal(path) as book:  # nothing that is written after the cut is lost to it
            assert "later.jpg" in book.files.values()
            assert len(set(book.files)) == (lines + 2) // 3 + 1


@given(st.lists(st.sampled_from(["a.jpg", "b.jpg", "00007-1.jpg", "00002-2.jpg", "c.tif"]), max_size=30), st.booleans())
def test_no_two_files_ever_get_one_place_of_the_stations_choosing(names: list[str], duplex: bool) -> None:
    with tempfile.TemporaryDirectory() as folder, Journal(Path(folder) / "journal") as book:
        given_places: list[Place] = []
        for at, name in enumerate(names):
            entry = book.begin(name, at, (1, 2, 3) if name == "c.tif" else (0,), duplex=duplex, fresh=book.entry(name) is not None)
            if not name.startswith("0"):
                given_places += entry.places.values()
        assert len(set(given_places)) == len(given_places)


def test_places_go_to_the_disk_before_frames_are_sent_and_acknowledgements_before_files_are_moved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    sync, rename = Journal.sync, Path.rename

    def told_sync(book: Journal) -> None:
        steps.append(f"sync, {len(book.acknowledged)} acknowledged")
        sync(book)

    def told_rename(file: Path, to: Path) -> Path:
        steps.append(f"move {file.name}")
        return rename(file, to)

    monkeypatch.setattr(Journal, "sync", told_sync)
    monkeypatch.setattr(Path, "rename", told_rename)
    for name in ("1.jpg", "2.jpg"):
        (tmp_path / name).write_bytes(b"\xff\xd8\xff\xff\xd9")
    batch = BatchFolder(tmp_path, "b", duplex=True, polls=0)
    batch.look()
    assert (len(batch.pending), steps) == (2, ["sync, 0 acknowledged"])
    steps.clear()
    outcomes = [Outcome(load, Fate.SENT, ((load.frames[0].place, "0" * 64, 1),)) for load in batch.pending]
    batch.settle(outcomes)
    assert steps == ["sync, 2 acknowledged", "move 1.jpg", "move 2.jpg"]
    batch.book.close()


def test_a_station_that_was_switched_off_between_two_steps_goes_on_with_the_same_places(tmp_path: Path) -> None:
    (tmp_path / "1.jpg").write_bytes(b"\xff\xd8\xff\xff\xd9")
    first = BatchFolder(tmp_path, "b", duplex=True, polls=0)
    first.look()
    places = first.pending[0].frames
    first.book.acknowledge(places[0].place, "0" * 64, 1)
    first.book.close()  # the move did not happen any more
    second = BatchFolder(tmp_path, "another name", duplex=True, polls=0)
    second.look()
    assert second.name == "b"
    assert second.pending[0].frames[0].place == places[0].place
    assert second.pending[0].frames[0].known == "0" * 64
    second.book.close()


@given(st.sets(st.integers(0, 10**6), min_size=1, max_size=40), st.text("AB-", max_size=3))
def test_the_gaps_are_just_the_numbers_that_are_missing(numbers: set[int], before: str) -> None:
    found = runs((at, f"{before}{n:07d}") for at, n in enumerate(sorted(numbers), start=1))
    missing = 0
    for gap in found.gaps:
        first, _, last = gap.partition(" to ")
        missing += int((last or first)[len(before) :]) - int(first[len(before) :]) + 1
    assert missing == max(numbers) - min(numbers) + 1 - len(numbers)
    assert found.repeats == ()
    assert (found.first, found.last) == (f"{before}{min(numbers):07d}", f"{before}{max(numbers):07d}")


def test_both_faces_of_a_card_have_one_number_and_two_cards_have_not() -> None:
    assert runs([(1, "A1"), (1, "A1"), (2, "A2")]).sentence == ""
    assert runs([(1, "A1"), (2, "A1"), (3, "A3")]).sentence == "imprinter numbers are missing: A2; imprinter numbers came twice: A1"
    assert runs([(1, "A1"), (2, "B7")]).gaps == ()


def test_a_pattern_that_is_none_is_said() -> None:
    assert imprint_of("x17B.jpg", pattern_of(r"(?P<n>\d+)[AB]")) == "17"
    assert imprint_of("x.jpg", pattern_of(r"(?P<n>\d+)")) == ""
    with pytest.raises(BadInput, match="which part is the number"):
        pattern_of(r"\d+")
    with pytest.raises(BadInput, match="no pattern"):
        pattern_of("(")


@given(st.text(max_size=200), st.sets(st.text(max_size=8), max_size=4))
def test_whatever_a_folder_is_called_the_server_takes_the_batch_name(name: str, taken: set[str]) -> None:
    made = batch_name(name, taken)
    assert 1 <= len(made) <= 80
    assert made not in taken
    assert all(c.isalnum() or c in "_.-" for c in made)


def test_names_are_put_in_the_order_in_which_people_count() -> None:
    assert sorted(["s10.jpg", "s9.jpg", "S1.jpg", "s1 (2).jpg"], key=in_order) == ["s1 (2).jpg", "S1.jpg", "s9.jpg", "s10.jpg"]
    assert [name for name in ("a.jpg", "Thumbs.db", "~b.tif", "c.TIF", ".d", "e.jpg~", "f.pdf.part", "g") if is_scan(name)] == [
        "a.jpg",
        "c.TIF",
        "g",
    ]
    assert Place(12, 2) < Place(13, 1)
