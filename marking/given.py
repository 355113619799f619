"""Tasks that are for one marker alone: seeds, trials, own work once more; and responses that somebody was shown.

A marker gets a response at most once for a purpose, so such a task's ordinal is the marker's number.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import SystemRandom

from sqlalchemy import Integer, bindparam, exists, func, or_, select, update
from sqlalchemy.orm import Session, aliased

from core.bulk import Numbers, among, insert_rows
from core.ids import new_token
from core.quality import SelfMarks
from core.questions import Question, ask
from core.states import MarkState, ResponseState, SeedUse, TaskLevel, TaskPurpose, TaskState
from core.tables import Conflict, Mark, Response, Seed, Task, User
from marking.handout import Waiting, place_for
from marking.standing import Standings

OWN = (TaskPurpose.SEED, TaskPurpose.TRIAL, TaskPurpose.SELF)
LATEST = 300  # of a marker's own marks that are old enough, one of so many is given again
_random = SystemRandom()


@dataclass(frozen=True, slots=True)
class NewTask:
    response_id: int
    paper: str
    group: str
    purpose: TaskPurpose
    level: TaskLevel
    marker_id: int

    @property
    def ordinal(self) -> int:
        return self.marker_id


_WAITING = Question(
    lambda _: (
        select(func.count())
        .select_from(Task)
        .where(Task.marker_id == bindparam("user"), Task.state == TaskState.OPEN, Task.exam_id == bindparam("exam"))
        .where(Task.paper == bindparam("paper"), Task.group == bindparam("group"), Task.purpose == bindparam("purpose"))
    )
)


def waiting(session: Session, exam_id: int, user_id: int, paper: str, group: str, purpose: TaskPurpose) -> int:
    """How many tasks of a purpose wait for this marker alone."""
    ((row,),) = ask(session, _WAITING(exam=exam_id, user=user_id, paper=paper, group=group, purpose=str(purpose)))
    return int(row[0])


def take_away(
    session: Session, exam_id: int, user_id: int, paper: str, group: str, purposes: Collection[TaskPurpose] = OWN
) -> list[tuple[int, int]]:
    """Void what waits for this marker alone; (task, marker) of each, for Redis."""
    query = select(Task.id).where(Task.marker_id == user_id, Task.state == TaskState.OPEN, Task.purpose.in_(purposes))
    found = list(session.scalars(query.where(Task.exam_id == exam_id, Task.paper == paper, Task.group == group).with_for_update()))
    if found:
        session.execute(update(Task).where(Task.id.in_(found)).values(state=TaskState.VOID))
    return [(task, user_id) for task in found]


def add_own_tasks(session: Session, exam_id: int, asked: Sequence[NewTask], now: datetime) -> list[Waiting]:
    """Insert what `marking.watching` asks for; the tasks to announce after the commit."""
    if not asked:
        return []
    query = select(Response.id, Response.school_code).where(among(session, Response.id, [new.response_id for new in asked]))
    schools = {row.id: row.school_code for row in session.execute(query)}
    numbers = Numbers(session, len(asked))
    rows = [
        {
            "id": numbers.new(Task),
            "exam_id": exam_id,
            "response_id": new.response_id,
            "paper": new.paper,
            "group": new.group,
            "purpose": new.purpose,
            "level": new.level,
            "ordinal": new.ordinal,
            "state": TaskState.OPEN,
            "priority": 0,
            "shuffle": place_for(),
            "token": new_token(),
            "marker_id": new.marker_id,
            "made_at": now,
        }
        for new in asked
    ]
    insert_rows(session, Task, rows)
    return [
        Waiting(
            int(str(row["id"])), new.response_id, new.paper, new.group, TaskLevel(new.level), schools[new.response_id],
            int(str(row["shuffle"])), new.marker_id,
        )
        for row, new in zip(rows, asked, strict=True)
    ]  # fmt: skip


def void_own(session: Session, exam_id: int, met: Sequence[tuple[int, int]]) -> list[tuple[int, int, str, str, TaskPurpose]]:
    """Void the seeds that wait for these (marker, response); (task, marker, paper, item group, purpose) of each."""
    users, responses = sorted({user for user, _ in met}), sorted({response for _, response in met})
    query = (
        select(Task.id, Task.marker_id, Task.response_id, Task.paper, Task.group, Task.purpose)
        .where(among(session, Task.response_id, responses), among(session, Task.marker_id, users), Task.exam_id == exam_id)
        .where(Task.state == TaskState.OPEN, Task.purpose.in_((TaskPurpose.SEED, TaskPurpose.TRIAL)))
        .with_for_update()
    )
    found = [(row[0], row[1] or 0, row[3], row[4], row[5]) for row in session.execute(query) if (row[1], row[2]) in set(met)]
    if found:
        session.execute(update(Task).where(Task.id.in_([row[0] for row in found])).values(state=TaskState.VOID))
    return found


def looks(session: Session, response_ids: Sequence[int]) -> Sequence[tuple[int, int]]:
    """(response, leader) of whoever was shown a mark of these responses, and so must not mark them blind."""
    query = select(Task.response_id, Task.marker_id).where(among(session, Task.response_id, response_ids), Task.purpose == TaskPurpose.BACK)
    return [(response, leader) for response, leader in session.execute(query) if leader is not None] if response_ids else []


_again = aliased(Task)
_OWN_AGAIN = Question(
    lambda _: (
        select(Mark.response_id, Mark.at)
        .join(Response, Response.id == Mark.response_id)
        .where(Mark.marker_id == bindparam("user"), Mark.exam_id == bindparam("exam"), Mark.purpose == TaskPurpose.LIVE)
        .where(Mark.state == MarkState.COUNTED, Mark.level == TaskLevel.MARKER)
        .where(Response.paper == bindparam("paper"), Response.group == bindparam("group"))
        .where(or_(Response.state == ResponseState.OPEN, Response.state == ResponseState.AGREED))
        .where(
            ~exists().where(
                _again.response_id == Mark.response_id, _again.marker_id == bindparam("user"), _again.purpose == TaskPurpose.SELF
            )
        )
        .order_by(Mark.id.desc())
        .offset(bindparam("after", type_=Integer))
        .limit(LATEST)
    )
)


def own_again(session: Session, standings: Standings, user_id: int, paper: str, group: str, rule: SelfMarks) -> int | None:
    """One of the marker's own earlier responses, long enough ago and not yet given again."""
    (rows,) = ask(session, _OWN_AGAIN(exam=standings.exam_id, user=user_id, paper=paper, group=group, after=rule.after_marks))
    latest = standings.now - timedelta(minutes=rule.after_minutes)
    found = [response for response, at in rows if at <= latest]
    return _random.choice(found) if found else None


