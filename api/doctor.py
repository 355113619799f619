"""What this machine has and lacks, one finding a part, each with the line to type where something is missing."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Literal

import redis
from sqlalchemy import func, select

from api.app import client_folder
from core.db import Database
from core.errors import MarkhallError
from core.local import find_server
from core.migrating import Form, form_of, require_current
from core.settings import Settings
from core.store import FolderStore, open_store

CLOCK = 1.0  # seconds that machines may differ; leases of frames and of tasks are moments of their clocks
FREE = 1.0  # GiB
PATIENCE = 5  # seconds for a server to answer


@dataclass(frozen=True, slots=True)
class Finding:
    part: str
    state: Literal["ok", "off", "missing"]
    detail: str


def findings(settings: Settings, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> Iterator[Finding]:
    yield Finding("markhall", "ok", version("markhall"))
    yield _told("queue server", lambda: _queue(settings))
    yield _told("web client", lambda: str(client_folder()))
    yield _second_decoder()
    yield from _database(settings, now)
    yield _told("picture store", lambda: _store(settings.store_url))
    yield _release_key(settings.home)
    yield _disk(settings.home)


def _told(part: str, look: Callable[[], str]) -> Finding:
    """What `look` found, or what it says is missing. Any library's error means the same to the reader of this line."""
    try:
        return Finding(part, "ok", look())
    except MarkhallError as error:
        return Finding(part, "missing", str(error))
    except Exception as error:
        return Finding(part, "missing", str(error).strip().partition("\n")[0] or type(error).__name__)


def _queue(settings: Settings) -> str:
    if not settings.redis_url:
        return find_server()
    with contextlib.closing(redis.Redis.from_url(settings.redis_url, socket_connect_timeout=PATIENCE, socket_timeout=PATIENCE)) as server:
        about = server.info("server")
        kind = "Valkey" if "valkey_version" in about else "Redis"
        name = settings.redis_url.rpartition("@")[2].removeprefix("redis://")
        return f"{kind} {about.get('valkey_version') or about['redis_version']} at {name}"


def _second_decoder() -> Finding:
    from scanner.codes import second_decoder

    if second_decoder():
        return Finding("second barcode decoder", "ok", "libzbar")
    return Finding(
        "second barcode decoder", "off", "libzbar is not installed; identity rests on other facts. sudo apt-get install libzbar0"
    )


def _database(settings: Settings, now: Callable[[], datetime]) -> Iterator[Finding]:
    database = Database(settings.database_url)
    try:
        answers = _told("database", lambda: _database_version(database))
        yield answers
        if answers.state == "missing":
            return
        yield _tables(database)
        if not database.is_sqlite:
            yield _clock(database, now)
    finally:
        database.close()


def _database_version(database: Database) -> str:
    with database.read() as session:
        number = session.scalar(select(func.sqlite_version() if database.is_sqlite else func.current_setting("server_version")))
    kind = "SQLite" if database.is_sqlite else "PostgreSQL"
    return f"{kind} {str(number).split(' ')[0]}, {database.engine.url.render_as_string(hide_password=True)}"


def _tables(database: Database) -> Finding:
    if form_of(database) is Form.EMPTY:
        return Finding("tables", "off", "made by `markhall up` on one machine, by `markhall migrate` for several")
    return _told("tables", lambda: f"of this version ({require_current(database).value})")


def _clock(database: Database, now: Callable[[], datetime]) -> Finding:
    with database.read() as session:
        session.scalar(select(1))  # the connection is made before the clocks are compared
        before = now()
        there = session.scalars(select(func.clock_timestamp())).one()
        here = before + (now() - before) / 2
    differ = (here - there).total_seconds()
    detail = f"{abs(differ):.2f} s {'ahead of' if differ > 0 else 'behind'} the database's"
    if abs(differ) <= CLOCK:
        return Finding("clock", "ok", detail)
    return Finding("clock", "missing", f"{detail}. Set both by a time server: timedatectl set-ntp true")


def _store(url: str) -> str:
    store = open_store(url)
    begun = time.monotonic()
    store.try_out()
    took = f"written, read and removed in {(time.monotonic() - begun) * 1000:.0f} ms"
    if isinstance(store, FolderStore):
        return f"{store.root}, {shutil.disk_usage(store.root).free / 2**30:.1f} GiB free, {took}"
    from core.store.bucket import BucketAddress

    return f"{BucketAddress.read(url).name}, {took}"


def _release_key(home: Path) -> Finding:
    from scoring import keys

    if not (home / "keys" / keys.FILE).exists():
        return Finding("release key", "off", "made at the first release; machines that release must have the same one, copy it")
    return _told("release key", lambda: keys.fingerprint(keys.public_hex(keys.release_key(home))))


def _disk(home: Path) -> Finding:
    home = next(folder for folder in (home, *home.parents) if folder.exists())
    free = shutil.disk_usage(home).free / 2**30
    if free > FREE:
        return Finding("disk", "ok", f"{free:.1f} GiB free at {home}")
    return Finding("disk", "missing", f"{free:.1f} GiB free at {home}. Free some, or name another folder in MARKHALL_HOME.")
