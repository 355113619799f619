"""What readers and the desk made of the frames: pages, sheets, scripts, answers, cases, re-scan requests."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, Float, ForeignKey, Index, Integer, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from core.states import AnswerState, CaseState, PageState, ScriptState, SheetState
from core.tables.base import Big, ExamId, Id, Table, one_of

UNSETTLED = "state IN ('expected', 'present')"


class Page(Table):
    """A reading of a receipt as a side of a sheet. A later reading supersedes, never edits. Writer: omr.jobs."""

    __tablename__ = "pages"
    __table_args__ = (UniqueConstraint("receipt_id", "version"), Index("ix_pages_sheet_id_side", "sheet_id", "side"))
    id: Mapped[Id]
    exam_id: Mapped[ExamId]
    receipt_id: Mapped[int] = mapped_column(Big, ForeignKey("receipts.id"))
    version: Mapped[int] = mapped_column(Integer, default=1)
    state: Mapped[PageState] = mapped_column(one_of(PageState))
    paper: Mapped[str | None] = mapped_column(String(4))
    sheet_id: Mapped[int | None] = mapped_column(Big, ForeignKey("sheets.id"))
    side: Mapped[int | None]
    template_id: Mapped[int | None] = mapped_column(Big, ForeignKey("templates.id"))
    evidence: Mapped[dict[str, Any]]
    fields: Mapped[dict[str, Any]]
    regions: Mapped[list[Any]]
    attempt_id: Mapped[str] = mapped_column(String(32))
    cut_from: Mapped[int | None] = mapped_column(Big)  # the earlier page of this frame whose pictures of regions it keeps
    read_at: Mapped[datetime]


class Sheet(Table):
    """One physical card by its serial. `printed_for` is whom it was printed for, `script_id` whose it is."""

    __tablename__ = "sheets"
    __table_args__ = (UniqueConstraint("exam_id", "serial"),)
    id: Mapped[Id]
    exam_id: Mapped[ExamId]
    serial: Mapped[str] = mapped_column(String(12))
    paper: Mapped[str] = mapped_column(String(4))
    index: Mapped[int] = mapped_column(Integer, default=0)
    extra: Mapped[bool] = mapped_column(Boolean, default=False)
    printed_for: Mapped[int | None] = mapped_column(Big, ForeignKey("candidates.id"))
    script_id: Mapped[int | None] = mapped_column(Big, ForeignKey("scripts.id"), index=True)
    state: Mapped[SheetState] = mapped_column(one_of(SheetState), default=SheetState.UNASSIGNED)
    assignment: Mapped[int] = mapped_column(Integer, default=0)


class SheetAssignment(Table):
    """Why a sheet is whose: each version with its facts. Two facts that agree, or a person (Z3)."""

    __tablename__ = "sheet_assignments"
    __table_args__ = (UniqueConstraint("sheet_id", "version"),)
    id: Mapped[Id]
    exam_id: Mapped[ExamId]
    sheet_id: Mapped[int] = mapped_column(Big, ForeignKey("sheets.id"))
    version: Mapped[int]
    script_id: Mapped[int | None] = mapped_column(Big, ForeignKey("scripts.id"))
    facts: Mapped[dict[str, Any]]
    by: Mapped[str] = mapped_column(String(80))
    reason: Mapped[str] = mapped_column(Text, default="")
    at: Mapped[datetime]


class Script(Table):
    """A candidate's answers in a paper. Owns answers and responses, so a corrected identity moves no mark."""

    __tablename__ = "scripts"
    __table_args__ = (
        UniqueConstraint("exam_id", "paper", "candidate_id"),
        # What is not settled, in an exam of any size.
        Index("ix_scripts_unsettled", "exam_id", "paper", postgresql_where=text(UNSETTLED), sqlite_where=text(UNSETTLED)),
    )
    id: Mapped[Id]
    exam_id: Mapped[int] = mapped_column(Big, ForeignKey("exams.id"))
    paper: Mapped[str] = mapped_column(String(4))
    candidate_id: Mapped[int] = mapped_column(Big, ForeignKey("candidates.id"))
    state: Mapped[ScriptState] = mapped_column(one_of(ScriptState), default=ScriptState.EXPECTED)
    paper_type: Mapped[str | None] = mapped_column(String(4))
    chosen: Mapped[dict[str, Any]]
    secret: Mapped[str] = mapped_column(String(24), unique=True)


class AnswerRow(Table):
    """One version of an objective answer; the current one decides. Writers: omr.jobs, omr.desk."""

    __tablename__ = "answers"
    __table_args__ = (
        UniqueConstraint("script_id", "item", "version"),
        Index("ix_answers_exam_id_state", "exam_id", "state"),
    )
    id: Mapped[Id]
    exam_id: Mapped[int] = mapped_column(Big, ForeignKey("exams.id"))
    script_id: Mapped[int] = mapped_column(Big, ForeignKey("scripts.id"))
    item: Mapped[str] = mapped_column(String(24))
    version: Mapped[int] = mapped_column(Integer, default=1)
    current: Mapped[bool] = mapped_column(Boolean, default=True)
    state: Mapped[AnswerState] = mapped_column(one_of(AnswerState))
    value: Mapped[str] = mapped_column(String(40))
    first: Mapped[str] = mapped_column(String(40))
    second: Mapped[str] = mapped_column(String(40))
    p_wrong: Mapped[float] = mapped_column(Float)
    page_id: Mapped[int | None] = mapped_column(Big, ForeignKey("pages.id"))
    by: Mapped[str] = mapped_column(String(80), default="readers")
    at: Mapped[datetime]


class DeskCase(Table):
    """Something doubtful that a person settles. Writer: omr.desk (opened by omr.jobs through it)."""

    __tablename__ = "cases"
    # By kind in the order of opening: the next ones are found at once, however many wait behind them.
    __table_args__ = (Index("ix_cases_exam_id_state_kind", "exam_id", "state", "kind", "id"),)
    id: Mapped[Id]
    exam_id: Mapped[int] = mapped_column(Big, ForeignKey("exams.id"))
    kind: Mapped[str] = mapped_column(String(30))
    state: Mapped[CaseState] = mapped_column(one_of(CaseState), default=CaseState.OPEN)
    version: Mapped[int] = mapped_column(Integer, default=1)
    receipt_id: Mapped[int | None] = mapped_column(Big, ForeignKey("receipts.id"), index=True)
    page_id: Mapped[int | None] = mapped_column(Big, ForeignKey("pages.id"))
    sheet_id: Mapped[int | None] = mapped_column(Big, ForeignKey("sheets.id"), index=True)
    script_id: Mapped[int | None] = mapped_column(Big, ForeignKey("scripts.id"), index=True)
    side: Mapped[int | None]
    items: Mapped[list[Any]]
    evidence: Mapped[dict[str, Any]]
    resolution: Mapped[dict[str, Any]]
    resolved_by: Mapped[str] = mapped_column(String(80), default="")
    opened_at: Mapped[datetime]
    resolved_at: Mapped[datetime | None]


class RescanRequest(Table):
    """A side that a station is asked to scan again."""

    __tablename__ = "rescans"
    id: Mapped[Id]
    exam_id: Mapped[ExamId]
    case_id: Mapped[int] = mapped_column(Big, ForeignKey("cases.id"))
    sheet_id: Mapped[int] = mapped_column(Big, ForeignKey("sheets.id"))
    side: Mapped[int]
    station: Mapped[str] = mapped_column(String(40), default="")
    state: Mapped[str] = mapped_column(String(12), default="asked")
    asked_at: Mapped[datetime]
    received_at: Mapped[datetime | None]
