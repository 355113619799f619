"""Severities in the background: one item group after the other, seldom enough that it costs a small share of a core."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor

from marking.measured import LATEST, Sample, Severe, estimate, latest
from marking.readings import Where
from marking.tally import Tally

EVERY = 120.0  # seconds between two estimates of a group
SHARE = 0.04  # of one core, at most
LONGEST = 4.0  # seconds of one estimate: beyond, fewer marks are taken next time
LEAST = 200  # marks with a co-marker's beside them; fewer say nothing that an interval would not swallow
log = logging.getLogger("markhall.measures")


class Severing:
    def __init__(self) -> None:
        self._found: dict[Where, Severe] = {}
        self._begun: dict[Where, tuple[float, int]] = {}  # when a group was estimated last, and how many marks it had
        self._most: dict[Where, int] = {}
        self._pool = ThreadPoolExecutor(1, "severity")
        self._running: tuple[Where, Future[tuple[Severe, float]]] | None = None
        self._rests_until = 0.0

    def of(self, where: Where) -> Severe | None:
        return self._found.get(where)

    def step(self, tallies: Mapping[Where, Tally], now: float) -> list[Where]:
        """Take what is done, begin what is due; the groups whose severities are new."""
        done = self._take()
        mono = time.monotonic()
        if self._running is None and mono >= self._rests_until:
            due = [w for w, t in tallies.items() if self._is_due(w, t, mono)]
            if due:
                where = min(due, key=lambda w: self._begun.get(w, (-1e9, 0))[0])
                tally = tallies[where]
                sample = latest(tally, self._most.get(where, LATEST))
                self._begun[where] = (mono, tally.id.size)
                if len(sample.responses) >= LEAST:
                    self._running = (where, self._pool.submit(_timed, sample, now))
        return [where for where in done if where in tallies]

    def _is_due(self, where: Where, tally: Tally, mono: float) -> bool:
        begun, marks = self._begun.get(where, (-1e9, 0))
        return mono - begun >= EVERY and tally.id.size > max(marks, LEAST)

    def _take(self) -> list[Where]:
        if self._running is None or not self._running[1].done():
            return []
        where, future = self._running
        self._running = None
        failed = future.exception()
        if failed is not None:
            log.warning("severities of %s/%s could not be estimated: %s", *where[1:], failed)
            return []
        self._found[where], seconds = future.result()
        self._rests_until = time.monotonic() + seconds / SHARE
        if seconds > LONGEST:
            self._most[where] = max(LEAST, int(self._most.get(where, LATEST) * LONGEST / seconds))
        return [where]

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)


def _timed(sample: Sample, now: float) -> tuple[Severe, float]:
    began = time.thread_time()
    return estimate(sample, now), time.thread_time() - began
