"""What a marker can see over HTTP: an answer and how to mark it. Not whose it is, nor what anybody else made of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from sqlalchemy import select, update

from api.app import create_app
from api.auth import add_user, grant_role
from core.definition import RosterRow, parse_definition
from core.loading import load_exam
from core.tables import Candidate, ResponsePicture, Script, Sheet, Task
from marking.recover import top_up
from tests.api.conftest import PASSWORD, sign_in
from tests.api.exams import ANSWERS, NUMBERS, LastStep, last_step
from tests.scoring.hall import scan

OTHER = "exam: OTHER\ntitle: Other\npapers:\n  - {code: M, title: M, objective: [{id: Q1, options: AB, marks: 1, key: A}]}\n"
JPEG = b"\xff\xd8\xff\xe0 the picture of an answer"


@pytest.fixture
def step(tmp_path: Path, sqlite_url: str, redis_url: str) -> Iterator[LastStep]:
    """W6 has one mark, a 9; W7 is agreed, so its third slot is not asked for."""
    made = last_step(tmp_path / "home", sqlite_url, redis_url)
    sha256 = made.site.store.put(JPEG)
    with made.site.database.write() as session:
        session.execute(update(ResponsePicture).values(sha256=sha256))
    load_exam(made.site, parse_definition(OTHER, where="a test"), [RosterRow("1", "", "", "", "", "", "")], {}, [], by="user:0")
    for login, exam, scope in (("six", "TEST", "M/W6"), ("seven", "TEST", "M/W7"), ("physics", "TEST", "P"), ("elsewhere", "OTHER", "")):
        add_user(made.site, login, login, PASSWORD)
        grant_role(made.site, login, "marker", exam, scope)
    yield made
    made.site.close()


@pytest.fixture
def client(step: LastStep, built_client: None) -> Iterator[TestClient]:
    with TestClient(create_app(step.site, sweep=False)) as opened:
        yield opened


def task_of(client: TestClient, headers: dict[str, str], **body: Any) -> dict[str, Any]:
    (task,) = client.post("/api/marking/TEST/next", headers=headers, json=body).json()["tasks"]
    assert isinstance(task, dict)
    return task


def post_mark(client: TestClient, headers: dict[str, str], task: str, value: str = "9", **more: Any) -> Any:
    body = {"task": task, "key": str(uuid4()), "marks": {"6": value}, **more}
    return client.post("/api/marking/TEST/marks", headers=headers, json=body)


def secrets_of(step: LastStep) -> list[str]:
    """What names a candidate or a sheet, in any form that a record has."""
    with step.site.database.read() as session:
        found = [
            *session.scalars(select(Candidate.pseudonym)),
            *session.scalars(select(Script.secret)),
            *session.scalars(select(Sheet.serial)),
        ]
        pictures = session.scalars(select(ResponsePicture.sha256)).all()
    return [*found, *pictures, *NUMBERS, "考生", "第一中学", "S01"]


def test_nothing_that_a_marker_gets_names_a_candidate_a_school_or_a_stored_picture(client: TestClient, step: LastStep) -> None:
    headers = sign_in(client, "wang")
    task = task_of(client, headers)
    picture = client.get(task["pictures"][0]["url"], headers=headers)
    assert picture.content == JPEG
    saved = post_mark(client, headers, task["task"])
    replies = [picture, saved, post_mark(client, headers, task["task"]), post_mark(client, headers, "no such task", "999")]
    replies += [client.get(f"/api/marking/TEST/{page}", headers=headers) for page in ("work", "mine", "problems")]
    replies.append(client.get("/api/me", headers=headers))
    seen = json.dumps(task, ensure_ascii=False) + "".join(f"{r.url} {dict(r.headers)} {r.text}" for r in replies)
    assert [secret for secret in secrets_of(step) if secret in seen] == []
    assert picture.headers["cache-control"] == "private, no-store"


def form(value: Any) -> Any:
    """A payload without what differs from task to task by chance."""
    if isinstance(value, dict):
        return {k: "-" if k in ("task", "url") else form(v) for k, v in value.items()}
    return [form(v) for v in value] if isinstance(value, list) else value


def test_a_second_and_a_third_mark_are_asked_for_in_the_same_words(client: TestClient, step: LastStep) -> None:
    scan(step.hall, {NUMBERS[1]: ANSWERS}, batch="B2")
    apart = [{"7": {"7a": "0", "7b": "0"}}, {"7": {"7a": "3", "7b": "5"}}]
    step.hall.mark(NUMBERS[1], "W7", ["marker1"], apart[:1])
    asked = [task_of(client, sign_in(client, "wang"), group="M/W7")]
    step.hall.mark(NUMBERS[1], "W7", ["marker2"], apart[1:])
    top_up(step.site, step.hall.exam.id)
    asked.append(task_of(client, sign_in(client, "chen"), group="M/W7"))
    with step.site.database.read() as session:
        assert [session.scalar(select(Task.ordinal).where(Task.token == task["task"])) for task in asked] == [2, 3]
    assert form(asked[0]) == form(asked[1])
    assert set(asked[0]) == {"task", "paper", "group", "title", "pictures", "items", "lease_seconds", "level"}


def test_a_picture_is_for_whoever_holds_its_task(client: TestClient, step: LastStep) -> None:
    holder, other = sign_in(client, "wang"), sign_in(client, "chen")
    url = task_of(client, holder)["pictures"][0]["url"]
    assert client.get(url, headers=holder).status_code == 200
    for headers in (other, sign_in(client, "seven"), sign_in(client, "elsewhere"), sign_in(client, "li")):
        assert client.get(url, headers=headers).status_code == 404
    assert client.get(url).status_code == 401
    assert client.get(url, headers=step.station()).status_code == 401
    client.post("/api/marking/TEST/release", headers=holder)
    assert client.get(url, headers=holder).status_code == 404


def test_a_scope_bounds_what_is_offered_and_what_is_taken(client: TestClient, step: LastStep) -> None:
    six, seven = sign_in(client, "six"), sign_in(client, "seven")
    task = task_of(client, six)
    assert [g["group"] for g in client.get("/api/marking/TEST/work", headers=seven).json()["groups"]] == ["W7"]
    assert client.post("/api/marking/TEST/next", headers=seven, json={}).json()["tasks"] == []
    assert client.post("/api/marking/TEST/next", headers=seven, json={"group": "M/W6"}).status_code == 403
    assert post_mark(client, seven, task["task"]).status_code == 403
    problem = {"task": task["task"], "key": str(uuid4()), "reason": "other"}
    assert client.post("/api/marking/TEST/problem", headers=seven, json=problem).status_code == 403
    for stranger in ("physics", "elsewhere"):
        headers = sign_in(client, stranger)
        replies = [client.post("/api/marking/TEST/next", headers=headers, json={}), post_mark(client, headers, task["task"])]
        assert {r.status_code for r in replies} == {403}, stranger
    body = {"task": task["task"], "key": str(uuid4()), "marks": {"6": "1"}}
    assert client.post("/api/marking/OTHER/marks", headers=sign_in(client, "elsewhere"), json=body).status_code == 404


def test_only_a_leader_sees_problems_and_settles_them(client: TestClient, step: LastStep) -> None:
    headers = sign_in(client, "wang")
    problem = {"task": task_of(client, headers)["task"], "key": str(uuid4()), "reason": "other", "note": "look"}
    assert client.post("/api/marking/TEST/problem", headers=headers, json=problem).status_code == 200
    assert client.get("/api/marking/TEST/problems", headers=headers).json()["problems"] == []
    assert client.get("/api/marking/TEST/problems/1/pictures/0", headers=headers).status_code == 404
    settle = {"action": "mark", "key": str(uuid4()), "marks": {"6": "10"}}
    assert client.post("/api/marking/TEST/problems/1/resolve", headers=headers, json=settle).status_code == 403


def test_a_station_is_no_person_and_a_person_no_station(client: TestClient, step: LastStep) -> None:
    person = sign_in(client, "li")
    for path in ("/api/me", "/api/office/TEST/status", "/api/desk/TEST/cases", "/api/marking/TEST/work"):
        assert client.get(path, headers=step.station()).status_code == 401
        assert client.get(path, headers={"Cookie": f"markhall={step.station_token}"}).status_code == 401
    assert client.put("/api/intake/TEST/batches/b1", headers=person, json={}).status_code == 401
    assert client.put("/api/intake/OTHER/batches/b1", headers=step.station(), json={}).status_code == 403


@pytest.mark.parametrize("path", ["marking/TEST/next", "marking/TEST/marks", "desk/TEST/cases/1/resolve", "office/TEST/release/draft"])
def test_another_sites_page_can_change_nothing_with_the_cookie(client: TestClient, step: LastStep, path: str) -> None:
    client.post("/api/session", json={"login": "wang", "password": PASSWORD})
    reply = client.post(f"/api/{path}", json={"task": "x", "key": "a good key", "marks": {}, "action": "accept", "version": 1})
    assert (reply.status_code, reply.json()["where"]) == (403, "header X-Markhall")


def test_a_mark_that_was_saved_is_said_to_be_though_the_next_task_cannot_be_had(client: TestClient, step: LastStep) -> None:
    headers = sign_in(client, "wang")
    task = task_of(client, headers)["task"]
    assert post_mark(client, headers, task, group="M/W99").json() == {
        "saved": {"task": task, "outcome": "counted"}, "tasks": [], "open": 0,
    }  # fmt: skip
    real = step.site.redis
    step.site.__dict__["redis"] = Redis(unix_socket_path="/nowhere/at/all.sock", retry=Retry(NoBackoff(), 0))
    try:
        asked = client.post("/api/marking/TEST/next", headers=headers, json={})
        assert (asked.status_code, asked.json()["title"]) == (503, "the queue server does not answer.")
        assert client.delete("/api/session", headers=headers).status_code == 204
    finally:
        step.site.redis.close()
        step.site.__dict__["redis"] = real
