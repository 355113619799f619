"""An S3 server of the tests' own: moto's, as a process, on a private port; it keeps objects in memory, not on a disk."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.parts import children

KEYS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}

# A developer's own bucket must not be met by a test.
for name in [name for name in os.environ if name.startswith("AWS_")]:
    del os.environ[name]
os.environ.update(KEYS)


@dataclass(frozen=True)
class BucketServer:
    endpoint: str

    def make(self, name: str, prefix: str = "hall/one") -> str:
        """A new, empty bucket; the address of a store in it."""
        httpx.put(f"{self.endpoint}/{name}", trust_env=False).raise_for_status()
        return self.url(name, prefix)

    def url(self, name: str, prefix: str = "hall/one") -> str:
        return f"s3://{name}/{prefix}?endpoint={self.endpoint}&region=us-east-1&retry=2"


def start_moto(port: int, log: Path) -> subprocess.Popen[bytes]:
    program = f"from moto.server import main; main(['-H', '127.0.0.1', '-p', '{port}'])"
    process = children.start([sys.executable, "-c", program], log)
    children.wait_until(lambda: _answers(f"http://127.0.0.1:{port}"), process, log, seconds=120)
    return process


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@pytest.fixture(scope="session")
def bucket_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BucketServer]:
    port = free_port()
    process = start_moto(port, tmp_path_factory.mktemp("bucket") / "log")
    yield BucketServer(f"http://127.0.0.1:{port}")
    children.stop(process, signal.SIGKILL)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5, trust_env=False).status_code < 500
    except httpx.TransportError:
        return False
