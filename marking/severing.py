"""Severities beside the measures: one item group after the other, seldom enough that it costs a small share of a core."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping

from marking.measured import LATEST, Severe, latest
from marking.readings import Where
from marking.severity_apart import Apart
from marking.tally import Tally

EVERY = 120.0  # seconds between two estimates of a group
SHARE = 0.1  # of one core, at most
LONGEST = 90.0  # seconds of one estimate: then it is given up, and half as many marks are taken next time
LEAST = 200  # marks with a co-marker's beside them; fewer say nothing that an interval would not swallow
log = logging.getLogger("markhall.measures")


class Severing:
    def __init__(self) -> None:
        self._found: dict[Where, Severe] = {}
        self._begun: dict[Where, tuple[float, int]] = {}  # when a group was estimated last, and how many marks it had
        self._most: dict[Where, int] = {}
        self._running: tuple[Where, Apart] | None = None
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
                self._start(min(due, key=lambda w: self._begun.get(w, (-1e9, 0))[0]), tallies, mono, now)
        return [where for where in done if where in tallies]

    def _is_due(self, where: Where, tally: Tally, mono: float) -> bool:
        begun, marks = self._begun.get(where, (-1e9, 0))
        return mono - begun >= EVERY and tally.id.size > max(marks, LEAST)

    def _start(self, where: Where, tallies: Mapping[Where, Tally], mono: float, now: float) -> None:
        tally = tallies[where]
        self._begun[where] = (mono, tally.id.size)
        sample = latest(tally, self._most.get(where, LATEST))
        if len(sample.responses) >= LEAST:
            self._running = (where, Apart(sample, now))

    def _take(self) -> list[Where]:
        if self._running is None:
            return []
        where, apart = self._running
        if not apart.is_done:
            if time.monotonic() - apart.began > LONGEST:
                self._most[where] = max(LEAST, self._most.get(where, LATEST) // 2)
                log.warning("severities of %s/%s took too long; fewer marks are taken next time", where[1], where[2])
                self._rest(LONGEST)
            return []
        found = apart.result()
        if found is None:
            log.warning("severities of %s/%s could not be estimated", where[1], where[2])
        else:
            self._found[where] = found[0]
        self._rest(found[1] if found else LONGEST)
        return [where] if found else []

    def _rest(self, seconds: float) -> None:
        self.close()
        self._rests_until = time.monotonic() + seconds / SHARE

    def close(self) -> None:
        if self._running is not None:
            self._running[1].close()
            self._running = None
