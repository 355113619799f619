"""What was marked stays marked when a page is read again and shows the same; where it shows something else, a leader decides."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from core.states import ResponseState
from core.tables import Exam, Response
from marking import intake
from marking.problems import open_problems
from scoring import verify_marks
from tests.marking.exams import Clock, Hall
from tests.marking.test_submit import get, send
from tests.omr.rereading_room import Cards, Room, column_off, open_room, print_and_scan, region_moved


@pytest.fixture(scope="module")
def cards(tmp_path_factory: pytest.TempPathFactory) -> Cards:
    return print_and_scan(tmp_path_factory.mktemp("cards"))


@pytest.fixture
def room(cards: Cards, sqlite_url: str, redis_url: str, tmp_path: Path) -> Iterator[Room]:
    """Everything is read by a template with one column off, and all doubts are settled as they are."""
    opened = open_room(cards, column_off(cards.template, 3.0), tmp_path, sqlite_url, redis_url)
    opened.read(cards.frames)
    for case in opened.cases():
        opened.decide(case.candidate or "", {item.item: "A" for item in case.items})
    intake.sweep(opened.site, opened.exam_id)
    yield opened
    opened.site.close()


def mark_all(room: Room, cards: Cards) -> Hall:
    hall = Hall(room.site, room.exam_id, Clock(), cards.definition)
    for user in (hall.person("marker"), hall.person("marker")):
        for _ in range(2 * len(cards.roster)):
            send(hall, user, get(hall, user), "5")
    return hall


def states(room: Room, group: str) -> list[ResponseState]:
    room.site.redis.flushall()
    intake.sweep(room.site, room.exam_id)
    with room.site.database.read() as session:
        return list(session.scalars(select(Response.state).where(Response.group == group).order_by(Response.id)))


def is_proven(room: Room) -> bool:
    with room.site.database.read() as session:
        return verify_marks.marks(session, session.get_one(Exam, room.exam_id)).holds


def test_a_page_whose_answers_alone_differ_leaves_its_marks_alone(room: Room, cards: Cards) -> None:
    mark_all(room, cards)
    number = room.reread(cards.template)
    room.accept(number, 3)
    assert states(room, "W1") == states(room, "W2") == [ResponseState.AGREED] * 3
    assert is_proven(room)
    room.take_back(number, 3)
    assert states(room, "W1") == [ResponseState.AGREED] * 3
    room.accept(number, 3)
    again = room.reread(column_off(cards.template, 3.0))
    room.accept(again, 3)
    assert states(room, "W1") == [ResponseState.AGREED] * 3
    assert is_proven(room)


def test_a_region_that_shows_something_else_after_marking_waits_for_a_leader(room: Room, cards: Cards) -> None:
    hall = mark_all(room, cards)
    number = room.reread(region_moved(cards.template, "W1", 8.0))
    room.accept(number, 3)
    assert states(room, "W1") == [ResponseState.PROBLEM] * 3
    assert states(room, "W2") == [ResponseState.AGREED] * 3
    assert {p.reason for p in open_problems(hall.site, hall.exam_id, hall.person("leader"))} == {"replaced"}
    assert not is_proven(room)


def test_what_nobody_has_marked_is_marked_on_the_new_picture(room: Room, cards: Cards) -> None:
    room.accept(room.reread(region_moved(cards.template, "W1", 8.0)), 3)
    assert states(room, "W1") == [ResponseState.SUPERSEDED] * 3 + [ResponseState.OPEN] * 3
    assert states(room, "W2") == [ResponseState.OPEN] * 3
