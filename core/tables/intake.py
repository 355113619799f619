"""What stations sent: batches, receipts, and the reading attempts that fence a reader's result."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, ForeignKey, Index, Integer, String, Text, UniqueConstraint, false, text
from sqlalchemy.orm import Mapped, mapped_column

from core.states import AttemptState, BatchState, ReceiptState
from core.tables.base import Big, ExamId, Id, Sha256, Table, one_of

WAITS = "state = 'received'"


class Picture(Table):
    """A stored file, by the hash of its bytes. A row exists for every picture that a record points to."""

    __tablename__ = "pictures"
    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    size: Mapped[int]
    media_type: Mapped[str] = mapped_column(String(40))
    stored_at: Mapped[datetime]
    place: Mapped[str] = mapped_column(String(80), default="", server_default="")  # in a pack; empty for a file of its own


class Station(Table):
    __tablename__ = "stations"
    __table_args__ = (UniqueConstraint("exam_id", "name"),)
    id: Mapped[Id]
    exam_id: Mapped[ExamId]
    name: Mapped[str] = mapped_column(String(40))
    token_hash: Mapped[Sha256] = mapped_column(unique=True)
    active: Mapped[bool] = mapped_column(Boolean, default=True)
    batches: Mapped[str] = mapped_column(String(80), default="*", server_default="*")  # which it may open: a pattern with * and ?


class Batch(Table):
    __tablename__ = "batches"
    __table_args__ = (UniqueConstraint("exam_id", "station", "name"),)
    id: Mapped[Id]
    exam_id: Mapped[ExamId]
    station: Mapped[str] = mapped_column(String(40))
    name: Mapped[str] = mapped_column(String(80))
    state: Mapped[BatchState] = mapped_column(one_of(BatchState), default=BatchState.OPEN)
    declared: Mapped[int | None] = mapped_column(Integer)
    manifest: Mapped[dict[str, Any]]
    opened_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    searched: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())  # missing sides of its sheets were asked for


class Receipt(Table):
    """One frame that a station sent. Its place is its name: (station, batch, sequence, face). Writers: intake, jobs, desk."""

    __tablename__ = "receipts"
    __table_args__ = (
        UniqueConstraint("batch_id", "sequence", "face"),
        Index("ix_receipts_exam_id_state", "exam_id", "state"),
        Index("ix_receipts_exam_id_received_at", "exam_id", "received_at"),
        # What waits for a reader, in the order in which it is given out: as quick with a million frames behind it.
        Index("ix_receipts_waiting", "exam_id", "batch_id", "sequence", "face", postgresql_where=text(WAITS), sqlite_where=text(WAITS)),
    )
    id: Mapped[Id]
    exam_id: Mapped[int] = mapped_column(Big, ForeignKey("exams.id"))
    batch_id: Mapped[int] = mapped_column(Big, ForeignKey("batches.id"))
    sequence: Mapped[int]
    face: Mapped[int]
    sha256: Mapped[Sha256] = mapped_column(index=True)
    size: Mapped[int]
    name: Mapped[str] = mapped_column(String(240))
    state: Mapped[ReceiptState] = mapped_column(one_of(ReceiptState), default=ReceiptState.RECEIVED)
    reason: Mapped[str] = mapped_column(Text, default="")
    duplicate_of: Mapped[int | None] = mapped_column(Big, ForeignKey("receipts.id"))
    attempt_id: Mapped[str | None] = mapped_column(String(32), index=True)
    tries: Mapped[int] = mapped_column(Integer, default=0)
    received_at: Mapped[datetime]
    imprint: Mapped[str] = mapped_column(String(40), default="", server_default="")  # the scanner's number on the card, where it has one


class Attempt(Table):
    """One chunk given to a reader. Only the attempt that a receipt names may write its result."""

    __tablename__ = "attempts"
    __table_args__ = (Index("ix_attempts_exam_id_state", "exam_id", "state"),)
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    exam_id: Mapped[int] = mapped_column(Big, ForeignKey("exams.id"))
    state: Mapped[AttemptState] = mapped_column(one_of(AttemptState), default=AttemptState.QUEUED)
    frames: Mapped[int]
    worker: Mapped[str] = mapped_column(String(120), default="")
    queued_at: Mapped[datetime]
    lease_until: Mapped[datetime]
    reading: Mapped[int | None] = mapped_column(Big)  # the receipt that it was last known to read
    ended_at: Mapped[datetime | None]
