"""The days of marking in a few minutes: everybody signs in, marks, and stops when every response has its final mark."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from api.rehearsal.crew import Desk, Tally, Worker
from api.rehearsal.exam import Person
from api.rehearsal.markers import Simulated, leader, population
from api.rehearsal.memory import Marked, decided, marked_before, responses_by_state, rows_by_picture
from api.rehearsal.people import ids_of
from core.errors import Unavailable
from core.site import Site

Update = Callable[[int, int], None]
LOOK = 0.5  # seconds between two looks at how far marking is
STALLED = 180.0  # seconds without a new mark after which something is wrong
SIGNING_IN = 8  # at once: a password costs the server a core for a while


@dataclass(frozen=True)
class Marking:
    """What the marking stage needs."""

    site: Site
    exam_id: int
    people: Sequence[Person]
    simulated: Sequence[Simulated]
    address: tuple[str, int]
    password: str
    responses: int
    at_once: int
    check: Callable[[], None]  # an error when the servers have ended

    def run(self, update: Update) -> tuple[Tally, float, float]:
        """What the crew saw, the seconds that signing in took, and those of marking."""
        with asyncio.Runner(loop_factory=_fast_loop()) as runner:
            try:
                return runner.run(self._run(update))
            except BaseExceptionGroup as several:  # one person's trouble ends the work of all; the first is the one to tell
                raise several.exceptions[0] from several

    async def _run(self, update: Update) -> tuple[Tally, float, float]:
        desk = Desk(
            *self.address,
            rows=await asyncio.to_thread(rows_by_picture, self.site, self.exam_id),
            turns=asyncio.Semaphore(self.at_once),
            finished=asyncio.Event(),
        )
        crew = await asyncio.to_thread(self._crew, desk)
        started = time.monotonic()
        signing = asyncio.Semaphore(SIGNING_IN)
        await asyncio.gather(*(_sign_in(worker, self.password, signing) for worker in crew))
        signed_in = time.monotonic()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._watch(desk, update))
            for worker in crew:
                group.create_task(worker.work())
        return desk.tally, signed_in - started, time.monotonic() - signed_in

    def _crew(self, desk: Desk) -> list[Worker]:
        ids, before = ids_of(self.site), marked_before(self.site, self.exam_id)
        crew = []
        for person in self.people:
            if person.role != "office":
                known = before.get(ids[person.login], Marked())
                crew.append(Worker(person, self.simulated[person.number], desk, known.count, known.rows))
        return crew

    async def _watch(self, desk: Desk, update: Update) -> None:
        """Says when all is marked; an error when nothing moves any more."""
        moved, seen = time.monotonic(), -1
        while True:
            self.check()
            done = decided(await asyncio.to_thread(responses_by_state, self.site, self.exam_id))
            update(done, self.responses)
            if done >= self.responses:
                desk.finished.set()
                return
            if len(desk.tally.keys) != seen:
                moved, seen = time.monotonic(), len(desk.tally.keys)
            if time.monotonic() - moved > STALLED:
                said = ", ".join(sentence for sentence, _ in desk.tally.refused.most_common(2))
                raise Unavailable(
                    f"{self.responses - done} responses wait and nobody can mark them ({said or 'no queue offers them'}).",
                    where="marking",
                    remedy="Let more markers take part, or look into the logs in the rehearsal's folder.",
                )
            await asyncio.sleep(LOOK)


def simulated_people(seed: int, markers: int, careless: int, people: Sequence[Person]) -> list[Simulated]:
    """The markers of known severity, then whoever decides, by number."""
    return [*population(seed, markers, careless), *(leader(n, seed) for n in range(markers, max(p.number for p in people) + 1))]


async def _sign_in(worker: Worker, password: str, turns: asyncio.Semaphore) -> None:
    async with turns:
        await worker.wire.sign_in(worker.person.login, password)


def _fast_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop
