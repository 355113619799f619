"""When missing sides and scripts are asked for: the sweeper looks whether it is time, a job of the readers does it."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from redis import RedisError
from rq.job import Job, JobStatus
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.queue import enqueue
from core.site import Site
from core.states import BatchState, CaseState, ReceiptState, ScriptState
from core.tables import Batch, DeskCase, Receipt, Script

log = logging.getLogger(__name__)

LOOK_FOR_MISSING = "omr.jobs.look_for_missing"
QUIET = timedelta(seconds=3)  # after the last batch, before missing sides are looked for


def look_for_missing(site: Site, exam_id: int, quiet: timedelta) -> None:
    """Have missing sides looked for, once reading rests."""
    with site.database.read() as session:
        if not at_rest(session, exam_id, site.now() - quiet) or not _unexplained(session, exam_id):
            return
    job_id = f"missing-{exam_id}"
    try:
        if not _waits(Job.fetch_many([job_id], connection=site.redis)[0]):
            enqueue(site.redis, LOOK_FOR_MISSING, exam_id, job_id=job_id)
    except RedisError as e:
        log.warning("the queue does not answer (%s); the next sweep asks again", e)


def at_rest(session: Session, exam_id: int, quiet_since: datetime) -> bool:
    """All batches are complete since then, and no frame waits for a reader."""
    batches = session.execute(select(Batch.state, Batch.closed_at).where(Batch.exam_id == exam_id)).all()
    if not batches or any(state is not BatchState.COMPLETE or closed is None or closed > quiet_since for state, closed in batches):
        return False
    busy = (ReceiptState.RECEIVED, ReceiptState.QUEUED)
    query = select(Receipt.id).where(Receipt.exam_id == exam_id, Receipt.state.in_(busy))
    return session.scalar(query.limit(1)) is None


def _waits(job: Job | None) -> bool:
    return job is not None and job.get_status(refresh=False) in (JobStatus.QUEUED, JobStatus.DEFERRED, JobStatus.SCHEDULED)


def _unexplained(session: Session, exam_id: int) -> bool:
    """Is there a script that is not whole, and no case that says why, nor a frame without a place that might be its?"""
    unsettled = select(DeskCase.id).where(DeskCase.exam_id == exam_id, DeskCase.state == CaseState.OPEN)
    if session.scalar(unsettled.where(DeskCase.sheet_id.is_(None), DeskCase.script_id.is_(None)).limit(1)) is not None:
        return False
    explained = select(DeskCase.script_id).where(
        DeskCase.exam_id == exam_id, DeskCase.state == CaseState.OPEN, DeskCase.script_id.is_not(None)
    )
    waiting = (ScriptState.EXPECTED, ScriptState.PRESENT)
    query = select(Script.id).where(Script.exam_id == exam_id, Script.state.in_(waiting), Script.id.not_in(explained))
    return session.scalar(query.limit(1)) is not None
