"""Responses with all that adjudication needs, locked for one transaction; and what a change to them means for Redis.

Plain rows: a transaction may hold hundreds of responses. `save` compares them with what was loaded and writes what
changed in a few statements, however many there are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import starmap
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core import events, ledger
from core.bulk import Numbers, among, in_one_go, insert_rows, update_rows
from core.errors import NotFound
from core.exam import ItemGroup
from core.ids import new_token
from core.ledger import group_shard
from core.questions import Question, ask
from core.states import MarkState, ResponseState, TaskLevel, TaskPurpose, TaskState
from core.tables import FinalMark, Mark, Response, Task
from marking.adjudicate import ResponseMark
from marking.definitions import item_group, watched_group
from marking.handout import Steps, Waiting

Entry = Mapping[str, Any]


@dataclass(slots=True)
class ResponseRow:
    id: int
    exam_id: int
    script_id: int
    paper: str
    group: str
    state: ResponseState
    current: bool
    school_code: str
    definition_version: int
    objective: str
    extra: int


@dataclass(slots=True)
class TaskRow:
    id: int
    response_id: int
    paper: str
    group: str
    purpose: TaskPurpose
    level: TaskLevel
    ordinal: int
    state: TaskState
    shuffle: int
    token: str
    marker_id: int | None
    done_at: datetime | None = None


@dataclass(slots=True)
class MarkRow:
    id: int
    response_id: int
    task_id: int
    marker_id: int
    purpose: TaskPurpose
    level: TaskLevel
    revision: int
    state: MarkState
    values: Mapping[str, Any]
    shown: list[int]
    key: str
    seconds: float
    at: datetime


@dataclass(slots=True)
class FinalRow:
    response_id: int
    item: str
    version: int
    current: bool
    numerator: int
    denominator: int
    rule: str
    table_version: str
    mark_ids: list[int]
    id: int | None = None  # none: not written yet


RESPONSE = tuple(getattr(Response, name) for name in ResponseRow.__slots__)
TASK = tuple(getattr(Task, name) for name in TaskRow.__slots__)
MARK = tuple(getattr(Mark, name) for name in MarkRow.__slots__)
FINAL = tuple(getattr(FinalMark, name) for name in FinalRow.__slots__)


@dataclass(slots=True)
class Record:
    """The live slots and marks of one response. Its row is locked, so nothing of it changes but by us."""

    session: Session
    response: ResponseRow
    group: ItemGroup
    tasks: list[TaskRow]  # in the order of their slots
    marks: list[MarkRow]  # every live one, of any state, in the order they came
    now: datetime
    numbers: Numbers
    finals: list[FinalRow] = field(default_factory=list)  # of every version, in order
    blocking_first: str = "0"  # of slots that marks ask for, the share that goes before new ones
    entries: list[Entry] = field(default_factory=list)  # for the ledger, with `save`
    hints: Steps = field(default_factory=Steps)  # for Redis, after the commit
    _was: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        response = self.response
        self._was = {
            "response": (response.state, response.current, response.extra),
            "tasks": {task.id: (task.state, task.marker_id) for task in self.tasks},
            "marks": {mark.id: mark.state for mark in self.marks},
            "finals": {final.id: final.current for final in self.finals},
        }

    @property
    def shard(self) -> str:
        return group_shard(self.response.paper, self.response.group)

    @property
    def ordinals(self) -> dict[int, int]:
        return {task.id: task.ordinal for task in self.tasks}

    def counted(self) -> list[MarkRow]:
        """The marks that adjudication sees, in the order of their slots."""
        ordinals = self.ordinals
        return sorted((m for m in self.marks if m.state is MarkState.COUNTED), key=lambda m: ordinals[m.task_id])

    def task(self, task_id: int) -> TaskRow:
        return next(task for task in self.tasks if task.id == task_id)

    def of(self, user_id: int) -> list[MarkRow]:
        return [mark for mark in self.marks if mark.marker_id == user_id]

    def open_tasks(self) -> list[TaskRow]:
        return [task for task in self.tasks if task.state is TaskState.OPEN]

    def add_task(self, level: TaskLevel, shuffle: int, *, state: TaskState = TaskState.OPEN, marker_id: int | None = None) -> TaskRow:
        """A new slot after all that there ever were."""
        response = self.response
        task = TaskRow(
            id=self.numbers.new(Task),
            response_id=response.id,
            paper=response.paper,
            group=response.group,
            purpose=TaskPurpose.LIVE,
            level=level,
            ordinal=max((t.ordinal for t in self.tasks), default=0) + 1,
            state=state,
            shuffle=shuffle,
            token=new_token(),
            marker_id=marker_id,
            done_at=self.now if state is TaskState.DONE else None,
        )
        self.tasks.append(task)
        return task

    def waiting(self, task: TaskRow) -> Waiting:
        return waiting_of(task, self.response.school_code)


def waiting_of(task: TaskRow | Task, school: str) -> Waiting:
    """Who an open task is for, if for one alone, goes with it."""
    alone = task.marker_id if task.state is TaskState.OPEN else None
    return Waiting(task.id, task.response_id, task.paper, task.group, task.level, school, task.shuffle, alone)


def as_response_marks(marks: Iterable[MarkRow]) -> list[ResponseMark]:
    return [ResponseMark(mark.id, mark.level, mark.values) for mark in marks]


def lock_response(session: Session, exam_id: int, response_id: int, now: datetime) -> Record:
    found = lock_responses(session, exam_id, [response_id], now)
    if response_id not in found:
        raise NotFound("there is no such response in this exam.", where="response")
    return found[response_id]


def lock_responses(session: Session, exam_id: int, response_ids: Sequence[int], now: datetime) -> dict[int, Record]:
    """The records of these responses, locked in the order of their numbers, so that nobody waits for whom who waits for him."""
    query = select(*RESPONSE).where(among(session, Response.id, response_ids), Response.exam_id == exam_id).order_by(Response.id)
    rows = [ResponseRow(*row) for row in session.execute(query.with_for_update())]
    return records_of(session, rows, now)


_TASKS = Question(
    lambda among: select(*TASK).where(among(Task.response_id, "responses"), Task.purpose == TaskPurpose.LIVE).order_by(Task.ordinal)
)
_MARKS = Question(
    lambda among: select(*MARK).where(among(Mark.response_id, "responses"), Mark.purpose == TaskPurpose.LIVE).order_by(Mark.id)
)
_FINALS = Question(lambda among: select(*FINAL).where(among(FinalMark.response_id, "responses")).order_by(FinalMark.version))


def records_of(
    session: Session, rows: Sequence[ResponseRow], now: datetime, numbers: Numbers | None = None, *, new_marks: int = 0
) -> dict[int, Record]:
    """What stands around these responses: read after the lock, since what was joined to a locked row may be from before it.

    `new_marks`: so many will be added, as far as the caller knows.
    """
    if not rows:
        return {}
    ids, numbers = [row.id for row in rows], numbers or Numbers(session, len(rows))
    tasks, marks, finals = (
        defaultdict[int, list[TaskRow]](list),
        defaultdict[int, list[MarkRow]](list),
        defaultdict[int, list[FinalRow]](list),
    )
    asked = [_TASKS(responses=ids), _MARKS(responses=ids), _FINALS(responses=ids)]
    task_rows, mark_rows, final_rows, *drawn = ask(session, *asked, *numbers.drawing(Mark, new_marks))
    numbers.keep(Mark, drawn)
    for task in starmap(TaskRow, task_rows):
        tasks[task.response_id].append(task)
    for mark in starmap(MarkRow, mark_rows):
        marks[mark.response_id].append(mark)
    for final in starmap(FinalRow, final_rows):
        finals[final.response_id].append(final)
    return {
        r.id: Record(
            session=session,
            response=r,
            group=item_group(session, r.exam_id, r.definition_version, r.paper, r.group),
            tasks=tasks[r.id],
            marks=marks[r.id],
            now=now,
            numbers=numbers,
            finals=finals[r.id],
            blocking_first=_blocking_first(session, r),
        )
        for r in rows
    }


def _blocking_first(session: Session, response: ResponseRow) -> str:
    _, rules = watched_group(session, response.exam_id, response.definition_version, response.paper, response.group)
    return rules.blocking_first if rules is not None else "0"


def save(session: Session, exam_id: int, records: Iterable[Record], now: datetime) -> None:
    """Write what changed and what the ledger is told of it, once for a record."""
    changed = list(records)
    write_rows(session, changed)
    write_entries(session, exam_id, changed, now)


def write_rows(session: Session, changed: Sequence[Record]) -> None:
    with in_one_go(session):
        insert_rows(session, Task, [row for record in changed for row in _new_tasks(record)])
        insert_rows(session, Mark, [row for record in changed for row in _new_marks(record)])
        insert_rows(session, FinalMark, [row for record in changed for row in _new_finals(record)])
        update_rows(session, Task, [row for record in changed for row in _changed_tasks(record)])
        update_rows(session, Mark, [row for record in changed for row in _changed_marks(record)])
        update_rows(session, FinalMark, [row for record in changed for row in _withdrawn(record)])
        update_rows(session, Response, [row for record in changed for row in _changed_response(record)])


def write_entries(session: Session, exam_id: int, changed: Sequence[Record], now: datetime, more: Iterable[tuple[str, Entry]] = ()) -> None:
    """`more`: further entries by shard, in the same append (shards are locked in order, once)."""
    by_shard = defaultdict[str, list[Entry]](list)
    for record in changed:
        if record.entries:
            by_shard[record.shard] += record.entries
    for shard, entry in more:
        by_shard[shard].append(entry)
    if by_shard:
        ledger.append_all(session, exam_id, by_shard, now)


def emit(session: Session, exam_id: int, records: Iterable[Record], now: datetime) -> None:
    """One event for all that happened to an item group in this transaction."""
    by_group: dict[tuple[str, str], int] = defaultdict(int)
    for record in records:
        by_group[record.response.paper, record.response.group] += 1
    bodies = [{"paper": paper, "group": group, "responses": n} for (paper, group), n in sorted(by_group.items())]
    events.emit_all(session, exam_id, "marks", bodies, now)


def _new_tasks(record: Record) -> Iterable[dict[str, Any]]:
    for task in record.tasks:
        if task.id not in record._was["tasks"]:
            yield {**_plain(task), "exam_id": record.response.exam_id, "priority": 0, "made_at": record.now}


def _new_marks(record: Record) -> Iterable[dict[str, Any]]:
    for mark in record.marks:
        if mark.id not in record._was["marks"]:
            yield {**_plain(mark), "exam_id": record.response.exam_id}


def _new_finals(record: Record) -> Iterable[dict[str, Any]]:
    for final in record.finals:
        if final.id is None:
            row = _plain(final)
            del row["id"]
            yield {**row, "exam_id": record.response.exam_id, "at": record.now}


def _changed_tasks(record: Record) -> Iterable[dict[str, Any]]:
    was = record._was["tasks"]
    for task in record.tasks:
        if task.id in was and was[task.id] != (task.state, task.marker_id):
            yield {"id": task.id, "state": task.state, "marker_id": task.marker_id, "done_at": task.done_at}


def _changed_marks(record: Record) -> Iterable[dict[str, Any]]:
    was = record._was["marks"]
    return ({"id": mark.id, "state": mark.state} for mark in record.marks if was.get(mark.id, mark.state) is not mark.state)


def _withdrawn(record: Record) -> Iterable[dict[str, Any]]:
    was = record._was["finals"]
    return ({"id": f.id, "current": False} for f in record.finals if f.id is not None and was[f.id] and not f.current)


def _changed_response(record: Record) -> Iterable[dict[str, Any]]:
    response = record.response
    if record._was["response"] != (response.state, response.current, response.extra):
        yield {"id": response.id, "state": response.state, "current": response.current, "extra": response.extra}


def _plain(row: TaskRow | MarkRow | FinalRow) -> dict[str, Any]:
    return {name: getattr(row, name) for name in row.__slots__}
