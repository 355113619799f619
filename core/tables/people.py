"""Who works here: users, what they may do and where, their sessions, their conflicts."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Boolean, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from core.tables.base import Big, Id, Table


class User(Table):
    __tablename__ = "users"
    id: Mapped[Id]
    login: Mapped[str] = mapped_column(String(80), unique=True)
    name: Mapped[str] = mapped_column(String(120))
    password_hash: Mapped[str] = mapped_column(String(200))
    affiliation: Mapped[str] = mapped_column(String(80), default="")
    active: Mapped[bool] = mapped_column(Boolean, default=True)
    made_at: Mapped[datetime]


class Role(Table):
    """What a user may do, and where: exam, and optionally a paper, an item group (`M/W21`) or a site."""

    __tablename__ = "roles"
    __table_args__ = (UniqueConstraint("user_id", "role", "exam_id", "scope"),)
    id: Mapped[Id]
    user_id: Mapped[int] = mapped_column(Big, ForeignKey("users.id"), index=True)
    role: Mapped[str] = mapped_column(String(20))
    exam_id: Mapped[int | None] = mapped_column(Big, ForeignKey("exams.id"))
    scope: Mapped[str] = mapped_column(String(40), default="")


class Conflict(Table):
    """A school whose scripts a user must not mark, besides the user's own."""

    __tablename__ = "conflicts"
    __table_args__ = (UniqueConstraint("user_id", "school_code"),)
    id: Mapped[Id]
    user_id: Mapped[int] = mapped_column(Big, ForeignKey("users.id"), index=True)
    school_code: Mapped[str] = mapped_column(String(80))


class Session(Table):
    __tablename__ = "sessions"
    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[int] = mapped_column(Big, ForeignKey("users.id"), index=True)
    made_at: Mapped[datetime]
    expires_at: Mapped[datetime]
