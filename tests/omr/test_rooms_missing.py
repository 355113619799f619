"""When missing sides are asked for before anybody said that scanning is over: per batch, once, and again when it matters."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from core.tables import Batch, PaperScanned
from omr import desk
from tests.omr.hall import Hall


def end_batch(hall: Hall) -> None:
    hall.read()
    hall.close(f"b{hall.batch}")
    hall.batch += 1
    hall.sent = 0
    hall.clock.pass_seconds(5)


def look(hall: Hall) -> list[tuple[str, str | None, int | None]]:
    desk.look_for_missing(hall.site, hall.exam_id)
    with hall.site.database.read() as session:
        assert session.scalar(select(func.count()).select_from(PaperScanned)) == 0
    return [(c.kind, c.candidate, c.side) for c in hall.cases()]


def searched(hall: Hall) -> list[bool]:
    with hall.site.database.read() as session:
        return list(session.scalars(select(Batch.searched).order_by(Batch.id)))


def test_a_side_is_asked_for_when_its_batch_is_complete_and_quiet_while_others_go_on(hall: Hall) -> None:
    hall.send(hall.reading(0, 1))
    hall.read()
    assert look(hall) == []
    hall.close()
    assert look(hall) == []
    hall.batch = 2
    hall.send(hall.reading(1, 1))
    hall.clock.pass_seconds(5)
    assert look(hall) == [("page_missing", hall.numbers[0], 2)]
    assert searched(hall) == [True, False]
    assert len(look(hall)) == 1


def test_a_frame_without_a_place_may_be_the_side_so_its_batch_waits_for_the_desk(hall: Hall) -> None:
    hall.send(hall.reading(0, 1))
    hall.sent = 2  # the next card
    hall.send(hall.reading(0, 2) | {"code": None, "kind": "code_unknown"})
    end_batch(hall)
    assert [kind for kind, _, _ in look(hall)] == ["code_unknown"]
    hall.resolve(hall.case("code_unknown"), "discard", reason="torn")
    assert look(hall) == [("page_missing", hall.numbers[0], 2)]


def test_a_side_that_a_clerk_discards_later_is_asked_for(hall: Hall) -> None:
    hall.send(hall.reading(0, 1))
    hall.send(hall.reading(0, 2))
    hall.send(hall.reading(1, 1, {"Q1": "A?"}))
    hall.send(hall.reading(1, 2))
    end_batch(hall)
    look(hall)
    assert searched(hall) == [True]
    hall.resolve(hall.case("doubt"), "discard", reason="another candidate's")
    assert look(hall) == [("page_missing", hall.numbers[1], 1)]


def test_a_sheet_whose_owner_was_in_doubt_is_asked_for_once_its_owner_is_known(hall: Hall) -> None:
    hall.send(hall.reading(0, 1, {"number": hall.numbers[1]}))
    end_batch(hall)
    assert [kind for kind, _, _ in look(hall)] == ["facts_disagree"]
    assert searched(hall) == [False]
    hall.resolve(hall.case("facts_disagree"), "set_candidate", candidate=hall.numbers[0])
    assert look(hall) == [("page_missing", hall.numbers[0], 2)]
    assert searched(hall) == [True]


def test_a_side_that_nobody_is_named_on_is_asked_for_by_its_printed_candidate(hall: Hall) -> None:
    hall.send(hall.reading(0, 2))
    end_batch(hall)
    assert look(hall) == [("page_missing", hall.numbers[0], 1)]
    hall.send(hall.reading(0, 1))
    end_batch(hall)
    assert look(hall) == []


def test_batches_of_more_cards_than_a_statement_may_name_are_looked_through(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("omr.desk.missing.MOST_NAMED", 2)
    monkeypatch.setattr("omr.desk.work.MOST_NAMED", 2)
    for card in range(3):
        hall.sent = 2 * card
        hall.send(hall.reading(card, 1))
    end_batch(hall)
    assert look(hall) == [("page_missing", hall.numbers[card], 2) for card in range(3)]
