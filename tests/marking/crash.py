"""Sites whose process dies at the worst moment or stops to think, or whose queue server is away. For tests of what survives."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Literal

from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from sqlalchemy.orm import Session

from core.db import Database
from core.site import Site

Moment = Literal["before the commit", "after the commit"]


class Died(Exception):
    """kill -9, as far as one thread of a test can have it: nothing that should come after has come."""


class _Hooked(Database):
    """All that another has; something happens before each commit of a writer, and after it."""

    def __init__(self, like: Database, before: Callable[[], None], after: Callable[[], None]) -> None:
        self.__dict__.update(like.__dict__)
        self.before, self.after = before, after

    @contextmanager
    def write(self) -> Iterator[Session]:
        with super().write() as session:
            yield session
            session.flush()
            self.before()
        self.after()


def dying(site: Site, moment: Moment) -> Site:
    """Whoever writes through it dies: his transaction is lost with him, or it stands and nobody is told."""
    return hooked(site, **{moment.split()[0]: _die})


def _die() -> None:
    raise Died


def hooked(site: Site, *, before: Callable[[], None] = lambda: None, after: Callable[[], None] = lambda: None) -> Site:
    return _with_redis(replace(site, database=_Hooked(site.database, before, after)), site.redis)


def without_queue_server(site: Site) -> Site:
    return _with_redis(replace(site), Redis(unix_socket_path="/nowhere/valkey.sock", retry=Retry(NoBackoff(), 0)))


def _with_redis(site: Site, redis: Redis) -> Site:
    site.__dict__["redis"] = redis  # where its cached property keeps it
    return site
