"""What the exam office may take out to check for itself: every slot and every mark, by names that markers know."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.tables import CandidateDetails, Mark, Task, User
from marking.export import task_export
from marking.values import as_typed


def tasks(session: Session, exam_id: int) -> list[dict[str, Any]]:
    query = select(CandidateDetails.candidate_id, CandidateDetails.number).where(CandidateDetails.exam_id == exam_id)
    numbers: dict[int, str] = {row[0]: row[1] for row in session.execute(query)}
    return [
        {
            "task": row.token,
            "candidate": numbers.get(row.candidate_id, ""),
            "paper": row.paper,
            "group": row.group,
            "purpose": row.purpose,
            "level": row.level,
            "ordinal": row.ordinal,
            "state": row.state,
        }
        for row in task_export(session, exam_id)
    ]


def marks(session: Session, exam_id: int) -> list[dict[str, Any]]:
    query = (
        select(Mark, Task.token, User.login)
        .join(Task, Task.id == Mark.task_id)
        .join(User, User.id == Mark.marker_id)
        .where(Mark.exam_id == exam_id)
        .order_by(Mark.id)
    )
    return [
        {
            "key": mark.key,
            "task": token,
            "marker": login,
            "state": str(mark.state),
            "revision": mark.revision,
            "marks": as_typed(mark.values),
            "at": mark.at.isoformat(),
        }
        for mark, token, login in session.execute(query)
    ]
