"""The station as a process against a server as a process: killed, left alone, watched while scans are written."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select

from core.settings import Settings
from core.site import open_site
from core.states import BatchState
from core.tables import Batch, Receipt
from scanner import intake
from scanner.station import DONE
from tests.omr.hall import open_hall
from tests.parts import children

KILLS, SEED = 10, 11


@dataclass
class Town:
    """A server that can be ended and started, and the stations that were started."""

    settings: Settings
    exam_id: int
    token: str
    port: int
    logs: Path
    web: subprocess.Popen[bytes] | None = None
    stations: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def _run(self, log: str, *words: str) -> subprocess.Popen[bytes]:
        environment = [f"{k}={v}" for k, v in {**self.settings.as_environment(), "PYTHONPATH": os.getcwd()}.items()]
        return children.start(["env", *environment, sys.executable, "-m", "api.cli", *words], self.logs / log)

    def serve(self) -> None:
        self.web = self._run("web.log", "serve", "--port", str(self.port))
        children.wait_until(self._healthy, self.web, self.logs / "web.log", seconds=60)

    def end_server(self) -> None:
        assert self.web is not None
        children.stop(self.web, signal.SIGKILL)

    def station(self, folder: Path, *words: str, log: str = "station.log") -> subprocess.Popen[bytes]:
        known = ("--url", self.url, "--exam", "T1", "--token", self.token, "--name", "A", "--poll", "0.05")
        started = self._run(log, "station", str(folder), *known, *words)
        self.stations.append(started)
        return started

    def said(self, log: str = "station.log") -> str:
        return (self.logs / log).read_text("utf-8")

    def receipts(self, batch: str) -> list[tuple[str, int, int, str]]:
        site = open_site(self.settings)
        try:
            with site.database.read() as session:
                query = select(Receipt).join(Batch).where(Batch.name == batch)
                return [(r.name, r.sequence, r.face, r.sha256) for r in session.scalars(query)]
        finally:
            site.close()

    def states(self) -> dict[str, BatchState]:
        site = open_site(self.settings)
        try:
            with site.database.read() as session:
                return {batch.name: batch.state for batch in session.scalars(select(Batch))}
        finally:
            site.close()

    def _healthy(self) -> bool:
        try:
            return httpx.get(f"{self.url}/api/health", timeout=5).status_code == 200
        except httpx.TransportError:
            return False


@pytest.fixture
def town(sqlite_url: str, redis_url: str, tmp_path: Path, built_client: None) -> Iterator[Town]:
    hall = open_hall(sqlite_url, redis_url, tmp_path / "home")
    token = intake.register_station(hall.site, hall.exam_id, "A")
    settings = hall.site.settings
    hall.site.close()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    made = Town(settings, hall.exam_id, token, port, tmp_path)
    yield made
    for process in (*made.stations, *([made.web] if made.web else ())):
        children.stop(process, signal.SIGKILL)


def scan(number: int) -> bytes:
    """What ends like a JPEG and is like no other."""
    return b"\xff\xd8\xff" + random.Random(number).randbytes(3000) + b"\xff\xd9"


def pile(folder: Path, frames: int, first: int = 1) -> dict[str, str]:
    """Files as a scanner names them, and their hashes."""
    folder.mkdir(parents=True, exist_ok=True)
    made = {}
    for number in range(first, first + frames):
        data = scan(number)
        (folder / f"scan{number}.jpg").write_bytes(data)
        made[f"scan{number}.jpg"] = hashlib.sha256(data).hexdigest()
    return made


def test_a_station_that_is_killed_at_any_moment_loses_nothing_and_sends_nothing_as_two(town: Town, tmp_path: Path) -> None:
    town.serve()
    hall, moments = tmp_path / "hall", random.Random(SEED)
    piles = {f"envelope-{n}": pile(hall / f"envelope-{n}", 40, 100 * n) for n in range(1, 5)}
    process = town.station(hall, "--once")
    for number in range(KILLS):
        begun = number + 1
        _wait_for(lambda: town.said().count("watching") >= begun, process)  # noqa: B023 - it is called at once
        time.sleep(moments.uniform(0.0, 0.35))
        children.stop(process, signal.SIGKILL)
        process = town.station(hall, "--once")
    assert process.wait(timeout=60) == 0, town.said()
    assert set(town.states().values()) == {BatchState.COMPLETE}
    for name, files in piles.items():
        receipts = town.receipts(name)
        assert {file: digest for file, _, _, digest in receipts} == files
        assert len(receipts) == len(files)
        in_order = sorted(receipts, key=lambda r: (r[1], r[2]))
        assert [r[0] for r in in_order] == sorted(files, key=lambda f: int(f[4:-4]))
        kept = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in (hall / DONE / name / DONE).iterdir()}
        assert kept == files
    assert "Traceback" not in town.said()


def test_a_station_scans_on_without_a_server_and_says_since_when(town: Town, tmp_path: Path) -> None:
    hall = tmp_path / "hall"
    files = pile(hall / "e1", 6)
    process = town.station(hall, "--idle", "0.5")
    _wait_for(lambda: "does not answer since" in town.said(), process)
    files |= pile(hall / "e1", 4, 7)
    assert "Scanning may go on" in town.said()
    town.serve()
    _wait_for(lambda: "batch complete: e1: 10 frames, 10 on the server" in town.said(), process)
    assert "the server is back" in town.said()
    town.end_server()
    files2 = pile(hall / "e2", 4)
    town.serve()
    _wait_for(lambda: "batch complete: e2: 4 frames" in town.said(), process)
    assert {r[0]: r[3] for r in town.receipts("e1")} == files
    assert {r[0]: r[3] for r in town.receipts("e2")} == files2
    assert Counter(town.states().values()) == {BatchState.COMPLETE: 2}


def test_a_second_station_in_a_folder_and_a_wrong_token_end_with_a_sentence(town: Town, tmp_path: Path) -> None:
    town.serve()
    hall, other = tmp_path / "hall", tmp_path / "other"
    pile(hall / "e1", 2)
    pile(other / "e1", 2)
    first = town.station(hall)
    _wait_for(lambda: "watching" in town.said() and (hall / ".markhall-station.lock").exists(), first)
    second = town.station(hall, log="second.log")
    assert second.wait(timeout=30) == 2
    assert f"another station works in this folder ({socket.gethostname()}, process" in town.said("second.log")
    town.token = "wrong"
    stranger = town.station(other, log="stranger.log")
    assert stranger.wait(timeout=30) == 4
    assert "the station's token is missing or unknown" in town.said("stranger.log")
    assert sorted(file.name for file in (other / "e1").glob("*.jpg")) == ["scan1.jpg", "scan2.jpg"]
    first.send_signal(signal.SIGTERM)
    assert first.wait(timeout=30) == 0
    assert "Traceback" not in town.said() + town.said("second.log") + town.said("stranger.log")


def _wait_for(ready: Callable[[], bool], process: subprocess.Popen[bytes], seconds: float = 40.0) -> None:
    end = time.monotonic() + seconds
    while not ready():
        assert process.poll() is None or ready(), process.args
        assert time.monotonic() < end, "it does not happen"
        time.sleep(0.03)
