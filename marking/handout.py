"""Handing out tasks: queues, leases and who has seen what, in Redis. All of it can be rebuilt (`marking.recover`).

Nothing here decides: a task that is handed out is checked against the database before it is shown, and a mark is
taken by the state of its slot there. A lease only keeps two people from doing the same work.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, cast

from redis.exceptions import NoScriptError

from core.site import Site
from core.states import TaskLevel
from marking.handout_scripts import APPLY, RELEASE, TAKE

LEASE_SECONDS = 300
MOST_HELD = 5
LONGEST_SEARCH = 2000  # waiting tasks that one request looks at before it leaves the rest to the next
PRIORITY_STEP = 1 << 49
SHUFFLE_BITS = 48  # with up to 15 priorities a score is still an exact double


@dataclass(frozen=True, slots=True)
class Waiting:
    """What Redis knows of a task."""

    id: int
    response_id: int
    paper: str
    group: str
    level: TaskLevel
    school: str
    shuffle: int
    priority: int = 0

    @property
    def queue(self) -> str:
        return queue_name(self.paper, self.group, self.level)

    @property
    def score(self) -> int:
        return self.shuffle - self.priority * PRIORITY_STEP

    @property
    def member(self) -> str:
        return f"{self.id}|{self.response_id}|{self.school}"


@dataclass(frozen=True, slots=True)
class Taken:
    tasks: tuple[int, ...]
    rebuilt: bool  # Redis has been filled since it was last empty


class Steps:
    """Changes to the hand-out that belong together; `apply` makes them at once."""

    def __init__(self) -> None:
        self.words: list[Any] = []

    def done(self, user_id: int, task: Waiting) -> Steps:
        self.words += ["done", user_id, task.id, task.response_id, task.queue, task.member]
        return self

    def gone(self, task: Waiting) -> Steps:
        self.words += ["gone", task.id, task.queue, task.member]
        return self

    def lost(self, task_id: int) -> Steps:
        """A task that the database does not know."""
        self.words += ["gone", task_id, "-", "-"]
        return self

    def offer(self, tasks: Iterable[Waiting]) -> Steps:
        for task in tasks:
            self.words += ["offer", task.queue, task.score, task.member]
        return self

    def back(self, task_id: int) -> Steps:
        self.words += ["back", task_id]
        return self

    def seen(self, user_id: int, response_id: int) -> Steps:
        self.words += ["seen", user_id, response_id]
        return self


def prefix(exam_id: int) -> str:
    return f"mh:{{{exam_id}}}:"


def queue_name(paper: str, group: str, level: TaskLevel) -> str:
    return f"{paper}/{group}/{level}"


def take(
    site: Site, exam_id: int, user_id: int, queues: Sequence[str], schools: Iterable[str], *, hold: int, lease: int = LEASE_SECONDS
) -> Taken:
    """Up to `hold` tasks of these queues, those that the user holds already first. Also renews all that the user holds."""
    wanted = max(1, min(hold, MOST_HELD))
    answer = _run(site, TAKE, prefix(exam_id), user_id, wanted, lease * 1000, LONGEST_SEARCH, len(queues), *queues, *sorted(schools))
    return Taken(tuple(int(task) for task in answer[1:]), bool(answer[0]))


def apply(site: Site, exam_id: int, steps: Steps) -> None:
    if steps.words:
        _run(site, APPLY, prefix(exam_id), *steps.words)


def release(site: Site, exam_id: int, user_id: int) -> int:
    """Sign-out: everything that the user holds goes back to its queue."""
    return int(_run(site, RELEASE, prefix(exam_id), user_id))


def holds(site: Site, exam_id: int, user_id: int, task_id: int) -> bool:
    return bool(site.redis.hexists(f"{prefix(exam_id)}held:{user_id}", str(task_id)))


def waiting(site: Site, exam_id: int, queues: Sequence[str]) -> list[int]:
    """How many tasks wait in each queue."""
    if not queues:
        return []
    pipe = site.redis.pipeline(transaction=False)
    for queue in queues:
        pipe.zcard(f"{prefix(exam_id)}queue:{queue}")
    return [int(n) for n in pipe.execute()]


def _run(site: Site, script: str, *words: Any) -> Any:
    sha = _sha(script)
    redis = cast(Any, site.redis)
    try:
        return redis.evalsha(sha, 0, *words)
    except NoScriptError:
        return redis.eval(script, 0, *words)


_shas: dict[str, str] = {}


def _sha(script: str) -> str:
    if script not in _shas:
        _shas[script] = hashlib.sha1(script.encode(), usedforsecurity=False).hexdigest()
    return _shas[script]
