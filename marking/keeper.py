"""One at a time, on however many machines: a lock on the queue server that ends by itself when its holder does.

What it guards is published as a hint and written with the database's own locks, so that two holders for a moment do no harm.
"""

from __future__ import annotations

from typing import Any, cast

from redis import Redis

from core.ids import new_token

HELD = 10.0  # seconds without a word after which another may take it
_RENEW = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end return 0"
_END = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"


class Keeper:
    def __init__(self, redis: Redis, name: str) -> None:
        self._redis = cast(Any, redis)
        self._name = f"mh:keeper:{name}"
        self._token = new_token()

    def holds(self) -> bool:
        """Take the lock or keep it; ask again well within HELD."""
        if self._redis.eval(_RENEW, 1, self._name, self._token, int(HELD * 1000)):
            return True
        return bool(self._redis.set(self._name, self._token, nx=True, px=int(HELD * 1000)))

    def end(self) -> None:
        self._redis.eval(_END, 1, self._name, self._token)
