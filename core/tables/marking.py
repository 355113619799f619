"""What markers do: responses, their pictures, slots, marks, and the final marks that adjudication gave."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Boolean, Float, ForeignKey, Index, Integer, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from core.states import MarkState, ResponseState, TaskLevel, TaskPurpose, TaskState
from core.tables.base import Big, ExamId, Id, Sha256, Table, one_of

WAITING = text("state = 'open' AND marker_id IS NULL")
OWN = text("state = 'open' AND marker_id IS NOT NULL")


class Response(Table):
    """What one item group asks of a script. A replaced picture makes a new version. Writer: marking."""

    __tablename__ = "responses"
    __table_args__ = (
        UniqueConstraint("script_id", "group", "version"),
        Index("ix_responses_exam_id_paper_group_state", "exam_id", "paper", "group", "state"),
    )
    id: Mapped[Id]
    exam_id: Mapped[int] = mapped_column(Big, ForeignKey("exams.id"))
    script_id: Mapped[int] = mapped_column(Big, ForeignKey("scripts.id"))
    paper: Mapped[str] = mapped_column(String(4))
    group: Mapped[str] = mapped_column(String(24))
    version: Mapped[int] = mapped_column(Integer, default=1)
    current: Mapped[bool] = mapped_column(Boolean, default=True)
    state: Mapped[ResponseState] = mapped_column(one_of(ResponseState), default=ResponseState.OPEN)
    school_code: Mapped[str] = mapped_column(String(80), default="")
    definition_version: Mapped[int]
    objective: Mapped[str] = mapped_column(String(24), default="", server_default="")  # marking.objective: n/d, where a rule asks for it
    extra: Mapped[int] = mapped_column(Integer, default=0, server_default="0")  # marks asked for beyond what the scheme asks
    made_at: Mapped[datetime]


class ResponsePicture(Table):
    __tablename__ = "response_pictures"
    __table_args__ = (UniqueConstraint("response_id", "ordinal"),)
    id: Mapped[Id]
    response_id: Mapped[int] = mapped_column(Big, ForeignKey("responses.id"))
    ordinal: Mapped[int]
    sha256: Mapped[Sha256]
    width: Mapped[int]
    height: Mapped[int]
    page_id: Mapped[int] = mapped_column(Big, ForeignKey("pages.id"))


class Task(Table):
    """One slot of marking a response. `token` is its only name outside; leases live in Redis. Writer: marking.

    `shuffle` is the place in the queue, lower first: random, less the priority. An open task with a marker is for that one alone.
    """

    __tablename__ = "tasks"
    __table_args__ = (
        UniqueConstraint("response_id", "purpose", "ordinal"),
        Index("ix_tasks_waiting", "exam_id", "paper", "group", "level", "shuffle", postgresql_where=WAITING, sqlite_where=WAITING),
        Index("ix_tasks_own", "marker_id", postgresql_where=OWN, sqlite_where=OWN),
    )
    id: Mapped[Id]
    exam_id: Mapped[int] = mapped_column(Big, ForeignKey("exams.id"))
    response_id: Mapped[int] = mapped_column(Big, ForeignKey("responses.id"))
    paper: Mapped[str] = mapped_column(String(4))
    group: Mapped[str] = mapped_column(String(24))
    purpose: Mapped[TaskPurpose] = mapped_column(one_of(TaskPurpose), default=TaskPurpose.LIVE)
    level: Mapped[TaskLevel] = mapped_column(one_of(TaskLevel), default=TaskLevel.MARKER)
    ordinal: Mapped[int]
    state: Mapped[TaskState] = mapped_column(one_of(TaskState), default=TaskState.OPEN)
    priority: Mapped[int] = mapped_column(Integer, default=0)
    shuffle: Mapped[int] = mapped_column(BigInteger, default=0)
    token: Mapped[str] = mapped_column(String(24), unique=True)
    marker_id: Mapped[int | None] = mapped_column(Big, ForeignKey("users.id"))
    made_at: Mapped[datetime]
    done_at: Mapped[datetime | None]


class Mark(Table):
    """One person's marks on a response version. `values` holds hundredths: {item: n} or {item: {step: n}}. Writer: marking.submit."""

    __tablename__ = "marks"
    __table_args__ = (
        UniqueConstraint("response_id", "marker_id", "purpose", "revision"),
        UniqueConstraint("marker_id", "key"),
        Index("ix_marks_task_id", "task_id"),
    )
    id: Mapped[Id]
    exam_id: Mapped[ExamId]
    response_id: Mapped[int] = mapped_column(Big, ForeignKey("responses.id"))
    task_id: Mapped[int] = mapped_column(Big, ForeignKey("tasks.id"))
    marker_id: Mapped[int] = mapped_column(Big, ForeignKey("users.id"))
    purpose: Mapped[TaskPurpose] = mapped_column(one_of(TaskPurpose), default=TaskPurpose.LIVE)
    level: Mapped[TaskLevel] = mapped_column(one_of(TaskLevel), default=TaskLevel.MARKER)
    revision: Mapped[int] = mapped_column(Integer, default=1)
    state: Mapped[MarkState] = mapped_column(one_of(MarkState))
    values: Mapped[dict[str, Any]]
    shown: Mapped[list[Any]]
    key: Mapped[str] = mapped_column(String(64))
    seconds: Mapped[float] = mapped_column(Float, default=0.0)
    at: Mapped[datetime]


class FinalMark(Table):
    """The agreed mark of an item: an exact fraction of hundredths, and the rule and marks that gave it. Writer: marking."""

    __tablename__ = "final_marks"
    __table_args__ = (UniqueConstraint("response_id", "item", "version"),)
    id: Mapped[Id]
    exam_id: Mapped[ExamId]
    response_id: Mapped[int] = mapped_column(Big, ForeignKey("responses.id"))
    item: Mapped[str] = mapped_column(String(24))
    version: Mapped[int] = mapped_column(Integer, default=1)
    current: Mapped[bool] = mapped_column(Boolean, default=True)
    numerator: Mapped[int] = mapped_column(BigInteger)
    denominator: Mapped[int] = mapped_column(BigInteger)
    rule: Mapped[str] = mapped_column(String(80))
    table_version: Mapped[str] = mapped_column(String(40))
    mark_ids: Mapped[list[Any]]
    at: Mapped[datetime]


class Problem(Table):
    """A script that a marker could not mark as it is, and what a leader made of it."""

    __tablename__ = "problems"
    __table_args__ = (UniqueConstraint("marker_id", "key"),)
    id: Mapped[Id]
    exam_id: Mapped[ExamId]
    response_id: Mapped[int] = mapped_column(Big, ForeignKey("responses.id"), index=True)
    task_id: Mapped[int | None] = mapped_column(Big, ForeignKey("tasks.id"))  # none: found by the sweep, not by a marker
    marker_id: Mapped[int | None] = mapped_column(Big, ForeignKey("users.id"))
    reason: Mapped[str] = mapped_column(String(24))
    note: Mapped[str] = mapped_column(Text, default="")
    key: Mapped[str] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(12), default="open")
    resolution: Mapped[dict[str, Any]]
    resolved_by: Mapped[str] = mapped_column(String(80), default="")
    at: Mapped[datetime]
    resolved_at: Mapped[datetime | None]
