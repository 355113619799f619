"""Which of a marker's marks go back when the marker is stopped, and the stop itself, in one transaction. Writer of `stops`.

`marking.stopping` shows, begins and carries out stops; `marking.watching` begins one where a rule says so.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import ColumnElement, exists, func, select
from sqlalchemy.orm import Session, aliased

from core import events
from core.quality import PutBack, Quality
from core.states import CheckKind, MarkState, ResponseState, SeedUse, StandingState, TaskLevel, TaskPurpose, TaskState
from core.tables import Check, Mark, Response, Stop
from marking import given
from marking.record import Entry, Record
from marking.settle import settle
from marking.standing import Standings

PERSON = "person"


def begin(
    session: Session,
    standings: Standings,
    user_id: int,
    paper: str,
    group: str,
    *,
    rule: str,
    reason: str,
    by: str,
    choose: PutBack | None = None,
    until: int | None = None,
) -> tuple[int, Entry]:
    """In the caller's transaction, which saves the standings, writes the entry and calls `finish` when it is committed."""
    rules = standings.rules(paper, group) or Quality()
    marks = put_back(session, standings, user_id, paper, group, choose or rules.put_back, until)
    state = StandingState.SUSPENDED if rule == PERSON else StandingState.STOPPED
    standings.get(user_id, paper, group).become(state, standings.now)
    row = Stop(
        exam_id=standings.exam_id,
        user_id=user_id,
        paper=paper,
        group=group,
        rule=rule,
        reason=reason,
        put_back=[mark for mark, _ in marks],
        by=by,
        at=standings.now,
    )
    session.add(row)
    session.flush()
    given.take_away(session, standings.exam_id, user_id, paper, group)
    body = {"paper": paper, "group": group, "marker": user_id, "rule": rule, "put_back": len(marks)}
    events.emit(session, standings.exam_id, "stop", body, standings.now)
    entry = {"kind": "stop", "marker": f"user:{user_id}", "rule": rule, "reason": reason, "put_back": list(row.put_back), "by": by}
    return row.id, entry


def newest_of(session: Session, standings: Standings, user_id: int) -> int:
    query = select(func.max(Mark.id)).where(Mark.marker_id == user_id, Mark.exam_id == standings.exam_id)
    return session.scalar(query) or 0


def counted(session: Session, standings: Standings, user_id: int, paper: str, group: str, which: ColumnElement[bool]) -> int:
    query = select(func.count()).select_from(Mark).join(Response, Response.id == Mark.response_id)
    return session.scalar(query.where(*_their(standings, user_id, paper, group), which)) or 0


def _their(standings: Standings, user_id: int, paper: str, group: str) -> tuple[ColumnElement[bool], ...]:
    return (
        Mark.marker_id == user_id,
        Mark.exam_id == standings.exam_id,
        Mark.purpose == TaskPurpose.LIVE,
        Mark.state == MarkState.COUNTED,
        Response.paper == paper,
        Response.group == group,
    )


def put_back(
    session: Session, standings: Standings, user_id: int, paper: str, group: str, choose: PutBack, until: int | None
) -> list[tuple[int, ResponseState]]:
    """The marks that nobody has confirmed: no leader looked and said yes, and no leader or arbiter decided the response."""
    if choose.since == "never":
        return []
    other = aliased(Mark)
    looked = exists().where(Check.mark_id == Mark.id, Check.kind == CheckKind.BACK, Check.outcome == "confirmed")
    decided = exists().where(
        other.response_id == Mark.response_id,
        other.purpose == TaskPurpose.LIVE,
        other.state == MarkState.COUNTED,
        other.level != TaskLevel.MARKER,
        other.marker_id != user_id,
    )
    query = (
        select(Mark.id, Response.state)
        .join(Response, Response.id == Mark.response_id)
        .where(*_their(standings, user_id, paper, group), ~looked, ~decided, Response.current)
        .where(Response.state.in_((ResponseState.OPEN, ResponseState.AGREED, ResponseState.PROBLEM)))
        .where(_since(session, standings, user_id, paper, group, choose))
        .order_by(Mark.id)
    )
    rows = session.execute(query if until is None else query.where(Mark.id <= until))
    return [(mark, state) for mark, state in rows]


def _since(session: Session, standings: Standings, user_id: int, paper: str, group: str, choose: PutBack) -> ColumnElement[bool]:
    if choose.since == "hours":
        return Mark.at >= standings.now - timedelta(hours=choose.hours or 0)
    if choose.since == "today":
        return Mark.at >= standings.midnight
    passed = select(func.max(Check.mark_id)).where(
        Check.user_id == user_id,
        Check.exam_id == standings.exam_id,
        Check.paper == paper,
        Check.group == group,
        Check.kind == CheckKind.SEED,
        Check.use == SeedUse.LIVE,
        Check.outcome == "passed",
    )
    return Mark.id > (session.scalar(passed) or 0)


def take_out(record: Record, mark_ids: set[int], reason: str, by: str) -> int:
    """Void these marks where they count; their slots open again as the scheme asks. How many there were."""
    count = 0
    for mark in record.marks:
        if mark.id in mark_ids and mark.state is MarkState.COUNTED:
            mark.state = MarkState.VOID
            record.task(mark.task_id).state = TaskState.VOID
            record.entries.append({"kind": "mark-state", "mark": mark.id, "state": "void", "reason": reason, "by": by})
            count += 1
    if count and record.response.state in (ResponseState.OPEN, ResponseState.AGREED):
        settle(record)
    return count
