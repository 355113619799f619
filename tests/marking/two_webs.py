"""Two web processes on the same servers, and people who do things in the same moment. For tests of races."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import select

from core.errors import MarkhallError
from core.site import Site, open_site
from core.tables import Mark
from marking import batch, intake
from marking.handout import prefix
from marking.submit import submit
from marking.work import TaskView, next_tasks
from tests.marking.crash import Died
from tests.marking.exams import Hall, one_group
from tests.marking.laws import check_conservation, check_redis, check_rows

ALONE = one_group("{name: '1', tolerance: {marks: 0}}")
PAIR = one_group("{name: 1+1, tolerance: {marks: 1}}")
THREE = one_group("{name: 2+1+1, tolerance: {marks: 1}, reading: either}")


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """What each gave, or the error that it met, all begun in the same moment."""
    gate, given = threading.Barrier(len(calls)), dict[int, Any]()

    def run(n: int, call: Callable[[], Any]) -> None:
        gate.wait()
        try:
            given[n] = call()
        except Exception as e:
            given[n] = e

    threads = [threading.Thread(target=run, args=(n, call)) for n, call in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(given) == len(calls), "somebody waits for ever"
    for one in given.values():
        if isinstance(one, Exception) and not isinstance(one, MarkhallError | Died):
            raise one
    return [given[n] for n in range(len(calls))]


@contextmanager
def another_web(hall: Hall, *, minutes: float = 0.0) -> Iterator[Site]:
    """A second web process on the same servers, with a clock of its own."""
    with closing(open_site(hall.site.settings, now=lambda: hall.clock() + timedelta(minutes=minutes))) as site:
        yield site


def ask(hall: Hall, user: int, hold: int = 1, *, site: Site | None = None) -> list[TaskView]:
    return list(next_tasks(site or hall.site, hall.exam_id, user, hold=hold).tasks)


def send(hall: Hall, user: int, task: TaskView, mark: str, key: str = "", *, site: Site | None = None) -> batch.Saved:
    values = {item.id: mark for item in task.items}
    return submit(site or hall.site, hall.exam_id, user, task.task, key or str(uuid4()), values)


def end_leases(hall: Hall) -> None:
    redis: Any = hall.site.redis
    for task in redis.hkeys(f"{prefix(hall.exam_id)}holders"):
        redis.zadd(f"{prefix(hall.exam_id)}leases", {task: 1})


def marks_of(hall: Hall, user: int) -> Sequence[Mark]:
    with hall.site.database.read() as session:
        return session.scalars(select(Mark).where(Mark.marker_id == user).order_by(Mark.id)).all()


def check(hall: Hall) -> None:
    intake.sweep(hall.site, hall.exam_id)
    check_rows(hall)
    check_redis(hall)
    check_conservation(hall)


def outcomes(given: Sequence[Any]) -> list[str]:
    return sorted(one.outcome if isinstance(one, batch.Saved) else type(one).__name__ for one in given)
