"""A marker's own recent marks, and whether each may still be revised."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from core.site import Site
from core.states import MarkState, TaskPurpose
from core.tables import Mark, Response, Task
from marking.definitions import item_group
from marking.record import Record
from marking.submit import GRACE, why_not_revise
from marking.values import as_typed

MOST = 200


@dataclass(frozen=True, slots=True)
class OwnMark:
    task: str
    paper: str
    group: str
    marks: dict[str, str | dict[str, str]]
    at: datetime
    can_revise: bool


def mine(site: Site, exam_id: int, user_id: int, limit: int = 20) -> list[OwnMark]:
    """The newest first; of a revised mark the latest."""
    now = site.now()
    standing = (MarkState.COUNTED, MarkState.SURPLUS)
    query = (
        select(Mark, Task, Response)
        .join(Task, Task.id == Mark.task_id)
        .join(Response, Response.id == Mark.response_id)
        .where(Mark.marker_id == user_id, Mark.exam_id == exam_id, Mark.state.in_(standing))
        .order_by(Mark.id.desc())
        .limit(max(1, min(limit, MOST)))
    )
    with site.database.read() as session:
        rows = session.execute(query).all()
        around: dict[int, list[tuple[Task, Mark | None]]] = defaultdict(list)
        recent = [r.id for m, _, r in rows if m.state is MarkState.COUNTED and now - m.at <= GRACE]
        others = (
            select(Task, Mark)
            .outerjoin(Mark, Mark.task_id == Task.id)
            .where(Task.response_id.in_(recent), Task.purpose == TaskPurpose.LIVE)
            .order_by(Task.ordinal)
        )
        for task, mark in session.execute(others) if recent else ():
            around[task.response_id].append((task, mark))
        seen: list[OwnMark] = []
        for mark, task, response in rows:
            group = item_group(session, exam_id, response.definition_version, response.paper, response.group)
            near = around.get(response.id, [])
            record = Record(session, response, group, list({t.id: t for t, _ in near}.values()), [m for _, m in near if m], now)
            can = bool(near) and not why_not_revise(record, mark)
            seen.append(OwnMark(task.token, task.paper, task.group, as_typed(mark.values), mark.at, can))
    return seen
