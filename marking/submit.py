"""The one writer of marks: submission and a marker's own revision. Acknowledged only after the commit.

The response's row is the lock. A mark fills its slot while that is open, whoever holds the lease by then; else it is
surplus: kept, shown, not counted. Nobody has two marks on one response.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from redis.exceptions import RedisError
from sqlalchemy.exc import IntegrityError

from core import events, ledger
from core.errors import BadInput, Conflict, Unavailable
from core.site import Site
from core.states import MarkState, ResponseState, TaskPurpose, TaskState
from core.tables import Mark, Task
from marking import handout
from marking.reach import Reach, reach_of
from marking.record import Record, lock_task
from marking.schemes import first_slots, is_blind
from marking.settle import settle
from marking.values import Kept, parse_values

GRACE = timedelta(minutes=10)
LONGEST_KEY = 64
log = logging.getLogger("markhall.marking")


@dataclass(frozen=True, slots=True)
class Saved:
    task: str
    outcome: Literal["counted", "surplus", "revised"]
    mark_id: int


def submit(site: Site, exam_id: int, user_id: int, token: str, key: str, values: object, seconds: float = 0.0) -> Saved:
    """Keep a mark for good. The same key again gives the same answer and changes nothing."""
    check_key(key)
    now = site.now()
    try:
        with site.database.write() as session:
            reach = reach_of(session, exam_id, user_id)
            task, record = lock_task(session, exam_id, token, now)
            reach.require(task.level, task.paper, task.group)
            again = _sent_before(record, user_id, key)
            mark = again or _keep(record, reach, task, key, parse_values(record.group, values), seconds)
            record.hints.done(user_id, record.waiting(record.task(mark.task_id)))  # of a retry: the task that was marked
            saved = Saved(token, _outcome(mark), mark.id)
    except IntegrityError as e:
        raise Conflict("this key was used for another mark.", where="key", remedy="Send each mark under a new key.") from e
    after_commit(site, exam_id, record)
    return saved


def revise(site: Site, exam_id: int, user_id: int, token: str, key: str, values: object, *, grace: timedelta = GRACE) -> Saved:
    """Put another mark in the place of one's own, in the grace period, while nobody has marked because of it."""
    check_key(key)
    now = site.now()
    try:
        with site.database.write() as session:
            reach_of(session, exam_id, user_id)
            task, record = lock_task(session, exam_id, token, now)
            again = _sent_before(record, user_id, key)
            if again is not None:
                return Saved(token, "revised", again.id)
            old = next((m for m in record.of(user_id) if m.task_id == task.id and m.state is MarkState.COUNTED), None)
            refusal = why_not_revise(record, old, grace)
            if old is None or refusal:
                raise Conflict(refusal, where="task", remedy="Tell your leader if the mark is wrong.")
            new = _replace(record, task, old, key, parse_values(record.group, values))
            saved = Saved(token, "revised", new.id)
    except IntegrityError as e:
        raise Conflict("this key was used for another mark.", where="key", remedy="Send each mark under a new key.") from e
    after_commit(site, exam_id, record)
    return saved


def why_not_revise(record: Record, mark: Mark | None, grace: timedelta = GRACE) -> str:
    """Empty when this counted mark may be revised. A slot is a consequence when it was asked for after the mark's own."""
    if mark is None:
        return "you have no counted mark on this task."
    if record.response.state not in (ResponseState.OPEN, ResponseState.AGREED):
        return "the answer is no longer open for marking."
    first = min((m.at for m in record.of(mark.marker_id)), default=mark.at)
    if record.now - first > grace:
        return f"the {grace.seconds // 60} minutes in which a mark may be revised are over."
    asked_before = max(first_slots(record.group.scheme), record.ordinals[mark.task_id])
    if any(record.ordinals[m.task_id] > asked_before for m in record.counted()):
        return "somebody has marked this answer after you."
    return ""


