"""Where everything stands, in counts: frames, batches, cases, scripts, responses, tasks. One read of the database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from api.names import names_of
from core.tables import Attempt, Batch, DeskCase, Exam, Mark, Receipt, Release, Response, Script, Task
from scanner.intake import papers_scanned
from scanner.intake.missing import waits_for


def status(session: Session, exam_id: int) -> dict[str, Any]:
    latest = session.scalars(select(Release).where(Release.exam_id == exam_id).order_by(Release.number.desc()).limit(1)).first()
    return {
        "frames": _counts(session, Receipt.state, Receipt.exam_id == exam_id),
        "batches": _batches(session, exam_id),
        "scanned": _scanned(session, exam_id),
        "attempts": _counts(session, Attempt.state, Attempt.exam_id == exam_id),
        "cases": _counts(session, DeskCase.state, DeskCase.exam_id == exam_id),
        "cases_open_by_kind": _counts(session, DeskCase.kind, DeskCase.exam_id == exam_id, DeskCase.state == "open"),
        "scripts": _counts(session, Script.state, Script.exam_id == exam_id),
        "responses": _counts(session, Response.state, Response.exam_id == exam_id, Response.current.is_(True)),
        "tasks": _counts(session, Task.state, Task.exam_id == exam_id),
        "marks": _counts(session, Mark.state, Mark.exam_id == exam_id),
        "groups": _groups(session, exam_id),
        "release": {"number": latest.number, "state": latest.state} if latest else None,
    }


def _counts(session: Session, column: Any, *where: ColumnElement[bool]) -> dict[str, int]:
    return {str(state): count for state, count in session.execute(select(column, func.count()).where(*where).group_by(column))}


def _batches(session: Session, exam_id: int) -> list[dict[str, Any]]:
    query = (
        select(Batch.station, Batch.name, Batch.state, Batch.declared, func.count(Receipt.id))
        .outerjoin(Receipt, Receipt.batch_id == Batch.id)
        .where(Batch.exam_id == exam_id)
        .group_by(Batch.id, Batch.station, Batch.name, Batch.state, Batch.declared)
        .order_by(Batch.station, Batch.name)
    )
    return [
        {"station": station, "batch": name, "state": state, "declared": declared, "received": count}
        for station, name, state, declared, count in session.execute(query)
    ]


def _scanned(session: Session, exam_id: int) -> list[dict[str, Any]]:
    """Of each paper: did a person say that all of it is scanned, and what that word still waits for."""
    scanned = papers_scanned(session, session.get_one(Exam, exam_id))
    name = names_of(session, (said.by for said in scanned))
    return [
        {
            "paper": said.paper,
            "over": said.over,
            "by": said.by,
            "by_name": name(said.by),
            "at": said.at.isoformat() if said.at else None,
            "waits_for": waits_for(session, exam_id, said.paper, said.at) if said.over and said.at else {},
        }
        for said in scanned
    ]


def _groups(session: Session, exam_id: int) -> list[dict[str, Any]]:
    """Responses of each item group by state: what a leader wants to see at a glance."""
    query = (
        select(Response.paper, Response.group, Response.state, func.count())
        .where(Response.exam_id == exam_id, Response.current.is_(True))
        .group_by(Response.paper, Response.group, Response.state)
        .order_by(Response.paper, Response.group)
    )
    found: dict[tuple[str, str], dict[str, int]] = {}
    rows: Sequence[Any] = session.execute(query).all()
    for paper, group, state, count in rows:
        found.setdefault((paper, group), {})[str(state)] = count
    return [{"paper": paper, "group": group, "states": states} for (paper, group), states in found.items()]
