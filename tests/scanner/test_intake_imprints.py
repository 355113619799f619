"""Numbers that scanners print: what is missing and what is there twice, in a batch, between batches, across the exam."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import BadInput
from scanner import intake
from scanner.intake.imprints import card_of, gaps, repeats, summary_of
from tests.omr.hall import Hall, open_hall


@pytest.fixture
def hall(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[Hall]:
    opened = open_hall(database_url, redis_url, tmp_path)
    yield opened
    opened.site.close()


def send(hall: Hall, batch: str, numbers: list[str], *, scanner: str = "", station: str = "A", **manifest: str) -> None:
    """A card for each number, both faces with it."""
    intake.open_batch(hall.site, hall.exam_id, station, batch, {"scanner": scanner, **manifest})
    for sequence, number in enumerate(numbers, 1):
        for face in (1, 2):
            data = f"{station} {batch} {sequence} {face}".encode()
            intake.receive(hall.site, hall.exam_id, station, batch, sequence, face, data, imprint=number)


def faults(hall: Hall) -> list[tuple[str, str, str, str, int]]:
    with hall.site.database.read() as session:
        return [(f.kind, f.batch, f.first, f.last, f.cards) for f in intake.imprint_gaps(session, hall.exam_id)]


def test_a_gap_in_a_batch_is_told_with_the_cards_around_it(hall: Hall) -> None:
    send(hall, "b1", ["H-0008", "H-0009", "H-0012"])
    view = intake.batch_view(hall.site, hall.exam_id, "A", "b1")
    (fault,) = view.imprints
    assert (fault.kind, fault.first, fault.last, fault.cards, fault.places) == ("gap", "H-0010", "H-0011", 2, ("b1/00002", "b1/00003"))
    assert fault.sentence == "station A, batch b1: numbers H-0010 to H-0011 are missing: look between b1/00002 and b1/00003."


def test_between_two_batches_of_one_scanner_no_number_is_missing(hall: Hall) -> None:
    send(hall, "b1", ["1", "2"], scanner="left")
    send(hall, "b2", ["5", "6"], scanner="left")
    send(hall, "b3", ["9"], scanner="right")
    assert faults(hall) == [("gap", "b2", "3", "4", 2)]


def test_where_no_scanner_is_named_batches_are_not_compared(hall: Hall) -> None:
    send(hall, "b1", ["1", "2"])
    send(hall, "b2", ["5", "6"])
    assert faults(hall) == []


def test_a_number_that_another_batch_of_the_scanner_has_is_not_missing(hall: Hall) -> None:
    send(hall, "b1", ["1", "3"], scanner="left")
    assert faults(hall) == [("gap", "b1", "2", "2", 1)]
    send(hall, "b2", ["2"], scanner="left")
    assert faults(hall) == []


def test_a_number_on_two_cards_is_told_wherever_they_are(hall: Hall) -> None:
    send(hall, "b1", ["7", "8", "8"])
    send(hall, "c1", ["6", "7"], station="B")
    assert faults(hall) == [("repeat", "b1", "8", "8", 1), ("repeat", "b1", "7", "7", 1)]


def test_faces_of_one_card_have_one_number(hall: Hall) -> None:
    intake.open_batch(hall.site, hall.exam_id, "A", "b1", {})
    for face, number in ((1, "4"), (2, "5")):
        intake.receive(hall.site, hall.exam_id, "A", "b1", 1, face, f"{face}".encode(), imprint=number)
    assert faults(hall) == [("two_numbers", "b1", "4", "5", 1)]


def test_the_manifest_says_where_the_numbers_begin_and_end(hall: Hall) -> None:
    send(hall, "b1", ["12", "13"], first_imprint="11", last_imprint="15")
    assert faults(hall) == [("gap", "b1", "11", "11", 1), ("gap", "b1", "14", "15", 2)]


def test_a_batch_that_was_seen_complete_is_not_asked_for_again_and_an_open_one_is(hall: Hall) -> None:
    send(hall, "b1", ["1", "3"])
    assert faults(hall) == [("gap", "b1", "2", "2", 1)]
    intake.receive(hall.site, hall.exam_id, "A", "b1", 9, 1, b"late", imprint="2")
    intake.close_batch(hall.site, hall.exam_id, "A", "b1", 5)
    assert faults(hall) == []
    assert faults(hall) == []


def test_frames_without_a_number_are_no_fault(hall: Hall) -> None:
    send(hall, "b1", ["", "A", ""])
    assert faults(hall) == []


@pytest.mark.parametrize("number", ["x" * 41, "12\n13", "<b>", "1\0"])
def test_a_number_that_cannot_be_kept_is_refused(hall: Hall, number: str) -> None:
    intake.open_batch(hall.site, hall.exam_id, "A", "b1", {})
    with pytest.raises(BadInput, match="imprinter"):
        intake.receive(hall.site, hall.exam_id, "A", "b1", 1, 1, b"one", imprint=number)


batches = st.lists(st.lists(st.integers(0, 40), max_size=12), max_size=4)


@given(batches)
def test_gaps_and_repeats_are_what_counting_by_hand_finds(numbers: list[list[int]]) -> None:
    cards = [{n: [f"{number:03d}"] * 2 for n, number in enumerate(batch, 1)} for batch in numbers]
    summaries = [summary_of("A", f"b{n}", {"scanner": "left"}, batch) for n, batch in enumerate(cards)]
    runs = [run for one in summaries for run in one.runs]
    all_numbers = [number for batch in numbers for number in batch]
    missing = {n for f in gaps(runs) for n in range(int(f.first), int(f.last) + 1)}
    assert missing == set(range(min(all_numbers, default=0), max(all_numbers, default=0))) - set(all_numbers)
    told = [fault for one in summaries for fault in one.faults] + repeats(runs)
    twice = {n for f in told for n in range(int(f.first), int(f.last) + 1)}
    assert twice == {n for n in all_numbers if all_numbers.count(n) > 1}


@given(st.text(max_size=12))
def test_any_text_is_a_number_or_none_and_a_number_is_written_as_it_was(text: str) -> None:
    card = card_of(text, "here")
    assert card is None or card.text(card.number) == text or not text.isascii()
