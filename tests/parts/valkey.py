"""A real Valkey (or Redis) of the tests' own, on a private socket; each test finds it empty."""

import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from core.local import find_server
from tests.parts import children


@pytest.fixture(scope="session")
def redis_socket() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="markhall-kv-", dir="/tmp"))
    socket, log = folder / "valkey.sock", folder / "log"
    settings = {"port": "0", "unixsocket": str(socket), "unixsocketperm": "700", "dir": str(folder), "save": "", "appendonly": "no"}
    command = [find_server(), *(word for name, value in settings.items() for word in (f"--{name}", value))]
    process = children.start(command, log)
    try:
        children.wait_until(lambda: _answers(socket), process, log)
        yield socket
    finally:
        children.stop(process, signal.SIGTERM)
        shutil.rmtree(folder, ignore_errors=True)


def _answers(socket: Path) -> bool:
    try:
        with redis.Redis(unix_socket_path=str(socket)) as client:
            return bool(client.ping())
    except redis.ConnectionError:
        return False


@pytest.fixture
def redis_url(redis_socket: Path) -> str:
    """Emptied before the test, all its numbered databases and scripts."""
    with redis.Redis(unix_socket_path=str(redis_socket)) as client:
        client.flushall()
        client.script_flush()
    return f"unix://{redis_socket}"
