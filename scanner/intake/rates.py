"""How fast one station may send to one web process: a bucket of requests and one of bytes, each filled all the time.

A bucket lets a request through while it is not empty, and may then owe for it: so the largest frame passes too, and is
paid for by waiting. Kept in memory: what is lost with the process is a second's patience.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

BURST = 2.0  # seconds of the full rate that a station which was quiet may send at once
_KNOWN = 10_000  # stations remembered


@dataclass(slots=True)
class _Bucket:
    rate: float
    level: float
    at: float

    def lacks(self, now: float) -> float:
        """Seconds until something is in it."""
        self.level = min(self.rate * BURST, self.level + (now - self.at) * self.rate)
        self.at = now
        return 0.0 if self.level > 0 else -self.level / self.rate + 0.001


class Rates:
    def __init__(self, requests: float, size: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._rates = (requests, size)
        self._clock = clock
        self._stations: dict[int, tuple[_Bucket, _Bucket]] = {}

    def wait(self, station: int, size: int = 0) -> float:
        """Seconds until this station may ask again; 0: it may now, and it has been counted."""
        now = self._clock()
        if station not in self._stations:
            if len(self._stations) >= _KNOWN:
                self._stations.clear()
            requests, bytes_ = (_Bucket(rate, rate * BURST, now) for rate in self._rates)
            self._stations[station] = requests, bytes_
        requests, bytes_ = self._stations[station]
        lacking = max(requests.lacks(now), bytes_.lacks(now))
        if lacking == 0.0:
            requests.level -= 1
            bytes_.level -= size
        return lacking
