"""What is only ever appended: the ledger with its heads and checkpoints, and the outbox of events."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from core.tables.base import Big, ExamId, Id, Sha256, Table


class LedgerEntry(Table):
    __tablename__ = "ledger"
    __table_args__ = (UniqueConstraint("exam_id", "shard", "sequence"),)
    id: Mapped[Id]
    exam_id: Mapped[int] = mapped_column(Big, ForeignKey("exams.id"))
    shard: Mapped[str] = mapped_column(String(60))
    sequence: Mapped[int] = mapped_column(Integer)
    entry: Mapped[str] = mapped_column(Text)  # canonical JSON, RFC 8785, to the byte
    previous: Mapped[Sha256]
    hash: Mapped[Sha256]


class LedgerHead(Table):
    """The end of a shard's chain; its row is the shard's lock."""

    __tablename__ = "ledger_heads"
    __table_args__ = (UniqueConstraint("exam_id", "shard"),)
    id: Mapped[Id]
    exam_id: Mapped[int] = mapped_column(Big, ForeignKey("exams.id"))
    shard: Mapped[str] = mapped_column(String(60))
    sequence: Mapped[int] = mapped_column(Integer)
    hash: Mapped[Sha256]


class Checkpoint(Table):
    """A Merkle root over all shards' heads (RFC 6962)."""

    __tablename__ = "checkpoints"
    __table_args__ = (UniqueConstraint("exam_id", "number"),)
    id: Mapped[Id]
    exam_id: Mapped[ExamId]
    number: Mapped[int]
    heads: Mapped[list[Any]]
    root: Mapped[Sha256]
    at: Mapped[datetime]


class Event(Table):
    """The outbox: what happened, for whoever watches. A hint, never the truth."""

    __tablename__ = "events"
    id: Mapped[Id]
    exam_id: Mapped[ExamId]
    kind: Mapped[str] = mapped_column(String(40))
    body: Mapped[dict[str, Any]]
    at: Mapped[datetime]
