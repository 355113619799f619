"""Human work on what readers could not settle: who looks at what, what they said, which rooms are closed, what is scanned."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, ForeignKey, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from core.tables.base import Big, ExamId, Id, Table


class DeskLease(Table):
    """A case that is with a clerk until a moment. Writer: omr.desk."""

    __tablename__ = "desk_leases"
    __table_args__ = (UniqueConstraint("case_id", "user_id"),)
    id: Mapped[Id]
    exam_id: Mapped[ExamId]
    case_id: Mapped[int] = mapped_column(Big, ForeignKey("cases.id"))
    user_id: Mapped[int] = mapped_column(Big, ForeignKey("users.id"))
    until: Mapped[datetime]


class Look(Table):
    """What one clerk said of the items of a case, before the case is settled. `round` counts on when a case is opened again."""

    __tablename__ = "looks"
    __table_args__ = (UniqueConstraint("case_id", "user_id", "round"), UniqueConstraint("user_id", "key"))
    id: Mapped[Id]
    exam_id: Mapped[ExamId]
    case_id: Mapped[int] = mapped_column(Big, ForeignKey("cases.id"))
    user_id: Mapped[int] = mapped_column(Big, ForeignKey("users.id"))
    round: Mapped[int] = mapped_column(Integer, default=1)
    values: Mapped[dict[str, Any]]
    key: Mapped[str] = mapped_column(String(64))
    taken_back: Mapped[bool] = mapped_column(Boolean, default=False)
    at: Mapped[datetime]


class RoomClosing(Table):
    """A person's word that a room balances, or that it is open again; the latest counts. `counts` is what was seen then."""

    __tablename__ = "room_closings"
    __table_args__ = (UniqueConstraint("exam_id", "paper", "school_code", "room", "version"),)
    id: Mapped[Id]
    exam_id: Mapped[int] = mapped_column(Big, ForeignKey("exams.id"))
    paper: Mapped[str] = mapped_column(String(4))
    school_code: Mapped[str] = mapped_column(String(80))
    room: Mapped[str] = mapped_column(String(80))
    version: Mapped[int]
    closed: Mapped[bool] = mapped_column(Boolean)
    counts: Mapped[dict[str, Any]]
    reason: Mapped[str] = mapped_column(Text, default="")
    by: Mapped[str] = mapped_column(String(80))
    at: Mapped[datetime]


class PaperScanned(Table):
    """A person's word that all of a paper has been scanned, or that it goes on; the latest counts."""

    __tablename__ = "papers_scanned"
    __table_args__ = (UniqueConstraint("exam_id", "paper", "version"),)
    id: Mapped[Id]
    exam_id: Mapped[int] = mapped_column(Big, ForeignKey("exams.id"))
    paper: Mapped[str] = mapped_column(String(4))
    version: Mapped[int]
    over: Mapped[bool] = mapped_column(Boolean)
    reason: Mapped[str] = mapped_column(Text, default="")
    by: Mapped[str] = mapped_column(String(80))
    at: Mapped[datetime]
