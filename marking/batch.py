"""Marks that come in together are kept together: one transaction, one commit, an answer for each.

The writer of marks. Everybody waits for the commit that holds his mark and for no other. A mark that cannot be kept is
refused by itself; the others of the batch do not notice. The response's row is the lock: a mark fills its slot while
that is open, whoever holds the lease by then; else it is surplus: kept, shown, not counted. Nobody has two marks on one
response.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import starmap
from typing import Literal

from sqlalchemy import bindparam, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from core.bulk import Numbers, among, in_one_go
from core.errors import BadInput, Conflict, Forbidden, MarkhallError, NotFound
from core.exam import ExamDefinition
from core.questions import Question, ask
from core.signed_in import alive, ended
from core.site import Site
from core.states import MarkState, ResponseState, TaskPurpose, TaskState
from core.tables import Mark, Response, Task
from marking import given, watching
from marking.definitions import current_version, definition_from, item_group
from marking.handout import Steps
from marking.reach import Reach, nobody, reaches_from, reaching
from marking.record import MARK, RESPONSE, TASK, Entry, MarkRow, Record, ResponseRow, TaskRow, emit, records_of, write_entries, write_rows
from marking.schemes import is_blind
from marking.settle import settle
from marking.standing import Standings, standing_of, stands_from
from marking.values import Kept, parse_values
from marking.watching import After, Done

LONGEST_KEY = 64


@dataclass(frozen=True, slots=True)
class Sent:
    """A mark as it came in."""

    user_id: int
    token: str
    key: str
    values: object
    seconds: float = 0.0
    session: str = ""  # the digest of the session's token, which must not have ended; empty: not from outside


@dataclass(frozen=True, slots=True)
class Saved:
    task: str
    outcome: Literal["counted", "surplus", "revised"]
    mark_id: int


@dataclass(frozen=True, slots=True)
class People:
    """Whom a transaction concerned, as they were at its end: who is served in the same moment need not be looked up again."""

    definition: ExamDefinition
    reaches: dict[int, Reach]
    standings: Standings


@dataclass(slots=True)
class Outcome:
    """An answer to each mark, what Redis should be told now that it is committed, and the stops to carry out."""

    answers: list[Saved | MarkhallError] = field(default_factory=list)
    steps: Steps = field(default_factory=Steps)
    stops: list[int] = field(default_factory=list)
    people: People | None = None


@dataclass(slots=True)
class Batch:
    """What one transaction knows: whom it concerns, what they may do, and the rows."""

    session: Session
    exam_id: int
    now: datetime
    reaches: dict[int, Reach]
    standings: Standings
    tasks: dict[str, TaskRow]  # by token
    records: dict[int, Record]  # by response: the live slots
    own: dict[int, Record]  # by task: seeds and the like, which settle nothing
    done: list[Done] = field(default_factory=list)
    keys: set[tuple[int, str]] = field(default_factory=set)  # of marks that are new in this batch
    met: list[tuple[int, int]] = field(default_factory=list)  # (user, response) of marks that came for nothing
    admitted: set[str] = field(default_factory=set)  # digests of sessions that have not ended

    def found(self, user_id: int, token: str) -> tuple[TaskRow, Record]:
        """The task of this token, as it stands, with its record."""
        task = self.tasks.get(token)
        if task is None or (task.purpose is not TaskPurpose.LIVE and task.marker_id != user_id):
            raise NotFound("there is no such task in this exam.", where="task", remedy="Ask for the next one.")
        record = self.records[task.response_id] if task.purpose is TaskPurpose.LIVE else self.own[task.id]
        return record.task(task.id), record

    def note(self, record: Record, task: TaskRow, mark: MarkRow, *, replaces: int | None = None) -> None:
        """For `marking.watching`."""
        self.done.append(
            Done(
                user_id=mark.marker_id,
                paper=task.paper,
                group=task.group,
                level=task.level,
                purpose=task.purpose,
                response_id=task.response_id,
                mark_id=mark.id,
                values=mark.values,
                seconds=mark.seconds,
                asked=record.group,
                replaces=replaces,
            )
        )


def submit_all(site: Site, exam_id: int, sent: Sequence[Sent]) -> Outcome:
    """Keep these marks for good. The same key again gives the same answer and changes nothing."""
    try:
        return _together(site, exam_id, sent)
    except IntegrityError:
        if len(sent) == 1:
            return Outcome([_used_before()])
    # A key that was used for another mark spoils nobody else's: without those that were the rest is kept together.
    used = _used(site, sent)
    rest = [one for one in sent if (one.user_id, one.key) not in used]
    if used and rest:
        kept = submit_all(site, exam_id, rest)
        answers = iter(kept.answers)
        kept.answers = [_used_before() if (one.user_id, one.key) in used else next(answers) for one in sent]
        return kept
    whole = Outcome()
    for one in sent:  # somebody was quicker
        part = submit_all(site, exam_id, [one])
        whole.answers += part.answers
        whole.stops += part.stops
        whole.steps.add(part.steps)
    return whole


def _used_before() -> Conflict:
    return Conflict("this key was used for another mark.", where="key", remedy="Send each mark under a new key.")


def _used(site: Site, sent: Sequence[Sent]) -> set[tuple[int, str]]:
    """Which of these keys their senders used for another task."""
    with site.database.glance() as session:
        query = select(Mark.marker_id, Mark.key, Task.token).join(Task, Task.id == Mark.task_id)
        query = query.where(
            among(session, Mark.key, [one.key for one in sent]), among(session, Mark.marker_id, [one.user_id for one in sent])
        )
        known = {(user_id, key): token for user_id, key, token in session.execute(query)}
    return {(one.user_id, one.key) for one in sent if known.get((one.user_id, one.key), one.token) != one.token}


def _together(site: Site, exam_id: int, sent: Sequence[Sent]) -> Outcome:
    steps = Steps()
    with site.database.write() as session:
        batch = load(site, session, exam_id, sent)
        answers = [_try(batch, one, steps) for one in sent]
        more, stops = close(batch)
    return Outcome(answers, steps.add(more), stops, People(batch.standings.definition, batch.reaches, batch.standings))


def close(batch: Batch) -> tuple[Steps, list[int]]:
    """Write all that the batch holds, with what follows from its marks, and commit. What to tell Redis then; stops to carry out."""
    session, exam_id = batch.session, batch.exam_id
    records = [*batch.records.values(), *batch.own.values()]
    own = any(done.purpose in given.OWN for done in batch.done)
    if own:  # checks and stops point to the marks
        write_rows(session, records)
    after = watching.after_marks(session, batch.standings, batch.done) if batch.done else After()
    if batch.met:
        watching.not_again(session, batch.standings, batch.met, after)
    offered = given.add_own_tasks(session, exam_id, after.tasks, batch.now)
    with in_one_go(session, last=True):
        if not own:
            write_rows(session, records)
        batch.standings.save(session)
        emit(session, exam_id, [record for record in records if record.entries], batch.now)
        write_entries(session, exam_id, records, batch.now, after.entries)
    steps = Steps()
    for record in records:
        steps.add(record.hints)
    for task_id, _ in after.gone:
        steps.lost(task_id)
    return steps.offer(offered), after.stops


_TASKS = Question(
    lambda among: (
        select(*TASK, *RESPONSE)
        .join(Response, Response.id == Task.response_id)
        .where(among(Task.token, "tokens"), Task.exam_id == bindparam("exam"))
        .order_by(Response.id)
        .with_for_update(of=Response)
    )
)


def load(site: Site, session: Session, exam_id: int, sent: Sequence[Sent]) -> Batch:
    """People are locked first, then where they stand, then responses."""
    now, users = site.now(), sorted({one.user_id for one in sent})
    tasks = _TASKS(exam=exam_id, tokens=sorted({one.token for one in sent}))
    sessions = alive((one.session for one in sent if one.session), now)
    version, people, stands, found, admitted = ask(
        session, current_version(exam_id), reaching(exam_id, users, lock=True), standing_of(exam_id, users, lock=True), tasks, sessions
    )
    _, definition = definition_from(session, exam_id, version)
    standings = Standings(exam_id, definition, now, stands_from(stands))
    rows = [(TaskRow(*row[: len(TASK)]), ResponseRow(*row[len(TASK) :])) for row in found]
    live = {r.id: r for t, r in rows if t.purpose is TaskPurpose.LIVE}
    numbers = Numbers(session, len(rows))
    records = records_of(session, list(live.values()), now, numbers, new_marks=len(rows))
    own = own_records(session, [(t.id, r) for t, r in rows if t.purpose is not TaskPurpose.LIVE], now, numbers)
    tokens = {t.token: t for t, _ in rows}
    return Batch(session, exam_id, now, reaches_from(people), standings, tokens, records, own, admitted={key for key, _ in admitted})


_OWN = Question(lambda among: select(*TASK).where(among(Task.id, "tasks")))
_OWN_MARKS = Question(lambda among: select(*MARK).where(among(Mark.task_id, "tasks")).order_by(Mark.id))


def own_records(
    session: Session, rows: Sequence[tuple[int, ResponseRow]], now: datetime, numbers: Numbers | None = None
) -> dict[int, Record]:
    """Of tasks that are for one marker alone, by task: each with that task and its marks, and nothing that others made of the response."""
    if not rows:
        return {}
    ids = [task_id for task_id, _ in rows]
    found, given_marks = ask(session, _OWN(tasks=ids), _OWN_MARKS(tasks=ids))  # as they are after the lock
    tasks = {task.id: task for task in starmap(TaskRow, found)}
    marks: dict[int, list[MarkRow]] = {task_id: [] for task_id in ids}
    for mark in starmap(MarkRow, given_marks):
        marks[mark.task_id].append(mark)
    numbers = numbers or Numbers(session, len(rows))
    return {
        n: Record(
            session=session,
            response=r,
            group=item_group(session, r.exam_id, r.definition_version, r.paper, r.group),
            tasks=[tasks[n]],
            marks=marks[n],
            now=now,
            numbers=numbers,
        )
        for n, r in rows
    }


def _try(batch: Batch, one: Sent, steps: Steps) -> Saved | MarkhallError:
    if one.session and one.session not in batch.admitted:
        return ended()
    try:
        check_key(one.key)
        mark = _keep(batch, one, steps)
    except MarkhallError as e:
        return e
    return Saved(one.token, "counted" if _counted_when_it_came(batch, mark) else "surplus", mark.id)


def _counted_when_it_came(batch: Batch, mark: MarkRow) -> bool:
    """Also of a mark that was overruled since: sent again it gets the answer that it got. A slot that it filled is its marker's."""
    if mark.state is not MarkState.SURPLUS:
        return True
    record = batch.records.get(mark.response_id) if mark.purpose is TaskPurpose.LIVE else batch.own.get(mark.task_id)
    return record is not None and record.task(mark.task_id).marker_id == mark.marker_id


