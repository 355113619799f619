"""Reading a paper again beside the first reading: beginning it, telling readers what waits, and how far it is.

Pixel-free. Writer of rereadings; `omr.reread_jobs` writes what the second reading makes of each page, and
`omr.desk.rereading_accept` what became of it. Nothing here changes what the exam's records say.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from redis.exceptions import RedisError
from rq.job import Job, JobStatus
from sqlalchemy import String, cast, func, insert, literal, select
from sqlalchemy.orm import Session

from core import events, ledger
from core.corrected import propose
from core.errors import Conflict, NotFound, Unavailable
from core.loading import template_of
from core.queue import REREADING, enqueue
from core.site import Site
from core.states import PageState, RereadingState, RereadState
from core.tables import Page, Rereading, RereadPage, TemplateVersion
from core.tables.base import Json, UtcTime, one_of
from core.template import Template
from scanner.intake import take_turn

log = logging.getLogger(__name__)

READ_AGAIN = "omr.reread_jobs.read_again"
CHUNK = 50  # pages of a job: a first reading waits no longer than for one of these
AHEAD = 16  # chunks that are in the queue at once
PATIENCE = timedelta(seconds=180)  # a job that was started so long ago has lost its worker


@dataclass(frozen=True, slots=True)
class RereadingView:
    id: int
    paper: str
    template: int  # its version
    proposed: bool  # frames are not first read by it
    state: RereadingState
    pages: int
    counts: dict[str, int]  # pages by state
    reason: str
    by: str
    at: datetime
    ended_at: datetime | None


def start(site: Site, exam_id: int, by: str, paper: str, *, template: Template | None = None, reason: str = "") -> RereadingView:
    """Begin to read every page of a paper that stands now again, by a corrected template or by the one that stands."""
    with site.database.write() as session:
        exam = take_turn(session, exam_id)
        running = (Rereading.exam_id == exam_id, Rereading.paper == paper, Rereading.state == RereadingState.RUNNING)
        other = session.scalar(select(Rereading.id).where(*running))
        if other is not None:
            raise Conflict("the paper is being read again already.", where=f"rereading {other}", remedy="Wait for its end, or close it.")
        row_id = (
            propose(session, exam, paper, template, by=by, now=site.now()) if template is not None else template_of(session, exam, paper)[0]
        )
        upto = session.scalar(select(func.max(Page.id)).where(Page.exam_id == exam_id)) or 0
        rereading = Rereading(
            exam_id=exam_id, paper=paper, template_id=row_id, upto=upto, pages=0, reason=reason, by=by, at=site.now(),
            state=RereadingState.RUNNING,
        )  # fmt: skip
        session.add(rereading)
        session.flush()
        rereading.pages = _list_pages(session, rereading, site.now())
        if not rereading.pages and template is None:
            raise Conflict("no page of the paper has been read.", where=f"paper {paper}", remedy="Name a corrected template.")
        entry = {"kind": "rereading", "rereading": rereading.id, "action": "start", "paper": paper, "pages": rereading.pages}
        ledger.append(session, exam_id, ledger.OFFICE, [entry | {"by": by, "reason": reason}], site.now())
        view = _views(session, [rereading])[0]
    sweep(site, exam_id)
    return view


def _list_pages(session: Session, rereading: Rereading, now: datetime) -> int:
    """A row for each page that stands for a side of a sheet; how many. A second scan that waits stands for nothing."""
    second = func.coalesce(cast(Page.evidence["second"].as_string(), String), "")
    standing = (
        select(
            literal(rereading.exam_id),
            literal(rereading.id),
            Page.id,
            literal(RereadState.WAITING, one_of(RereadState)),
            literal({}, Json),
            literal({}, Json),
            literal(""),
            literal(now, UtcTime()),
        )
        .where(Page.exam_id == rereading.exam_id, Page.paper == rereading.paper, Page.sheet_id.is_not(None), Page.side.is_not(None))
        .where(Page.state != PageState.SUPERSEDED, Page.id <= rereading.upto, second == "")
        .order_by(Page.id)
    )
    columns = ["exam_id", "rereading_id", "page_id", "state", "differs", "result", "by", "at"]
    session.execute(insert(RereadPage).from_select(columns, standing))
    return session.scalar(select(func.count()).where(RereadPage.rereading_id == rereading.id)) or 0


def sweep(site: Site, exam_id: int) -> None:
    """See that readers know of what waits. Idempotent; any process may do it at any time."""
    with site.database.read() as session:
        running = select(Rereading.id).where(Rereading.exam_id == exam_id, Rereading.state == RereadingState.RUNNING)
        chunks = {one: _waiting(session, one) for one in session.scalars(running)}
    for rereading_id, waiting in chunks.items():
        if not waiting:
            with site.database.write() as session:
                take_turn(session, exam_id)
                end_when_done(session, session.get_one(Rereading, rereading_id), site.now())
            continue
        try:
            _tell_queue(site, rereading_id, waiting)
        except (RedisError, Unavailable) as e:
            log.warning("the queue could not be told of rereading %s (%s); the next sweep tells it again", rereading_id, e)


def _waiting(session: Session, rereading_id: int) -> list[tuple[int, int]]:
    """The first chunks that have pages to read, as rows from and to. Chunks keep their bounds, however much of one is done."""
    mine = select(RereadPage.id).where(RereadPage.rereading_id == rereading_id)
    first = session.scalar(mine.order_by(RereadPage.id).limit(1)) or 0
    rows = session.scalars(mine.where(RereadPage.state == RereadState.WAITING).order_by(RereadPage.id).limit(CHUNK * AHEAD))
    numbers = sorted({(row - first) // CHUNK for row in rows})
    return [(first + n * CHUNK, first + (n + 1) * CHUNK - 1) for n in numbers[:AHEAD]]


def _tell_queue(site: Site, rereading_id: int, chunks: list[tuple[int, int]]) -> None:
    names = [f"reread-{rereading_id}-{first}" for first, _ in chunks]
    for job, name, (first, last) in zip(Job.fetch_many(names, connection=site.redis), names, chunks, strict=True):
        if not _is_live(job):
            enqueue(site.redis, READ_AGAIN, rereading_id, first, last, job_id=name, queue=REREADING)


def _is_live(job: Job | None) -> bool:
    status = job.get_status(refresh=False) if job is not None else None
    if job is None or status is not JobStatus.STARTED or job.started_at is None:
        return status in (JobStatus.QUEUED, JobStatus.DEFERRED, JobStatus.SCHEDULED, JobStatus.STARTED)
    return datetime.now(UTC) - job.started_at.replace(tzinfo=UTC) < PATIENCE


def end_when_done(session: Session, rereading: Rereading, now: datetime) -> None:
    """The run has ended when no page waits. Called in the exam's turn."""
    waiting = select(RereadPage.id).where(RereadPage.rereading_id == rereading.id, RereadPage.state == RereadState.WAITING)
    if rereading.state is RereadingState.RUNNING and session.scalar(waiting.limit(1)) is None:
        rereading.state, rereading.ended_at = RereadingState.DONE, now
        events.emit(session, rereading.exam_id, "rereading", {"rereading": rereading.id, "state": "done"}, now)


