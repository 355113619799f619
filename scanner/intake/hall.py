"""The scan hall at a glance: what each station sends, what waits for a reader, who reads, how many frames are doubtful.

Everything is asked from the newest rows backwards, so that it costs the same at the end of an exam as at its beginning.
Reads only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.states import AttemptState, BatchState, ReceiptState
from core.tables import Attempt, Batch, DeskCase, Receipt

MINUTE, TEN_MINUTES = timedelta(minutes=1), timedelta(minutes=10)
LAST_FRAMES = 500  # of a station, whose doubts are compared with those of the others
# What a dirty glass, a worn roller or a crooked feeder does to a page; not what candidates do.
SEEN_BADLY = ("unreadable", "registration", "code_unknown", "doubt", "paper_type", "choice", "absent_box")
_LAST_BATCHES = 5
_BUSY = (ReceiptState.RECEIVED, ReceiptState.QUEUED)


@dataclass(frozen=True, slots=True)
class BatchNow:
    """A batch that is not complete."""

    station: str
    batch: str
    state: BatchState
    declared: int | None
    received: int
    opened_at: datetime
    closed_at: datetime | None
    last_frame: datetime | None


@dataclass(frozen=True, slots=True)
class StationNow:
    station: str
    last_minute: int
    a_minute: float  # over the last ten
    last_frame: datetime | None
    batches: dict[str, int]  # by state
    frames: int  # of the last ones that were read
    doubtful: int  # of these, seen badly
    doubtful_since: datetime | None


@dataclass(frozen=True, slots=True)
class Reading:
    machine: str
    process: int
    frames: int
    station: str
    batch: str
    sequence: int | None
    queued_at: datetime


@dataclass(frozen=True, slots=True)
class HallNow:
    at: datetime
    stations: tuple[StationNow, ...]
    batches: tuple[BatchNow, ...]
    waiting: int  # frames that wait for a reader
    queued: int  # frames that were given out and are not filed
    oldest: datetime | None
    reading: tuple[Reading, ...]


def hall_now(session: Session, exam_id: int, now: datetime) -> HallNow:
    counts = dict(session.execute(select(Receipt.state, func.count()).where(_busy(exam_id)).group_by(Receipt.state)).all())
    return HallNow(
        at=now,
        stations=_stations(session, exam_id, now),
        batches=_open_batches(session, exam_id),
        waiting=counts.get(ReceiptState.RECEIVED, 0),
        queued=counts.get(ReceiptState.QUEUED, 0),
        oldest=session.scalar(select(func.min(Receipt.received_at)).where(_busy(exam_id))),
        reading=_reading(session, exam_id),
    )


def _busy(exam_id: int) -> Any:
    return (Receipt.exam_id == exam_id) & Receipt.state.in_(_BUSY)


def _stations(session: Session, exam_id: int, now: datetime) -> tuple[StationNow, ...]:
    by_state = select(Batch.station, Batch.state, func.count()).where(Batch.exam_id == exam_id).group_by(Batch.station, Batch.state)
    batches: dict[str, dict[str, int]] = {}
    for station, state, count in session.execute(by_state):
        batches.setdefault(station, {})[str(state)] = count
    recent, sent = _newest_batches(session, exam_id), _sent(session, exam_id, now)
    found = []
    for station, states in sorted(batches.items()):
        frames, doubtful, since = _doubts(session, recent[station])
        minute, ten = sent.get(station, (0, 0))
        last = session.scalar(select(func.max(Receipt.received_at)).where(Receipt.batch_id.in_(recent[station])))
        found.append(StationNow(station, minute, ten / 10, last, states, frames, doubtful, since))
    return tuple(found)


def _sent(session: Session, exam_id: int, now: datetime) -> dict[str, tuple[int, int]]:
    """Frames of the last minute and of the last ten, by station."""
    minute = func.count().filter(Receipt.received_at > now - MINUTE)
    query = select(Batch.station, minute, func.count()).join(Batch, Batch.id == Receipt.batch_id)
    query = query.where(Receipt.exam_id == exam_id, Receipt.received_at > now - TEN_MINUTES).group_by(Batch.station)
    return {station: (last, ten) for station, last, ten in session.execute(query)}


def _newest_batches(session: Session, exam_id: int) -> dict[str, list[int]]:
    place = func.row_number().over(partition_by=Batch.station, order_by=Batch.id.desc()).label("place")
    ranked = select(Batch.station, Batch.id, place).where(Batch.exam_id == exam_id).subquery()
    found: dict[str, list[int]] = {}
    for station, batch_id in session.execute(select(ranked.c.station, ranked.c.id).where(ranked.c.place <= _LAST_BATCHES)):
        found.setdefault(station, []).append(batch_id)
    return {station: sorted(ids, reverse=True) for station, ids in found.items()}


def _doubts(session: Session, batches: Sequence[int]) -> tuple[int, int, datetime | None]:
    """Of the last frames of a station that were read: how many, how many seen badly, and since when."""
    frames: list[tuple[int, datetime]] = []
    for batch_id in batches:
        query = select(Receipt.id, Receipt.received_at).where(Receipt.batch_id == batch_id, Receipt.state.not_in(_BUSY))
        query = query.order_by(Receipt.sequence.desc(), Receipt.face.desc()).limit(LAST_FRAMES - len(frames))
        frames += [(receipt, at) for receipt, at in session.execute(query)]
        if len(frames) >= LAST_FRAMES:
            break
    bad = select(DeskCase.receipt_id).where(DeskCase.receipt_id.in_([r for r, _ in frames]), DeskCase.kind.in_(SEEN_BADLY))
    doubtful = set(session.scalars(bad.distinct())) if frames else set()
    return len(frames), len(doubtful), min((at for receipt, at in frames if receipt in doubtful), default=None)


def _open_batches(session: Session, exam_id: int) -> tuple[BatchNow, ...]:
    query = (
        select(Batch, func.count(Receipt.id), func.max(Receipt.received_at))
        .outerjoin(Receipt, Receipt.batch_id == Batch.id)
        .where(Batch.exam_id == exam_id, Batch.state != BatchState.COMPLETE)
        .group_by(Batch.id)
        .order_by(Batch.station, Batch.id)
    )
    return tuple(
        BatchNow(b.station, b.name, b.state, b.declared, count, b.opened_at, b.closed_at, last) for b, count, last in session.execute(query)
    )


def _reading(session: Session, exam_id: int) -> tuple[Reading, ...]:
    """What is given to readers that hold it now, and which frame each was last known to read."""
    query = (
        select(Attempt, Batch.station, Batch.name, Receipt.sequence)
        .outerjoin(Receipt, Receipt.id == Attempt.reading)
        .outerjoin(Batch, Batch.id == Receipt.batch_id)
        .where(Attempt.exam_id == exam_id, Attempt.state == AttemptState.RUNNING)
        .order_by(Attempt.queued_at, Attempt.id)
    )
    found = []
    for attempt, station, batch, sequence in session.execute(query):
        machine, process, *_ = [*attempt.worker.split(":"), "", ""]
        at = int(process) if process.isdigit() else 0
        found.append(Reading(machine, at, attempt.frames, station or "", batch or "", sequence, attempt.queued_at))
    return tuple(found)
