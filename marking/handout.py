"""Handing out tasks: windows of queues, leases and who has seen what, in Redis. All of it can be rebuilt (`marking.recover`).

Nothing here decides: a task that is handed out is checked against the database before it is shown, and a mark is
taken by the state of its slot there. A lease only keeps two people from doing the same work. The queues themselves are
in the database; `marking.queues` fills the windows.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, cast

from redis.exceptions import NoScriptError, RedisError

from core.errors import Unavailable
from core.site import Site
from core.states import TaskLevel
from marking.handout_scripts import APPLY, CLAIM, FILL, RELEASE, TAKE

LEASE_SECONDS = 300
MOST_HELD = 5
LONGEST_SEARCH = 2000  # waiting tasks that one request looks at before it leaves the rest to the next
WINDOW = 1000  # tasks of a queue that are fetched from the database at once
LOW = 500  # so few left in a window: fetch more
MOST_WAITING = 4 * WINDOW  # a window that has grown beyond this is cut; the database has the rest
PRIORITY_STEP = 1 << 49
SHUFFLE_BITS = 48  # with up to 15 priorities a place is still an exact double
log = logging.getLogger("markhall.marking")
WHOLE = "inf"  # how far a window reaches that holds all of its queue


def as_text(word: bytes | str) -> str:
    return word.decode() if isinstance(word, bytes) else word


def place_for(priority: int = 0) -> int:
    """A place in a queue: at random among those of the same priority, before all of a lower one."""
    return secrets.randbits(SHUFFLE_BITS) - priority * PRIORITY_STEP


def member_of(task: int, response: int, school: str) -> str:
    """How a task stands in its queue: in one line, whatever a roster holds."""
    return f"{task}|{response}|{' '.join(school.split())}"


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
    alone: int | None = None  # the one marker that it is for

    @property
    def queue(self) -> str:
        common = queue_name(self.paper, self.group, self.level)
        return common if self.alone is None else own_queue(common, self.alone)

    @property
    def member(self) -> str:
        return member_of(self.id, self.response_id, self.school)


@dataclass(frozen=True, slots=True)
class Ask:
    """One person who wants to hold so many tasks of these queues, the first queue first."""

    user_id: int
    hold: int
    queues: Sequence[str]
    schools: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Taken:
    tasks: tuple[tuple[int, ...], ...]  # of each ask, those that were held before first
    responses: frozenset[int]  # of all of them
    low: tuple[str, ...]  # queues whose windows should be filled
    waiting: dict[str, int]  # how many wait in each queue that is not one marker's alone, as `waiting` counts them
    rebuilt: bool  # Redis has been filled since it was last empty


class Steps:
    """Changes to the hand-out that belong together; `apply` makes them at once."""

    def __init__(self) -> None:
        self.words: list[Any] = []

    def done(self, user_id: int, task: Waiting, *, lasting: bool = True) -> Steps:
        """`lasting`: other slots of the response may still wait, so that the marker has to be kept from them."""
        self.words += ["done", user_id, task.id, task.response_id if lasting else "-", task.queue, task.member]
        return self

    def gone(self, task: Waiting) -> Steps:
        self.words += ["gone", task.id, task.queue, task.member]
        return self

    def lost(self, task_id: int) -> Steps:
        """A task that the database does not know."""
        self.words += ["gone", task_id, "-", "-"]
        return self

    def offer(self, tasks: Iterable[Waiting]) -> Steps:
        """Tasks beyond their queue's window are left to the database."""
        for task in tasks:
            self.words += ["offer", task.queue, task.shuffle, task.member]
        return self

    def back(self, task_id: int) -> Steps:
        self.words += ["back", task_id]
        return self

    def seen(self, user_id: int, response_ids: Iterable[int]) -> Steps:
        for response_id in response_ids:
            self.words += ["seen", user_id, response_id]
        return self

    def add(self, others: Steps) -> Steps:
        self.words += others.words
        return self


def prefix(exam_id: int) -> str:
    return f"mh:{{{exam_id}}}:"


def queue_name(paper: str, group: str, level: TaskLevel) -> str:
    return f"{paper}/{group}/{level}"


def own_queue(queue: str, user_id: int) -> str:
    """Where tasks of a queue wait that are for one marker alone."""
    return f"{queue}@{user_id}"


