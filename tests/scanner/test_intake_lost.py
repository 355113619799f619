"""Readers that die: the frame they died of is found, goes alone and in the end to a person; its neighbours are read at once."""

from __future__ import annotations

import os
import socket
import subprocess

import pytest

from core.states import AttemptState, ReceiptState
from core.tables import Attempt, Receipt
from scanner import intake
from scanner.intake.lost import ALONE, MOST_TRIES, is_gone, say_reading, this_worker
from tests.omr.hall import Hall


def test_a_frame_that_kills_its_readers_ends_alone_with_a_person_and_the_others_are_read(hall: Hall) -> None:
    cards = [r for c in range(4) for r in hall.send_card(c)]
    poison = cards[3]
    hall.close()
    for _ in range(3 * MOST_TRIES):
        intake.sweep(hall.site, hall.exam_id)
        for attempt in hall.attempts(AttemptState.QUEUED):
            hall.start(attempt)
            if poison not in hall.frames_of(attempt):
                hall.file(attempt)
        hall.clock.pass_seconds(30)
    assert hall.state(poison) is ReceiptState.WAITING
    case = hall.case("unreadable")
    assert case.frame is not None
    assert f"{ALONE} times when it was alone" in case.evidence["reason"]
    assert {hall.state(r) for r in cards if r != poison} == {ReceiptState.READ}
    assert case.actions == ("rescan", "discard")


def test_the_frame_that_a_reader_was_lost_in_goes_alone_and_the_others_at_once_together(hall: Hall) -> None:
    cards = [r for c in range(4) for r in hall.send_card(c)]
    poison, others = cards[3], [r for r in cards if r != cards[3]]
    hall.close()
    intake.dispatch(hall.site, hall.exam_id)
    (lost,) = hall.attempts(AttemptState.QUEUED)
    hall.start(lost)
    say_reading(hall.site, lost, poison)
    hall.clock.pass_seconds(30)
    intake.sweep(hall.site, hall.exam_id)
    assert sorted(hall.frames_of(a) for a in hall.attempts(AttemptState.QUEUED)) == sorted([others, [poison]])
    with hall.site.database.read() as session:
        assert {session.get_one(Receipt, r).tries for r in others} == {1}  # as if they had not been in it


def test_a_frame_is_set_aside_only_after_it_was_lost_alone_several_times(hall: Hall) -> None:
    first, second = hall.send_card(0)
    hall.close()
    alone = 0
    while hall.state(first) is not ReceiptState.WAITING:
        intake.sweep(hall.site, hall.exam_id)
        for attempt in hall.attempts(AttemptState.QUEUED):
            frames = hall.frames_of(attempt)
            hall.start(attempt)
            if first not in frames:
                hall.file(attempt)
                continue
            alone += frames == [first]
            say_reading(hall.site, attempt, first)
        hall.clock.pass_seconds(30)
        intake.sweep(hall.site, hall.exam_id)
        assert alone <= ALONE
    assert alone == ALONE
    assert hall.state(second) is ReceiptState.READ


def test_a_frame_that_came_through_is_not_blamed_later(hall: Hall) -> None:
    first, _ = hall.send_card(0)
    hall.close()
    for _ in range(2):
        intake.sweep(hall.site, hall.exam_id)
        for attempt in hall.attempts(AttemptState.QUEUED):
            hall.start(attempt)
            say_reading(hall.site, attempt, first)
        hall.clock.pass_seconds(30)
    intake.sweep(hall.site, hall.exam_id)
    hall.read()
    with hall.site.database.read() as session:
        assert session.get_one(Receipt, first).tries == 1


def test_a_hint_about_a_frame_of_another_attempt_means_nothing(hall: Hall) -> None:
    receipts = hall.send_card(0)
    hall.close()
    intake.dispatch(hall.site, hall.exam_id)
    (lost,) = hall.attempts(AttemptState.QUEUED)
    hall.start(lost)
    say_reading(hall.site, lost, 999_999)
    hall.clock.pass_seconds(30)
    intake.sweep(hall.site, hall.exam_id)
    assert [hall.frames_of(a) for a in hall.attempts(AttemptState.QUEUED)] == [list(receipts)]


def test_a_reader_that_has_ended_on_this_machine_need_not_be_waited_for(hall: Hall) -> None:
    child = subprocess.Popen(["sleep", "60"])
    name = this_worker()
    assert not is_gone(name)
    its = name.replace(f":{os.getpid()}:", f":{child.pid}:")
    assert not is_gone(its)
    hall.send_card(0)
    hall.close()
    intake.dispatch(hall.site, hall.exam_id)
    (attempt,) = hall.attempts(AttemptState.QUEUED)
    hall.start(attempt)
    with hall.site.database.write() as session:
        session.get_one(Attempt, attempt).worker = its
    intake.sweep(hall.site, hall.exam_id)
    assert hall.attempts(AttemptState.RUNNING) == [attempt]
    child.kill()
    child.wait()
    intake.sweep(hall.site, hall.exam_id)
    assert hall.attempts(AttemptState.LOST) == [attempt]


@pytest.mark.parametrize(
    "worker", ["", "elsewhere:1:ab:4026531836", f"{socket.gethostname()}:4194303:ab:1", f"{socket.gethostname()}:x:ab:"]
)
def test_of_other_machines_and_other_spaces_of_numbers_nothing_is_known(worker: str) -> None:
    assert not is_gone(worker)
