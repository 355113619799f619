"""Where every frame stands, and law Z1: nothing that a station sent is lost, and nothing is counted twice."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from core.states import AttemptState, BatchState, PageState, ReceiptState
from core.tables import Attempt, Batch, Page, Receipt


@dataclass(frozen=True, slots=True)
class BatchCount:
    station: str
    batch: str
    state: BatchState
    declared: int | None
    received: int
    states: dict[str, int]


@dataclass(frozen=True, slots=True)
class Conservation:
    """Z1. `faults` says in sentences what is wrong; `settled` that no frame waits for a reader or a person."""

    declared: int
    received: int
    states: dict[str, int]
    faults: tuple[str, ...]
    settled: bool

    @property
    def holds(self) -> bool:
        return not self.faults and self.settled


def counts(session: Session, exam_id: int) -> list[BatchCount]:
    query = select(Receipt.batch_id, Receipt.state, func.count()).where(Receipt.exam_id == exam_id)
    by_batch: dict[int, dict[str, int]] = defaultdict(dict)
    for batch_id, state, count in session.execute(query.group_by(Receipt.batch_id, Receipt.state)):
        by_batch[batch_id][str(state)] = count
    batches = session.scalars(select(Batch).where(Batch.exam_id == exam_id).order_by(Batch.station, Batch.id))
    return [BatchCount(b.station, b.name, b.state, b.declared, sum(by_batch[b.id].values()), by_batch[b.id]) for b in batches]


def conservation(session: Session, exam_id: int) -> Conservation:
    batches = counts(session, exam_id)
    states: dict[str, int] = defaultdict(int)
    for batch in batches:
        for state, count in batch.states.items():
            states[state] += count
    faults = [
        f"station {b.station}, batch {b.batch}: {b.received} frames are here, "
        + ("the batch was not closed." if b.declared is None else f"{b.declared} were sent.")
        for b in batches
        if b.state is not BatchState.COMPLETE or b.declared != b.received
    ]
    faults += _broken_receipts(session, exam_id)
    unsettled = sum(states.get(s, 0) for s in (ReceiptState.RECEIVED, ReceiptState.QUEUED, ReceiptState.WAITING))
    declared = sum(b.declared or 0 for b in batches)
    return Conservation(declared, sum(states.values()), dict(states), tuple(faults), unsettled == 0)


def _broken_receipts(session: Session, exam_id: int) -> list[str]:
    """Receipts whose state is not borne out by another record."""

    def count(*conditions: ColumnElement[bool]) -> int:
        query = select(func.count()).select_from(Receipt).where(Receipt.exam_id == exam_id, *conditions)
        return session.scalar(query) or 0

    live = select(Attempt.id).where(Attempt.exam_id == exam_id, Attempt.state.in_((AttemptState.QUEUED, AttemptState.RUNNING)))
    read = select(Page.receipt_id).where(Page.exam_id == exam_id, Page.state == PageState.READ)
    checks = {
        "are queued in no live attempt": count(Receipt.state == ReceiptState.QUEUED, Receipt.attempt_id.not_in(live)),
        "are read and have no page": count(Receipt.state == ReceiptState.READ, Receipt.id.not_in(read)),
        "have a page and are not read": count(Receipt.state != ReceiptState.READ, Receipt.id.in_(read)),
        "are discarded without a reason": count(Receipt.state == ReceiptState.DISCARDED, Receipt.reason == ""),
        "are duplicates of nothing": count(Receipt.state == ReceiptState.DUPLICATE, Receipt.duplicate_of.is_(None)),
    }
    return [f"{found} frames {what}." for what, found in checks.items() if found]
