"""What is published: releases, their scores, their signatures."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from core.states import ReleaseState, ScoreStatus
from core.tables.base import Big, ExamId, Id, Table, one_of


class Release(Table):
    """The scores of an exam, numbered. A later one supersedes with a diff. Writer: scoring.release."""

    __tablename__ = "releases"
    __table_args__ = (UniqueConstraint("exam_id", "number"),)
    id: Mapped[Id]
    exam_id: Mapped[ExamId]
    number: Mapped[int]
    state: Mapped[ReleaseState] = mapped_column(one_of(ReleaseState), default=ReleaseState.DRAFT)
    definition_version: Mapped[int]
    digest: Mapped[str] = mapped_column(String(64), default="")
    laws: Mapped[list[Any]]
    overrides: Mapped[list[Any]]
    drafted_by: Mapped[str] = mapped_column(String(80))
    drafted_at: Mapped[datetime]
    released_at: Mapped[datetime | None]


class Score(Table):
    """A candidate's score in a paper (or in all, paper ""): exact, and rounded once. Status is separate from zero."""

    __tablename__ = "scores"
    __table_args__ = (UniqueConstraint("release_id", "candidate_id", "paper"),)
    id: Mapped[Id]
    exam_id: Mapped[ExamId]
    release_id: Mapped[int] = mapped_column(Big, ForeignKey("releases.id"))
    candidate_id: Mapped[int] = mapped_column(Big, ForeignKey("candidates.id"))
    paper: Mapped[str] = mapped_column(String(4), default="")
    status: Mapped[ScoreStatus] = mapped_column(one_of(ScoreStatus))
    numerator: Mapped[int] = mapped_column(BigInteger)
    denominator: Mapped[int] = mapped_column(BigInteger)
    published: Mapped[int | None] = mapped_column(BigInteger)
    items: Mapped[dict[str, Any]]


class Signature(Table):
    __tablename__ = "signatures"
    __table_args__ = (UniqueConstraint("release_id", "user_id"),)
    id: Mapped[Id]
    exam_id: Mapped[ExamId]
    release_id: Mapped[int] = mapped_column(Big, ForeignKey("releases.id"))
    user_id: Mapped[int] = mapped_column(Big, ForeignKey("users.id"))
    digest: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime]
