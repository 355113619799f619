"""Exchanging readings: whatever people decided goes with the page, and taking back leaves the records as they were.

What the two readings say is made up here; tests/omr/test_rereading.py has real paper.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from core.states import PageState, RereadingState, RereadState, ScriptState
from core.tables import AnswerRow, Page, Receipt, Rereading, RereadPage, RescanRequest
from omr import desk
from omr.desk.rereading_accept import Chosen, accept, take_back
from omr.rereading import fields_that_differ
from tests.omr.hall import Hall, open_hall
from tests.omr.hall import _field as said

EVERY = Chosen()


@pytest.fixture
def hall(sqlite_url: str, redis_url: str, tmp_path: Path) -> Iterator[Hall]:
    opened = open_hall(sqlite_url, redis_url, tmp_path)
    yield opened
    opened.site.close()


@pytest.fixture
def full_hall(sqlite_url: str, redis_url: str, tmp_path: Path) -> Iterator[Hall]:
    opened = open_hall(sqlite_url, redis_url, tmp_path, candidates=200)
    yield opened
    opened.site.close()


def read_again(hall: Hall, receipt: int, changes: Mapping[str, str]) -> int:
    """A rereading of one frame that says `changes` and else the same; a trailing `?` is a doubt."""
    with hall.site.database.write() as session:
        page = session.scalars(select(Page).where(Page.receipt_id == receipt, Page.state != PageState.SUPERSEDED)).one()
        fields = page.fields | {name: said(text) for name, text in changes.items()}
        run = Rereading(exam_id=hall.exam_id, paper="P", template_id=1, upto=page.id, pages=1, by="user:9", at=hall.clock())
        run.state = RereadingState.DONE
        session.add(run)
        session.flush()
        row = RereadPage(exam_id=hall.exam_id, rereading_id=run.id, page_id=page.id, state=RereadState.DIFFERS, at=hall.clock())
        row.differs, row.result = fields_that_differ(page.fields, fields), {"fields": fields, "regions": [], "evidence": {}, "cut": False}
        session.add(row)
        return run.id


def stands(hall: Hall) -> dict[str, Any]:
    """What counts, without the versions and numbers that an exchange adds."""
    snapshot = hall.snapshot()
    with hall.site.database.read() as session:
        count = select(Receipt.id, func.count(Page.id)).join(Page, Page.receipt_id == Receipt.id)
        pages = dict(session.execute(count.where(Page.state != PageState.SUPERSEDED).group_by(Receipt.id)).all())
        asked = sorted(session.scalars(select(RescanRequest.side).where(RescanRequest.state == "asked")))
    answers = {key: value for key, value in snapshot["answers"].items() if value[1] != "voided"}
    cases = Counter((c.kind, tuple(i.item for i in c.items)) for c in hall.cases())
    return {k: snapshot[k] for k in ("receipts", "sheets", "scripts")} | {
        "answers": answers,
        "pages": pages,
        "cases": cases,
        "asked": asked,
    }


def test_a_number_that_was_misread_no_longer_disagrees(hall: Hall) -> None:
    front, _ = hall.scan((0, {"number": "20260001"}))
    before = stands(hall)
    assert hall.case("facts_disagree")
    number = read_again(hall, front, {"number": "20260000"})
    accept(hall.site, hall.exam_id, "user:9", number, EVERY, expected=1)
    assert hall.cases() == []
    assert hall.script(0).state is ScriptState.COMPLETE
    take_back(hall.site, hall.exam_id, "user:9", number, EVERY, expected=1)
    assert stands(hall)["cases"] == before["cases"]
    assert stands(hall)["answers"] == before["answers"]


def test_a_candidate_whom_a_person_named_stays_whatever_is_read(hall: Hall) -> None:
    front, _ = hall.scan((0, {"number": "20260001"}))
    hall.resolve(hall.case("facts_disagree"), "set_candidate", candidate="20260001")
    before = {k: v for k, v in stands(hall).items() if k in ("sheets", "scripts", "cases")}
    accept(hall.site, hall.exam_id, "user:9", read_again(hall, front, {"number": "20260000"}), EVERY, expected=1)
    assert {k: v for k, v in stands(hall).items() if k in ("sheets", "scripts", "cases")} == before


def test_a_number_that_now_disagrees_takes_the_answers_from_the_script_and_asks_a_person(hall: Hall) -> None:
    front, _ = hall.scan((0, None))
    before = stands(hall)
    number = read_again(hall, front, {"number": "20260001"})
    accept(hall.site, hall.exam_id, "user:9", number, EVERY, expected=1)
    assert hall.case("facts_disagree")
    assert set(hall.answers(0).values()) == {("", "voided")}
    take_back(hall.site, hall.exam_id, "user:9", number, EVERY, expected=1)
    assert stands(hall)["answers"] == before["answers"]
    assert hall.cases() == []


def test_a_request_to_scan_again_stays_though_the_second_reading_has_no_doubt(hall: Hall) -> None:
    front, _ = hall.scan((0, {"Q1": "A?"}))
    hall.resolve(hall.case("doubt"), "rescan")
    before = stands(hall)
    accept(hall.site, hall.exam_id, "user:9", read_again(hall, front, {"Q1": "C"}), EVERY, expected=1)
    after = stands(hall)
    assert (after["asked"], after["cases"], after["receipts"]) == (before["asked"], before["cases"], before["receipts"])
    hall.send(hall.reading(0, 1, {"Q1": "D"}), batch="b2")
    hall.read()
    assert hall.answers(0)["Q1"] == ("D", "readers")
    assert hall.cases() == []


def test_a_look_that_the_budget_asks_for_is_asked_for_again(hall: Hall) -> None:
    front, _ = hall.scan((0, None))
    desk.ask_for_looks(hall.site, hall.exam_id, 1e-6, "user:9")
    (case,) = hall.cases()
    asked = {(i.item, i.why) for i in case.items}
    accept(hall.site, hall.exam_id, "user:9", read_again(hall, front, {"Q1": "C"}), EVERY, expected=1)
    (again,) = hall.cases()
    assert {(i.item, i.why) for i in again.items} == asked
    assert again.id != case.id


WORDS = st.sampled_from(["A", "B", "C", "", "A?", "C?"])


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(first=WORDS, second=WORDS, person=st.sampled_from(["", "before", "after", "both"]))
def test_accepting_and_taking_back_is_as_if_nothing_had_been_read_again(full_hall: Hall, first: str, second: str, person: str) -> None:
    """For any two readings of a card, and a clerk who decides before, after, both times, or not at all. Each example has its card."""
    hall, candidate = full_hall, len(full_hall.told) // 2
    front, _ = hall.scan((candidate, {"Q1": first}))
    decided = person in ("before", "both") and settle(hall, candidate, "D")
    before = stands(hall)
    number = read_again(hall, front, {"Q1": second})
    accept(hall.site, hall.exam_id, "user:9", number, EVERY, expected=1)
    assert hall.answers(candidate)["Q1"] == (("D", "person") if decided else read_as(second))
    settled = person in ("after", "both") and settle(hall, candidate, "B")
    take_back(hall.site, hall.exam_id, "user:9", number, EVERY, expected=1)
    if settled:
        assert hall.answers(candidate)["Q1"] == ("B", "person")
    else:
        assert stands(hall) == before
    with hall.site.database.read() as session:
        current = select(func.count()).where(AnswerRow.current, AnswerRow.item == "Q1", AnswerRow.script_id == hall.script(candidate).id)
        assert session.scalar(current) == 1
    assert len([e for e in hall.entries("rereading") if e["rereading"] == number]) == 2


def read_as(word: str) -> tuple[str, str]:
    return word.removesuffix("?"), "doubtful" if word.endswith("?") else "readers"


def settle(hall: Hall, candidate: int, value: str) -> bool:
    """A clerk decides what is asked about a card, if anything is."""
    asked = [c for c in hall.cases() if c.kind == "doubt" and c.sheet == hall.serial(candidate)]
    for case in asked:
        hall.resolve(case, "set_answer", values={i.item: value for i in case.items})
    return bool(asked)