def _keep(batch: Batch, one: Sent, steps: Steps) -> MarkRow:
    reach = batch.reaches.get(one.user_id)
    if reach is None:
        raise nobody()
    task, record = batch.found(one.user_id, one.token)
    reach.require(task.level, task.paper, task.group)
    again = next((mark for mark in record.of(one.user_id) if mark.key == one.key), None)
    if again is not None:
        steps.done(one.user_id, record.waiting(record.task(again.task_id)))  # Redis may not have heard of it
        return again
    if (one.user_id, one.key) in batch.keys:
        raise _used_before()
    values = parse_values(record.group, one.values)
    _refuse(batch, reach, record, task, one)
    waited = record.waiting(task)
    batch.keys.add((one.user_id, one.key))
    mark = _fill(batch, record, task, one, values)
    record.hints.done(one.user_id, waited, lasting=record.response.state is ResponseState.OPEN)
    return mark


def _refuse(batch: Batch, reach: Reach, record: Record, task: TaskRow, one: Sent) -> None:
    response = record.response
    why = batch.standings.refusal(one.user_id, task.paper, task.group, task.purpose, task.level, seconds=one.seconds)
    if why:
        raise Forbidden(why, where="task")
    if task.purpose is TaskPurpose.LIVE and response.school_code in reach.schools:
        raise Conflict("this answer is from a school whose answers you may not mark.", where="task", remedy="Ask for the next one.")
    if reach.leads and task.purpose is TaskPurpose.LIVE and (response.id, one.user_id) in given.looks(batch.session, [response.id]):
        raise Conflict("you were shown a mark on this answer.", where="task", remedy="Ask for the next one.")
    if record.of(one.user_id):
        raise Conflict("you have marked this answer already.", where="task", remedy="Ask for the next one.")
    if task.purpose is not TaskPurpose.LIVE and task.state is not TaskState.OPEN:
        raise Conflict("this answer is no longer waiting for you.", where="task", remedy="Ask for the next one.")


