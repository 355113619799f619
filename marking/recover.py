"""Filling Redis from the database: at any moment, by itself when Redis is empty, and for tasks nobody announced.

Every step may be repeated and may run beside marking: a task that somebody holds is not offered again, and one that is
done meanwhile is refused when it is handed out.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import func, select

from core.site import Site
from core.states import TaskPurpose, TaskState
from core.tables import Mark, Response, Task
from marking.handout import Steps, apply, prefix
from marking.record import waiting_of

CHUNK = 500
REBUILD_SECONDS = 120  # nobody else begins to rebuild in this time
SETTLED = timedelta(seconds=5)  # tasks younger than this are offered again, lest one was overtaken in its commit


def recover(site: Site, exam_id: int) -> int:
    """Offer every open task and drop what is not open any more. Returns how many tasks are open."""
    _forget_done(site, exam_id)
    _fill_seen(site, exam_id)
    offered = _offer(site, exam_id, 0)
    site.redis.set(f"{prefix(exam_id)}epoch", site.now().isoformat())
    return offered


def ensure(site: Site, exam_id: int) -> bool:
    """Rebuild when Redis is empty and nobody else is at it. Whether Redis stands."""
    if site.redis.exists(f"{prefix(exam_id)}epoch"):
        return True
    if not site.redis.set(f"{prefix(exam_id)}rebuilding", "1", nx=True, ex=REBUILD_SECONDS):
        return False
    try:
        recover(site, exam_id)
    finally:
        site.redis.delete(f"{prefix(exam_id)}rebuilding")
    return True


def top_up(site: Site, exam_id: int, since: int | None = None) -> None:
    """Offer open tasks that are newer than the last that was surely offered: a process may have died before it could.

    Also all after `since`: where a commit took long, newer tasks of others may have been offered already.
    """
    if not ensure(site, exam_id):
        return
    key = f"{prefix(exam_id)}offered"
    kept = site.redis.get(key)
    after = int(kept) if isinstance(kept, bytes) else 0
    after = after if since is None else min(after, since)
    with site.database.read() as session:
        settled = session.scalar(select(func.max(Task.id)).where(Task.exam_id == exam_id, Task.made_at < site.now() - SETTLED))
    _offer(site, exam_id, after)
    site.redis.set(key, settled or 0)


def _offer(site: Site, exam_id: int, after: int) -> int:
    """In chunks by id, so that a large exam is never held in memory."""
    offered = 0
    while True:
        query = (
            select(Task, Response.school_code)
            .join(Response, Response.id == Task.response_id)
            .where(Task.exam_id == exam_id, Task.id > after, Task.state == TaskState.OPEN)
            .order_by(Task.id)
            .limit(CHUNK)
        )
        with site.database.read() as session:
            rows: Sequence[tuple[Task, str]] = session.execute(query).all()
        apply(site, exam_id, Steps().offer(waiting_of(task, school) for task, school in rows))
        offered += len(rows)
        if len(rows) < CHUNK:
            return offered
        after = rows[-1][0].id


def _fill_seen(site: Site, exam_id: int) -> None:
    after = 0
    while True:
        query = select(Mark.id, Mark.marker_id, Mark.response_id).where(Mark.exam_id == exam_id, Mark.id > after)
        with site.database.read() as session:
            rows = session.execute(query.where(Mark.purpose == TaskPurpose.LIVE).order_by(Mark.id).limit(CHUNK)).all()
        steps = Steps()
        for _, user_id, response_id in rows:
            steps.seen(user_id, response_id)
        apply(site, exam_id, steps)
        if len(rows) < CHUNK:
            return
        after = rows[-1][0]


def _forget_done(site: Site, exam_id: int) -> None:
    """Leases of tasks that are not open any more end now."""
    names = site.redis.hkeys(f"{prefix(exam_id)}holders")
    held = [int(name) for name in names]
    if not held:
        return
    query = select(Task, Response.school_code).join(Response, Response.id == Task.response_id)
    with site.database.read() as session:
        rows = session.execute(query.where(Task.id.in_(held), Task.state != TaskState.OPEN)).all()
    steps = Steps()
    for task, school in rows:
        steps.gone(waiting_of(task, school))
    apply(site, exam_id, steps)
