"""The days of marking in a few minutes: everybody signs in, marks, and stops when every response has its final mark."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from api.rehearsal.crew import Desk, Tally, Worker
from api.rehearsal.exam import ALONE, AT_WORK, Person
from api.rehearsal.markers import Simulated, leader, population
from api.rehearsal.memory import Memory, decided, marked_before, measures_behind, responses_by_state, rows_by_picture
from api.rehearsal.people import ids_of
from api.rehearsal.services import queue_bytes
from core.errors import Unavailable
from core.site import Site

Update = Callable[[int, int], None]
LOOK = 0.5  # seconds between two looks at how far marking is
QUIET = 60.0  # seconds that the measures of markers may be behind when all is marked: an alarm may still put marks back
STALLED = 180.0  # seconds without a new mark after which something is wrong
DRIFTS_ONE_IN = 25  # of the markers one drifts far: by so much of full marks over all that he marks
FAR = 0.20
SIGNING_IN = 8  # at once: a password costs the server a core for a while


@dataclass(frozen=True)
class Marked:
    """What came of it."""

    tally: Tally
    signing_in: float  # seconds
    seconds: float  # from then to the last mark
    cpu: dict[str, float]  # seconds of each kind of process while they marked
    retries: int  # requests that were sent again, since the server was away or closed an idle connection


@dataclass(frozen=True)
class Marking:
    """What the marking stage needs."""

    site: Site
    exam_id: int
    people: Sequence[Person]
    simulated: Sequence[Simulated]
    paces: Mapping[str, float]  # by item group
    address: tuple[str, int]
    password: str
    responses: int
    at_once: int
    check: Callable[[], None]  # an error when the servers have ended
    cpu: Callable[[], dict[str, float]]  # seconds so far, by kind of process

    def run(self, update: Update) -> Marked:
        with asyncio.Runner(loop_factory=_fast_loop()) as runner:
            try:
                return runner.run(self._run(update))
            except BaseExceptionGroup as several:  # one person's trouble ends the work of all; the first is the one to tell
                raise several.exceptions[0] from several

    async def _run(self, update: Update) -> Marked:
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
        signed_in, before = time.monotonic(), self.cpu()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._watch(desk, update))
            for worker in crew:
                group.create_task(worker.work())
        after = self.cpu()
        spent = {kind: round(after[kind] - before.get(kind, 0.0), 2) for kind in after}
        retries = sum(worker.wire.retries for worker in crew)
        return Marked(desk.tally, signed_in - started, desk.tally.last - signed_in, spent, retries)

    def _crew(self, desk: Desk) -> list[Worker]:
        ids, before = ids_of(self.site), marked_before(self.site, self.exam_id)
        crew = []
        for person in self.people:
            if person.role in AT_WORK:
                known = before.get(ids[person.login], Memory())
                crew.append(Worker(person, self.simulated[person.number], desk, self.paces[person.group], known.count, known.rows))
        return crew

    async def _watch(self, desk: Desk, update: Update) -> None:
        """Says when all is marked; an error when nothing moves any more."""
        moved, seen, whole_since = time.monotonic(), -1, 0.0
        while True:
            self.check()
            desk.tally.queue_bytes = max(desk.tally.queue_bytes, await asyncio.to_thread(queue_bytes, self.site))
            done = decided(await asyncio.to_thread(responses_by_state, self.site, self.exam_id))
            update(done, self.responses)
            whole_since = (whole_since or time.monotonic()) if done >= self.responses else 0.0
            if whole_since and await self._is_over(time.monotonic() - whole_since):
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

    async def _is_over(self, waited: float) -> bool:
        """All is marked, and no alarm can come any more."""
        return waited > QUIET or not await asyncio.to_thread(measures_behind, self.site, self.exam_id)


def simulated_people(seed: int, markers: int, careless: int, people: Sequence[Person]) -> list[Simulated]:
    """The markers of known severity, some of whom drift far, then whoever decides, by number."""
    crew = list(population(seed, markers, careless))
    steady = [p.number for p in people if p.role == "marker" and p.group != ALONE and not crew[p.number].careless]
    for k, n in enumerate(random.Random(f"drift {seed}").sample(steady, min(len(steady), markers // DRIFTS_ONE_IN))):
        crew[n] = replace(crew[n], drift=FAR if k % 2 else -FAR)
    return [*crew, *(leader(n, seed) for n in range(markers, max(p.number for p in people) + 1))]


async def _sign_in(worker: Worker, password: str, turns: asyncio.Semaphore) -> None:
    async with turns:
        await worker.wire.sign_in(worker.person.login, password)


def _fast_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop
