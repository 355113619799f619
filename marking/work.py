"""What a marker's page asks for: groups, tasks with their pictures, own marks. Says nothing that identifies a candidate
or tells a second or third mark from a first.

Redis proposes tasks; each is checked against the database, in one query a batch, before it is shown.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from redis.exceptions import RedisError
from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from core.errors import BadInput, Forbidden, NotFound, Unavailable
from core.exam import ExamDefinition, Text, WrittenItem, from_hundredths
from core.site import Site
from core.states import MarkState, ResponseState, TaskLevel, TaskPurpose, TaskState
from core.tables import Exam, Mark, Response, ResponsePicture, Task
from marking import handout, recover
from marking.definitions import current_definition, item_group
from marking.handout import LEASE_SECONDS, Steps, queue_name
from marking.reach import Reach, reach_of
from marking.record import waiting_of
from marking.schemes import is_blind
from marking.values import as_typed

FIRST_LEVELS = (TaskLevel.ARBITER, TaskLevel.LEADER, TaskLevel.MARKER)  # who may do several does the rarer work first
ROUNDS = 4  # how often stale proposals are dropped and others asked for, in one request
Title = dict[str, str]


@dataclass(frozen=True, slots=True)
class GroupView:
    paper: str
    group: str
    title: Title
    level: str
    open: int
    done_by_me: int


@dataclass(frozen=True, slots=True)
class PictureView:
    token: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class StepView:
    id: str
    title: Title
    full: str


@dataclass(frozen=True, slots=True)
class ItemView:
    id: str
    title: Title | None
    full: str
    step: str
    steps: tuple[StepView, ...]


@dataclass(frozen=True, slots=True)
class ShownMarks:
    marks: dict[str, str | dict[str, str]]


@dataclass(frozen=True, slots=True)
class TaskView:
    """All that a marker's page is told of a task."""

    task: str
    paper: str
    group: str
    title: Title
    pictures: tuple[PictureView, ...]
    items: tuple[ItemView, ...]
    lease_seconds: int
    level: str
    shown: tuple[ShownMarks, ...] | None  # None where the level is blind


@dataclass(frozen=True, slots=True)
class Work:
    tasks: tuple[TaskView, ...]
    open: int  # tasks that wait in the queues that were asked


def groups_for(site: Site, exam_id: int, user_id: int) -> list[GroupView]:
    """Every (group, level) that the user may mark, with what waits and what the user has done."""
    with site.database.read() as session:
        reach = reach_of(session, exam_id, user_id)
        _, definition = current_definition(session, exam_id)
        done = _done_by(session, exam_id, user_id)
    queues = _queues(reach, definition, None)
    recover.ensure(site, exam_id)
    counts = handout.waiting(site, exam_id, [queue_name(*q) for q in queues])
    return [
        GroupView(paper, group, _title(definition.paper(paper).group(group).title), str(level), n, done.get((paper, group, level), 0))
        for (paper, group, level), n in zip(queues, counts, strict=True)
    ]


def next_tasks(site: Site, exam_id: int, user_id: int, group: str | None = None, hold: int = 1, *, lease: int = LEASE_SECONDS) -> Work:
    """Up to `hold` tasks for the user, of one group ("M/W21") or of all: those already held first."""
    with site.database.read() as session:
        reach = reach_of(session, exam_id, user_id)
        _, definition = current_definition(session, exam_id)
    queues = [queue_name(*q) for q in _queues(reach, definition, group)]
    if not queues:
        raise Forbidden("you may not mark this group.", where=f"group {group}" if group else "role")
    views: tuple[TaskView, ...] = ()
    for _ in range(ROUNDS):
        taken = handout.take(site, exam_id, user_id, queues, reach.schools, hold=hold, lease=lease)
        if not taken.rebuilt and recover.ensure(site, exam_id):
            taken = handout.take(site, exam_id, user_id, queues, reach.schools, hold=hold, lease=lease)
        views, refused = _checked(site, exam_id, reach, taken.tasks, lease)
        if not refused:
            break
    return Work(views, sum(handout.waiting(site, exam_id, queues)))


def release(site: Site, exam_id: int, user_id: int) -> int:
    return handout.release(site, exam_id, user_id)


def release_everywhere(site: Site, user_id: int) -> int:
    """At sign-out: what the user holds in any exam goes back. Leases end by themselves where the queue server is away."""
    with site.database.read() as session:
        exams = session.scalars(select(Exam.id)).all()
    try:
        return sum(handout.release(site, exam_id, user_id) for exam_id in exams)
    except (RedisError, Unavailable):
        return 0


def picture(site: Site, user_id: int, picture_token: str) -> str:
    """The hash of the picture behind a token, for whoever holds its task or has marked it."""
    token, _, number = picture_token.rpartition("-")
    nobody = NotFound("there is no such picture for you.", where="picture", remedy="Ask for the next task.")
    if not token or not number.isascii() or not number.isdigit() or len(number) > 3:
        raise nobody
    marked = exists().where(Mark.task_id == Task.id, Mark.marker_id == user_id)
    query = (
        select(Task.id, Task.exam_id, ResponsePicture.sha256, marked)
        .join(ResponsePicture, ResponsePicture.response_id == Task.response_id)
        .where(Task.token == token, ResponsePicture.ordinal == int(number))
    )
    with site.database.read() as session:
        row = session.execute(query).one_or_none()
    if row is None:
        raise nobody
    task_id, exam_id, sha256, is_mine = row
    if not is_mine and not handout.holds(site, exam_id, user_id, task_id):
        raise nobody
    return str(sha256)


