"""Receiving one frame: bytes to the store, then picture and receipt in one commit, and only then a reply."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from core import events
from core.errors import BadInput, Conflict
from core.pictures import keep_rows
from core.site import Site
from core.states import BatchState, ReceiptState
from core.store import Kept
from core.tables import Batch, Receipt
from scanner.intake.batches import MOST_FRAMES, compare_count, find_batch

MOST_BYTES = 256 * 1024 * 1024
_NAME = 240


@dataclass(frozen=True, slots=True)
class ReceiptView:
    receipt: int
    state: ReceiptState
    sha256: str
    fresh: bool  # False: this very frame was here already


def receive(
    site: Site, exam_id: int, station: str, batch: str, sequence: int, face: int, data: bytes, *, sha256: str | None = None, name: str = ""
) -> ReceiptView:
    """Take a frame in. Sending it again is harmless; other bytes in its place are refused with both hashes."""
    where = place_of(station, batch, sequence, face)
    digest = _check(data, sequence, face, sha256, where)
    with site.database.read() as session:
        found = find_batch(session, exam_id, station, batch)
        known = _at_place(session, found.id, sequence, face)
        if known is not None:
            return _again(known, digest, where)
        _refuse_late(found, where)
    site.store.put(data)
    now = site.now()
    with site.database.write() as session:
        row = find_batch(session, exam_id, station, batch, lock=True)
        known = _at_place(session, row.id, sequence, face)
        if known is not None:
            return _again(known, digest, where)
        _refuse_late(row, where)
        twin = session.scalar(select(Receipt.id).where(Receipt.exam_id == exam_id, Receipt.sha256 == digest).limit(1))
        keep_rows(session, [Kept(digest, len(data))], media_type(data), now)
        receipt = Receipt(
            exam_id=exam_id,
            batch_id=row.id,
            sequence=sequence,
            face=face,
            sha256=digest,
            size=len(data),
            name=name[-_NAME:],
            state=ReceiptState.RECEIVED,
            received_at=now,
        )
        session.add(receipt)
        session.flush()
        if twin is not None:
            events.emit(session, exam_id, "same-bytes", {"receipt": receipt.id, "as": twin, "place": where}, now)
        compare_count(session, row, now)
    return ReceiptView(receipt.id, receipt.state, digest, fresh=True)


def place_of(station: str, batch: str, sequence: int, face: int) -> str:
    return f"station {station}, batch {batch}, frame {sequence:05d}-{face}"


def _check(data: bytes, sequence: int, face: int, sha256: str | None, where: str) -> str:
    if not 1 <= sequence <= MOST_FRAMES or face not in (1, 2):
        raise BadInput("a frame's place is a sequence from 1 and a face 1 or 2.", where=where)
    if len(data) > MOST_BYTES:
        raise BadInput(f"the frame has more than {MOST_BYTES // 2**20} MiB.", where=where, remedy="Scan at 150 to 300 dpi.")
    digest = hashlib.sha256(data).hexdigest()
    if sha256 and sha256.lower() != digest:
        raise BadInput(f"the bytes that came have the hash {digest}, not {sha256}.", where=where, remedy="Send the frame again.")
    return digest


def _at_place(session: Session, batch_id: int, sequence: int, face: int) -> Receipt | None:
    query = select(Receipt).where(Receipt.batch_id == batch_id, Receipt.sequence == sequence, Receipt.face == face)
    return session.scalar(query)


def _again(known: Receipt, digest: str, where: str) -> ReceiptView:
    if known.sha256 != digest:
        raise Conflict(
            f"another picture has this place: {known.sha256} is here, {digest} came.",
            where=where,
            remedy="Send the new picture under the next free number, or in another batch.",
        )
    return ReceiptView(known.id, known.state, known.sha256, fresh=False)


def _refuse_late(batch: Batch, where: str) -> None:
    if batch.state is BatchState.COMPLETE:
        raise Conflict("the batch is complete.", where=where, remedy="Send more frames in another batch.")


def media_type(data: bytes) -> str:
    """By the first bytes; a reader looks closer."""
    starts = {
        b"\xff\xd8\xff": "image/jpeg",
        b"\x89PNG\r\n\x1a\n": "image/png",
        b"II*\0": "image/tiff",
        b"MM\0*": "image/tiff",
        b"%PDF-": "application/pdf",
    }
    return next((kind for start, kind in starts.items() if data.startswith(start)), "application/octet-stream")
