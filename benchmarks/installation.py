"""A whole installation in processes of its own, started by a benchmark, and the CPU time that each kind of process took.

PostgreSQL where this machine has one, with its disk waits on, as in production; Valkey; web processes; readers. All of
them end with the benchmark.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from rq import Worker

from api.lifeline import die_with_parent
from api.processes import listening
from core.db import migrate
from core.local import start_queue_server
from core.settings import Settings
from core.site import Site, open_site
from tests.parts import children
from tools.machine import postgres_bin

_TICK = os.sysconf("SC_CLK_TCK")
_POSTGRES = {"listen_addresses": "", "fsync": "on", "shared_buffers": "256MB", "max_wal_size": "4GB", "max_connections": "100"}
PATIENCE = 60.0


def cpu_seconds(pid: int) -> float:
    """Of a process and all its children, also those that have ended and were waited for."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        below = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return sum(map(int, fields[11:15])) / _TICK + sum(cpu_seconds(int(child)) for child in below)


@dataclass
class Installation:
    settings: Settings
    site: Site
    url: str = ""
    processes: list[tuple[str, subprocess.Popen[bytes]]] = field(default_factory=list)

    def start(self, kind: str, *arguments: str, environment: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
        """`markhall ARGUMENTS` as a process of its own, counted under `kind`."""
        threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        with (self.settings.home / f"{kind}.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "api.cli", *arguments],
                stdout=log,
                stderr=log,
                env={**os.environ, **threads, **self.settings.as_environment(), **(environment or {})},
                preexec_fn=die_with_parent,
            )
        self.processes.append((kind, process))
        return process

    def open(self, *, readers: int) -> None:
        with listening("127.0.0.1", 0, share=False) as probe:
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self.start("web", "serve", "--port", str(port))
        for _ in range(readers):
            self.start("reader", "worker")
        try:
            wait_for(lambda: self._answers() and Worker.count(connection=self.site.redis) == readers)
        except RuntimeError as e:
            logs = (log.read_text(encoding="utf-8", errors="replace")[-2000:] for log in sorted(self.settings.home.glob("*.log")))
            raise RuntimeError("\n".join((str(e), *logs))) from None

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/api/health", timeout=5) as reply:
                return bool(reply.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def cpu(self) -> dict[str, float]:
        """CPU seconds so far, by kind of process."""
        total: dict[str, float] = {}
        for kind, process in self.processes:
            total[kind] = total.get(kind, 0.0) + cpu_seconds(process.pid)
        return total

    def stop(self) -> None:
        for kind, process in reversed(self.processes):
            if kind not in ("database", "queue"):
                children.stop(process, signal.SIGTERM)


def wait_for(ready: Callable[[], bool], *, seconds: float = PATIENCE, every: float = 0.1) -> None:
    end = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > end:
            raise RuntimeError("a part of the installation did not get ready")
        time.sleep(every)


@contextmanager
def installation(*, postgres: bool = True) -> Iterator[Installation]:
    """Migrated and empty; the caller opens it when the exam is loaded."""
    home = Path(tempfile.mkdtemp(prefix="markhall-bench-"))
    try:
        with _database(home, postgres=postgres) as (url, database):
            queue = start_queue_server(home / "site", before_start=die_with_parent)
            settings = Settings.at(home / "site", database_url=url, redis_url=queue.url)
            migrate(settings.database_url)
            started = Installation(settings, open_site(settings))
            started.processes += [("database", p) for p in database] + [("queue", queue.process)]
            try:
                yield started
            finally:
                started.stop()
                started.site.close()
                queue.stop()
    finally:
        shutil.rmtree(home, ignore_errors=True)


@contextmanager
def _database(home: Path, *, postgres: bool) -> Iterator[tuple[str, Sequence[subprocess.Popen[bytes]]]]:
    programs = postgres_bin() if postgres else None
    if programs is None:
        yield "", ()
        return
    folder = home / "pg"
    folder.mkdir()
    user = children.unprivileged_user()
    home.chmod(0o711)
    if user is not None:
        os.chown(folder, user.pw_uid, user.pw_gid)
    cluster = folder / "cluster"
    made = [str(programs / "initdb"), "-D", str(cluster), "-U", "markhall", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]
    subprocess.run([*children.as_user(user), *made], check=True, capture_output=True, cwd="/")
    settings = [f"--{name}={value}" for name, value in {**_POSTGRES, "unix_socket_directories": str(folder)}.items()]
    log = home / "postgres.log"
    process = children.start([str(programs / "postgres"), "-D", str(cluster), *settings], log, user=user, death="QUIT")
    try:
        children.wait_until(lambda: _is_ready(folder), process, log)
        yield f"postgresql+psycopg://markhall@/postgres?host={folder}", (process,)
    finally:
        children.stop(process, signal.SIGQUIT)


def _is_ready(folder: Path) -> bool:
    try:
        psycopg.connect(host=str(folder), user="markhall", dbname="postgres").close()
    except psycopg.OperationalError:
        return False
    return True