def _queues(reach: Reach, definition: ExamDefinition, group: str | None) -> list[tuple[str, str, TaskLevel]]:
    known = [(paper.code, g.id) for paper in definition.papers for g in paper.written]
    if group is not None and tuple(group.split("/", 1)) not in known:
        raise BadInput(f"there is no item group {group}.", where="group", remedy="Name it as PAPER/GROUP.")
    return [
        (paper, g, level) for level in FIRST_LEVELS for paper, g in known if reach.may(level, paper, g) and group in (None, f"{paper}/{g}")
    ]


def _done_by(session: Session, exam_id: int, user_id: int) -> dict[tuple[str, str, TaskLevel], int]:
    query = (
        select(Task.paper, Task.group, Mark.level, func.count())
        .join(Mark, Mark.task_id == Task.id)
        .where(Mark.marker_id == user_id, Mark.exam_id == exam_id, Mark.state.in_((MarkState.COUNTED, MarkState.SURPLUS)))
        .group_by(Task.paper, Task.group, Mark.level)
    )
    return {(paper, group, level): n for paper, group, level, n in session.execute(query)}


def _checked(site: Site, exam_id: int, reach: Reach, task_ids: Sequence[int], lease: int) -> tuple[tuple[TaskView, ...], bool]:
    """The proposed tasks that may be shown, in order; the others are put right in Redis. Whether there were others."""
    if not task_ids:
        return (), False
    marked = exists().where(Mark.response_id == Response.id, Mark.marker_id == reach.user_id, Mark.purpose == TaskPurpose.LIVE)
    query = select(Task, Response, marked).join(Response, Response.id == Task.response_id).where(Task.id.in_(task_ids))
    steps, good = Steps(), {}
    with site.database.read() as session:
        found = {task.id: (task, response, is_marked) for task, response, is_marked in session.execute(query)}
        for task_id in task_ids:
            if task_id not in found:
                steps.lost(task_id)
                continue
            task, response, is_marked = found[task_id]
            waiting = waiting_of(task, response.school_code)
            if task.state is not TaskState.OPEN or response.state is not ResponseState.OPEN:
                steps.gone(waiting)
            elif is_marked or response.school_code in reach.schools:
                steps.seen(reach.user_id, response.id).back(task_id)
            else:
                good[task_id] = (task, response)
        views = _views(session, [good[i] for i in task_ids if i in good], lease)
    handout.apply(site, exam_id, steps)
    return views, bool(steps.words)


def _views(session: Session, tasks: Sequence[tuple[Task, Response]], lease: int) -> tuple[TaskView, ...]:
    pictures: dict[int, list[ResponsePicture]] = defaultdict(list)
    query = select(ResponsePicture).where(ResponsePicture.response_id.in_([r.id for _, r in tasks]))
    for found in session.scalars(query.order_by(ResponsePicture.ordinal)) if tasks else ():
        pictures[found.response_id].append(found)
    groups = {r.id: item_group(session, r.exam_id, r.definition_version, r.paper, r.group) for _, r in tasks}
    seeing = [(task, response) for task, response in tasks if not is_blind(groups[response.id].scheme, task.level)]
    shown = _shown(session, [response.id for _, response in seeing]) if seeing else {}
    return tuple(
        TaskView(
            task=task.token,
            paper=task.paper,
            group=task.group,
            title=_title(groups[r.id].title),
            pictures=tuple(PictureView(f"{task.token}-{p.ordinal}", p.width, p.height) for p in pictures[r.id]),
            items=tuple(_item(item) for item in groups[r.id].items),
            lease_seconds=lease,
            level=str(task.level),
            shown=_shown_before(shown.get(r.id, []), task) if (task, r) in seeing else None,
        )
        for task, r in tasks
    )


def _shown(session: Session, response_ids: Sequence[int]) -> dict[int, list[tuple[int, Mapping[str, int | Mapping[str, int]]]]]:
    query = (
        select(Mark.response_id, Task.ordinal, Mark.values)
        .join(Task, Task.id == Mark.task_id)
        .where(Mark.response_id.in_(response_ids), Mark.state == MarkState.COUNTED, Mark.purpose == TaskPurpose.LIVE)
        .order_by(Task.ordinal)
    )
    shown: dict[int, list[tuple[int, Mapping[str, int | Mapping[str, int]]]]] = defaultdict(list)
    for response_id, ordinal, values in session.execute(query):
        shown[response_id].append((ordinal, values))
    return shown


def _shown_before(marks: Sequence[tuple[int, Mapping[str, int | Mapping[str, int]]]], task: Task) -> tuple[ShownMarks, ...]:
    return tuple(ShownMarks(as_typed(values)) for ordinal, values in marks if ordinal < task.ordinal)


def _item(item: WrittenItem) -> ItemView:
    steps = tuple(StepView(s.id, _title(s.title), from_hundredths(s.marks)) for s in item.steps)
    title = _title(item.title) if item.title else None
    return ItemView(item.id, title, from_hundredths(item.marks), from_hundredths(item.step), steps)


def _title(text: Text) -> Title:
    return {"zh": text.zh, "en": text.en}
