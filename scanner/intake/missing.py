"""When what is missing is asked for. The sweeper sees that it is time, a job of the readers asks.

A side whose sheet is here is asked for once its batch is read. What never came at all, a sheet or a whole script, is
asked for only after a person said that its paper is scanned: before that, everybody in a hall's lunch break is missing.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from redis import RedisError
from rq.job import Job, JobStatus
from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select, text, union_all, update
from sqlalchemy.orm import Session

from core.queue import enqueue
from core.site import Site
from core.states import BatchState, CaseState, ReceiptState, SheetState
from core.tables import Batch, DeskCase, Exam, PaperScanned, Receipt, Script, Sheet
from core.tables.reading import UNSETTLED
from scanner.intake.scanned import papers_scanned

log = logging.getLogger(__name__)

LOOK_FOR_MISSING = "omr.jobs.look_for_missing"
QUIET = timedelta(seconds=3)  # after a batch was closed, before sides of its sheets are called missing
_PAUSE = timedelta(seconds=5)  # between two looks while the desk is behind
_LONGEST = timedelta(minutes=10)  # a look that has run longer was lost with its reader
_AT_ONCE = 8  # batches of one look, so that it costs the same however many wait for the desk


def look_for_missing(site: Site, exam_id: int, quiet: timedelta = QUIET) -> None:
    """Have what is missing looked for, where it is time."""
    with site.database.read() as session:
        if not batches_to_search(session, exam_id, site.now() - quiet) and not papers_to_ask(session, exam_id, site.now() - quiet):
            return
    job_id = f"missing-{exam_id}"
    try:
        if not _was_told(Job.fetch_many([job_id], connection=site.redis)[0]):
            enqueue(site.redis, LOOK_FOR_MISSING, exam_id, job_id=job_id)
    except RedisError as e:
        log.warning("the queue does not answer (%s); the next sweep asks again", e)


def batches_to_search(session: Session, exam_id: int, quiet_since: datetime) -> list[int]:
    """Some complete batches, all read and placed, whose sheets nobody has looked through.

    A frame without a place may be any side of its batch, so the batch waits for the desk. Chance picks among many, so
    that none waits behind those that the desk never comes to.
    """
    mine = (Batch.exam_id == exam_id, Batch.state == BatchState.COMPLETE, Batch.searched.is_(False), Batch.closed_at <= quiet_since)
    ids = list(session.scalars(select(Batch.id).where(*mine)))
    picked = ids if len(ids) <= _AT_ONCE else random.sample(ids, _AT_ONCE)
    rested = select(Batch.id).where(Batch.id.in_(picked), ~_busy(), ~exists(_unplaced(exam_id).where(Receipt.batch_id == Batch.id)))
    return sorted(session.scalars(rested))


def search_again(session: Session, batch_id: int) -> None:
    """A frame of the batch stands for nothing any more: its side may be missing now."""
    session.execute(update(Batch).where(Batch.id == batch_id).values(searched=False))


def papers_to_ask(session: Session, exam_id: int, quiet_since: datetime) -> list[str]:
    """Papers that are said to be scanned, have scripts that nothing explains, and wait for nothing that came before the word."""
    if session.scalar(select(PaperScanned.id).where(PaperScanned.exam_id == exam_id).limit(1)) is None:
        return []
    exam = session.get_one(Exam, exam_id)
    said = {s.paper: s.at for s in papers_scanned(session, exam) if s.over and s.at is not None and s.at <= quiet_since}
    open_papers = set(session.scalars(unexplained(exam_id, list(said)).with_only_columns(Script.paper).distinct())) if said else set()
    return [paper for paper in sorted(open_papers) if not waits_for(session, exam_id, paper, said[paper])]


def waits_for(session: Session, exam_id: int, paper: str, said_at: datetime) -> dict[str, int]:
    """What came before the word and may still hold a script of the paper: batches, frames, frames and sheets without a place."""
    before = (Receipt.exam_id == exam_id, Receipt.received_at <= said_at)
    nameless = select(DeskCase.sheet_id).join(Sheet, Sheet.id == DeskCase.sheet_id).where(*_open(exam_id), DeskCase.script_id.is_(None))
    asked = {
        "batches": select(Batch.id).where(Batch.exam_id == exam_id, Batch.state != BatchState.COMPLETE, Batch.opened_at <= said_at),
        "frames": select(Receipt.id).where(*before, Receipt.state.in_((ReceiptState.RECEIVED, ReceiptState.QUEUED))),
        "unplaced": _unplaced(exam_id).where(Receipt.received_at <= said_at),
        "nameless": nameless.where(Sheet.state == SheetState.UNASSIGNED, Sheet.paper == paper),
    }
    counts = {what: session.scalar(select(func.count()).select_from(query.subquery())) or 0 for what, query in asked.items()}
    return {what: count for what, count in counts.items() if count}


def unexplained(exam_id: int, papers: Sequence[str]) -> Select[int]:
    """Scripts that are not whole, without an open case about them or a sheet of theirs."""
    about = union_all(
        select(DeskCase.script_id.label("script")).where(*_open(exam_id), DeskCase.script_id.is_not(None)),
        select(Sheet.script_id).join(DeskCase, DeskCase.sheet_id == Sheet.id).where(*_open(exam_id), Sheet.script_id.is_not(None)),
    ).subquery()
    mine = (Script.exam_id == exam_id, Script.paper.in_(papers), text(f"scripts.{UNSETTLED}"))
    return select(Script.id).where(*mine, Script.id.not_in(select(about.c.script)))


def _open(exam_id: int) -> tuple[ColumnElement[bool], ...]:
    return DeskCase.exam_id == exam_id, DeskCase.state == CaseState.OPEN


def _unplaced(exam_id: int) -> Select[int]:
    """Frames with an open case and no place: each may be any side."""
    query = select(Receipt.id).join(DeskCase, DeskCase.receipt_id == Receipt.id)
    return query.where(*_open(exam_id), DeskCase.sheet_id.is_(None), DeskCase.script_id.is_(None))


def _busy() -> ColumnElement[bool]:
    states = (ReceiptState.RECEIVED, ReceiptState.QUEUED)
    return exists(select(Receipt.id).where(and_(Receipt.batch_id == Batch.id, or_(*(Receipt.state == s for s in states)))))


def _was_told(job: Job | None) -> bool:
    """Does the look wait, run, or has it only just ended? The queue keeps real time."""
    if job is None:
        return False
    now, status = datetime.now(UTC), job.get_status(refresh=False)
    if status is JobStatus.FINISHED:
        return job.ended_at is not None and now - _utc(job.ended_at) < _PAUSE
    if status is JobStatus.STARTED:
        return job.started_at is not None and now - _utc(job.started_at) < _LONGEST
    return status in (JobStatus.QUEUED, JobStatus.DEFERRED, JobStatus.SCHEDULED)


def _utc(at: datetime) -> datetime:
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at
