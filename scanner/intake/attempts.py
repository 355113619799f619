"""Attempts: frames are given to readers in chunks, and taken back from readers that never answer.

The database says what must be read; the queue is told so as a hint. `sweep` may run in several processes at once and
at any time: it only moves what is where it should not be.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import NamedTuple
from uuid import uuid4

from redis import RedisError
from rq.job import Job, JobStatus
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from core import events
from core.queue import enqueue
from core.site import Site
from core.states import AttemptState, BatchState, CaseState, ReceiptState
from core.tables import Attempt, Batch, DeskCase, Receipt
from scanner.intake.missing import QUIET, look_for_missing
from scanner.intake.turn import take_turn

log = logging.getLogger(__name__)

READ_PAGES = "omr.jobs.read_pages"
CHUNK = 50  # frames of an attempt: long enough that starting a job costs nothing, short enough to lose
SMALL_CHUNK, SMALL = 25, 200  # so that a small batch keeps several readers busy
RETRIES = (10, 3, 1)  # of an attempt after one, two, three lost ones: a frame that kills readers is soon alone
MOST_TRIES = 1 + len(RETRIES)
PATIENCE = timedelta(seconds=2)  # a frame of an open batch waits no longer for company
LEASE = timedelta(seconds=20)  # a reader renews it every few seconds
_AT_ONCE = 2000  # frames in one transaction
_LOOKED_AT = 64  # queued attempts that one sweep compares with the queue


def dispatch(site: Site, exam_id: int) -> int:
    """Give waiting frames to readers; how many. Frames of one sheet stay together."""
    given = 0
    while True:
        with site.database.read() as session:
            if not _due(_waiting(session, exam_id), site.now()):
                return given
        with site.database.write() as session:
            take_turn(session, exam_id)
            waiting = _waiting(session, exam_id)
            if not _due(waiting, site.now()):
                return given
            made = [_make_attempt(session, exam_id, chunk, site.now()) for chunk in _chunks(waiting)]
        for attempt in made:
            _tell_queue(site, attempt)
        given += len(waiting)


def sweep(site: Site, exam_id: int, *, quiet: timedelta = QUIET) -> None:
    """Bring queue and attempts back to what the database says, then dispatch. Idempotent."""
    _take_back_lost(site, exam_id)
    dispatch(site, exam_id)
    _tell_queue_again(site, exam_id)
    look_for_missing(site, exam_id, quiet)


def give_back_running(site: Site, exam_id: int) -> int:
    """At the start of an installation no reader can be running: take all their frames back at once, uncounted."""
    with site.database.write() as session:
        take_turn(session, exam_id)
        running = select(Attempt.id).where(Attempt.exam_id == exam_id, Attempt.state == AttemptState.RUNNING)
        ids = list(session.scalars(running))
        session.execute(
            update(Receipt)
            .where(Receipt.attempt_id.in_(ids), Receipt.state == ReceiptState.QUEUED)
            .values(state=ReceiptState.RECEIVED, attempt_id=None, tries=Receipt.tries - 1)
        )
        session.execute(update(Attempt).where(Attempt.id.in_(ids)).values(state=AttemptState.LOST, ended_at=site.now()))
    return len(ids)


class Waiting(NamedTuple):
    id: int
    batch_id: int
    sequence: int
    tries: int
    received_at: datetime
    state: BatchState


def _waiting(session: Session, exam_id: int) -> list[Waiting]:
    query = (
        select(Receipt.id, Receipt.batch_id, Receipt.sequence, Receipt.tries, Receipt.received_at, Batch.state)
        .join(Batch, Batch.id == Receipt.batch_id)
        .where(Receipt.exam_id == exam_id, Receipt.state == ReceiptState.RECEIVED)
        .order_by(Receipt.batch_id, Receipt.sequence, Receipt.face)
        .limit(_AT_ONCE)
    )
    return [Waiting(*row) for row in session.execute(query)]


def _due(waiting: Sequence[Waiting], now: datetime) -> bool:
    if len(waiting) >= CHUNK:
        return True
    return any(w.state is not BatchState.OPEN or w.tries > 0 or now - w.received_at > PATIENCE for w in waiting)


def _chunks(waiting: Sequence[Waiting]) -> Iterator[list[int]]:
    for tries, alike in groupby(sorted(waiting, key=lambda w: w.tries), key=lambda w: w.tries):
        frames = list(alike)
        size = (SMALL_CHUNK if len(frames) <= SMALL else CHUNK) if tries == 0 else RETRIES[min(tries, len(RETRIES)) - 1]
        yield from _split(frames, size)


def _split(frames: Sequence[Waiting], most: int) -> Iterator[list[int]]:
    """Into pieces of about the same size, none of them above `most` but by the second face of a card."""
    size = -(-len(frames) // -(-len(frames) // most))
    chunk: list[int] = []
    last: tuple[int, int] | None = None
    for frame in frames:
        sheet = (frame.batch_id, frame.sequence)
        # The second face of a sheet goes with the first, but a frame that is tried alone is alone.
        if chunk and len(chunk) >= size and (sheet != last or size == 1 or len(chunk) >= CHUNK):
            yield chunk
            chunk = []
        chunk.append(frame.id)
        last = sheet
    if chunk:
        yield chunk


def _make_attempt(session: Session, exam_id: int, receipts: list[int], now: datetime) -> str:
    attempt = Attempt(
        id=uuid4().hex, exam_id=exam_id, state=AttemptState.QUEUED, frames=len(receipts), queued_at=now, lease_until=now + LEASE
    )
    session.add(attempt)
    session.execute(
        update(Receipt)
        .where(Receipt.id.in_(receipts))
        .values(state=ReceiptState.QUEUED, attempt_id=attempt.id, tries=Receipt.tries + 1, reason="")
    )
    return attempt.id


def _tell_queue(site: Site, attempt: str) -> None:
    try:
        enqueue(site.redis, READ_PAGES, attempt, job_id=attempt)
    except RedisError as e:
        log.warning("the queue could not be told of attempt %s (%s); the next sweep tells it again", attempt, e)


def _take_back_lost(site: Site, exam_id: int) -> None:
    def past() -> list[str]:
        query = select(Attempt.id).where(Attempt.exam_id == exam_id, Attempt.state == AttemptState.RUNNING)
        return list(session.scalars(query.where(Attempt.lease_until < site.now()).order_by(Attempt.id)))

    with site.database.read() as session:
        if not past():
            return
    with site.database.write() as session:
        take_turn(session, exam_id)
        for attempt in past():
            take_back(session, exam_id, attempt, site.now())


def take_back(session: Session, exam_id: int, attempt_id: str, now: datetime) -> None:
    """An attempt is lost: its frames wait for another, or for a person when they were lost alone."""
    session.execute(update(Attempt).where(Attempt.id == attempt_id).values(state=AttemptState.LOST, ended_at=now))
    query = select(Receipt).where(Receipt.attempt_id == attempt_id, Receipt.state == ReceiptState.QUEUED).order_by(Receipt.id)
    receipts = session.scalars(query).all()
    poison = [r for r in receipts if r.tries >= MOST_TRIES]
    for receipt in receipts:
        receipt.state, receipt.attempt_id = ReceiptState.RECEIVED, None
    for receipt in poison:
        _set_aside(session, exam_id, receipt, now)
    events.emit(session, exam_id, "attempt-lost", {"attempt": attempt_id, "frames": len(receipts), "set_aside": len(poison)}, now)


def _set_aside(session: Session, exam_id: int, receipt: Receipt, now: datetime) -> None:
    receipt.state = ReceiptState.WAITING
    receipt.reason = f"the reader did not come back from this frame, {receipt.tries} times."
    case = DeskCase(
        exam_id=exam_id,
        kind="unreadable",
        state=CaseState.OPEN,
        receipt_id=receipt.id,
        items=[],
        evidence={"reason": receipt.reason, "tries": receipt.tries},
        resolution={},
        opened_at=now,
    )
    session.add(case)


def _tell_queue_again(site: Site, exam_id: int) -> None:
    """Attempts that wait in the database and not in the queue: it was lost, or told of nothing."""
    now = site.now()
    with site.database.read() as session:
        query = select(Attempt.id, Attempt.lease_until).where(Attempt.exam_id == exam_id, Attempt.state == AttemptState.QUEUED)
        queued = session.execute(query.where(Attempt.queued_at < now - PATIENCE).order_by(Attempt.queued_at).limit(_LOOKED_AT)).all()
    if not queued:
        return
    try:
        jobs = Job.fetch_many([q.id for q in queued], connection=site.redis)
        for (attempt, lease_until), job in zip(queued, jobs, strict=True):
            if not _is_live(job, started_in_time=lease_until > now):
                enqueue(site.redis, READ_PAGES, attempt, job_id=attempt)
    except RedisError as e:
        log.warning("the queue does not answer (%s); the next sweep asks again", e)


def _is_live(job: Job | None, *, started_in_time: bool) -> bool:
    status = job.get_status(refresh=False) if job is not None else None
    if status is JobStatus.STARTED:
        return started_in_time  # else its worker died between taking the job and saying so in the database
    return status in (JobStatus.QUEUED, JobStatus.DEFERRED, JobStatus.SCHEDULED)
