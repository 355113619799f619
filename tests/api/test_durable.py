"""A reply means that what it says is on the disk: every fsync and the commit come before its first byte."""

from __future__ import annotations

import hashlib
import os
import stat
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient
from sqlalchemy.orm import Session

from api.app import create_app
from core.db import Database
from tests.api.conftest import PASSWORD
from tests.api.exams import LastStep, last_step


@dataclass
class Tape:
    """What happened, in order: `file` and `folder` (fsync came back), `commit` (it came back), `reply` (its first bytes leave)."""

    happened: list[str] = field(default_factory=list)
    running: bool = False

    def note(self, what: str) -> None:
        if self.running:
            self.happened.append(what)

    def check(self, *, files: int = 0) -> None:
        assert self.happened.count("reply") == 1
        before = self.happened[: self.happened.index("reply")]
        assert "commit" in before, self.happened
        assert self.happened[-1] == "reply", self.happened
        last = len(before) - 1 - before[::-1].index("commit")
        assert before[:last].count("file") >= files
        assert before[:last].count("folder") >= files
        assert before[last:] == ["commit"], self.happened


class Recorded:
    """The application, with each reply's first bytes on the tape."""

    def __init__(self, app: Any, tape: Tape) -> None:
        self.app, self.tape = app, tape

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def recording(message: Any) -> None:
            if message["type"] == "http.response.start":
                self.tape.note("reply")
            await send(message)

        await self.app(scope, receive, recording if scope["type"] == "http" else send)


@pytest.fixture
def step(tmp_path: Path, database_url: str, redis_url: str) -> Iterator[LastStep]:
    made = last_step(tmp_path / "home", database_url, redis_url)
    yield made
    made.site.close()


@pytest.fixture
def tape(step: LastStep, monkeypatch: pytest.MonkeyPatch) -> Tape:
    """A recording store (its fsyncs) and a recording database (its commits)."""
    made, fsync = Tape(), os.fsync
    dialect = step.site.database.engine.dialect
    commit = dialect.do_commit

    def recording_fsync(fd: int) -> None:
        fsync(fd)
        made.note("folder" if stat.S_ISDIR(os.fstat(fd).st_mode) else "file")

    def recording_commit(connection: Any) -> None:
        commit(connection)
        made.note("commit")

    monkeypatch.setattr(os, "fsync", recording_fsync)
    monkeypatch.setattr(dialect, "do_commit", recording_commit)
    return made


@pytest.fixture
def client(step: LastStep, tape: Tape, built_client: None) -> Iterator[TestClient]:
    with TestClient(Recorded(create_app(step.site, sweep=False), tape)) as opened:
        yield opened


@contextmanager
def recording(tape: Tape) -> Iterator[None]:
    tape.running = True
    yield
    tape.running = False


def put_frame(client: TestClient, step: LastStep, tape: Tape) -> None:
    path, data = "/api/intake/TEST/batches/b1", f"a frame {uuid4()}".encode()
    client.put(path, headers=step.station(), json={"operator": "Li"})
    headers = step.station() | {"X-Content-SHA256": hashlib.sha256(data).hexdigest()}
    with recording(tape):
        reply = client.put(f"{path}/frames/1/1", params={"name": "1.jpg"}, headers=headers, content=data)
    assert reply.status_code == 201, reply.text


def post_mark(client: TestClient, step: LastStep, tape: Tape) -> None:
    headers = step.headers(client, "wang")
    (task,) = client.post("/api/marking/TEST/next", headers=headers, json={}).json()["tasks"]
    with recording(tape):
        reply = client.post(
            "/api/marking/TEST/marks", headers=headers, json={"task": task["task"], "key": str(uuid4()), "marks": {"6": "9"}}
        )
    assert reply.json()["saved"]["outcome"] == "counted", reply.text


def resolve_case(client: TestClient, step: LastStep, tape: Tape) -> None:
    headers = step.headers(client, "zhao")
    with recording(tape):
        reply = client.post(f"/api/desk/TEST/cases/{step.case}/resolve", headers=headers, json={"action": "mark_absent", "version": 1})
    assert reply.json()["state"] == "resolved", reply.text


def sign_release(client: TestClient, step: LastStep, tape: Tape) -> None:
    quiet = Tape()
    post_mark(client, step, quiet)
    resolve_case(client, step, quiet)
    headers = step.headers(client, "li")
    drafted = client.post("/api/office/TEST/release/draft", headers=headers).json()
    assert [law for law in drafted["laws"] if not law["holds"]] == []
    with recording(tape):
        reply = client.post(f"/api/office/TEST/release/{drafted['number']}/sign", headers=headers, json={"password": PASSWORD})
    assert [s["login"] for s in reply.json()["signatures"]] == ["li"], reply.text


Act = Callable[[TestClient, LastStep, Tape], None]


@pytest.mark.parametrize(("act", "files"), [(put_frame, 1), (post_mark, 0), (resolve_case, 0), (sign_release, 0)])
def test_the_reply_leaves_after_the_last_fsync_and_the_commit(client: TestClient, step: LastStep, tape: Tape, act: Act, files: int) -> None:
    act(client, step, tape)
    tape.check(files=files)


def test_a_reply_before_the_commit_would_be_found(client: TestClient, step: LastStep, tape: Tape, monkeypatch: pytest.MonkeyPatch) -> None:
    late: list[threading.Thread] = []

    @contextmanager
    def hasty(database: Database) -> Iterator[Session]:
        """A writer that says it is done and commits a little later."""
        with ExitStack() as open_for_now:
            session = open_for_now.enter_context(Session(database._writer, expire_on_commit=False))
            yield session
            session.flush()
            keep = open_for_now.pop_all()

        def commit() -> None:
            time.sleep(0.3)
            session.commit()
            keep.close()

        late.append(threading.Thread(target=commit))
        late[-1].start()

    headers, path = step.headers(client, "zhao"), f"/api/desk/TEST/cases/{step.case}/resolve"
    monkeypatch.setattr(Database, "write", hasty)
    with recording(tape):
        reply = client.post(path, headers=headers, json={"action": "mark_absent", "version": 1})
        for thread in late:
            thread.join()
    assert reply.status_code == 200, reply.text
    assert tape.happened == ["reply", "commit"]
    with pytest.raises(AssertionError):
        tape.check()


def test_every_pooled_connection_waits_for_the_disk(database_url: str) -> None:
    database = Database(database_url)
    asked = ("PRAGMA synchronous", "PRAGMA journal_mode") if database.is_sqlite else ("SHOW synchronous_commit", "SHOW fsync")
    wanted = [2, "wal"] if database.is_sqlite else ["on", "on"]
    for _ in range(2):  # the second time the connections come back out of the pool
        with ExitStack() as held:
            open_now = [held.enter_context(database.write() if n == 0 else database.read()) for n in range(6)]
            for session in open_now:
                connection = session.connection()
                assert [connection.exec_driver_sql(ask).scalar() for ask in asked] == wanted
    database.close()
