"""A marker's own recent marks, and whether each may still be revised."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from core.site import Site
from core.states import MarkState, TaskPurpose
from core.tables import Mark, Response, Task
from marking.batch import own_records
from marking.record import MARK, RESPONSE, MarkRow, ResponseRow, records_of
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
        select(*MARK, *RESPONSE, Task.token)
        .join(Task, Task.id == Mark.task_id)
        .join(Response, Response.id == Mark.response_id)
        .where(Mark.marker_id == user_id, Mark.exam_id == exam_id, Mark.state.in_(standing))
        .order_by(Mark.id.desc())
        .limit(max(1, min(limit, MOST)))
    )
    with site.database.read() as session:
        rows = [(MarkRow(*row[: len(MARK)]), ResponseRow(*row[len(MARK) : -1]), row[-1]) for row in session.execute(query)]
        recent = [(m, r) for m, r, _ in rows if m.state is MarkState.COUNTED and now - m.at <= GRACE]
        live = records_of(session, list({r.id: r for m, r in recent if m.purpose is TaskPurpose.LIVE}.values()), now)
        alone = own_records(session, [(m.task_id, r) for m, r in recent if m.purpose is not TaskPurpose.LIVE], now)
    around = {m.id: live[r.id] if m.purpose is TaskPurpose.LIVE else alone[m.task_id] for m, r in recent}
    return [
        OwnMark(token, r.paper, r.group, as_typed(m.values), m.at, m.id in around and not why_not_revise(around[m.id], m))
        for m, r, token in rows
    ]
