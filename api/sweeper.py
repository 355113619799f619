"""The thread that makes hints unnecessary: each second it looks in the database for work that nobody is doing."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from uuid import uuid4

from redis.exceptions import RedisError
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

import marking.intake
import scanner.intake
from core.errors import MarkhallError, Unavailable
from core.site import Site
from core.tables import Exam
from marking import giving, stopping
from marking.touched import Mark, newest
from omr.desk import rereading

SHARE = 50  # a look at all scripts of an exam is not taken again for so many times as long as it took
MOST_REST = 30.0  # seconds
_SWEEPING = "markhall:sweeping"  # in the queue server: who does
_HELD = 3000  # milliseconds without a word, after which another does

log = logging.getLogger("markhall.sweeper")


class Looks:
    """For responses that can be made: what was touched at each turn, and everything from time to time."""

    def __init__(self, site: Site, exam_id: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._site, self._exam_id, self._clock = site, exam_id, clock
        self._seen: Mark | None = None
        self._all_again = 0.0

    def look(self) -> None:
        begun = self._clock()
        if self._seen is not None and begun < self._all_again:
            self._seen = marking.intake.sweep_touched(self._site, self._exam_id, self._seen)
            return
        with self._site.database.read() as session:
            seen = newest(session, self._exam_id)
        marking.intake.sweep(self._site, self._exam_id)
        ended = self._clock()
        self._seen, self._all_again = seen, ended + min(MOST_REST, SHARE * (ended - begun))


class Sweeper:
    """Gives received frames to readers and read responses to markers. Each step is idempotent, so that several may run.

    Of the web processes that share a queue server one sweeps, and another a moment after it has ended.
    """

    def __init__(self, site: Site, every: float = 1.0) -> None:
        self._site = site
        self._every = every
        self._name = uuid4().hex.encode()
        self._looks: dict[int, Looks] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sweeper", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(10)
        self._give_up()

    def _is_mine(self) -> bool:
        """Whether no other process sweeps; nobody knows without the queue server, and then each of them does."""
        try:
            if not self._site.redis.set(_SWEEPING, self._name, nx=True, px=_HELD):
                if self._site.redis.get(_SWEEPING) != self._name:
                    return False
                self._site.redis.pexpire(_SWEEPING, _HELD)
        except (RedisError, Unavailable):
            pass
        return True

    def _give_up(self) -> None:
        try:
            if self._site.redis.get(_SWEEPING) == self._name:
                self._site.redis.delete(_SWEEPING)
        except (RedisError, Unavailable):
            pass  # it ends by itself

    def _run(self) -> None:
        while not self._stop.wait(self._every):
            if not self._is_mine():
                continue
            try:
                for exam_id in _exams(self._site):
                    scanner.intake.sweep(self._site, exam_id)
                    self._looks.setdefault(exam_id, Looks(self._site, exam_id)).look()
                    giving.give(self._site, exam_id)
                    stopping.sweep(self._site, exam_id)
            except (MarkhallError, RedisError, SQLAlchemyError, OSError):
                log.exception("a sweep failed; the next one tries again")


def _exams(site: Site) -> Sequence[int]:
    with site.database.read() as session:
        return session.scalars(select(Exam.id)).all()


def sweep(site: Site) -> None:
    for exam_id in _exams(site):
        scanner.intake.sweep(site, exam_id)
        marking.intake.sweep(site, exam_id)
        rereading.sweep(site, exam_id)
        giving.give(site, exam_id)
        stopping.sweep(site, exam_id)
