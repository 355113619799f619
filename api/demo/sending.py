"""The demo's scan stations at work: each batch's folder goes out from one of two station processes."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from api.demo.client import Client
from api.demo.folder import DemoFolder
from api.demo.services import Services
from api.demo.show import Update
from core.errors import Unavailable


def send_batches(services: Services, folder: DemoFolder, exam: str, tokens: Mapping[str, str], update: Update) -> None:
    """All of the simulator's batches, in two stations at once, each station one batch after another."""
    batches = sorted(p for p in (folder.paper / "scans").iterdir() if p.is_dir())
    names = sorted(tokens)
    queues = {name: batches[i :: len(names)] for i, name in enumerate(names)}
    running: dict[str, subprocess.Popen[bytes]] = {}
    sent = 0
    update(0, len(batches))
    while sent < len(batches) or running:
        for name, process in list(running.items()):
            if process.poll() is None:
                continue
            check(process)
            del running[name]
            sent += 1
            update(sent, len(batches))
        for name, queue in queues.items():
            if queue and name not in running:
                batch = queue.pop(0)
                running[name] = services.station(batch, exam, name, tokens[name], batch.name)
        time.sleep(0.05)


def send_again(services: Services, folder: Path, exam: str, tokens: Mapping[str, str]) -> None:
    """A folder of second scans, from the first station."""
    name = min(tokens)
    process = services.station(folder, exam, name, tokens[name], folder.name)
    process.wait()
    check(process)


def say_all_is_scanned(office: Client) -> None:
    """The stations are done: from now on the desk asks for what never came."""
    for paper in office.status()["scanned"]:
        office.post(f"/api/office/{office.exam}/papers/{paper['paper']}/scanned", {"over": True})


def check(process: subprocess.Popen[bytes]) -> None:
    if process.returncode:
        raise Unavailable(f"a station ended with status {process.returncode}.", where="site/stations.log")