def take(site: Site, exam_id: int, asks: Sequence[Ask], *, lease: int = LEASE_SECONDS) -> Taken:
    """Tasks for each ask. Also renews all that these people hold."""
    words: list[Any] = []
    for ask in asks:
        wanted = max(1, min(ask.hold, MOST_HELD))
        words += [ask.user_id, wanted, len(ask.queues), len(ask.schools), *ask.queues, *ask.schools]
    rebuilt, low, counts, *found = _run(site, TAKE, prefix(exam_id), lease * 1000, LONGEST_SEARCH, LOW, *words)
    pairs = [[tuple(map(int, pair.split(b"|"))) for pair in ask] for ask in found]
    return Taken(
        tasks=tuple(tuple(task for task, _ in ask) for ask in pairs),
        responses=frozenset(response for ask in pairs for _, response in ask),
        low=tuple(queue.decode() for queue in low),
        waiting=dict(zip([queue.decode() for queue in counts[::2]], map(int, counts[1::2]), strict=True)),
        rebuilt=bool(rebuilt),
    )


def apply(site: Site, exam_id: int, steps: Steps) -> None:
    if steps.words:
        _run(site, APPLY, prefix(exam_id), WINDOW, MOST_WAITING, *steps.words)


def tell(site: Site, exam_id: int, steps: Steps) -> None:
    """After a commit, which stands whatever comes of this: leases end by themselves and the sweep offers open tasks."""
    try:
        apply(site, exam_id, steps)
    except (RedisError, Unavailable):
        log.warning("the queue server could not be told of a mark; the sweep will")


def claim(site: Site, exam_id: int, user_id: int, tasks: Sequence[Waiting], *, lease: int = LEASE_SECONDS) -> tuple[int, ...]:
    """Lease these very tasks, those that nobody holds."""
    words = [word for task in tasks for word in (task.queue, task.shuffle, task.member)]
    return tuple(map(int, _run(site, CLAIM, prefix(exam_id), user_id, lease * 1000, *words))) if words else ()


def begin_filling(site: Site, exam_id: int, queue: str) -> str | None:
    """How far the queue's window reaches (none: not at all). From now on offers beyond it are taken in too."""
    pipe = site.redis.pipeline(transaction=True)
    pipe.hset(f"{prefix(exam_id)}filling", queue, "1")
    pipe.hget(f"{prefix(exam_id)}reach", queue)
    reach = pipe.execute()[1]
    return None if reach is None else as_text(reach)


def end_filling(
    site: Site, exam_id: int, queue: str, before: str | None, reach: str, tasks: Sequence[tuple[int, str]], *, anew: bool = False
) -> bool:
    """Take these tasks (place, member) into the window, which then reaches so far; false when somebody else has filled it meanwhile.

    `anew`: whatever the window held before is left out.
    """
    lines = "\n".join([f"{place} {member}" for place, member in tasks])  # one word: thousands would each be packed by themselves
    return bool(_run(site, FILL, prefix(exam_id), queue, before or "", reach, int(anew), lines))


def release(site: Site, exam_id: int, user_id: int) -> int:
    """Sign-out: everything that the user holds goes back to its queue."""
    return int(_run(site, RELEASE, prefix(exam_id), user_id))


def hold(site: Site, leases: Sequence[tuple[int, int, int]]) -> list[bool]:
    """Whether each (exam, user, task) is a lease, in one journey."""
    if not leases:
        return []
    pipe = site.redis.pipeline(transaction=False)
    for exam_id, user_id, task_id in leases:
        pipe.hexists(f"{prefix(exam_id)}held:{user_id}", str(task_id))
    return [bool(held) for held in pipe.execute()]


def waiting(site: Site, exam_id: int, queues: Sequence[str]) -> list[int]:
    """How many tasks wait in each queue: in its window, and beyond it as they were last counted."""
    if not queues:
        return []
    pipe = site.redis.pipeline(transaction=False)
    for queue in queues:
        pipe.zcard(f"{prefix(exam_id)}queue:{queue}")
    pipe.hmget(f"{prefix(exam_id)}beyond", list(queues))
    *near, beyond = pipe.execute()
    return [int(n) + max(0, int(more or 0)) for n, more in zip(near, beyond, strict=True)]


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
