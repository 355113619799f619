"""Stations over HTTP: what they may send and read, and the reference client of the docs at work."""

from __future__ import annotations

import hashlib
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest
import uvicorn
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import func, select

from api.app import create_app
from api.gatehouse import Gatehouse
from core.loading import exam_by_code
from core.site import Site
from core.tables import DeskCase, Receipt, RescanRequest, Sheet
from scanner import intake
from scanner.intake.rates import Rates

BATCH = "/api/intake/DEMO/batches/hall3-1"


@pytest.fixture
def exam_id(site: Site) -> int:
    with site.database.read() as session:
        return exam_by_code(session, "DEMO").id


@pytest.fixture
def token(site: Site, exam_id: int) -> dict[str, str]:
    return {"Authorization": f"Bearer {intake.register_station(site, exam_id, 'A', batches='hall3-*')}"}


def put(client: TestClient, token: dict[str, str], path: str, data: bytes = b"one", **query: str) -> tuple[int, dict[str, Any]]:
    reply = client.put(path, headers=token, content=data, params=query)
    return reply.status_code, reply.json()


def test_a_station_opens_fills_closes_and_counts_its_batch(client: TestClient, token: dict[str, str]) -> None:
    assert client.put(BATCH, headers=token, json={"operator": "Li", "scanner": "left", "first_imprint": "1"}).status_code == 200
    sha256 = hashlib.sha256(b"one").hexdigest()
    status, receipt = put(client, token | {"X-Content-SHA256": sha256}, f"{BATCH}/frames/1/1", name="1.jpg", imprint="0001")
    assert (status, receipt["sha256"], receipt["fresh"]) == (201, sha256, True)
    assert put(client, token, f"{BATCH}/frames/1/1") == (200, receipt | {"fresh": False})
    assert put(client, token, f"{BATCH}/frames/1/1", b"two")[0] == 409
    put(client, token, f"{BATCH}/frames/3/1", b"three", imprint="0003")
    counts = client.post(f"{BATCH}/close", headers=token, json={"frames": 2}).json()
    assert (counts["declared"], counts["received"], counts["complete"]) == (2, 2, True)
    (gap,) = counts["imprints"]
    assert (gap["kind"], gap["first"], gap["places"]) == ("gap", "0002", ["hall3-1/00001", "hall3-1/00003"])
    assert client.get(BATCH, headers=token).json() == counts


def test_a_token_is_for_its_batches_only(client: TestClient, token: dict[str, str]) -> None:
    other = "/api/intake/DEMO/batches/hall4-1"
    replies = [
        client.put(other, headers=token, json={}),
        client.put(f"{other}/frames/1/1", headers=token, content=b"one"),
        client.post(f"{other}/close", headers=token, json={"frames": 0}),
    ]
    assert [r.status_code for r in replies] == [403] * 3
    assert replies[0].json()["title"] == "the station's token is for the batches hall3-*."


def test_a_station_reads_its_own_counts_and_nothing_else(client: TestClient, token: dict[str, str], site: Site, exam_id: int) -> None:
    client.put(BATCH, headers=token, json={})
    other = {"Authorization": f"Bearer {intake.register_station(site, exam_id, 'B')}"}
    assert client.get(BATCH, headers=other).status_code == 404
    for path in ("/api/desk/DEMO/cases", "/api/office/DEMO/status", "/api/session", "/api/marking/DEMO/next"):
        assert client.get(path, headers=token).status_code in (401, 403, 404, 405), path
    assert client.get(BATCH).status_code == 401
    assert client.get("/api/intake/NONE/batches/b", headers=token).status_code in (403, 404)


