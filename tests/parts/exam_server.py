"""A whole installation with a small exam read in: a web process on a port, real tasks in its queues, accounts to use."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from core.settings import Settings
from tests.parts import children

CANDIDATES = 12
PASSWORD = "a good long password"


@dataclass(frozen=True)
class ExamServer:
    url: str
    exam: str
    password: str
    accounts: dict[str, str]  # login by role


@pytest.fixture(scope="session")
def built_client() -> None:
    """The client as a wheel has it."""
    from web import build_client

    build_client.build()


@pytest.fixture
def exam_server(tmp_path: Path, redis_url: str, built_client: None) -> Iterator[ExamServer]:
    """Sheets are printed, filled, scanned and read by the engine itself; the written answers wait for markers."""
    settings = Settings.at(tmp_path / "site", redis_url=redis_url)
    read_small_exam(settings, tmp_path)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url, log = f"http://127.0.0.1:{port}", tmp_path / "web.log"
    environment = [f"{name}={value}" for name, value in {**settings.as_environment(), "PYTHONPATH": os.getcwd()}.items()]
    process = children.start(["env", *environment, sys.executable, "-m", "api.cli", "serve", "--port", str(port)], log)
    try:
        children.wait_until(lambda: _healthy(url), process, log, seconds=120)
        yield ExamServer(url, "DEMO", PASSWORD, {"marker": "wang", "arbiter": "liu", "clerk": "zhao", "office": "li"})
    finally:
        children.stop(process, signal.SIGTERM)


def read_small_exam(settings: Settings, folder: Path) -> None:
    from api.auth import add_user, grant_role
    from api.demo import setting_up
    from api.demo.folder import DemoFolder
    from core.db import migrate
    from core.loading import exam_by_code
    from core.site import open_site
    from marking import intake as responses
    from omr.jobs import read_attempt
    from scanner import intake

    migrate(settings.database_url)
    site = open_site(settings)
    demo = DemoFolder(folder / "demo")
    demo.begin({"exam": "DEMO"})
    setting_up.write_exam(demo, CANDIDATES, 7)
    definition, roster = setting_up.load(site, demo)
    setting_up.print_all(demo, definition, roster, lambda done, total: None)
    setting_up.fill_and_scan(demo, definition, roster, 7, "none", lambda done, total: None)
    for login, role in (("wang", "marker"), ("chen", "marker"), ("liu", "arbiter"), ("zhao", "clerk"), ("li", "office"), ("sun", "office")):
        add_user(site, login, login, PASSWORD)
        grant_role(site, login, role, "DEMO")
    with site.database.read() as session:
        exam_id = exam_by_code(session, "DEMO").id
    for batch in sorted((demo.paper / "scans").iterdir()):
        files = sorted(batch.iterdir())
        intake.open_batch(site, exam_id, "hall", batch.name, {})
        for file in files:
            sequence, face = file.stem.split("-")
            intake.receive(site, exam_id, "hall", batch.name, int(sequence), int(face), file.read_bytes(), name=file.name)
        intake.close_batch(site, exam_id, "hall", batch.name, len(files))
    intake.dispatch(site, exam_id)
    with site.database.read() as session:
        attempts = [a for (a,) in session.connection().exec_driver_sql("select id from attempts")]
    for attempt in attempts:
        read_attempt(site, attempt)
    responses.sweep(site, exam_id)
    site.redis.flushall()  # the queue's jobs are done; the web process rebuilds what it needs
    site.close()


def _healthy(url: str) -> bool:
    try:
        return httpx.get(f"{url}/api/health", timeout=5).status_code == 200
    except httpx.TransportError:
        return False
