"""Filling Redis from the database: at any moment, by itself when Redis is empty, and for tasks nobody announced.

Every step may be repeated and may run beside marking: a task that somebody holds is not offered again, and one that is
done meanwhile is refused when it is handed out. Only the first tasks of each queue are fetched, so it takes a moment.
"""

from __future__ import annotations

import time
from datetime import timedelta

from sqlalchemy import func, select

from core.bulk import among
from core.site import Site
from core.states import TaskState
from core.tables import Response, Task
from marking import handout, queues
from marking.handout import Steps, Waiting, apply, prefix

CHUNK = 2000
REBUILD_SECONDS = 120  # nobody else begins to rebuild in this time
LOOKED_SECONDS = 30  # between two looks at the windows and beyond them
REST_SHARE = 50  # and so many times as long as a look takes
SETTLED = timedelta(seconds=5)  # tasks younger than this are offered again, lest one was overtaken in its commit


def recover(site: Site, exam_id: int) -> int:
    """Fetch the first tasks of every queue anew and drop what is not open any more. Returns how many tasks are open."""
    _rebuild(site, exam_id)
    with site.database.read() as session:  # counting millions takes longer than all the rest
        return session.scalar(select(func.count(Task.id)).where(Task.exam_id == exam_id, Task.state == TaskState.OPEN)) or 0


def _rebuild(site: Site, exam_id: int) -> None:
    with site.database.read() as session:
        names = queues.names(session, exam_id)
        own = queues.own_tasks(session, exam_id)
        newest = session.scalar(select(func.max(Task.id)).where(Task.exam_id == exam_id, Task.made_at < site.now() - SETTLED))
    _forget_done(site, exam_id)
    known = {handout.as_text(name) for name in site.redis.hkeys(f"{prefix(exam_id)}reach")}
    for queue in sorted(known | set(names)):
        queues.fill(site, exam_id, queue, anew=True)
    apply(site, exam_id, Steps().offer(own))
    site.redis.set(f"{prefix(exam_id)}offered", newest or 0)
    site.redis.set(f"{prefix(exam_id)}epoch", site.now().isoformat())


def ensure(site: Site, exam_id: int) -> bool:
    """Rebuild when Redis is empty and nobody else is at it. Whether Redis stands."""
    if site.redis.exists(f"{prefix(exam_id)}epoch"):
        return True
    if not site.redis.set(f"{prefix(exam_id)}rebuilding", "1", nx=True, ex=REBUILD_SECONDS):
        return False
    try:
        _rebuild(site, exam_id)
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
    _offer_newer(site, exam_id, after)
    site.redis.set(key, settled or 0)
    _look_now_and_then(site, exam_id)


def _look_now_and_then(site: Site, exam_id: int) -> None:
    """What no announcement told, and how many wait, for those who look at the numbers. Counting millions takes its time."""
    due = f"{prefix(exam_id)}looked"
    if not site.redis.set(due, "1", nx=True, ex=LOOKED_SECONDS):
        return
    begun = time.monotonic()
    queues.look_again(site, exam_id)
    queues.count_beyond(site, exam_id)
    site.redis.expire(due, int(LOOKED_SECONDS + REST_SHARE * (time.monotonic() - begun)))


def _offer_newer(site: Site, exam_id: int, after: int) -> None:
    """In chunks by id, so that a large exam is never held in memory."""
    query = select(*queues.COLUMNS).join(Response, Response.id == Task.response_id).order_by(Task.id).limit(CHUNK)
    while True:
        with site.database.read() as session:
            rows = session.execute(query.where(Task.exam_id == exam_id, Task.id > after, Task.state == TaskState.OPEN)).all()
        apply(site, exam_id, Steps().offer(Waiting(*row) for row in rows))
        if len(rows) < CHUNK:
            return
        after = rows[-1][0]


def _forget_done(site: Site, exam_id: int) -> None:
    """Leases of tasks that are not open any more end now."""
    held = [int(name) for name in site.redis.hkeys(f"{prefix(exam_id)}holders")]
    query = select(*queues.COLUMNS[:-1]).join(Response, Response.id == Task.response_id).where(Task.state != TaskState.OPEN)
    steps = Steps()
    for start in range(0, len(held), CHUNK):
        with site.database.read() as session:
            for row in session.execute(query.where(among(session, Task.id, held[start : start + CHUNK]))):
                steps.gone(Waiting(*row))
    apply(site, exam_id, steps)
