"""The outbox: what happened, written in the transaction that made it happen. A hint for watchers, never the truth."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.bulk import insert_rows
from core.tables import Event


def emit(session: Session, exam_id: int, kind: str, body: dict[str, Any], now: datetime) -> None:
    emit_all(session, exam_id, kind, [body], now)


def emit_all(session: Session, exam_id: int, kind: str, bodies: Iterable[dict[str, Any]], now: datetime) -> None:
    """Several of a kind, in one statement."""
    insert_rows(session, Event, [{"exam_id": exam_id, "kind": kind, "body": body, "at": now} for body in bodies])


def since(session: Session, exam_id: int, after: int, limit: int = 500) -> Sequence[Event]:
    query = select(Event).where(Event.exam_id == exam_id, Event.id > after).order_by(Event.id).limit(limit)
    return session.scalars(query).all()