def list_rereadings(site: Site, exam_id: int) -> list[RereadingView]:
    with site.database.read() as session:
        query = select(Rereading).where(Rereading.exam_id == exam_id).order_by(Rereading.id)
        return _views(session, list(session.scalars(query)))


def get_rereading(site: Site, exam_id: int, number: int) -> RereadingView:
    with site.database.read() as session:
        return _views(session, [find_rereading(session, exam_id, number)])[0]


def find_rereading(session: Session, exam_id: int, number: int) -> Rereading:
    rereading = session.get(Rereading, number)
    if rereading is None or rereading.exam_id != exam_id:
        raise NotFound(f"there is no rereading {number}.", where="rereading", remedy="`markhall reread list` names them.")
    return rereading


def _views(session: Session, rows: list[Rereading]) -> list[RereadingView]:
    ids = [r.id for r in rows]
    counts: dict[int, dict[str, int]] = {i: {} for i in ids}
    count = select(RereadPage.rereading_id, RereadPage.state, func.count()).where(RereadPage.rereading_id.in_(ids))
    for rereading_id, state, n in session.execute(count.group_by(RereadPage.rereading_id, RereadPage.state)):
        counts[rereading_id][str(state)] = n
    query = select(TemplateVersion.id, TemplateVersion.version, TemplateVersion.proposed)
    versions = {row.id: row for row in session.execute(query.where(TemplateVersion.id.in_({r.template_id for r in rows})))}
    return [
        RereadingView(
            id=r.id,
            paper=r.paper,
            template=versions[r.template_id].version,
            proposed=versions[r.template_id].proposed,
            state=r.state,
            pages=r.pages,
            counts=counts[r.id],
            reason=r.reason,
            by=r.by,
            at=r.at,
            ended_at=r.ended_at,
        )
        for r in rows
    ]
