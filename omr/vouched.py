"""Which side of which sheet a frame is, where a person said so at the exceptions desk."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.states import CaseState
from core.tables import DeskCase, Sheet
from omr.frames import Vouched


def vouched_of(session: Session, exam_id: int, receipt_ids: Iterable[int]) -> dict[int, Vouched]:
    """By receipt; the latest word counts. Two queries, however many frames."""
    cases = select(DeskCase).where(DeskCase.receipt_id.in_(list(receipt_ids)), DeskCase.state == CaseState.RESOLVED)
    said = {
        case.receipt_id: (str(case.resolution["sheet"]), int(case.resolution["side"]))
        for case in session.scalars(cases.order_by(DeskCase.resolved_at, DeskCase.id))
        if case.resolution.get("action") == "set_page" and case.receipt_id is not None
    }
    serials = {serial for serial, _ in said.values()}
    printed = select(Sheet.serial, Sheet.paper).where(Sheet.exam_id == exam_id, Sheet.serial.in_(serials))
    papers = dict(session.execute(printed).all())
    return {receipt: Vouched(serial, papers[serial], side) for receipt, (serial, side) in said.items()}
