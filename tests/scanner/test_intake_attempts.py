"""Attempts: frames reach readers in chunks, come back from readers that died, and are never filed twice."""

from __future__ import annotations

import shutil
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from redis import Redis
from rq.job import Job
from sqlalchemy import func, select, text

from core import db, ledger
from core.errors import Conflict
from core.states import AttemptState, BatchState, ReceiptState
from core.tables import Batch, Event, Page, Receipt
from omr import desk
from scanner import intake
from scanner.intake import attempts
from scanner.intake.attempts import CHUNK, MOST_QUEUED, SMALL_CHUNK
from scanner.intake.lost import MOST_TRIES
from tests.omr.hall import Hall, open_hall


def jobs(hall: Hall) -> set[str]:
    return {bytes(key).decode().removeprefix("rq:job:") for key in hall.site.redis.scan_iter("rq:job:*")}


def test_frames_of_an_open_batch_wait_for_company_but_not_for_long(hall: Hall) -> None:
    hall.send_card(0)
    assert intake.dispatch(hall.site, hall.exam_id) == 0
    hall.clock.pass_seconds(2.5)
    assert intake.dispatch(hall.site, hall.exam_id) == 2


def test_a_closed_batch_is_given_out_at_once(hall: Hall) -> None:
    hall.send_card(0)
    hall.close()
    assert intake.dispatch(hall.site, hall.exam_id) == 2
    assert jobs(hall) == set(hall.attempts(AttemptState.QUEUED))


def test_a_small_batch_keeps_several_readers_busy_and_the_faces_of_a_card_stay_together(hall: Hall) -> None:
    hall.send_many(60)
    intake.dispatch(hall.site, hall.exam_id)
    sizes = [len(hall.frames_of(a)) for a in hall.attempts(AttemptState.QUEUED)]
    assert sizes == [20, 20, 20]
    assert max(sizes) <= SMALL_CHUNK
    with hall.site.database.read() as session:
        cards = session.execute(select(Receipt.sequence, Receipt.attempt_id).distinct()).all()
    assert len(cards) == len({sequence for sequence, _ in cards})


def test_no_attempt_has_more_frames_than_a_chunk(hall: Hall) -> None:
    hall.send_many(2 * CHUNK + 101)
    intake.dispatch(hall.site, hall.exam_id)
    assert max(len(hall.frames_of(a)) for a in hall.attempts(AttemptState.QUEUED)) <= CHUNK


def test_giving_out_twice_gives_nothing_twice(hall: Hall) -> None:
    hall.send_card(0)
    hall.close()
    assert (intake.dispatch(hall.site, hall.exam_id), intake.dispatch(hall.site, hall.exam_id)) == (2, 0)


def test_a_queue_that_lost_its_jobs_is_told_again(hall: Hall) -> None:
    hall.send_card(0)
    hall.close()
    intake.sweep(hall.site, hall.exam_id)
    (attempt,) = hall.attempts(AttemptState.QUEUED)
    hall.site.redis.flushall()
    hall.clock.pass_seconds(3)
    intake.sweep(hall.site, hall.exam_id)
    intake.sweep(hall.site, hall.exam_id)
    assert jobs(hall) == {attempt}
    assert len(hall.site.redis.lrange("rq:queue:markhall-reading", 0, -1)) == 1


