"""An installation, opened: its database, store, queue server and clock, handed to every stage as one value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property

from redis import Redis
from redis.backoff import ExponentialBackoff
from redis.retry import Retry

from core.db import Database
from core.errors import Unavailable
from core.local import socket_of
from core.settings import Settings
from core.store import PictureStore, open_store


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Site:
    settings: Settings
    database: Database
    store: PictureStore
    now: Callable[[], datetime] = field(default=utc_now)

    @cached_property
    def redis(self) -> Redis:
        url = self.settings.redis_url
        if not url and socket_of(self.settings.home).exists():
            url = f"unix://{socket_of(self.settings.home)}"  # that of `markhall up`, which runs beside this command
        if not url:
            raise Unavailable(
                "no queue server is named, and none runs here.",
                where="MARKHALL_REDIS_URL",
                remedy="Start it with `markhall up`, or set the address.",
            )
        # A sweep must not hang for long when the queue server is away; it comes again in a second.
        retry = Retry(ExponentialBackoff(cap=0.2, base=0.02), retries=3)
        return Redis.from_url(url, socket_connect_timeout=5, retry=retry)

    def close(self) -> None:
        self.database.close()
        if "redis" in self.__dict__:
            self.redis.close()


def open_site(settings: Settings, *, now: Callable[[], datetime] = utc_now) -> Site:
    return Site(settings, Database(settings.database_url), open_store(settings.store_url), now)
