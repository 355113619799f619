"""Exams and what is immutable about them: definition and template versions, candidates, printed sheets' owners."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, ForeignKey, Integer, String, UniqueConstraint, false
from sqlalchemy.orm import Mapped, mapped_column

from core.tables.base import Big, ExamId, Id, Sha256, Table


class Exam(Table):
    __tablename__ = "exams"
    id: Mapped[Id]
    code: Mapped[str] = mapped_column(String(8), unique=True)
    definition_version: Mapped[int] = mapped_column(Integer, default=0)
    created_at: Mapped[datetime]


class Definition(Table):
    """One immutable version of an exam definition. Once reading has begun only `scoring` versions may follow."""

    __tablename__ = "definitions"
    __table_args__ = (UniqueConstraint("exam_id", "version"),)
    id: Mapped[Id]
    exam_id: Mapped[ExamId]
    version: Mapped[int]
    sha256: Mapped[Sha256]
    body: Mapped[dict[str, Any]]
    scoring_only: Mapped[bool] = mapped_column(Boolean, default=False)
    loaded_at: Mapped[datetime]
    loaded_by: Mapped[str] = mapped_column(String(80))


class TemplateVersion(Table):
    __tablename__ = "templates"
    __table_args__ = (UniqueConstraint("exam_id", "paper", "version"),)
    id: Mapped[Id]
    exam_id: Mapped[ExamId]
    paper: Mapped[str] = mapped_column(String(4))
    edition: Mapped[str] = mapped_column(String(2))
    version: Mapped[int]
    sha256: Mapped[Sha256]
    body: Mapped[dict[str, Any]]
    loaded_at: Mapped[datetime]
    # For reading again beside the first reading only; frames are first read by the newest version that is not proposed.
    proposed: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())


class Candidate(Table):
    """A candidate as scripts know one: a pseudonym and a school code, nothing that names a person."""

    __tablename__ = "candidates"
    __table_args__ = (UniqueConstraint("exam_id", "pseudonym"),)
    id: Mapped[Id]
    exam_id: Mapped[int] = mapped_column(Big, ForeignKey("exams.id"))
    pseudonym: Mapped[str] = mapped_column(String(24))
    school_code: Mapped[str] = mapped_column(String(80), default="")
    row: Mapped[int]


class CandidateDetails(Table):
    """All personal data of candidates, and only here, so that it can be erased."""

    __tablename__ = "candidate_details"
    __table_args__ = (UniqueConstraint("exam_id", "number"),)
    candidate_id: Mapped[int] = mapped_column(Big, ForeignKey("candidates.id"), primary_key=True, autoincrement=False)
    exam_id: Mapped[int] = mapped_column(Big, ForeignKey("exams.id"))
    number: Mapped[str] = mapped_column(String(16))
    name: Mapped[str] = mapped_column(String(120), default="")
    school: Mapped[str] = mapped_column(String(120), default="")
    class_name: Mapped[str] = mapped_column(String(80), default="")
    room: Mapped[str] = mapped_column(String(40), default="")
    seat: Mapped[str] = mapped_column(String(40), default="")
