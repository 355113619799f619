"""The installation that is being killed: real stations, web processes, readers, a queue and a database, started again as they end.

Owns the processes and their restarts (as `markhall up` or systemd would: half a second later, the same command). Whom to
kill is said from outside; nothing here knows what should survive.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from api.lifeline import die_with_parent
from benchmarks.chaos_servers import Postgres, Process, Valkey, kill
from core.settings import Settings

REST = 0.5  # seconds before what ended is started again
ROOT = Path(__file__).resolve().parent.parent


@dataclass
class Program:
    """One command that is to be running. A station's ends when all is sent, and what it is given then is its next."""

    name: str
    commands: list[list[str]]  # the first is running or to be started; a lasting program has one
    environment: dict[str, str]
    log: Path
    lasting: bool = True
    process: Process | None = None
    ended: float = 0.0
    starts: int = 0

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    @property
    def finished(self) -> bool:
        return not self.commands

    def start(self) -> None:
        with self.log.open("ab") as log:
            command = [sys.executable, "-m", "api.cli", *self.commands[0]]
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.environment, preexec_fn=die_with_parent
            )
        self.ended, self.starts = 0.0, self.starts + 1

    def tick(self, now: float) -> None:
        """Start what is due: the first time, half a second after an end, or the next command."""
        if self.finished or self.running:
            return
        if self.process is not None and self.process.returncode == 0 and not self.lasting:
            self.commands.pop(0)
            self.process = None
        elif self.process is not None and not self.ended:
            self.ended = now
        elif now - self.ended >= REST:
            self.start()


@dataclass
class ChaosHouse:
    settings: Settings
    postgres: Postgres
    valkey: Valkey
    port: int
    programs: list[Program] = field(default_factory=list)
    away_until: float = 0.0  # the database is kept from starting until then

    @classmethod
    def build(cls, settings: Settings, postgres: Postgres, valkey: Valkey, *, webs: int = 2, readers: int = 2) -> ChaosHouse:
        settings.home.mkdir(parents=True, exist_ok=True)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        house = cls(settings, postgres, valkey, port)
        for n in range(1, webs + 1):
            house.add(f"web-{n}", [["serve", "--port", str(port), "--share-port"]])
        for n in range(1, readers + 1):
            house.add(f"worker-{n}", [["worker"]])
        return house

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def add(self, name: str, commands: list[list[str]], *, lasting: bool = True, extra: dict[str, str] | None = None) -> None:
        threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
        environment = {**os.environ, **threads, **self.settings.as_environment(), **(extra or {})}
        self.programs.append(Program(name, commands, environment, self.settings.home / f"{name}.log", lasting))

    def add_station(self, name: str, exam: str, token: str, folder: Path) -> None:
        """A scan station: it watches its folder, each subfolder a batch, until all that is there has been sent and compared."""
        words = ["--url", self.url, "--exam", exam, "--name", name, "--once", "--idle", "2", "--poll", "0.3"]
        self.add(name, [["station", str(folder), *words]], lasting=False, extra={"MARKHALL_STATION_TOKEN": token})

    def of(self, kind: str) -> list[Program]:
        """The running programs of a kind: `station`, `web` or `worker`."""
        alike = [p for p in self.programs if p.running and (not p.lasting if kind == "station" else p.name.startswith(f"{kind}-"))]
        return sorted(alike, key=lambda p: p.name)

    @property
    def all_sent(self) -> bool:
        return all(p.finished for p in self.programs if not p.lasting)

    def tick(self) -> None:
        now = time.monotonic()
        if not self.postgres.running and now >= self.away_until:
            self.postgres.start()
        if not self.valkey.running:
            self.valkey.start()
        for program in self.programs:
            program.tick(now)

    def wait_for(self, *, seconds: float = 180.0) -> None:
        """Until the web answers, everything being started meanwhile."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.tick()
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"{self.url}/api/health", timeout=2).status_code == 200:
                    return
            time.sleep(0.1)
        raise TimeoutError(f"no web process answers at {self.url}; see {self.settings.home}")

    def stop(self) -> None:
        for program in self.programs:
            kill(program.process, signal.SIGCONT)
            kill(program.process)