_SEEDS = Question(
    lambda _: (
        select(Seed.response_id)
        .join(Response, Response.id == Seed.response_id)
        .where(Seed.exam_id == bindparam("exam"), Seed.paper == bindparam("paper"), Seed.group == bindparam("group"))
        .where(Seed.use == bindparam("use"), Seed.active, Response.current)
        .where(Response.school_code.not_in(select(User.affiliation).where(User.id == bindparam("user"))) | (Response.school_code == ""))
        .where(Response.school_code.not_in(select(Conflict.school_code).where(Conflict.user_id == bindparam("user"))))
        .where(~exists().where(Mark.response_id == Seed.response_id, Mark.marker_id == bindparam("user")))
        .where(~exists().where(Task.response_id == Seed.response_id, Task.marker_id == bindparam("user")))
        .order_by(Seed.id)
    )
)


def a_seed(session: Session, exam_id: int, user_id: int, paper: str, group: str, use: SeedUse, n: int = 1) -> list[int]:
    """Up to `n` responses at random of those that this marker has never met, none of an excluded school."""
    (rows,) = ask(session, _SEEDS(exam=exam_id, user=user_id, paper=paper, group=group, use=str(use)))
    found = [response for (response,) in rows]
    return _random.sample(found, min(n, len(found)))
