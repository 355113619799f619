"""The budget of mistakes: the likeliest ones go to a person until few enough are to be expected among the others."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import BadInput
from omr import desk
from omr.desk.budget import looks_needed
from tests.omr.hall import Hall, open_hall

Chances = st.lists(st.floats(0, 1), max_size=50)


@pytest.fixture
def hall(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[Hall]:
    opened = open_hall(database_url, redis_url, tmp_path)
    yield opened
    opened.site.close()


@given(chances=Chances, allowed=st.floats(1e-6, 3))
def test_the_others_are_within_the_budget_and_no_look_is_wasted(chances: list[float], allowed: float) -> None:
    ordered = sorted(chances, reverse=True)
    looks = looks_needed(ordered, math.fsum(ordered), allowed)
    assert math.fsum(ordered[looks:]) <= allowed + 1e-9
    if looks:
        assert math.fsum(ordered[looks - 1 :]) > allowed - 1e-9


def unsure(hall: Hall, candidate: int, chance: float) -> None:
    """A card whose answer Q1 is no doubt for the readers, but wrong with this chance."""
    hall.sent += hall.sent % 2
    first = hall.reading(candidate, 1)
    first["fields"]["Q1"] = {**first["fields"]["Q1"], "p_wrong": chance}
    hall.send(first)
    hall.send(hall.reading(candidate, 2))


def test_the_likeliest_mistakes_go_to_a_person_and_then_the_promise_holds(hall: Hall) -> None:
    for candidate, chance in enumerate((0.004, 0.0005, 0.009)):
        unsure(hall, candidate, chance)
    hall.read()
    before = desk.budget(hall.site, hall.exam_id, 0.002)
    assert (before.looks, before.pages) == (2, 2)
    assert before.expected == pytest.approx(0.0135, rel=0.01)
    desk.ask_for_looks(hall.site, hall.exam_id, 0.002, "user:7")
    asked = [c for c in hall.cases() if c.kind == "doubt"]
    assert [[i.item for i in c.items] for c in asked] == [["Q1"], ["Q1"]]
    assert hall.entries("budget")[0]["looks"] == 2
    for case in asked:
        hall.resolve(case, "accept")
    after = desk.budget(hall.site, hall.exam_id, 0.002)
    assert after.holds
    assert after.expected < 0.002


def test_asking_twice_opens_no_case_twice(hall: Hall) -> None:
    unsure(hall, 0, 0.2)
    hall.read()
    for _ in range(2):
        desk.ask_for_looks(hall.site, hall.exam_id, 0.01, "user:7")
    assert len([c for c in hall.cases() if c.kind == "doubt"]) == 1


def test_a_budget_of_nothing_is_refused(hall: Hall) -> None:
    with pytest.raises(BadInput, match="above zero"):
        desk.budget(hall.site, hall.exam_id, 0.0)
