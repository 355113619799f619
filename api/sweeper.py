"""The thread that makes hints unnecessary: each second it looks in the database for work that nobody is doing."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence

from redis.exceptions import RedisError
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

import marking.intake
import scanner.intake
from core.errors import MarkhallError
from core.site import Site
from core.tables import Exam
from omr.desk import rereading

SHARE = 30  # looking for new responses rests so many times as long as it took: the readers have the processor meanwhile
MOST_REST = 5.0  # seconds

log = logging.getLogger("markhall.sweeper")


class Sweeper:
    """Gives received frames to readers and read responses to markers. Several may run; each step is idempotent."""

    def __init__(self, site: Site, every: float = 1.0) -> None:
        self._site = site
        self._every = every
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sweeper", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(10)

    def _run(self) -> None:
        rest = 0.0
        while not self._stop.wait(self._every):
            try:
                exams = _exams(self._site)
                for exam_id in exams:
                    scanner.intake.sweep(self._site, exam_id)
                rest -= self._every
                if rest <= 0:
                    begun = time.thread_time()
                    for exam_id in exams:
                        marking.intake.sweep(self._site, exam_id)
                    rest = min(MOST_REST, SHARE * (time.thread_time() - begun))
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
