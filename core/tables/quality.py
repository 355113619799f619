"""How marking is watched: definitive marks, where each marker stands, what marks were held against, stops, alarms."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, Float, ForeignKey, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from core.states import AlarmState, CheckKind, SeedUse, StandingState
from core.tables.base import Big, ExamId, Id, Table, one_of


class Seed(Table):
    """A response whose marks the chief examiners agreed. `values` as in a mark. Writer: marking.seeds."""

    __tablename__ = "seeds"
    __table_args__ = (
        UniqueConstraint("response_id", "use"),
        Index("ix_seeds_exam_id_paper_group_use", "exam_id", "paper", "group", "use"),
    )
    id: Mapped[Id]
    exam_id: Mapped[int] = mapped_column(Big, ForeignKey("exams.id"))
    response_id: Mapped[int] = mapped_column(Big, ForeignKey("responses.id"))
    paper: Mapped[str] = mapped_column(String(4))
    group: Mapped[str] = mapped_column(String(24))
    use: Mapped[SeedUse] = mapped_column(one_of(SeedUse))
    values: Mapped[dict[str, Any]]
    note: Mapped[str] = mapped_column(Text, default="")  # why these marks: shown after a trial
    active: Mapped[bool] = mapped_column(Boolean, default=True)
    by: Mapped[str] = mapped_column(String(80))
    at: Mapped[datetime]


class Standing(Table):
    """Where a marker stands in an item group, and when the next check is due. Writer: marking.standing."""

    __tablename__ = "standings"
    __table_args__ = (UniqueConstraint("user_id", "exam_id", "paper", "group"),)  # one by exam alone would be taken for every mark
    id: Mapped[Id]
    exam_id: Mapped[int] = mapped_column(Big, ForeignKey("exams.id"))
    user_id: Mapped[int] = mapped_column(Big, ForeignKey("users.id"))
    paper: Mapped[str] = mapped_column(String(4))
    group: Mapped[str] = mapped_column(String(24))
    state: Mapped[StandingState] = mapped_column(one_of(StandingState))
    day: Mapped[str] = mapped_column(String(10), default="")  # of the exam's own time zone
    today: Mapped[int] = mapped_column(Integer, default=0)  # marks of that day, seeds and self re-marks too: what the marker counts
    marks: Mapped[int] = mapped_column(Integer, default=0)  # the same in all
    until_seed: Mapped[int] = mapped_column(Integer, default=0)  # live marks before the next seed is handed out
    until_self: Mapped[int] = mapped_column(Integer, default=0)
    failed: Mapped[int] = mapped_column(Integer, default=0)  # seeds in a row
    at: Mapped[datetime]


class Check(Table):
    """A mark held against another: a definitive one, the marker's own earlier one, a leader's. Writer: marking.checks."""

    __tablename__ = "checks"
    __table_args__ = (UniqueConstraint("mark_id", "kind"), Index("ix_checks_user_id_exam_id", "user_id", "exam_id"))
    id: Mapped[Id]
    exam_id: Mapped[ExamId]
    mark_id: Mapped[int] = mapped_column(Big, ForeignKey("marks.id"))  # the mark that is judged
    user_id: Mapped[int] = mapped_column(Big, ForeignKey("users.id"))  # whose it is
    paper: Mapped[str] = mapped_column(String(4))
    group: Mapped[str] = mapped_column(String(24))
    kind: Mapped[CheckKind] = mapped_column(one_of(CheckKind))
    use: Mapped[str] = mapped_column(String(8), default="")  # of a seed: trial, first, second, live
    against: Mapped[int | None] = mapped_column(Big, ForeignKey("marks.id"))  # none: a seed
    seed_id: Mapped[int | None] = mapped_column(Big, ForeignKey("seeds.id"))
    differences: Mapped[dict[str, Any]]  # {item: hundredths}, signed: the mark less what it is held against
    outcome: Mapped[str] = mapped_column(String(12))  # passed, failed; of a leader's look: confirmed, corrected, sent_back
    by: Mapped[str] = mapped_column(String(80), default="")  # of a leader's look: whose
    note: Mapped[str] = mapped_column(Text, default="")  # to the marker
    at: Mapped[datetime]


class Stop(Table):
    """A marker stopped in an item group, by whom or which rule, and how it ended. Writer: marking.stopping."""

    __tablename__ = "stops"
    id: Mapped[Id]
    exam_id: Mapped[ExamId]
    user_id: Mapped[int] = mapped_column(Big, ForeignKey("users.id"))
    paper: Mapped[str] = mapped_column(String(4))
    group: Mapped[str] = mapped_column(String(24))
    rule: Mapped[str] = mapped_column(String(24))  # person, seeds, or an alarm's name
    reason: Mapped[str] = mapped_column(Text, default="")
    put_back: Mapped[list[Any]]  # the marks that were taken out, by number
    by: Mapped[str] = mapped_column(String(80))
    at: Mapped[datetime]
    lifted_by: Mapped[str] = mapped_column(String(80), default="")
    lifted_at: Mapped[datetime | None]


class Alarm(Table):
    """A rule of the exam definition that a marker's or a group's measures broke. Writer: marking.alarms."""

    __tablename__ = "alarms"
    __table_args__ = (Index("ix_alarms_exam_id_state", "exam_id", "state"),)
    id: Mapped[Id]
    exam_id: Mapped[int] = mapped_column(Big, ForeignKey("exams.id"))
    rule: Mapped[str] = mapped_column(String(40))
    user_id: Mapped[int | None] = mapped_column(Big, ForeignKey("users.id"))  # none: of a whole item group
    paper: Mapped[str] = mapped_column(String(4))
    group: Mapped[str] = mapped_column(String(24))
    item: Mapped[str] = mapped_column(String(24), default="")
    value: Mapped[float] = mapped_column(Float)
    limit: Mapped[float] = mapped_column(Float)
    marks: Mapped[int] = mapped_column(Integer, default=0)  # how many of the marker's marks the value rests on
    state: Mapped[AlarmState] = mapped_column(one_of(AlarmState), default=AlarmState.OPEN)
    by: Mapped[str] = mapped_column(String(80), default="")  # who saw it, or what it led to
    at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
