"""A PostgreSQL cluster and a Valkey that are killed and started again: what the kernel leaves behind is theirs to mend.

Owns starting, readiness and sudden death of the two. fsync is on. Both end when this process ends, however it ends.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import psycopg
import redis

from api.lifeline import die_with_parent
from core.errors import NotInstalled
from core.local import find_server
from tools import machine

OWNER = "markhall"
SETTINGS = {"listen_addresses": "", "fsync": "on", "shared_buffers": "32MB", "max_connections": "200", "logging_collector": "off"}
Process = subprocess.Popen[bytes]


def kill(process: Process | None, signal_number: int = signal.SIGKILL) -> None:
    if process is not None and process.poll() is None:
        process.send_signal(signal_number)
        if signal_number == signal.SIGKILL:
            process.wait()


def children_of(parent: int) -> list[int]:
    """Its direct children, from the kernel's own list."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with contextlib.suppress(OSError, IndexError):
                stat = (entry / "stat").read_text(encoding="utf-8", errors="replace")
                if int(stat.rpartition(")")[2].split()[1]) == parent:
                    found.append(int(entry.name))
    return found


def _await_stop(pid: int) -> None:
    """A signal arrives when the kernel comes to it; a process that is stopped starts no other."""
    deadline = time.monotonic() + 5
    with contextlib.suppress(OSError, IndexError):
        while time.monotonic() < deadline:
            stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
            if stat.rpartition(")")[2].split()[0] in "TZX":
                return
            time.sleep(0.002)


@dataclass
class Postgres:
    """One cluster in `folder`, which is short: a socket's path has 107 characters at most."""

    folder: Path
    process: Process | None = None
    _numbers: count[int] = field(default_factory=lambda: count(1))

    def make(self) -> None:
        user = _server_user()
        if user is not None:
            shutil.chown(self.folder, user)
        initdb = [str(_programs() / "initdb"), "-D", str(self.folder / "cluster"), "-U", OWNER, "--auth=trust", "--encoding=UTF8"]
        subprocess.run([*initdb, "--locale=C"], check=True, stdout=subprocess.DEVNULL, cwd="/", user=user, extra_groups=_groups(user))

    def start(self) -> None:
        user = _server_user()
        wishes = [f"--{name}={value}" for name, value in {**SETTINGS, "unix_socket_directories": str(self.folder)}.items()]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [str(_programs() / "postgres"), "-D", str(self.folder / "cluster"), *wishes], stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, cwd="/", start_new_session=True, preexec_fn=die_with_parent, user=user, extra_groups=_groups(user),
            )  # fmt: skip

    def url(self, database: str) -> str:
        return f"postgresql+psycopg://{OWNER}@/{database}?host={self.folder}"

    def create(self, template: str = "template0") -> str:
        name = f"round_{next(self._numbers)}"
        with psycopg.connect(host=str(self.folder), user=OWNER, dbname="postgres", autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def drop(self, database: str) -> None:
        with psycopg.connect(host=str(self.folder), user=OWNER, dbname="postgres", autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {database} WITH (FORCE)")

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def answers(self) -> bool:
        try:
            psycopg.connect(host=str(self.folder), user=OWNER, dbname="postgres", connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True

    def kill(self) -> None:
        """kill -9 of the postmaster first, so that it mends nothing, then of all that it had started.

        It is held before that: a child that it started while its children are listed would live on, and nobody else may
        open the cluster then.
        """
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGSTOP)
        _await_stop(self.process.pid)
        helpers = children_of(self.process.pid)
        kill(self.process)
        for pid in helpers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + 10
        while any(Path(f"/proc/{pid}").exists() for pid in helpers) and time.monotonic() < deadline:
            time.sleep(0.01)

    def stop(self) -> None:
        """At once, but in order: every connection is cut."""
        kill(self.process, signal.SIGINT)
        if self.process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(20)
        self.kill()


@dataclass
class Valkey:
    folder: Path
    process: Process | None = None

    @property
    def socket(self) -> Path:
        return self.folder / "valkey.sock"

    @property
    def url(self) -> str:
        return f"unix://{self.socket}"

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        self.socket.unlink(missing_ok=True)
        words = ["--port", "0", "--unixsocket", str(self.socket), "--save", "", "--appendonly", "no", "--dir", str(self.folder)]
        with (self.folder / "valkey.log").open("ab") as log:
            self.process = subprocess.Popen(
                [find_server(), *words],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=die_with_parent,
            )

    def answers(self) -> bool:
        with contextlib.suppress(redis.RedisError), redis.Redis(unix_socket_path=str(self.socket)) as client:
            return bool(client.ping())
        return False

    def flush(self) -> None:
        with contextlib.suppress(redis.RedisError), redis.Redis(unix_socket_path=str(self.socket)) as client:
            client.flushall()

    def kill(self) -> None:
        kill(self.process)


def _server_user() -> str | None:
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    import pwd

    return "postgres" if any(entry.pw_name == "postgres" for entry in pwd.getpwall()) else "nobody"


def _groups(user: str | None) -> list[int] | None:
    return [] if user is not None else None


def _programs() -> Path:
    found = machine.postgres_bin()
    if found is None:
        raise NotInstalled("no PostgreSQL server was found.", remedy="Install Debian's postgresql, or run `make install`.")
    return found
