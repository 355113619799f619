"""Servers for a benchmark of marking: PostgreSQL as in production, Valkey, any number of web processes at one port.

Owns a PostgreSQL cluster that may be kept between runs, and the web processes that share a port. A cluster runs from a short
folder: a socket's path has 107 characters at most.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from api.lifeline import die_with_parent
from api.processes import listening
from benchmarks.installation import Installation, wait_for
from core.db import migrate
from core.local import start_queue_server
from core.settings import Settings
from core.site import open_site
from tests.parts import children
from tools.machine import postgres_bin
from web import build_client

SETTINGS = {
    "listen_addresses": "", "fsync": "on", "synchronous_commit": "on", "shared_buffers": "512MB", "max_wal_size": "8GB",
    "max_connections": "150", "random_page_cost": "1.1",
}  # fmt: skip


@dataclass(frozen=True)
class Cluster:
    sockets: Path
    process: subprocess.Popen[bytes]

    def url(self, database: str) -> str:
        return f"postgresql+psycopg://markhall@/{database}?host={self.sockets}"

    def databases(self) -> set[str]:
        with psycopg.connect(host=str(self.sockets), user="markhall", dbname="postgres") as connection:
            return {str(row[0]) for row in connection.execute("SELECT datname FROM pg_database")}

    def create(self, database: str) -> str:
        with psycopg.connect(host=str(self.sockets), user="markhall", dbname="postgres", autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{database}" TEMPLATE template0')
        return self.url(database)

    def rename(self, database: str, name: str) -> None:
        with psycopg.connect(host=str(self.sockets), user="markhall", dbname="postgres", autocommit=True) as connection:
            connection.execute(f'ALTER DATABASE "{database}" RENAME TO "{name}"')

    def drop(self, database: str) -> None:
        with psycopg.connect(host=str(self.sockets), user="markhall", dbname="postgres", autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')


@contextmanager
def cluster(kept: Path | None = None) -> Iterator[Cluster]:
    """A PostgreSQL server on the files in `kept`, made when there are none, or on files that go with it."""
    programs = postgres_bin()
    if programs is None:
        raise RuntimeError("no PostgreSQL server was found; run `make install`")
    short = Path(tempfile.mkdtemp(prefix="markhall-pg-", dir="/tmp"))
    folder, user = kept or short, children.unprivileged_user()
    folder.mkdir(parents=True, exist_ok=True)
    for owned in {folder, short}:
        owned.chmod(0o755)
        if user is not None:
            os.chown(owned, user.pw_uid, user.pw_gid)
    files = folder / "cluster"
    try:
        if not (files / "PG_VERSION").exists():
            made = [str(programs / "initdb"), "-D", str(files), "-U", "markhall", "--auth=trust", "--encoding=UTF8", "--locale=C"]
            subprocess.run([*children.as_user(user), *made], check=True, capture_output=True, cwd="/")
        wishes = [f"--{name}={value}" for name, value in {**SETTINGS, "unix_socket_directories": str(short)}.items()]
        log = short / "log"
        process = children.start([str(programs / "postgres"), "-D", str(files), *wishes], log, user=user, death="QUIT")
        try:
            children.wait_until(lambda: _is_ready(short), process, log, seconds=120)
            yield Cluster(short, process)
        finally:
            children.stop(process, signal.SIGINT)  # in order, so that a kept one starts at once
    finally:
        shutil.rmtree(short, ignore_errors=True)


def _is_ready(sockets: Path) -> bool:
    try:
        psycopg.connect(host=str(sockets), user="markhall", dbname="postgres").close()
    except psycopg.OperationalError:
        return False
    return True


@contextmanager
def marking_house(*, postgres: bool = True) -> Iterator[Installation]:
    """Migrated and empty, on files that go with it; `open_webs` when the exam is there."""
    if not postgres:
        with _house("", ()) as house:
            yield house
        return
    with cluster() as server, _house(server.create("marking"), (server.process,)) as house:
        yield house


@contextmanager
def _house(url: str, database: tuple[subprocess.Popen[bytes], ...]) -> Iterator[Installation]:
    home = Path(tempfile.mkdtemp(prefix="markhall-bench-"))
    queue = start_queue_server(home, before_start=die_with_parent)
    settings = Settings.at(home, database_url=url, redis_url=queue.url)
    migrate(settings.database_url)
    house = Installation(settings, open_site(settings))
    house.processes += [("database", process) for process in database] + [("queue", queue.process)]
    try:
        yield house
    finally:
        house.stop()
        house.site.close()
        queue.stop()
        shutil.rmtree(home, ignore_errors=True)


def open_webs(house: Installation, count: int) -> tuple[str, int]:
    """So many web processes at one port, ready; where they listen. The kernel deals connections out to them."""
    build_client.build()  # a web process refuses to start without its pages
    with listening("127.0.0.1", 0, share=True) as probe:
        port = int(probe.getsockname()[1])
    house.url = f"http://127.0.0.1:{port}"
    started = [house.start("web", "serve", "--port", str(port), "--share-port") for _ in range(count)]
    wait_for(lambda: listeners(port) == count or any(p.poll() is not None for p in started))
    if any(p.poll() is not None for p in started):
        raise RuntimeError((house.settings.home / "web.log").read_text(encoding="utf-8", errors="replace")[-2000:])
    return "127.0.0.1", port


def close_webs(house: Installation) -> None:
    for kind, process in list(house.processes):
        if kind == "web":
            children.stop(process, signal.SIGTERM)
            house.processes.remove((kind, process))


def listeners(port: int) -> int:
    """How many sockets listen at a port, from the kernel's own table: a request tells only of one."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    return sum(1 for line in lines if (words := line.split())[3] == "0A" and int(words[1].rpartition(":")[2], 16) == port)