def check_key(key: str) -> None:
    if not 8 <= len(key) <= LONGEST_KEY:
        raise BadInput(f"the key has {len(key)} characters.", where="key", remedy=f"Use 8 to {LONGEST_KEY}, such as a UUID.")


def _sent_before(record: Record, user_id: int, key: str) -> Mark | None:
    return next((mark for mark in record.of(user_id) if mark.key == key), None)


def _outcome(mark: Mark) -> Literal["counted", "surplus"]:
    return "surplus" if mark.state is MarkState.SURPLUS else "counted"


def _keep(record: Record, reach: Reach, task: Task, key: str, values: Kept, seconds: float) -> Mark:
    if record.response.school_code in reach.schools:
        raise Conflict("this answer is from a school whose answers you may not mark.", where="task", remedy="Ask for the next one.")
    if record.of(reach.user_id):
        raise Conflict("you have marked this answer already.", where="task", remedy="Ask for the next one.")
    is_open = task.state is TaskState.OPEN and record.response.state is ResponseState.OPEN
    state = MarkState.COUNTED if is_open else MarkState.SURPLUS
    mark = add_mark(record, task, reach.user_id, key, values, state, seconds)
    if is_open:
        task.state, task.marker_id, task.done_at = TaskState.DONE, reach.user_id, record.now
    record.session.flush()
    finals = settle(record) if is_open else []
    write_entries(record, [mark_entry(record, mark), *finals])
    emit_mark(record, mark)
    return mark


def _replace(record: Record, task: Task, old: Mark, key: str, values: Kept) -> Mark:
    old.state = MarkState.REVISED
    new = add_mark(record, task, old.marker_id, key, values, MarkState.COUNTED, old.seconds, revision=old.revision + 1)
    record.session.flush()
    finals = settle(record)
    revised = {"kind": "mark-state", "mark": old.id, "state": "revised", "reason": "by its marker", "by": f"user:{old.marker_id}"}
    write_entries(record, [revised, mark_entry(record, new) | {"replaces": old.id}, *finals])
    emit_mark(record, new)
    return new


def add_mark(record: Record, task: Task, user_id: int, key: str, values: Kept, state: MarkState, seconds: float, revision: int = 1) -> Mark:
    mark = Mark(
        exam_id=record.response.exam_id,
        response_id=record.response.id,
        task_id=task.id,
        marker_id=user_id,
        purpose=TaskPurpose.LIVE,
        level=task.level,
        revision=revision,
        state=state,
        values=values,
        shown=[m.id for m in shown_to(record, task)],
        key=key,
        seconds=max(0.0, min(float(seconds), 86400.0)),
        at=record.now,
    )
    record.session.add(mark)
    record.marks.append(mark)
    return mark


def shown_to(record: Record, task: Task) -> list[Mark]:
    """The marks that whoever does this task sees: none at a blind level, else all that led to it."""
    if is_blind(record.group.scheme, task.level):
        return []
    ordinals = record.ordinals
    return [mark for mark in record.counted() if ordinals[mark.task_id] < task.ordinal]


def mark_entry(record: Record, mark: Mark) -> dict[str, Any]:
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


def write_entries(record: Record, entries: list[Mapping[str, Any]]) -> None:
    ledger.append(record.session, record.response.exam_id, record.shard, entries, record.now)


def emit_mark(record: Record, mark: Mark) -> None:
    response = record.response
    body = {"paper": response.paper, "group": response.group, "marker": mark.marker_id, "state": str(mark.state)}
    events.emit(record.session, response.exam_id, "mark", body | {"response_state": str(response.state)}, record.now)


def after_commit(site: Site, exam_id: int, record: Record) -> None:
    """Tell Redis. The commit stands whatever comes of it: leases end by themselves and the sweep offers open tasks."""
    try:
        handout.apply(site, exam_id, record.hints)
    except (RedisError, Unavailable):
        log.warning("the queue server could not be told of a mark; the sweep will")
