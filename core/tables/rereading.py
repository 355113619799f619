"""A paper read again, by a corrected template or a better reader, beside the reading that stands."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from core.states import RereadingState, RereadState
from core.tables.base import Big, ExamId, Id, Table, one_of


class Rereading(Table):
    """One run over the pages of a paper that stood when it began (`upto`: the last of them). Writer: omr.rereading."""

    __tablename__ = "rereadings"
    id: Mapped[Id]
    exam_id: Mapped[ExamId]
    paper: Mapped[str] = mapped_column(String(4))
    template_id: Mapped[int] = mapped_column(Big, ForeignKey("templates.id"))
    state: Mapped[RereadingState] = mapped_column(one_of(RereadingState), default=RereadingState.RUNNING)
    upto: Mapped[int] = mapped_column(Big)
    pages: Mapped[int] = mapped_column(Integer)
    reason: Mapped[str] = mapped_column(Text, default="")
    by: Mapped[str] = mapped_column(String(80))
    at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class RereadPage(Table):
    """What the second reading makes of one page, and what became of it. The result is kept only where it differs."""

    __tablename__ = "reread_pages"
    __table_args__ = (UniqueConstraint("rereading_id", "page_id"), Index("ix_reread_pages_rereading_id_state", "rereading_id", "state"))
    id: Mapped[Id]
    exam_id: Mapped[int] = mapped_column(Big, ForeignKey("exams.id"))
    rereading_id: Mapped[int] = mapped_column(Big, ForeignKey("rereadings.id"))
    page_id: Mapped[int] = mapped_column(Big, ForeignKey("pages.id"))
    state: Mapped[RereadState] = mapped_column(one_of(RereadState))
    differs: Mapped[dict[str, Any]]
    result: Mapped[dict[str, Any]]
    new_page_id: Mapped[int | None] = mapped_column(Big, ForeignKey("pages.id"))
    by: Mapped[str] = mapped_column(String(80), default="")
    at: Mapped[datetime]