def test_frames_are_safe_while_the_queue_server_is_away(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    hall.send_card(0)
    hall.close()
    monkeypatch.setitem(hall.site.__dict__, "redis", Redis(unix_socket_path="/nowhere/queue.sock"))
    intake.sweep(hall.site, hall.exam_id)
    monkeypatch.undo()
    (attempt,) = hall.attempts(AttemptState.QUEUED)
    hall.clock.pass_seconds(3)
    intake.sweep(hall.site, hall.exam_id)
    assert Job.exists(attempt, hall.site.redis)


def test_the_result_of_a_reader_that_was_given_up_changes_nothing(hall: Hall) -> None:
    receipts = hall.send_card(0)
    hall.close()
    intake.dispatch(hall.site, hall.exam_id)
    (lost,) = hall.attempts(AttemptState.QUEUED)
    hall.start(lost)
    hall.clock.pass_seconds(30)
    intake.sweep(hall.site, hall.exam_id)
    assert hall.attempts(AttemptState.LOST) == [lost]
    assert hall.file(lost, list(receipts)) == {}
    with hall.site.database.read() as session:
        assert session.scalar(select(func.count()).select_from(Page)) == 0
    hall.read()
    assert [hall.state(r) for r in receipts] == [ReceiptState.READ, ReceiptState.READ]


def test_a_lease_that_still_runs_is_left_alone(hall: Hall) -> None:
    hall.send_card(0)
    hall.close()
    intake.dispatch(hall.site, hall.exam_id)
    (attempt,) = hall.attempts(AttemptState.QUEUED)
    hall.start(attempt)
    hall.clock.pass_seconds(15)
    intake.sweep(hall.site, hall.exam_id)
    assert hall.attempts(AttemptState.RUNNING) == [attempt]


def test_no_more_is_given_out_than_readers_take_soon_and_the_rest_follows(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "MOST_QUEUED", 2)
    monkeypatch.setattr(attempts, "SMALL", 2 * CHUNK)  # more than that is no small batch, however little room there is
    hall.send_many(4 * CHUNK)
    assert intake.dispatch(hall.site, hall.exam_id) == 2 * CHUNK
    assert [len(hall.frames_of(a)) for a in hall.attempts(AttemptState.QUEUED)] == [CHUNK, CHUNK]
    assert intake.dispatch(hall.site, hall.exam_id) == 0
    hall.start(hall.attempts(AttemptState.QUEUED)[0])
    hall.clock.pass_seconds(3)
    intake.sweep(hall.site, hall.exam_id)
    assert len(hall.attempts(AttemptState.QUEUED)) == 2
    assert MOST_QUEUED * CHUNK > 1000  # a hundred readers have work until the next sweep


def test_what_waits_is_found_without_looking_at_what_is_done(hall: Hall) -> None:
    with hall.site.database.read() as session:
        query = attempts.waiting_frames(hall.exam_id, CHUNK)
        said = str(query.compile(session.get_bind(), compile_kwargs={"render_postcompile": True, "literal_binds": True}))
        explain = "EXPLAIN QUERY PLAN " if hall.site.database.is_sqlite else "EXPLAIN "
        if not hall.site.database.is_sqlite:
            session.execute(text("SET LOCAL enable_seqscan = off"))  # the table is empty: only whether the index can serve is asked
        plan = "\n".join(str(row) for row in session.execute(text(explain + said)))
    assert "ix_receipts_waiting" in plan


def test_a_machine_that_starts_again_takes_all_frames_back_at_once_and_blames_none(hall: Hall) -> None:
    receipts = hall.send_card(0)
    hall.close()
    for _ in range(2 * MOST_TRIES):
        intake.dispatch(hall.site, hall.exam_id)
        for attempt in hall.attempts(AttemptState.QUEUED):
            hall.start(attempt)
        assert intake.give_back_running(hall.site, hall.exam_id) == 1
    hall.read()
    assert {hall.state(r) for r in receipts} == {ReceiptState.READ}


def test_missing_sides_are_looked_for_once_all_is_read_and_quiet(hall: Hall) -> None:
    hall.send_card(0)
    hall.close()
    hall.read()
    intake.sweep(hall.site, hall.exam_id, quiet=timedelta(seconds=60))
    assert "missing-1" not in jobs(hall)
    hall.clock.pass_seconds(61)
    intake.sweep(hall.site, hall.exam_id, quiet=timedelta(seconds=60))
    assert f"missing-{hall.exam_id}" in jobs(hall)
    assert desk.look_for_missing(hall.site, hall.exam_id) == 0
    assert hall.look_for_missing() == 3
    hall.site.redis.flushall()
    intake.sweep(hall.site, hall.exam_id, quiet=timedelta(seconds=60))
    assert jobs(hall) == set()


def test_what_a_lost_attempt_cost_is_told(hall: Hall) -> None:
    hall.send_card(0)
    hall.close()
    intake.dispatch(hall.site, hall.exam_id)
    hall.start(*hall.attempts(AttemptState.QUEUED))
    hall.clock.pass_seconds(30)
    intake.sweep(hall.site, hall.exam_id)
    with hall.site.database.read() as session:
        (said,) = session.scalars(select(Event).where(Event.kind == "attempt-lost"))
    assert (said.body["frames"], said.body["set_aside"]) == (2, 0)


class Frames(RuleBasedStateMachine):
    """Z1 under any order of sending, giving out, reading, losing readers, looking and deciding."""

    url = ""
    redis = ""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="markhall-z1-"))
        shutil.copyfile(type(self).url, self.folder / "z1.sqlite")
        self.hall = open_hall(f"sqlite:///{self.folder / 'z1.sqlite'}", type(self).redis, self.folder)
        self.sent = 0

    def teardown(self) -> None:
        self.hall.site.close()
        shutil.rmtree(self.folder)

    @rule(
        candidate=st.integers(0, 2),
        side=st.integers(1, 2),
        q1=st.sampled_from(["A", "C", "A?"]),
        kind=st.sampled_from(["", "", "", "blank"]),
    )
    def send(self, candidate: int, side: int, q1: str, kind: str) -> None:
        changes: dict[str, Any] = {"kind": kind, "fields": {}, "code": None} if kind else {}
        fields = None if side == 2 else {"Q1": q1}
        self.hall.send(self.hall.reading(candidate, side, fields) | changes)
        self.sent += 1

    @rule()
    def give_out(self) -> None:
        self.hall.clock.pass_seconds(3)
        intake.sweep(self.hall.site, self.hall.exam_id)

    @rule(chance=st.randoms(use_true_random=False))
    def a_reader_files(self, chance: Any) -> None:
        live = [*self.hall.attempts(AttemptState.QUEUED), *self.hall.attempts(AttemptState.RUNNING)]
        if live:
            self.hall.file(chance.choice(live))

    @rule()
    def a_reader_dies(self) -> None:
        for attempt in self.hall.attempts(AttemptState.QUEUED)[:1]:
            self.hall.start(attempt)
        self.hall.clock.pass_seconds(30)

    @rule()
    def somebody_looks_for_missing_sides(self) -> None:
        self.hall.look_for_missing()

    @rule(chance=st.randoms(use_true_random=False))
    def a_clerk_decides(self, chance: Any) -> None:
        cases = self.hall.cases()
        if cases:
            case = chance.choice(cases)
            action = chance.choice([a for a in case.actions if a not in ("set_candidate", "set_page", "undo")])
            values = {i.item: "B" for i in case.items}
            if action == "rescan" and not (case.sheet and case.side) and case.kind != "script_missing":
                action = "discard"
            self.hall.resolve(case, action, values=values if action == "set_answer" else {}, reason="as seen")

    @rule(chance=st.randoms(use_true_random=False))
    def a_clerk_takes_back(self, chance: Any) -> None:
        decided = [c for c in desk.list_cases(self.hall.site, self.hall.exam_id, state=None) if c.actions == ("undo",)]
        if decided:
            case = chance.choice(decided)
            before = self.hall.snapshot()
            try:
                self.hall.undo(case)
            except Conflict:
                assert self.hall.snapshot() == before

    @invariant()
    def every_frame_is_counted_once(self) -> None:
        now = self.hall.conservation()
        assert sum(now.states.values()) == now.received == self.sent
        assert [f for f in now.faults if "the batch was not closed" not in f] == []

    @invariant()
    def a_side_has_one_page(self) -> None:
        with self.hall.site.database.read() as session:
            pages = session.execute(
                select(Page.sheet_id, Page.side, func.count()).where(Page.state == "read").group_by(Page.sheet_id, Page.side)
            ).all()
        assert [p for p in pages if p[2] > 1] == []

    @invariant()
    def the_ledger_is_whole(self) -> None:
        with self.hall.site.database.read() as session:
            assert [c for c in ledger.verify(session, self.hall.exam_id) if c.fault] == []


def test_no_order_of_events_loses_or_doubles_a_frame(redis_url: str, tmp_path: Path) -> None:
    db.migrate(f"sqlite:///{tmp_path / 'empty.sqlite'}")
    Frames.url, Frames.redis = str(tmp_path / "empty.sqlite"), redis_url

    run_state_machine_as_test(
        Frames, settings=settings(max_examples=12, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck))
    )


def test_the_measure_itself_sees_a_frame_that_is_lost(hall: Hall) -> None:
    first, _ = hall.send_card(0)
    hall.close()
    assert not hall.conservation().faults
    with hall.site.database.write() as session:
        session.get_one(Receipt, first).state = ReceiptState.READ
    assert "are read and have no page" in hall.conservation().faults[0]
    with hall.site.database.write() as session:
        session.scalars(select(Batch)).one().state = BatchState.CLOSED
        session.scalars(select(Batch)).one().declared = 3
    assert "2 frames are here, 3 were sent" in hall.conservation().faults[0]
