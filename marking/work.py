"""What a marker's page asks for: groups with what waits in them, tasks, pictures. Says nothing that identifies a candidate
or tells a second or third mark from a first. The tasks themselves: `marking.serving`.
"""

from __future__ import annotations

from dataclasses import dataclass

from redis.exceptions import RedisError
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.errors import MarkhallError, Unavailable
from core.site import Site
from core.states import MarkState, TaskLevel
from core.tables import Exam, Mark, Task
from marking import handout, queues, recover
from marking.definitions import current_definition
from marking.faces import Title, face_of
from marking.handout import LEASE_SECONDS, queue_name
from marking.reach import reach_of
from marking.serving import TaskView, Wish, Work, keys_of, serve, told

__all__ = ["GroupView", "TaskView", "Work", "groups_for", "next_tasks", "release", "release_everywhere"]


@dataclass(frozen=True, slots=True)
class GroupView:
    paper: str
    group: str
    title: Title
    level: str
    open: int
    done_by_me: int


def groups_for(site: Site, exam_id: int, user_id: int) -> list[GroupView]:
    """Every (group, level) that the user may mark, with what waits and what the user has done."""
    with site.database.read() as session:
        reach = reach_of(session, exam_id, user_id)
        _, definition = current_definition(session, exam_id)
        done = _done_by(session, exam_id, user_id)
    keys = keys_of(reach, definition, None)
    names = [queue_name(*key) for key in keys]
    recover.ensure(site, exam_id)
    queues.load(site, exam_id, names)
    counts = handout.waiting(site, exam_id, names)
    titles = {(paper, group): face_of(paper, definition.paper(paper).group(group)).title for paper, group, _ in keys}
    rules = {(paper, group): definition.quality_of(paper, group) for paper, group, _ in keys}
    rough = {place for place, quality in rules.items() if quality is not None and quality.checks_unannounced}
    return [
        GroupView(
            paper, group, titles[paper, group], str(level), told(n, rough=(paper, group) in rough), done.get((paper, group, level), 0)
        )
        for (paper, group, level), n in zip(keys, counts, strict=True)
    ]


def next_tasks(site: Site, exam_id: int, user_id: int, group: str | None = None, hold: int = 1, *, lease: int = LEASE_SECONDS) -> Work:
    """Up to `hold` tasks for the user, of one group ("M/W21") or of all: those already held first."""
    (answer,) = serve(site, exam_id, [Wish(user_id, group, hold)], lease=lease)
    if isinstance(answer, MarkhallError):
        raise answer
    return answer


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


def _done_by(session: Session, exam_id: int, user_id: int) -> dict[tuple[str, str, TaskLevel], int]:
    query = (
        select(Task.paper, Task.group, Mark.level, func.count())
        .join(Mark, Mark.task_id == Task.id)
        .where(Mark.marker_id == user_id, Mark.exam_id == exam_id, Mark.state.in_((MarkState.COUNTED, MarkState.SURPLUS)))
        .group_by(Task.paper, Task.group, Mark.level)
    )
    return {(paper, group, level): n for paper, group, level, n in session.execute(query)}
