"""Batches: a station opens one, sends frames, and closes it by saying how many there were."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session, aliased

from core import events, ledger
from core.errors import BadInput, Conflict, NotFound
from core.site import Site
from core.states import BatchState
from core.tables import Batch, Receipt
from scanner.intake.imprints import ImprintFault, batch_imprints

MOST_FRAMES = 1_000_000
_NAMED_MISSING = 200  # a list for people; the count is exact however many are missing
_NAME = re.compile(r"[\w.-]{1,80}")
_MANIFEST_TEXT = 120


@dataclass(frozen=True, slots=True)
class BatchView:
    station: str
    name: str
    state: BatchState
    declared: int | None
    received: int
    missing: tuple[str, ...]  # places such as 00012-2 that the frames around them promise
    complete: bool
    states: dict[str, int]
    imprints: tuple[ImprintFault, ...]  # what is wrong with the numbers that the scanner printed
    same_bytes: tuple[str, ...]  # 00012-2 = other place: kept as two pages, and shown
    manifest: dict[str, Any]  # what the station said of it: operator, scanner, imprints, header page, refused files


def open_batch(site: Site, exam_id: int, station: str, batch: str, manifest: Mapping[str, Any]) -> BatchView:
    """Begin a batch; opening it again changes nothing."""
    if not _NAME.fullmatch(batch):
        raise BadInput(f"{batch!r} cannot name a batch.", where="batch", remedy="Use at most 80 letters, digits, dots and hyphens.")
    now = site.now()
    kept = _bounded(manifest)
    with site.database.write() as session:
        insert = (sqlite if site.database.is_sqlite else postgresql).insert(Batch)
        values = {"exam_id": exam_id, "station": station, "name": batch, "state": BatchState.OPEN, "manifest": kept, "opened_at": now}
        session.execute(insert.values(**values).on_conflict_do_nothing())
        return _view(session, find_batch(session, exam_id, station, batch))


def _bounded(manifest: Mapping[str, Any]) -> dict[str, Any]:
    said = {str(k)[:40]: v if isinstance(v, int) else str(v)[:_MANIFEST_TEXT] for k, v in list(manifest.items())[:20]}
    return {k: v for k, v in said.items() if manifest[k] not in (None, "")}


def batch_view(site: Site, exam_id: int, station: str, batch: str) -> BatchView:
    with site.database.read() as session:
        return _view(session, find_batch(session, exam_id, station, batch))


def missing_frames(session: Session, exam_id: int, station: str, batch: str) -> tuple[str, ...]:
    """Of a batch that is short: the places that the frames around them promise, some of them when they are many."""
    return _missing(session, find_batch(session, exam_id, station, batch).id)


def close_batch(site: Site, exam_id: int, station: str, batch: str, frames: int, manifest: Mapping[str, Any] | None = None) -> BatchView:
    """The station says that it sent `frames`. While they are not all here the batch stays closed, not complete.

    What only the end of a batch tells (its last imprint, files that were refused) is added to its manifest.
    """
    if not 0 <= frames <= MOST_FRAMES:
        remedy = f"A batch has at most {MOST_FRAMES} frames."
        raise BadInput(f"a batch cannot have {frames} frames.", where=f"batch {batch}", remedy=remedy)
    now = site.now()
    with site.database.write() as session:
        row = find_batch(session, exam_id, station, batch, lock=True)
        if row.declared != frames:
            if row.state is BatchState.COMPLETE:
                raise Conflict(
                    f"the batch was closed with {row.declared} frames, not {frames}.",
                    where=f"station {station}, batch {batch}",
                    remedy="Send what was forgotten as another batch.",
                )
            row.declared, row.state, row.closed_at = frames, BatchState.CLOSED, now
            entry = {"kind": "batch", "batch": batch, "frames": frames, "by": f"station:{station}"}
            ledger.append(session, exam_id, ledger.station_shard(station), [entry], now)
        if manifest:
            row.manifest = row.manifest | _bounded(manifest)
        compare_count(session, row, now)
        return _view(session, row)


def compare_count(session: Session, batch: Batch, now: datetime) -> None:
    """Complete a closed batch when as many frames are here as its station declared."""
    if batch.state is not BatchState.CLOSED or _received(session, batch.id) != batch.declared:
        return
    batch.state = BatchState.COMPLETE
    body = {"station": batch.station, "batch": batch.name, "frames": batch.declared}
    events.emit(session, batch.exam_id, "batch-complete", body, now)


def find_batch(session: Session, exam_id: int, station: str, batch: str, *, lock: bool = False) -> Batch:
    query = select(Batch).where(Batch.exam_id == exam_id, Batch.station == station, Batch.name == batch)
    row = session.scalar(query.with_for_update() if lock else query)
    if row is None:
        raise no_batch(station, batch)
    return row


def no_batch(station: str, batch: str) -> NotFound:
    return NotFound(f"there is no batch {batch}.", where=f"station {station}", remedy="Open the batch before its frames are sent.")


def _received(session: Session, batch_id: int) -> int:
    return session.scalar(select(func.count()).select_from(Receipt).where(Receipt.batch_id == batch_id)) or 0


def _view(session: Session, batch: Batch) -> BatchView:
    query = select(Receipt.state, func.count()).where(Receipt.batch_id == batch.id).group_by(Receipt.state)
    states = {str(state): count for state, count in session.execute(query)}
    received = sum(states.values())
    short = batch.declared is not None and received < batch.declared
    missing = _missing(session, batch.id) if short else ()
    return BatchView(
        station=batch.station,
        name=batch.name,
        state=batch.state,
        declared=batch.declared,
        received=received,
        missing=missing,
        complete=batch.state is BatchState.COMPLETE,
        states=states,
        imprints=tuple(batch_imprints(session, batch)[:_NAMED_MISSING]) if received else (),
        same_bytes=_same_bytes(session, batch) if received else (),
        manifest=dict(batch.manifest),
    )


def _same_bytes(session: Session, batch: Batch) -> tuple[str, ...]:
    """Frames whose bytes were here before under another place, this batch's or another's of the same exam."""
    mine, other, of = aliased(Receipt), aliased(Receipt), aliased(Batch)
    hashes = select(Receipt.sha256).where(Receipt.batch_id == batch.id)
    firsts = select(func.min(Receipt.id).label("id"), Receipt.sha256).where(Receipt.exam_id == batch.exam_id, Receipt.sha256.in_(hashes))
    first = firsts.group_by(Receipt.sha256).subquery()
    query = (
        select(mine.sequence, mine.face, of.id, of.station, of.name, other.sequence, other.face)
        .join(first, and_(first.c.sha256 == mine.sha256, first.c.id < mine.id))
        .join(other, other.id == first.c.id)
        .join(of, of.id == other.batch_id)
        .where(mine.batch_id == batch.id)
        .order_by(mine.sequence, mine.face)
        .limit(_NAMED_MISSING)
    )

    def place(batch_id: int, station: str, name: str, frame: str) -> str:
        if station != batch.station:
            return "another station's"  # a station is told of its own frames only
        return frame if batch_id == batch.id else f"{name}/{frame}"

    return tuple(
        f"{sequence:05d}-{face} = {place(batch_id, station, name, f'{s:05d}-{f}')}"
        for sequence, face, batch_id, station, name, s, f in session.execute(query)
    )


def _missing(session: Session, batch_id: int) -> tuple[str, ...]:
    have = {
        (sequence, face) for sequence, face in session.execute(select(Receipt.sequence, Receipt.face).where(Receipt.batch_id == batch_id))
    }
    faces = sorted({face for _, face in have})
    last = max((sequence for sequence, _ in have), default=0)
    gaps = (f"{s:05d}-{f}" for s in range(1, last + 1) for f in faces if (s, f) not in have)
    return tuple(gap for gap, _ in zip(gaps, range(_NAMED_MISSING), strict=False))
