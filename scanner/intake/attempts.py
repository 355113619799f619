"""Attempts: frames are given to readers in chunks, and the queue is told so as a hint.

The database says what must be read. Only so much is given out as readers can take in the next seconds; the rest waits
where it costs nothing. `sweep` may run in several processes at once and at any time: it only moves what is where it
should not be.
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
from sqlalchemy import Select, bindparam, func, select, update
from sqlalchemy.orm import Session

from core.queue import enqueue
from core.site import Site
from core.states import AttemptState, BatchState, ReceiptState
from core.tables import Attempt, Batch, Receipt
from scanner.intake.lost import size_after, take_back_lost
from scanner.intake.missing import QUIET, look_for_missing
from scanner.intake.turn import take_turn

log = logging.getLogger(__name__)

READ_PAGES = "omr.jobs.read_pages"
CHUNK = 50  # frames of an attempt: long enough that starting a job costs nothing, short enough to lose
SMALL_CHUNK, SMALL = 25, 200  # so that a small batch keeps several readers busy
PATIENCE = timedelta(seconds=2)  # a frame of an open batch waits no longer for company
LEASE = timedelta(seconds=20)  # a reader renews it every few seconds
MOST_QUEUED = 64  # attempts of an exam that wait for a reader: more than many readers take until the next sweep
_AT_ONCE = 2000  # frames in one transaction
_AT_LEAST = SMALL + CHUNK  # frames that are looked at: a long queue with little room is no small batch
# The word itself and not a parameter: only so does the database see that its small index of what waits is enough.
_WAITS = Receipt.state == bindparam("waits", ReceiptState.RECEIVED, type_=Receipt.state.type, literal_execute=True)


def dispatch(site: Site, exam_id: int) -> int:
    """Give waiting frames to readers, as many as they can take soon; how many. Frames of one sheet stay together."""
    given = 0
    while True:
        with site.database.read() as session:
            if not _due(_waiting(session, exam_id, CHUNK), site.now()) or not _room(session, exam_id):
                return given
        with site.database.write() as session:
            take_turn(session, exam_id)
            room = _room(session, exam_id)
            waiting = _waiting(session, exam_id, min(_AT_ONCE, max(_AT_LEAST, room * CHUNK)))
            if not room or not _due(waiting, site.now()):
                return given
            chunks = list(_chunks(waiting))[:room]
            made = [_make_attempt(session, exam_id, chunk, site.now()) for chunk in chunks]
        for attempt in made:
            _tell_queue(site, attempt)
        given += sum(map(len, chunks))


def sweep(site: Site, exam_id: int, *, quiet: timedelta = QUIET) -> None:
    """Bring queue and attempts back to what the database says, then dispatch. Idempotent."""
    take_back_lost(site, exam_id)
    dispatch(site, exam_id)
    _tell_queue_again(site, exam_id)
    look_for_missing(site, exam_id, quiet)


class Waiting(NamedTuple):
    id: int
    batch_id: int
    sequence: int
    tries: int
    received_at: datetime
    state: BatchState


def waiting_frames(exam_id: int, most: int) -> Select[int, int, int, int, datetime, BatchState]:
    """The first frames that wait for a reader, in the order in which they are given out."""
    return (
        select(Receipt.id, Receipt.batch_id, Receipt.sequence, Receipt.tries, Receipt.received_at, Batch.state)
        .join(Batch, Batch.id == Receipt.batch_id)
        .where(Receipt.exam_id == exam_id, _WAITS)
        .order_by(Receipt.batch_id, Receipt.sequence, Receipt.face)
        .limit(most)
    )


def _waiting(session: Session, exam_id: int, most: int) -> list[Waiting]:
    return [Waiting(*row) for row in session.execute(waiting_frames(exam_id, most))]


def _room(session: Session, exam_id: int) -> int:
    """How many attempts more may wait for a reader."""
    queued = select(func.count()).where(Attempt.exam_id == exam_id, Attempt.state == AttemptState.QUEUED)
    return max(0, MOST_QUEUED - (session.scalar(queued) or 0))


def _due(waiting: Sequence[Waiting], now: datetime) -> bool:
    if len(waiting) >= CHUNK:
        return True
    return any(w.state is not BatchState.OPEN or w.tries > 0 or now - w.received_at > PATIENCE for w in waiting)


def _chunks(waiting: Sequence[Waiting]) -> Iterator[list[int]]:
    for tries, alike in groupby(sorted(waiting, key=lambda w: w.tries), key=lambda w: w.tries):
        frames = list(alike)
        yield from _split(frames, size_after(tries) if tries else SMALL_CHUNK if len(frames) <= SMALL else CHUNK)


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
    given = (
        update(Receipt)
        .where(Receipt.id.in_(receipts))
        .values(state=ReceiptState.QUEUED, attempt_id=attempt.id, tries=Receipt.tries + 1, reason="")
    )
    session.execute(given.execution_options(synchronize_session=False))
    return attempt.id


def _tell_queue(site: Site, attempt: str) -> None:
    try:
        enqueue(site.redis, READ_PAGES, attempt, job_id=attempt)
    except RedisError as e:
        log.warning("the queue could not be told of attempt %s (%s); the next sweep tells it again", attempt, e)


def _tell_queue_again(site: Site, exam_id: int) -> None:
    """Attempts that wait in the database and not in the queue: it was lost, or told of nothing."""
    now = site.now()
    with site.database.read() as session:
        query = select(Attempt.id, Attempt.lease_until).where(Attempt.exam_id == exam_id, Attempt.state == AttemptState.QUEUED)
        queued = session.execute(query.where(Attempt.queued_at < now - PATIENCE).order_by(Attempt.queued_at).limit(MOST_QUEUED)).all()
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
