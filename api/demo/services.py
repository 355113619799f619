"""The demo's servers: `markhall up` as a process of its own, on a free port of this machine."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

from api.demo.client import wait_for
from api.lifeline import die_with_parent
from core.errors import Unavailable
from core.settings import Settings


class Services:
    def __init__(self, settings: Settings, readers: int, webs: int = 2) -> None:
        settings.home.mkdir(parents=True, exist_ok=True)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self._environment = {**os.environ, **settings.as_environment()}
        command = [sys.executable, "-m", "api.cli", "up", "--port", str(port), "--readers", str(readers), "--webs", str(webs)]
        with (settings.home / "up.log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, env=self._environment, preexec_fn=die_with_parent)

    def wait(self) -> None:
        wait_for(self.url, self.check)

    def check(self) -> None:
        """Unavailable when the servers have ended, with the log that says why."""
        if self._process.poll() is not None:
            log = Path(self._environment["MARKHALL_HOME"]) / "up.log"
            raise Unavailable("the servers ended.", where=str(log), remedy=log.read_text(encoding="utf-8", errors="replace")[-400:])

    def station(self, folder: Path, exam: str, name: str, token: str, batch: str) -> subprocess.Popen[bytes]:
        """A scan station: a process of its own that sends a folder as a batch."""
        command = [sys.executable, "-m", "api.cli", "station", str(folder), "--url", self.url]
        command += ["--exam", exam, "--name", name, "--batch", batch]
        environment = {**self._environment, "MARKHALL_STATION_TOKEN": token}
        with (Path(self._environment["MARKHALL_HOME"]) / "stations.log").open("ab") as log:
            return subprocess.Popen(command, stdout=log, stderr=log, env=environment, preexec_fn=die_with_parent)

    def stop(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)