def test_a_station_sees_the_sides_that_it_is_asked_for(client: TestClient, token: dict[str, str], site: Site, exam_id: int) -> None:
    with site.database.write() as session:
        sheet = session.scalars(select(Sheet).where(Sheet.exam_id == exam_id)).first()
        assert sheet is not None
        case = DeskCase(exam_id=exam_id, kind="page_missing", items=[], evidence={}, resolution={}, opened_at=site.now())
        session.add(case)
        session.flush()
        for side, station in ((1, "A"), (2, ""), (3, "B")):
            asked = {"exam_id": exam_id, "case_id": case.id, "sheet_id": sheet.id, "side": side, "station": station}
            session.add(RescanRequest(**asked, asked_at=site.now()))
    found = client.get("/api/intake/DEMO/rescans", headers=token).json()["rescans"]
    assert [one["side"] for one in found] == [1, 2]
    assert {"paper", "sheet", "side", "number", "room", "seat", "station", "asked_at"} <= set(found[0])


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("frames/0/1", {}),
        ("frames/-1/1", {}),
        ("frames/1/3", {}),
        ("frames/one/1", {}),
        ("frames/1.0/1", {}),
        ("frames/\u0661/1", {}),
        ("frames/99999999999999999999/1", {}),
        ("frames/1000001/1", {}),
        ("frames/1/1", {"name": "x" * 241}),
        ("frames/1/1", {"name": "a\0b"}),
        ("frames/1/1", {"imprint": "x" * 41}),
        ("frames/1/1", {"imprint": "<script>"}),
    ],
)
def test_hostile_values_are_refused_with_a_sentence(client: TestClient, token: dict[str, str], path: str, query: dict[str, str]) -> None:
    client.put(BATCH, headers=token, json={})
    status, problem = put(client, token, f"{BATCH}/{path}", b"one", **query)
    assert status == 422, problem
    assert problem["title"]
    assert client.get(BATCH, headers=token).json()["received"] == 0


@pytest.mark.parametrize("said", ["", "abc", "Z" * 64, "0" * 64])
def test_a_hash_that_is_none_or_wrong_is_refused(client: TestClient, token: dict[str, str], said: str) -> None:
    client.put(BATCH, headers=token, json={})
    assert put(client, token | {"X-Content-SHA256": said}, f"{BATCH}/frames/1/1")[0] == 422


def test_a_frame_that_is_too_large_is_refused_before_it_is_read(client: TestClient, token: dict[str, str]) -> None:
    client.put(BATCH, headers=token, json={})
    status, problem = put(client, token | {"Content-Length": str(64 * 2**20 + 1)}, f"{BATCH}/frames/1/1")
    assert (status, problem["title"]) == (422, "the frame is larger than 64 MiB.")


def test_a_station_that_sends_too_fast_is_told_when_to_come_again(client: TestClient, token: dict[str, str]) -> None:
    house: Gatehouse = cast(FastAPI, client.app).state.gatehouse
    house._rates = Rates(0.5, 2**20)
    replies = [client.put(BATCH, headers=token, json={}) for _ in range(4)]
    assert [r.status_code for r in replies[-2:]] == [429, 429]
    assert replies[0].status_code == 200
    assert int(replies[-1].headers["Retry-After"]) >= 1
    assert replies[-1].json()["code"] == "too-many"
    assert put(client, token, f"{BATCH}/frames/1/1")[0] == 429


def test_bodies_that_fill_the_memory_must_wait(client: TestClient, token: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    client.put(BATCH, headers=token, json={})
    monkeypatch.setattr("api.gatehouse.MOST_ON_THE_WAY", 2)
    status, problem = put(client, token, f"{BATCH}/frames/1/1", b"four")
    assert (status, problem["code"]) == (503, "unavailable")
    assert put(client, token, f"{BATCH}/frames/1/1", b"2")[0] == 201


@contextmanager
def served(site: Site) -> Iterator[str]:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        server = uvicorn.Server(uvicorn.Config(create_app(site, sweep=False), log_level="warning"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(20)


def test_the_reference_client_sends_a_folder_and_sending_it_again_changes_nothing(
    site: Site, token: dict[str, str], built_client: None, root: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "scans"
    folder.mkdir()
    for n in range(1, 6):
        for face in (1, 2):
            (folder / f"{n:05d}-{face}.jpg").write_bytes(f"card {n} face {face}".encode())
    script = root / "docs" / "reference-client.py"
    assert len(script.read_text(encoding="utf-8").splitlines()) <= 60
    environment = os.environ | {"MARKHALL_TOKEN": token["Authorization"].removeprefix("Bearer ")}
    with served(site) as url:
        runs = [
            subprocess.run(
                [sys.executable, "-I", str(script), url, "DEMO", batch, str(folder)],
                env=environment, capture_output=True, text=True, timeout=60, check=False,
            )
            for batch in ("hall3-1", "hall3-1", "hall9-1")
        ]  # fmt: skip
    assert [run.returncode for run in runs] == [0, 0, 1], [run.stderr for run in runs]
    assert runs[0].stdout == runs[1].stdout == "10 frames are there, 10 were sent; missing: none\n"
    assert "the station's token is for the batches hall3-*." in runs[2].stderr
    with site.database.read() as session:
        assert session.scalar(select(func.count()).select_from(Receipt)) == 10
