"""Answers that cannot be marked as they are: a marker raises a problem, a leader resolves it. No free mark comes of it.

While a response has a problem its open slots are void, so nobody is handed it; marks that were counted stay counted.
A leader sends it back to marking, or marks it: that mark is an arbiter's, the last word of the truth table.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from core import events
from core.errors import BadInput, Conflict, NotFound
from core.site import Site
from core.states import MarkState, ResponseState, TaskLevel, TaskPurpose, TaskState
from core.tables import Problem, Response, ResponsePicture, Task
from marking.batch import Sent, add_mark, check_key, close, load, mark_entry
from marking.handout import place_for, tell
from marking.reach import reach_of
from marking.record import Record, TaskRow, emit, lock_response, save
from marking.replaced import is_anothers, retire, standing
from marking.settle import settle, void
from marking.values import parse_values

Reason = Literal["wrong_place", "illegible", "second_hand", "similar", "other"]
LONGEST_NOTE = 1000


@dataclass(frozen=True, slots=True)
class ProblemView:
    id: int
    paper: str
    group: str
    reason: str
    note: str
    raised_by: int | None  # None: the sweep found it
    at: datetime
    pictures: tuple[str, ...]  # hashes: for the leader's desk on the server, never for a marker's page


def problem(site: Site, exam_id: int, user_id: int, token: str, key: str, reason: str, note: str = "") -> int:
    """Raise a problem on a task; its id. The same key again gives the same answer."""
    check_key(key)
    if reason not in get_args(Reason):
        raise BadInput(f"there is no reason {reason!r}.", where="reason", remedy=f"Use one of {', '.join(get_args(Reason))}.")
    if len(note) > LONGEST_NOTE:
        raise BadInput("the note is too long.", where="note", remedy=f"Use at most {LONGEST_NOTE} characters.")
    with site.database.write() as session:
        reach = reach_of(session, exam_id, user_id)
        batch = load(site, session, exam_id, [Sent(user_id, token, key, None)])
        task, record = batch.found(user_id, token)
        reach.require(task.level, task.paper, task.group)
        known = session.scalar(select(Problem).where(Problem.marker_id == user_id, Problem.key == key))
        if known is not None and known.task_id != task.id:
            raise Conflict("this key was used for another problem.", where="key", remedy="Send each problem under a new key.")
        record.hints.gone(record.waiting(task))
        if known is None:
            known = _raise(record, task, user_id, key, reason, note)
        problem_id = known.id
        steps, _ = close(batch)
    tell(site, exam_id, steps)
    return problem_id


def resolve_problem(
    site: Site,
    exam_id: int,
    user_id: int,
    problem_id: int,
    action: Literal["back", "mark", "void"],
    *,
    key: str,
    values: object = None,
    note: str = "",
) -> None:
    """Settle all open problems of a response: `back` to marking with the marks that it has, `mark` it as the last word,
    or `void` its marks, so that the next sweep makes it anew from the pages that stand."""
    check_key(key)
    try:
        with site.database.write() as session:
            reach = reach_of(session, exam_id, user_id)
            found = session.scalar(select(Problem).where(Problem.id == problem_id, Problem.exam_id == exam_id))
            if found is None:
                raise NotFound("there is no such problem in this exam.", where="problem")
            record = lock_response(session, exam_id, found.response_id, site.now())
            reach.require_lead(record.response.paper, record.response.group)
            session.refresh(found)  # as it is after the lock
            if _is_of_own_task(session, found):
                if found.state != "open":
                    _require_same(found, key)
                    return
                _close(record, [found], user_id, {"action": action, "key": key, "note": note})
                return
            open_ones = _open(session, record.response.id)
            if record.response.state is not ResponseState.PROBLEM or not open_ones:
                _require_same(found, key)
                return
            if action != "void" and is_anothers(session, record.response):
                raise Conflict("its pictures are not this script's any more.", where="problem", remedy="Void its marks.")
            if action == "void":
                retire(record, f"user:{user_id}", "its marks were voided")
            if action == "mark":
                _last_word(record, user_id, key, values, excluded=record.response.school_code in reach.schools)
            _close(
                record, open_ones, user_id, {"action": action, "key": key, "note": note, "standing": standing(session, record.response.id)}
            )
            if action == "back":
                record.response.state = ResponseState.OPEN
                record.entries.append(_entry(record, user_id, "resolved: back to marking"))
                settle(record)
            emit(session, exam_id, [record], record.now)
            save(session, exam_id, [record], record.now)
    except IntegrityError as e:
        raise Conflict("this key was used for another mark.", where="key", remedy="Send each mark under a new key.") from e
    tell(site, exam_id, record.hints)


def open_problems(site: Site, exam_id: int, user_id: int) -> list[ProblemView]:
    """What waits for this leader."""
    query = (
        select(Problem, Response)
        .join(Response, Response.id == Problem.response_id)
        .where(Problem.exam_id == exam_id, Problem.state == "open")
        .order_by(Problem.id)
    )
    with site.database.read() as session:
        reach = reach_of(session, exam_id, user_id)
        rows = [
            (p, r) for p, r in session.execute(query) if any(reach.may(v, r.paper, r.group) for v in (TaskLevel.LEADER, TaskLevel.ARBITER))
        ]
        pictures = _pictures(session, [r.id for _, r in rows])
    return [ProblemView(p.id, r.paper, r.group, p.reason, p.note, p.marker_id, p.at, tuple(pictures.get(r.id, ()))) for p, r in rows]


def _raise(record: Record, task: TaskRow, user_id: int, key: str, reason: str, note: str) -> Problem:
    live = task.purpose is TaskPurpose.LIVE
    if task.state is not TaskState.OPEN or (live and record.response.state is not ResponseState.OPEN):
        raise Conflict("this answer is no longer waiting for you.", where="task", remedy="Ask for the next one.")
    if record.of(user_id):
        raise Conflict("you have marked this answer already.", where="task", remedy="Ask for the next one.")
    raised = Problem(
        exam_id=record.response.exam_id,
        response_id=record.response.id,
        task_id=task.id,
        marker_id=user_id,
        reason=reason,
        note=note,
        key=key,
        state="open",
        resolution={},
        at=record.now,
    )
    record.session.add(raised)
    for waiting in record.open_tasks():  # of a task for one alone: that one, and the response goes on as it was
        void(record, waiting)
    if live:
        record.response.state = ResponseState.PROBLEM
    record.session.flush()
    record.entries.append(_entry(record, user_id, reason))
    body = {"paper": record.response.paper, "group": record.response.group, "reason": reason}
    events.emit(record.session, record.response.exam_id, "problem", body, record.now)
    return raised


def _is_of_own_task(session: Session, found: Problem) -> bool:
    """Raised on a task that was for one marker alone: nothing else waits for its resolution."""
    return session.scalar(select(Task.purpose).where(Task.id == found.task_id)) not in (None, TaskPurpose.LIVE)


def _require_same(found: Problem, key: str) -> None:
    """Whoever sends a resolution again is told that it was done; whoever comes second, that somebody was first."""
    if found.resolution.get("key") != key:
        raise Conflict("the problem has been resolved already.", where="problem")


def _last_word(record: Record, user_id: int, key: str, values: object, *, excluded: bool) -> None:
    """The leader's own mark, in a slot of its own at the arbiter's level."""
    if record.of(user_id) or excluded:
        why = "is from a school whose answers you may not mark" if excluded else "has a mark of yours already"
        raise Conflict(f"this answer {why}.", where="response", remedy="Let another leader resolve it.")
    kept = parse_values(record.group, values)
    task = record.add_task(TaskLevel.ARBITER, place_for(), state=TaskState.DONE, marker_id=user_id)
    mark = add_mark(record, task, user_id, key, kept, MarkState.COUNTED, 0.0)
    record.hints.done(user_id, record.waiting(task))
    record.entries += [_entry(record, user_id, "resolved: marked"), mark_entry(record, mark)]
    settle(record)


def _close(record: Record, problems: list[Problem], user_id: int, resolution: dict[str, str]) -> None:
    for one in problems:
        one.state, one.resolution, one.resolved_by, one.resolved_at = "resolved", resolution, f"user:{user_id}", record.now


def _open(session: Session, response_id: int) -> list[Problem]:
    return list(session.scalars(select(Problem).where(Problem.response_id == response_id, Problem.state == "open")))


def _entry(record: Record, user_id: int, reason: str) -> dict[str, object]:
    return {"kind": "problem", "response": record.response.id, "by": f"user:{user_id}", "reason": reason}


def _pictures(session: Session, response_ids: list[int]) -> dict[int, list[str]]:
    query = select(ResponsePicture).where(ResponsePicture.response_id.in_(response_ids)).order_by(ResponsePicture.ordinal)
    found: dict[int, list[str]] = {}
    for one in session.scalars(query):
        found.setdefault(one.response_id, []).append(one.sha256)
    return found
