"""Machines as tests have them: real processes with homes and working directories of their own, which share only three addresses."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests.parts import children
from tests.parts.bucket import KEYS, free_port


@dataclass
class Machines:
    """All of one installation. Their logs lie in their homes."""

    folder: Path
    database_url: str
    redis_url: str
    store_url: str
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)

    def environment(self, machine: str) -> dict[str, str]:
        home = self.folder / machine
        home.mkdir(exist_ok=True)
        return {
            "MARKHALL_HOME": str(home),
            "MARKHALL_DATABASE_URL": self.database_url,
            "MARKHALL_REDIS_URL": self.redis_url,
            "MARKHALL_STORE_URL": self.store_url,
            "PYTHONPATH": os.getcwd(),
            **KEYS,
        }

    def start(self, machine: str, arguments: Sequence[str]) -> subprocess.Popen[bytes]:
        words = [f"{name}={value}" for name, value in self.environment(machine).items()]
        home = self.folder / machine
        command = ["env", f"--chdir={home}", *words, sys.executable, "-m", "api.cli", *arguments]
        self.running[machine] = children.start(command, home / "log")
        return self.running[machine]

    def web(self, machine: str) -> str:
        """Start a web process, at its old port when it had one; its address once it answers."""
        port = self.ports.setdefault(machine, free_port())
        process, url = self.start(machine, ["serve", "--port", str(port)]), f"http://127.0.0.1:{port}"
        children.wait_until(lambda: _healthy(url), process, self.folder / machine / "log", seconds=120)
        return url

    def station(self, machine: str, scans: Path, url: str, exam: str, token: str) -> subprocess.Popen[bytes]:
        return self.start(
            machine, ["station", str(scans), "--url", url, "--exam", exam, "--token", token, "--name", machine, "--batch", scans.name]
        )

    def kill(self, machine: str) -> None:
        self.running[machine].send_signal(signal.SIGKILL)
        self.running[machine].wait()

    def log(self, machine: str) -> str:
        return (self.folder / machine / "log").read_text(encoding="utf-8", errors="replace")

    def stop(self) -> None:
        for process in self.running.values():
            children.stop(process, signal.SIGKILL)


def _healthy(url: str) -> bool:
    try:
        return httpx.get(f"{url}/api/health", timeout=5, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False
