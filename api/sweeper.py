"""The thread that makes hints unnecessary: each second it looks in the database for work that nobody is doing."""

from __future__ import annotations

import logging
import threading

from redis.exceptions import RedisError
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

import marking.intake
import scanner.intake
from core.errors import MarkhallError
from core.site import Site
from core.tables import Exam
from omr.desk import rereading

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
        while not self._stop.wait(self._every):
            try:
                sweep(self._site)
            except (MarkhallError, RedisError, SQLAlchemyError, OSError):
                log.exception("a sweep failed; the next one tries again")


def sweep(site: Site) -> None:
    with site.database.read() as session:
        exams = session.scalars(select(Exam.id)).all()
    for exam_id in exams:
        scanner.intake.sweep(site, exam_id)
        marking.intake.sweep(site, exam_id)
        rereading.sweep(site, exam_id)
