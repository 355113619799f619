"""What follows from marks for those who gave them: checks, the next seed or own response, the next round, a stop.

Two hooks, called within the transaction of whoever writes: `after_marks` by submission, for all marks of a batch at once, and
`on_next` by the hand-out, when `Standings.is_due` says so. They make no task themselves: the caller writes what `After` holds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.orm import Session

from core.exam import ItemGroup
from core.states import TaskLevel, TaskPurpose
from marking.adjudicate import Values
from marking.standing import Standings

Entry = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Done:
    """A mark that was just kept, and its number."""

    user_id: int
    paper: str
    group: str
    level: TaskLevel
    purpose: TaskPurpose
    response_id: int
    mark_id: int
    values: Values
    seconds: float
    asked: ItemGroup  # by the definition that its response cites
    replaces: int | None = None  # the marker's own earlier mark, which this one revises


@dataclass(frozen=True, slots=True)
class NewTask:
    """For this marker alone. A marker gets a response at most once for a purpose, so the marker's number is its ordinal."""

    response_id: int
    paper: str
    group: str
    purpose: TaskPurpose
    level: TaskLevel
    marker_id: int

    @property
    def ordinal(self) -> int:
        return self.marker_id


@dataclass(slots=True)
class After:
    tasks: list[NewTask] = field(default_factory=list)  # to insert, open, and to announce after the commit
    gone: list[tuple[int, int]] = field(default_factory=list)  # (task, marker): own tasks that are void now, for Redis
    entries: list[tuple[str, Entry]] = field(default_factory=list)  # (shard, entry) for the ledger
    stops: list[int] = field(default_factory=list)  # `marking.stopping.finish` carries these out, after the commit


def after_marks(session: Session, standings: Standings, done: Sequence[Done]) -> After:
    """The consequences of marks that were just written, in the order in which they came."""
    return After()


def on_next(session: Session, standings: Standings, user_id: int, groups: Sequence[tuple[str, str]]) -> After:
    """What is due before this marker is given work of these item groups: own tasks of a round, the first seed of a day."""
    return After()