def _fill(batch: Batch, record: Record, task: TaskRow, one: Sent, values: Kept) -> MarkRow:
    live = task.purpose is TaskPurpose.LIVE
    is_open = task.state is TaskState.OPEN and (not live or record.response.state is ResponseState.OPEN)
    mark = add_mark(record, task, one.user_id, one.key, values, MarkState.COUNTED if is_open else MarkState.SURPLUS, one.seconds)
    if is_open:
        task.state, task.marker_id, task.done_at = TaskState.DONE, one.user_id, record.now
    record.entries.append(mark_entry(record, mark))
    if is_open and live:
        settle(record)
    if not is_open:
        batch.met.append((one.user_id, task.response_id))
    batch.note(record, task, mark)
    return mark


def check_key(key: str) -> None:
    if not 8 <= len(key) <= LONGEST_KEY:
        raise BadInput(f"the key has {len(key)} characters.", where="key", remedy=f"Use 8 to {LONGEST_KEY}, such as a UUID.")


def add_mark(
    record: Record, task: TaskRow, user_id: int, key: str, values: Kept, state: MarkState, seconds: float, revision: int = 1
) -> MarkRow:
    mark = MarkRow(
        id=record.numbers.new(Mark),
        response_id=record.response.id,
        task_id=task.id,
        marker_id=user_id,
        purpose=task.purpose,
        level=task.level,
        revision=revision,
        state=state,
        values=values,
        shown=[m.id for m in shown_to(record, task)],
        key=key,
        seconds=max(0.0, min(float(seconds), 86400.0)),
        at=record.now,
    )
    record.marks.append(mark)
    return mark


def shown_to(record: Record, task: TaskRow) -> list[MarkRow]:
    """The marks that whoever does this task sees: none at a blind level, else all that led to it."""
    if task.purpose is not TaskPurpose.LIVE or is_blind(record.group.scheme, task.level):
        return []
    ordinals = record.ordinals
    return [mark for mark in record.counted() if ordinals[mark.task_id] < task.ordinal]


def mark_entry(record: Record, mark: MarkRow) -> Entry:
    return {
        "kind": "mark",
        "mark": mark.id,
        "response": mark.response_id,
        "marker": f"user:{mark.marker_id}",
        "level": str(mark.level),
        "purpose": str(mark.purpose),
        "ordinal": record.ordinals[mark.task_id],
        "values": mark.values,
        "state": str(mark.state),
        "revision": mark.revision,
    }
