"""Reading again as the exam office does it: by the page's routes, by the command, and by a worker that has nothing better to do."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from redis import Redis
from typer.testing import CliRunner

from api.app import create_app
from api.auth import add_user, grant_role
from api.cli import app
from core import queue
from core.template import dump_template
from omr import jobs
from omr.desk import rereading
from scanner.intake.attempts import READ_PAGES
from tests.api.conftest import PASSWORD, sign_in
from tests.omr.rereading_room import COLUMN, Cards, Room, column_off, open_room, print_and_scan, truth


@pytest.fixture(scope="module")
def cards(tmp_path_factory: pytest.TempPathFactory) -> Cards:
    return print_and_scan(tmp_path_factory.mktemp("cards"))


@pytest.fixture
def room(cards: Cards, sqlite_url: str, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Room]:
    opened = open_room(cards, column_off(cards.template, 3.0), tmp_path, sqlite_url, redis_url)
    opened.read(cards.frames)
    for login, role in (("li", "office"), ("zhao", "clerk")):
        add_user(opened.site, login, login, PASSWORD)
        grant_role(opened.site, login, role, "T1")
    for name, value in opened.site.settings.as_environment().items():
        monkeypatch.setitem(os.environ, name, value)
    opened.site.redis.flushall()
    jobs.warm_site.cache_clear()
    yield opened
    jobs.warm_site().close()
    jobs.warm_site.cache_clear()
    opened.site.close()


@pytest.fixture
def client(room: Room, built_client: None) -> Iterator[TestClient]:
    with TestClient(create_app(room.site, sweep=False)) as opened:
        yield opened


def test_the_office_reads_a_paper_again_looks_and_accepts(room: Room, cards: Cards, client: TestClient) -> None:
    office, place = sign_in(client, "li"), "/api/rereading/T1"
    template = cards.template.model_dump(mode="json", exclude_defaults=True)
    begun = client.post(place, headers=office, json={"paper": "P", "template": template, "reason": "column 1"})
    assert (begun.status_code, begun.json()["counts"], begun.json()["proposed"]) == (201, {"waiting": 6}, True)
    queue.work(room.site.redis, burst=True)
    path = f"{place}/{begun.json()['id']}"
    seen = client.get(path, headers=office).json()
    assert (seen["state"], seen["counts"], seen["fields"]) == ("done", {"differs": 3, "same": 3}, dict.fromkeys(COLUMN, 3))
    page = client.get(f"{path}/differences?limit=2", headers=office).json()
    assert [set(d["differs"]) for d in page["differences"]] == [set(COLUMN)] * 2
    rest = client.get(f"{path}/differences?limit=2&after={page['next']}", headers=office).json()
    assert (len(rest["differences"]), rest["next"]) == (1, None)
    for address in page["differences"][0]["pictures"]["Q1"].values():
        shown = client.get(address, headers=office)
        assert (shown.headers["content-type"], shown.content[:2]) == ("image/jpeg", b"\xff\xd8")
    assert client.post(f"{path}/accept", headers=office, json={"expected": 2}).status_code == 409
    settled = client.post(f"{path}/accept", headers=office, json={"expected": 3, "fields": COLUMN, "reason": "seen"})
    assert settled.json() == {"pages": 3, "left": 0, "overtaken": 0}
    assert room.answers() == truth()
    assert client.post(f"{path}/undo", headers=office, json={"expected": 3}).json()["pages"] == 3
    assert client.post(f"{path}/keep", headers=office, json={"expected": 3}).json()["pages"] == 3
    assert client.post(f"{path}/adopt", headers=office, json={}).json()["proposed"] is True
    assert client.post(f"{path}/close", headers=office, json={}).json()["state"] == "closed"
    assert [r["id"] for r in client.get(place, headers=office).json()["rereadings"]] == [begun.json()["id"]]


def test_a_clerk_may_not(room: Room, client: TestClient) -> None:
    clerk = sign_in(client, "zhao")
    assert client.get("/api/rereading/T1", headers=clerk).status_code == 403
    assert client.post("/api/rereading/T1", headers=clerk, json={"paper": "P"}).status_code == 403


def test_a_template_that_is_none_is_refused_with_a_sentence(room: Room, cards: Cards, client: TestClient) -> None:
    good = dump_template(cards.template)
    endless = good.replace('"width": 210.0', '"width": 1e999', 1)
    assert endless != good
    for text in ("{}", endless, good.replace('"P"', '"X"', 1)):
        body = f'{{"paper": "P", "template": {text}}}'
        reply = client.post("/api/rereading/T1", headers=sign_in(client, "li") | {"Content-Type": "application/json"}, content=body)
        assert (reply.status_code, reply.json()["code"]) == (422, "template-invalid"), reply.text


def test_the_command_does_the_same(room: Room, cards: Cards, tmp_path: Path) -> None:
    file = tmp_path / "corrected.json"
    file.write_text(dump_template(cards.template), encoding="utf-8")

    def run(*words: str) -> str:
        done = CliRunner().invoke(app, ["reread", *words], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.output

    assert "6 pages of paper P by template version 2" in run("--exam", "T1", "--paper", "P", "--template", str(file))
    queue.work(room.site.redis, burst=True)
    assert "done; 6 pages: 3 differs, 3 same" in run("list", "--exam", "T1")
    told = run("differences", "1", "--exam", "T1")
    assert "'C' (doubtful) -> 'C'" in told
    assert run("accept", "1", "--exam", "T1", "--expected", "3", "--reason", "seen") == "3 pages settled\n"
    assert room.answers() == truth()


def test_a_first_reading_goes_before(room: Room, cards: Cards, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    monkeypatch.setattr("omr.reread_jobs.read_again", lambda *_: order.append("again"))
    monkeypatch.setattr("omr.jobs.read_pages", lambda _: order.append("first"))
    rereading.start(room.site, room.exam_id, "user:9", "P", template=cards.template)
    for n in range(2):
        queue.enqueue(room.site.redis, READ_PAGES, str(n), job_id=str(n))
    queue.work(room.site.redis, burst=True)
    assert order == ["first", "first", "again"]


def test_what_the_queue_forgot_is_told_again_and_once(room: Room, cards: Cards) -> None:
    redis: Redis = room.site.redis
    rereading.start(room.site, room.exam_id, "user:9", "P", template=cards.template)
    redis.flushall()
    for _ in range(2):
        rereading.sweep(room.site, room.exam_id)
        assert redis.llen(f"rq:queue:{queue.REREADING}") == 1
    queue.work(redis, burst=True)
    rereading.sweep(room.site, room.exam_id)
    assert room.counts(1) == {"differs": 3, "same": 3}
    assert redis.llen(f"rq:queue:{queue.REREADING}") == 0
