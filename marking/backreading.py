"""Back-reading: a leader looks over work that is done, and confirms it, corrects it or sends it back. Writer of checks of kind back.

Which mark is looked at next: of the marker who is furthest from the share that the exam asks for, one of the latest, at random.
That a leader was shown a response is written before it is shown: a task of purpose back, which keeps the leader from ever
marking it blind. A correction is a mark of the leader's own, the last word of every table.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from random import SystemRandom
from typing import Any

from sqlalchemy import exists, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from core.bulk import insert_rows
from core.errors import BadInput, Conflict, NotFound
from core.ids import new_token
from core.site import Site
from core.states import CheckKind, MarkState, ResponseState, TaskLevel, TaskPurpose, TaskState
from core.tables import Check, Mark, Response, ResponsePicture, Task
from marking.back_rates import behind
from marking.batch import check_key
from marking.checks import differences
from marking.definitions import current_definition
from marking.handout import Steps, tell
from marking.put_back import take_out
from marking.reach import Reach, reach_of
from marking.record import MarkRow, Record, emit, lock_response, save
from marking.schemes import is_blind
from marking.seeds import enter
from marking.standing import Standings
from marking.values import as_typed, parse_values

LATEST = 30  # of the latest marks that nobody looked at, one of so many
LONGEST_NOTE = 1000
MOST = 200
Marks = dict[str, str | dict[str, str]]
_random = SystemRandom()


@dataclass(frozen=True, slots=True)
class Look:
    """A mark to look at. Whose it is stays untold, unless the leader asked for that marker's."""

    mark: int
    paper: str
    group: str
    marks: Marks
    pictures: int
    at: datetime
    marker: int | None


@dataclass(frozen=True, slots=True)
class Returned:
    """What a marker is told of a mark that was sent back."""

    task: str
    paper: str
    group: str
    marks: Marks
    note: str
    at: datetime


def next_look(site: Site, exam_id: int, leader_id: int, paper: str, group: str, marker: int | None = None) -> Look | None:
    """The next mark to look at, of anybody or of one marker; None: there is none."""
    with site.database.write() as session:
        reach = reach_of(session, exam_id, leader_id)
        reach.require_lead(paper, group)
        _, definition = current_definition(session, exam_id)
        standings = Standings(exam_id, definition, site.now())
        standings.require_group(paper, group)
        markers: list[int | None] = [marker] if marker is not None else [*behind(session, standings, paper, group), None]
        found = next((mark for one in markers if (mark := _pick(session, standings, reach, paper, group, one)) is not None), None)
        if found is None:
            return None
        _write_shown(session, standings, leader_id, found, paper, group)
        pictures = session.scalar(select(func.count()).where(ResponsePicture.response_id == found.response_id)) or 0
    tell(site, exam_id, Steps().seen(leader_id, [found.response_id]))
    return Look(found.id, paper, group, as_typed(found.values), pictures, found.at, marker)


def confirm(site: Site, exam_id: int, leader_id: int, mark_id: int, note: str = "") -> None:
    """The mark is right: no stop puts it back any more."""
    _check_note(note)
    with _looked_at(site, exam_id, leader_id, mark_id) as (record, mark):
        _write(record, mark, "confirmed", leader_id, note)


def correct(site: Site, exam_id: int, leader_id: int, mark_id: int, key: str, values: object, note: str = "") -> int:
    """The leader's own mark decides the response; its number."""
    _check_note(note)
    check_key(key)
    with site.database.read() as session:
        again = session.scalar(
            select(Check.against).join(Mark, Mark.id == Check.against).where(Mark.marker_id == leader_id, Mark.key == key)
        )
    if again is not None:
        return again
    with _looked_at(site, exam_id, leader_id, mark_id) as (record, mark):
        if is_blind(record.group.scheme, TaskLevel.ARBITER):
            raise Conflict("who decides here marks blind, and you have seen a mark.", where="mark", remedy="Send it back.")
        if record.of(leader_id) or any(m.level is TaskLevel.ARBITER for m in record.counted()):
            raise Conflict("this answer has the last word already.", where="mark", remedy="Look at the next one.")
        kept = parse_values(record.group, values)
        new = enter(record, leader_id, kept, key)
        new.shown = [mark.id]
        _write(record, mark, "corrected", leader_id, note, new, differences(record.group, mark.values, kept))
        return new.id


def send_back(site: Site, exam_id: int, leader_id: int, mark_id: int, note: str = "") -> None:
    """The mark is void and its slot open again, for somebody else. The marker is told, with the note."""
    _check_note(note)
    with _looked_at(site, exam_id, leader_id, mark_id) as (record, mark):
        take_out(record, {mark.id}, "sent back by a leader", f"user:{leader_id}")
        _write(record, mark, "sent_back", leader_id, note)


def returned(site: Site, exam_id: int, user_id: int, limit: int = 20) -> list[Returned]:
    """The marks of this marker that leaders sent back, the newest first."""
    query = (
        select(Task.token, Check.paper, Check.group, Mark.values, Check.note, Check.at)
        .join(Mark, Mark.id == Check.mark_id)
        .join(Task, Task.id == Mark.task_id)
        .where(Check.user_id == user_id, Check.exam_id == exam_id, Check.kind == CheckKind.BACK, Check.outcome == "sent_back")
        .order_by(Check.id.desc())
        .limit(max(1, min(limit, MOST)))
    )
    with site.database.read() as session:
        return [Returned(token, paper, group, as_typed(v), note, at) for token, paper, group, v, note, at in session.execute(query)]


