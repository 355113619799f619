"""The queues of waiting tasks, as the database has them in order; Redis holds the first of each, its window.

So Redis stays small and is rebuilt in a moment, however many tasks wait: the index `ix_tasks_waiting` is the queue.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Integer, Select, bindparam, exists, func, select, text, tuple_
from sqlalchemy.orm import Session

from core.questions import Question, ask
from core.site import Site
from core.states import TaskLevel, TaskPurpose
from core.tables import Mark, Response, Task
from marking import handout
from marking.handout import WHOLE, WINDOW, Ask, Waiting, prefix

# In words: an index with a condition serves only a statement that says the same, whatever its parameters are.
WAITS = text("tasks.state = 'open' AND tasks.marker_id IS NULL")
COLUMNS = (  # in the order of a Waiting's fields
    Task.id, Task.response_id, Task.paper, Task.group, Task.level, Response.school_code, Task.shuffle, Task.marker_id,
)  # fmt: skip
IS_OWN = text("tasks.state = 'open' AND tasks.marker_id IS NOT NULL")


def fill(site: Site, exam_id: int, queue: str, *, anew: bool = False) -> None:
    """Fetch more tasks of a queue into its window; `anew`: the first of them, whatever the window holds."""
    before = handout.begin_filling(site, exam_id, queue)
    if before == WHOLE and not anew:
        before = None  # nothing lies beyond; but the mark that somebody fills has to be taken away again
        handout.end_filling(site, exam_id, queue, WHOLE, WHOLE, ())
        return
    start = None if anew or before is None else int(float(before))
    wanted = WINDOW
    while True:
        with site.database.glance() as session:
            found = _first(session, exam_id, queue, start, wanted)
        if len(found) < wanted:
            reach = WHOLE
        elif found[-1][0] == start:  # more of one place than were asked for
            wanted *= 4
            continue
        else:
            reach = str(found[-1][0])
        handout.end_filling(site, exam_id, queue, before, reach, found, anew=anew)
        return


def look_again(site: Site, exam_id: int) -> None:
    """Take into each window the first of its queue that it lacks. Offers may be lost: their process died, or a later commit
    overtook the one that made them. So every task that waits is in its window by the time that its turn comes."""
    for name, reach in site.redis.hgetall(f"{prefix(exam_id)}reach").items():
        queue, upto = handout.as_text(name), handout.as_text(reach)
        with site.database.glance() as session:
            found = _first(session, exam_id, queue, None, WINDOW)
        inside = [one for one in found if upto == WHOLE or one[0] <= int(float(upto))]
        handout.end_filling(site, exam_id, queue, upto, upto, inside)


def load(site: Site, exam_id: int, queues: Sequence[str]) -> None:
    """See that each of these queues has a window."""
    known = site.redis.hmget(f"{prefix(exam_id)}reach", list(queues)) if queues else []
    for queue, reach in zip(queues, known, strict=True):
        if reach is None:
            fill(site, exam_id, queue)


def further(site: Site, exam_id: int, ask: Ask) -> tuple[int, ...]:
    """Tasks beyond the windows for somebody who may have none of those within; leased."""
    reaches = site.redis.hmget(f"{prefix(exam_id)}reach", list(ask.queues)) if ask.queues else []
    for queue, reach in zip(ask.queues, reaches, strict=True):
        if "@" in queue or reach is None or handout.as_text(reach) == WHOLE:
            continue
        marked = exists().where(Mark.response_id == Task.response_id, Mark.marker_id == ask.user_id, Mark.purpose == TaskPurpose.LIVE)
        query = _waiting(exam_id, queue).where(Task.shuffle > int(float(reach)), ~marked)
        if ask.schools:
            query = query.where(Response.school_code.not_in(ask.schools))
        with site.database.glance() as session:
            rows = session.execute(query.order_by(Task.shuffle).limit(ask.hold)).all()
        found = handout.claim(site, exam_id, ask.user_id, [_task(queue, *row) for row in rows])
        if found:
            return found
    return ()


def own_tasks(session: Session, exam_id: int) -> list[Waiting]:
    """Every waiting task that is for one marker alone."""
    query = select(*COLUMNS).join(Response, Response.id == Task.response_id)
    return [Waiting(*row) for row in session.execute(query.where(Task.exam_id == exam_id, IS_OWN))]


def names(session: Session, exam_id: int) -> list[str]:
    """Every queue in which something waits: one step in the index for each, however long they are."""
    found: list[str] = []
    last: tuple[str, str, TaskLevel] | None = None
    key = (Task.paper, Task.group, Task.level)
    while True:
        query = select(*key).where(Task.exam_id == exam_id, WAITS)
        if last is not None:
            query = query.where(tuple_(*key) > tuple_(*last))
        row = session.execute(query.order_by(*key).limit(1)).one_or_none()
        if row is None:
            return found
        last = (row[0], row[1], row[2])
        found.append(handout.queue_name(*last))


def count_beyond(site: Site, exam_id: int) -> None:
    """Count what waits beyond each window, for those who look at the numbers; windows that hold all need none."""
    reaches = site.redis.hgetall(f"{prefix(exam_id)}reach")
    for name, reach in reaches.items():
        queue = handout.as_text(name)
        if handout.as_text(reach) == WHOLE:
            continue
        rows = _waiting(exam_id, queue).where(Task.shuffle > int(float(reach))).with_only_columns(func.count(), maintain_column_froms=True)
        with site.database.glance() as session:
            site.redis.hset(f"{prefix(exam_id)}beyond", queue, session.scalar(rows) or 0)


_WAITING = (
    select(Task.id, Task.response_id, Response.school_code, Task.shuffle)
    .join(Response, Response.id == Task.response_id)
    .where(Task.exam_id == bindparam("exam"), Task.paper == bindparam("paper"), Task.group == bindparam("group"))
    .where(Task.level == bindparam("level"), WAITS)
)
_FROM = Question(
    lambda _: _WAITING.where(Task.shuffle >= bindparam("start")).order_by(Task.shuffle, Task.id).limit(bindparam("wanted", type_=Integer))
)
_LOWEST = -(1 << 62)  # before every place


def _first(session: Session, exam_id: int, queue: str, start: int | None, wanted: int) -> list[tuple[int, str]]:
    """(place, member) of the first that wait."""
    paper, group, level = queue.split("/")
    asked = _FROM(exam=exam_id, paper=paper, group=group, level=level, start=_LOWEST if start is None else start, wanted=wanted)
    (rows,) = ask(session, asked)
    return [(place, handout.member_of(task, response, school)) for task, response, school, place in rows]


def _waiting(exam_id: int, queue: str) -> Select[int, int, str, int]:
    paper, group, level = queue.split("/")
    return _WAITING.params(exam=exam_id, paper=paper, group=group, level=level)


def _task(queue: str, task: int, response: int, school: str, shuffle: int) -> Waiting:
    paper, group, level = queue.split("/")
    return Waiting(task, response, paper, group, TaskLevel(level), school, shuffle)
