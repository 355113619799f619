"""Running an installation on one machine: the queue server, the web process, the readers and who measures markers, watched."""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy import select

from api.lifeline import die_with_parent
from core.db import migrate
from core.errors import Unavailable
from core.local import LocalQueueServer, start_queue_server
from core.settings import Settings
from core.site import open_site
from core.tables import Exam
from scanner.intake import give_back_running

QUICK = 30.0  # a child that ends sooner than this, in seconds, has not got anywhere
PATIENCE = 8
REST = 60.0  # seconds, before a child that is not needed is tried again
log = logging.getLogger("markhall.up")


def listening(host: str, port: int, *, share: bool) -> socket.socket:
    """A socket at this address; `share` lets several processes listen there, and the kernel deals connections out."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        opened = socket.socket(family, kind)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if share:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        opened.bind(address)
        opened.listen(2048)
    except OSError as e:
        raise Unavailable(
            f"cannot listen ({e.strerror}).", where=f"{host}:{port}", remedy="Name another address with --host and --port."
        ) from e
    return opened


@dataclass
class Child:
    arguments: Sequence[str]
    log: Path
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    quick_ends: int = 0  # in a row
    needed: bool = True  # the house cannot do without
    rests_until: float = 0.0

    def start(self, environment: dict[str, str]) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "api.cli", *self.arguments],
                stdout=log,
                stderr=log,
                env=environment,
                preexec_fn=die_with_parent,
            )
        self.started = time.monotonic()

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def start_again(self, environment: dict[str, str]) -> None:
        """Also waits longer each time, and gives up on a child that never gets anywhere: with all the others where it is needed."""
        if time.monotonic() < self.rests_until:
            return
        self.quick_ends = self.quick_ends + 1 if time.monotonic() - self.started < QUICK else 0
        if self.quick_ends > PATIENCE and not self.needed:
            self.quick_ends, self.rests_until = PATIENCE, time.monotonic() + REST
            log.warning("`markhall %s` ends again and again; %s says why. All else goes on.", self.arguments[0], self.log)
            return
        if self.quick_ends > PATIENCE:
            raise Unavailable(f"`markhall {self.arguments[0]}` ends again and again.", where=str(self.log), remedy="The log says why.")
        time.sleep(min(self.quick_ends * 0.2, 5.0))
        self.start(environment)

    def stop(self, signal_number: int = signal.SIGTERM) -> None:
        if self.process is not None and self.running:
            self.process.send_signal(signal_number)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(15)


class House:
    """All processes of one machine. A child that ends is started again; its work is in the database."""

    def __init__(self, settings: Settings, *, host: str, port: int, readers: int, webs: int = 1) -> None:
        settings.home.mkdir(parents=True, exist_ok=True)
        listening(host, port, share=False).close()  # another program's port is noticed here, not shared
        self._queue: LocalQueueServer | None = None
        self._settings = settings
        serve = ["serve", "--host", host, "--port", str(port), *(["--share-port"] if webs > 1 else [])]
        self._children = [
            *(Child(serve, settings.home / f"web-{n + 1}.log") for n in range(webs)),
            *(Child(["worker"], settings.home / f"reader-{n + 1}.log") for n in range(readers)),
            Child(["measures"], settings.home / "measures.log", needed=False),
        ]

    @property
    def _environment(self) -> dict[str, str]:
        threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        return {**os.environ, **threads, **self._settings.as_environment()}

    def start(self) -> None:
        self._ensure_queue()
        migrate(self._settings.database_url)
        if self._queue is not None:  # else readers of other machines may be at work
            self._take_back()
        for child in self._children:
            child.start(self._environment)

    def _take_back(self) -> None:
        """What readers of an earlier run held goes to new ones now, not when its lease has run out."""
        site = open_site(self._settings)
        with site.database.read() as session:
            exams = session.scalars(select(Exam.id)).all()
        for exam_id in exams:
            give_back_running(site, exam_id)
        site.close()

    def _ensure_queue(self) -> None:
        if self._queue is not None and self._queue.process.poll() is None:
            return
        if self._queue is None and self._settings.redis_url:
            return
        self._queue = start_queue_server(self._settings.home, before_start=die_with_parent)
        self._settings = replace(self._settings, redis_url=self._queue.url)

    def watch(self) -> None:
        """Start again whatever ended. Never returns by itself."""
        while True:
            time.sleep(0.5)
            self._ensure_queue()
            for child in self._children:
                if not child.running:
                    child.start_again(self._environment)

    def stop(self) -> None:
        for child in self._children:
            child.stop()
        if self._queue is not None:
            self._queue.stop()
