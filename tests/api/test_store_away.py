"""A station whose server's bucket is away is told so, in a sentence, and nothing is acknowledged; later the same frame is taken."""

from __future__ import annotations

import hashlib
import signal
from dataclasses import replace
from pathlib import Path

from fastapi.testclient import TestClient
from sqlalchemy import func, select

from api.app import create_app
from core.store import open_store
from core.tables import Picture, Receipt
from scanner import intake
from tests.omr.hall import open_hall
from tests.parts import children
from tests.parts.bucket import BucketServer, free_port, start_moto


def test_a_frame_is_refused_while_the_bucket_is_away_and_taken_when_it_is_back(
    tmp_path: Path, sqlite_url: str, redis_url: str, built_client: None
) -> None:
    port = free_port()
    bucket = BucketServer(f"http://127.0.0.1:{port}")
    hall = open_hall(sqlite_url, redis_url, tmp_path / "home")
    site = replace(hall.site, store=open_store(bucket.url("scans")))
    headers = {"Authorization": f"Bearer {intake.register_station(site, hall.exam_id, 'A')}"}
    data = b"a frame"
    with TestClient(create_app(site, sweep=False)) as client:

        def send() -> tuple[int, dict[str, object]]:
            said = {**headers, "X-Content-SHA256": hashlib.sha256(data).hexdigest()}
            reply = client.put("/api/intake/T1/batches/b1/frames/1/1", content=data, headers=said)
            return reply.status_code, reply.json()

        assert client.put("/api/intake/T1/batches/b1", json={}, headers=headers).status_code == 200
        status, problem = send()
        assert status == 503
        assert str(problem["where"]).startswith("s3://scans/hall/one")
        assert problem["remedy"]
        with site.database.read() as session:
            assert [session.scalar(select(func.count()).select_from(table)) for table in (Receipt, Picture)] == [0, 0]
        process = start_moto(port, tmp_path / "log")
        try:
            bucket.make("scans")
            assert send()[0] == 201
            assert send()[0] == 200
            with site.database.read() as session:
                row = session.scalars(select(Picture)).one()
            assert site.store.get(row.sha256, row.place) == data
        finally:
            children.stop(process, signal.SIGKILL)
    site.close()
