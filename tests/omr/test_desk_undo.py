"""Each decision of the desk and its undo: the records are as they were, and history says both."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from core.errors import Conflict
from core.states import CaseState, ReleaseState
from core.tables import Release
from omr import desk
from tests.omr.hall import Hall, open_hall


@pytest.fixture
def hall(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[Hall]:
    opened = open_hall(database_url, redis_url, tmp_path)
    yield opened
    opened.site.close()


@dataclass(frozen=True)
class Way:
    kind: str
    action: str
    scene: Callable[[Hall], None]
    said: dict[str, Any] = field(default_factory=dict)


def _doubt(hall: Hall) -> None:
    hall.scan((0, {"Q1": "A?"}))


def _disagree(hall: Hall) -> None:
    hall.scan((0, {"number": "20260001"}))


def _twice(hall: Hall) -> None:
    hall.scan((0, None))
    hall.send(hall.reading(0, 1, {"Q1": "C", "Q2": "D?"}))
    hall.read()


def _foreign(hall: Hall) -> None:
    hall.send({"kind": "foreign", "reason": "another exam"})
    hall.read()


def _torn(hall: Hall) -> None:
    hall.send(hall.reading(0, 1, kind="registration", reason="torn", fields={}))
    hall.send(hall.reading(0, 2))
    hall.read()


WAYS = [
    Way("doubt", "set_answer", _doubt, {"values": {"Q1": "C"}}),
    Way("doubt", "accept", _doubt),
    Way("doubt", "rescan", _doubt),
    Way("doubt", "discard", _doubt, {"reason": "scribbled over"}),
    Way("facts_disagree", "set_candidate", _disagree, {"candidate": "20260000"}),
    Way("facts_disagree", "set_candidate", _disagree, {"candidate": "20260001"}),
    Way("facts_disagree", "discard", _disagree, {"reason": "a spoilt card"}),
    Way("page_twice", "take_this", _twice),
    Way("page_twice", "keep_other", _twice),
    Way("foreign", "discard", _foreign, {"reason": "a question paper"}),
    Way("registration", "rescan", _torn),
    Way("registration", "discard", _torn, {"reason": "a spoilt card"}),
]


@pytest.mark.parametrize("way", WAYS, ids=lambda w: f"{w.kind}-{w.action}")
def test_a_decision_taken_back_leaves_the_records_as_they_were(hall: Hall, way: Way) -> None:
    way.scene(hall)
    before = hall.snapshot()
    case = hall.resolve(hall.case(way.kind), way.action, **way.said)
    if way.action != "rescan":
        assert hall.snapshot() != before
        assert desk.get_case(hall.site, hall.exam_id, case.id).state is CaseState.RESOLVED
    hall.undo(case)
    after = hall.snapshot()
    assert _without_void(after) == _without_void(before)
    assert desk.rescans(hall.site, hall.exam_id) == []
    assert [f for f in hall.conservation().faults if "not closed" not in f] == []
    actions = [e["action"] for e in hall.entries("case") if e["case"] == case.id]
    assert actions == [way.action, "undo"]
    again = hall.resolve(hall.case(way.kind), way.action, **way.said)
    assert again.id == case.id


def test_after_a_signature_nothing_is_taken_back(hall: Hall) -> None:
    hall.scan((0, {"Q1": "A?"}))
    case = hall.resolve(hall.case("doubt"), "accept")
    with hall.site.database.write() as session:
        session.add(
            Release(
                exam_id=hall.exam_id,
                number=1,
                state=ReleaseState.SIGNED,
                definition_version=1,
                laws=[],
                overrides=[],
                drafted_by="user:1",
                drafted_at=hall.clock(),
            )
        )
    with pytest.raises(Conflict, match="release 1 is signed"):
        hall.undo(case)


def test_what_nobody_decided_cannot_be_taken_back(hall: Hall) -> None:
    hall.scan((0, {"Q1": "A?"}))
    with pytest.raises(Conflict, match="no decision"):
        hall.undo(hall.case("doubt"))


def _without_void(snapshot: dict[str, Any]) -> dict[str, Any]:
    """A voided answer is none: its version stays in history."""
    answers = {k: v for k, v in snapshot["answers"].items() if v[1] != "voided"}
    return snapshot | {"answers": answers}
