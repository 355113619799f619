"""Simulated people at work over HTTP: markers, leaders and arbiters, each signed in at a connection of its own.

A person sees what a person sees: a task, its items, its picture. Whose answer a picture shows is known by its bytes, as a
marker knows it by reading; everything else about the response stays unknown. Nobody waits the seconds that reading takes:
they are sent as they would have been.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
import uuid
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from api.rehearsal.exam import CODE, ITEMS, Person
from api.rehearsal.markers import REPEAT, Simulated, SimulatedItem, laid_out
from api.rehearsal.wire import Reply, Wire
from core.errors import Unavailable
from core.exam import from_hundredths

PATH = f"/api/marking/{CODE}"
IDLE = (0.2, 2.0)  # seconds between two requests of somebody for whom nothing waits: at first, at most
PROBLEM_ONE_IN = 997  # looks after which a marker cannot mark what he sees
WITHDRAWN = (404, 409)
REFUSED = 403


@dataclass
class Tally:
    """What the crew saw, all of it together."""

    latencies: list[float] = field(default_factory=list)  # seconds of each submit that brings the next task
    pictures: list[float] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)  # of acknowledged marks
    outcomes: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)  # sentences
    problems: int = 0
    queue_bytes: int = 0  # the most that the queue server had in use
    last: float = 0.0  # when the last mark was acknowledged, by the monotonic clock


@dataclass
class Desk:
    """What all of them share: the server, whose answer each picture is, how many may ask at once."""

    host: str
    port: int
    rows: Mapping[bytes, int]  # a picture's hash -> the candidate's row
    turns: asyncio.Semaphore
    finished: asyncio.Event
    tally: Tally = field(default_factory=Tally)


@dataclass
class Worker:
    person: Person
    simulated: Simulated
    desk: Desk
    pace: float = 1.0  # marks of a day that one mark stands for
    marked: int = 0
    looked: Counter[int] = field(default_factory=Counter)  # how often a response was marked, by the candidate's row
    raised: set[int] = field(default_factory=set)  # answers that this person could not read at first
    wire: Wire = field(init=False)

    def __post_init__(self) -> None:
        self.wire = Wire(self.desk.host, self.desk.port)

    async def work(self) -> None:
        """Mark until all is marked."""
        idle, tasks = IDLE[0], list[dict[str, Any]]()
        while not self.desk.finished.is_set():
            if not tasks:
                tasks = await self._next()
            if tasks:
                tasks, idle = await self._mark(tasks[0]), IDLE[0]
            else:
                if self.person.role != "marker":
                    await self._resolve_problems()
                await self._rest(idle)
                idle = min(idle * 1.5, IDLE[1])
        await self.wire.close()

    async def _rest(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self.desk.finished.wait()
        except TimeoutError:
            return

    async def _next(self) -> list[dict[str, Any]]:
        async with self.desk.turns:
            reply = await self.wire.post(f"{PATH}/next", {"hold": 1})
        return self._tasks(reply)

    def _tasks(self, reply: Reply) -> list[dict[str, Any]]:
        if reply.ok:
            tasks: list[dict[str, Any]] = reply.json()["tasks"]
            return tasks
        if reply.status in (REFUSED, *WITHDRAWN):
            self.desk.tally.refused[reply.sentence] += 1
            return []
        raise Unavailable(f"the server answered {reply.status}: {reply.sentence}", where=self.person.login)

    async def _mark(self, task: dict[str, Any]) -> list[dict[str, Any]]:
        row = await self._look(task)
        if row is None:
            return []
        if self.person.role == "marker" and not self.looked[row] and self._is_puzzled(row):
            return await self._raise_problem(task, row)
        item = ITEMS[task["group"]]
        hundredths, seconds = self.simulated.mark(row + REPEAT * self.looked[row], item, round(self.marked * self.pace))
        key = str(uuid.uuid4())
        body = {"task": task["task"], "key": key, "marks": {item.id: typed(hundredths, item)}, "seconds": round(seconds, 1), "hold": 1}
        async with self.desk.turns:
            started = time.perf_counter()
            reply = await self.wire.post(f"{PATH}/marks", body)
            took = time.perf_counter() - started
        if reply.ok:
            self._count(row, key, took, reply.json()["saved"]["outcome"])
        return self._tasks(reply)

    def _count(self, row: int, key: str, took: float, outcome: str) -> None:
        tally = self.desk.tally
        tally.latencies.append(took)
        tally.keys.append(key)
        tally.outcomes[outcome] += 1
        tally.last = time.monotonic()
        self.looked[row] += 1
        self.marked += 1

    async def _look(self, task: dict[str, Any]) -> int | None:
        """Whose answer it is, by its first picture; None when the task was withdrawn meanwhile."""
        async with self.desk.turns:
            started = time.perf_counter()
            reply = await self.wire.get(task["pictures"][0]["url"])
            self.desk.tally.pictures.append(time.perf_counter() - started)
        if reply.status in WITHDRAWN:
            return None
        if not reply.ok:
            raise Unavailable(f"a picture was not given: {reply.sentence}", where=self.person.login)
        return self.desk.rows[hashlib.sha256(reply.body).digest()]

    def _is_puzzled(self, row: int) -> bool:
        return row not in self.raised and (row * 7919 + self.simulated.number) % PROBLEM_ONE_IN == 0

    async def _raise_problem(self, task: dict[str, Any], row: int) -> list[dict[str, Any]]:
        self.raised.add(row)
        body = {"task": task["task"], "key": str(uuid.uuid4()), "reason": "illegible", "hold": 1}
        async with self.desk.turns:
            reply = await self.wire.post(f"{PATH}/problem", body)
        if reply.ok:
            self.desk.tally.problems += 1
        return self._tasks(reply)

    async def _resolve_problems(self) -> None:
        """A leader who has nothing to mark sends what waits at the desk back to marking: it can be read after all."""
        async with self.desk.turns:
            reply = await self.wire.get(f"{PATH}/problems")
        if not reply.ok:
            raise Unavailable(f"the desk did not open: {reply.sentence}", where=self.person.login)
        for problem in reply.json()["problems"]:
            body = {"action": "back", "key": str(uuid.uuid4()), "note": "legible"}
            async with self.desk.turns:
                reply = await self.wire.post(f"{PATH}/problems/{problem['id']}/resolve", body)
            if not reply.ok and reply.status not in WITHDRAWN:  # another leader was quicker
                raise Unavailable(f"a problem was not resolved: {reply.sentence}", where=self.person.login)


def typed(hundredths: int, item: SimulatedItem) -> str | dict[str, str]:
    """The mark as a marker types it; of an item with steps each step's."""
    if not item.steps:
        return from_hundredths(hundredths)
    return {name: from_hundredths(part) for name, part in zip("abc", laid_out(hundredths, item), strict=True)}