def picture(site: Site, exam_id: int, leader_id: int, mark_id: int, n: int) -> str:
    """The hash of a picture of a mark's response, for the leader who was shown it."""
    query = (
        select(ResponsePicture.sha256)
        .join(Mark, Mark.response_id == ResponsePicture.response_id)
        .where(Mark.id == mark_id, Mark.exam_id == exam_id, _was_shown(leader_id))
        .order_by(ResponsePicture.ordinal)
        .offset(n)
        .limit(1)
    )
    with site.database.read() as session:
        reach_of(session, exam_id, leader_id)
        found = session.scalar(query)
    if found is None:
        raise NotFound("there is no such picture for you.", where="picture", remedy="Ask for the next mark to look at.")
    return found


def _pick(session: Session, standings: Standings, reach: Reach, paper: str, group: str, marker: int | None) -> Mark | None:
    looked = exists().where(Check.mark_id == Mark.id, Check.kind == CheckKind.BACK)
    met = exists().where(Task.response_id == Mark.response_id, Task.marker_id == reach.user_id, Task.purpose != TaskPurpose.BACK)
    query = (
        select(Mark)
        .join(Response, Response.id == Mark.response_id)
        .where(Mark.exam_id == standings.exam_id, Mark.purpose == TaskPurpose.LIVE, Mark.state == MarkState.COUNTED)
        .where(Mark.level == TaskLevel.MARKER, Mark.marker_id != reach.user_id, Response.paper == paper, Response.group == group)
        .where(Response.state.in_((ResponseState.OPEN, ResponseState.AGREED)), Response.school_code.not_in(reach.schools))
        .where(~looked, ~met)
        .order_by(Mark.id.desc())
        .limit(LATEST)
    )
    found = session.scalars(query if marker is None else query.where(Mark.marker_id == marker)).all()
    return _random.choice(found) if found else None


def _write_shown(session: Session, standings: Standings, leader_id: int, mark: Mark, paper: str, group: str) -> None:
    row = {
        "exam_id": standings.exam_id,
        "response_id": mark.response_id,
        "paper": paper,
        "group": group,
        "purpose": TaskPurpose.BACK,
        "level": TaskLevel.LEADER,
        "ordinal": leader_id,
        "state": TaskState.DONE,
        "priority": 0,
        "shuffle": 0,
        "token": new_token(),
        "marker_id": leader_id,
        "made_at": standings.now,
        "done_at": standings.now,
    }
    insert_rows(session, Task, [row], unless_there=True)


def _was_shown(leader_id: int) -> Any:
    return exists().where(Task.response_id == Mark.response_id, Task.marker_id == leader_id, Task.purpose == TaskPurpose.BACK)


@contextmanager
def _looked_at(site: Site, exam_id: int, leader_id: int, mark_id: int) -> Iterator[tuple[Record, MarkRow]]:
    """The response's record, locked, and the counted mark of it that this leader was shown. Redis is told after the commit."""
    try:
        with site.database.write() as session:
            reach = reach_of(session, exam_id, leader_id)
            query = select(Mark.response_id).where(Mark.id == mark_id, Mark.exam_id == exam_id, _was_shown(leader_id))
            response_id = session.scalar(query.where(Mark.purpose == TaskPurpose.LIVE))
            if response_id is None:
                raise NotFound("you were shown no such mark.", where="mark", remedy="Ask for the next mark to look at.")
            record = lock_response(session, exam_id, response_id, site.now())
            reach.require_lead(record.response.paper, record.response.group)
            mark = next(m for m in record.marks if m.id == mark_id)
            if mark.state is not MarkState.COUNTED or record.response.state not in (ResponseState.OPEN, ResponseState.AGREED):
                raise Conflict("this mark cannot be changed any more.", where="mark", remedy="Look at the next one.")
            yield record, mark
    except IntegrityError as e:
        raise Conflict("another leader has looked at this mark.", where="mark", remedy="Look at the next one.") from e
    tell(site, exam_id, record.hints)


def _write(
    record: Record,
    mark: MarkRow,
    outcome: str,
    leader_id: int,
    note: str,
    new: MarkRow | None = None,
    found: dict[str, int] | None = None,
) -> None:
    response, by = record.response, f"user:{leader_id}"
    record.entries.append({"kind": "look", "mark": mark.id, "outcome": outcome, "by": by})
    save(record.session, response.exam_id, [record], record.now)
    row = {
        "exam_id": response.exam_id,
        "mark_id": mark.id,
        "user_id": mark.marker_id,
        "paper": response.paper,
        "group": response.group,
        "kind": CheckKind.BACK,
        "use": "",
        "against": new.id if new else None,
        "seed_id": None,
        "differences": found or {},
        "outcome": outcome,
        "by": by,
        "note": note,
        "at": record.now,
    }
    insert_rows(record.session, Check, [row])
    emit(record.session, response.exam_id, [record], record.now)


def _check_note(note: str) -> None:
    if len(note) > LONGEST_NOTE:
        raise BadInput("the note is too long.", where="note", remedy=f"Use at most {LONGEST_NOTE} characters.")
