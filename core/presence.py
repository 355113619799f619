"""Which readers are alive: each says so every few seconds on the queue server. A hint for people; nothing depends on it."""

from __future__ import annotations

import logging
import os
import socket
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

from redis import Redis, RedisError

log = logging.getLogger(__name__)

EVERY = 3.0
SILENT = 12.0  # seconds after which a reader that said nothing is not alive
_READERS = "markhall:readers"
_FORGET = 24 * 3600


@dataclass(frozen=True, slots=True)
class Reader:
    machine: str
    process: int
    last: datetime  # when it last said that it is there
    alive: bool


class Present:
    """While this is entered, this process is a reader that is alive. A process that is stopped says nothing."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._name = f"{socket.gethostname()}:{os.getpid()}"
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, name="presence", daemon=True)

    def __enter__(self) -> Present:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._done.set()
        self._thread.join()
        try:
            self._redis.zrem(_READERS, self._name)  # it went as it was told to: nobody must look for it
        except RedisError as e:
            log.warning("the queue server could not be told that this reader ends (%s)", e)

    def _run(self) -> None:
        while True:
            try:
                tell(self._redis, self._name)
            except RedisError as e:
                log.warning("the queue server could not be told that this reader is alive (%s)", e)
            if self._done.wait(EVERY):
                return


def tell(redis: Redis, name: str) -> None:
    """`name` is a machine and a process. The queue server's clock counts: those of several machines differ."""
    now = _now(redis)
    redis.zadd(_READERS, {name: now})
    redis.zremrangebyscore(_READERS, 0, now - _FORGET)


def readers(redis: Redis) -> list[Reader]:
    """All readers of the last day that were not told to end, those that are alive first."""
    now = _now(redis)
    found = []
    said: Any = redis.zrange(_READERS, 0, -1, desc=True, withscores=True)
    for name, at in said:
        machine, _, process = bytes(name).decode().rpartition(":")
        found.append(Reader(machine, int(process), datetime.fromtimestamp(at, UTC), now - at < SILENT))
    return found


def _now(redis: Redis) -> float:
    time: Any = redis.time()
    return float(time[0]) + float(time[1]) / 1e6
