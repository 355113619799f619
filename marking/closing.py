"""The end of marking: agreed responses become final, so that no mark can be revised behind a published score."""

from __future__ import annotations

from sqlalchemy import update
from sqlalchemy.orm import Session

from core.states import ResponseState
from core.tables import Response


def close_marking(session: Session, exam_id: int) -> None:
    """In the transaction that publishes a release, whose ledger entry says it for all of them."""
    agreed = (Response.exam_id == exam_id, Response.current.is_(True), Response.state == ResponseState.AGREED)
    session.execute(update(Response).where(*agreed).values(state=ResponseState.FINAL))
