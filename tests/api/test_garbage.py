"""Whatever is sent to whichever route, the answer is a sentence with its place, never a failure of the server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from api.auth import add_user, grant_role
from api.routes.guarded import LARGEST_JSON
from tests.api.conftest import PASSWORD, sign_in
from tests.api.exams import LastStep, last_step

HUGE = 10**30
WORDS = ["", "\0", "a\0b", "' OR 1=1; DROP TABLE marks; --", "数学🦉\u202e", "../../etc/passwd", "x" * 5000, "-1", str(HUGE), "NaN", "%s%n"]
PLACES = [w for w in WORDS if w] + [str(2**63), "0", "1e3"]
VALUES: list[Any] = [*WORDS[1:8], None, -1, HUGE, 2**63, 1.5, True, [], ["a"], {}, {"a": "b"}, {"\0": {"b": "1"}}, {"6": [1]}]
RAW = [
    b"",
    b"{",
    b"[]",
    b"null",
    b'"\\ud800"',
    b'{"login":"\\ud800","password":"\\udc00","task":"\\ud800"}',
    b"[" * 100_000,
    b"\xff\xfe",
    b"9" * 5000,
]
KNOWN = {
    "exam": "TEST",
    "batch": "b1",
    "sequence": "1",
    "face": "1",
    "item": "Q1",
    "number": "1",
    "problem_id": "1",
    "n": "0",
    "paper": "P",
    "token": "abc-1",
    "response": "1",
    "seed": "1",
    "mark": "1",
    "group": "W6",
    "user": "1",
    "kind": "csv",
}


@pytest.fixture
def step(tmp_path: Path, database_url: str, redis_url: str) -> Iterator[LastStep]:
    made = last_step(tmp_path / "home", database_url, redis_url)
    add_user(made.site, "all", "All", PASSWORD)
    for role in ("office", "chief", "clerk", "marker", "leader", "arbiter"):
        grant_role(made.site, "all", role, "TEST")
    yield made
    made.site.close()


@pytest.fixture
def client(step: LastStep, built_client: None) -> Iterator[TestClient]:
    with TestClient(create_app(step.site, sweep=False), raise_server_exceptions=False) as opened:
        yield opened


def operations(client: TestClient) -> list[tuple[str, str, dict[str, Any]]]:
    """(method, path, properties of the body) of every route that is there."""
    api = client.get("/api/openapi.json").json()
    found = []
    for path, methods in api["paths"].items():
        for method, about in methods.items():
            schema = about.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
            name = schema.get("$ref", "").rpartition("/")[2]
            found.append((method.upper(), path, api["components"]["schemas"][name]["properties"] if name else {}))
    return [f for f in found if f[:2] != ("DELETE", "/api/session")]  # it would sign us out; it takes no input


def filled(path: str, known: dict[str, str], **changed: str) -> str:
    for name, value in (known | changed).items():
        path = path.replace(f"{{{name}}}", quote(value, safe=""))
    assert "{" not in path, path
    return path


def sound(properties: dict[str, Any]) -> dict[str, Any]:
    """A body whose form is right and whose content is about nothing."""
    known = {"action": "mark_absent", "version": 1, "frames": 0, "hold": 1, "seconds": 1.0, "marks": {"6": "1"}, "law": "Z1"}
    words = {name: "a good key" for name, about in properties.items() if about.get("type") == "string"}
    return {name: value for name, value in (words | known).items() if name in properties}


def test_no_route_fails_whatever_it_is_sent(client: TestClient, step: LastStep) -> None:
    person, known = sign_in(client, "all"), KNOWN | {"case": str(step.case)}
    client.put("/api/intake/TEST/batches/b1", headers=step.station(), json={})
    failures: list[str] = []

    def send(method: str, url: str, what: object, **body: Any) -> None:
        headers = (step.station() if url.startswith("/api/intake") else person) | body.pop("headers", {})
        reply = client.request(method, url, headers=headers, **body)
        problem = reply.status_code < 400 or reply.headers["content-type"] == "application/problem+json"
        if reply.status_code >= 500 or not problem or (reply.status_code >= 400 and not reply.json()["title"]):
            failures.append(f"{method} {url[:120]} {str(what)[:60]!r}: {reply.status_code} {reply.text[:120]}")

    for method, path, properties in operations(client):
        url, body = filled(path, known), sound(properties)
        for name in [n for n in known if f"{{{n}}}" in path]:
            for word in PLACES:
                send(method, filled(path, known, **{name: word}), name, **({"json": body} if properties else {}))
        for name in properties:
            for value in VALUES:
                send(method, url, {name: value}, json=body | {name: value})
        for raw in RAW if properties else ():
            send(method, url, raw[:40], content=raw, headers={"Content-Type": "application/json"})
        send(method, url, "query", params={"limit": HUGE, "state": "\0", "name": "a\0b", "other": "maybe"})
    assert failures == []


def test_a_body_without_end_is_refused_before_it_is_read(client: TestClient) -> None:
    note = {"login": "wang", "password": "x" * 10 * LARGEST_JSON}
    reply = client.post("/api/session", content=json.dumps(note), headers={"Content-Type": "application/json"})
    assert (reply.status_code, reply.json()["title"]) == (422, "the request is larger than 1024 KiB.")


def test_strange_tokens_are_nobodys(client: TestClient) -> None:
    for token in ("", "x", "x" * 5000, "\xff\xfe", "é".encode().decode("latin-1"), "' OR 1=1 --"):
        for path in ("/api/me", "/api/intake/TEST/batches/b1", "/api/marking/pictures/abc-1"):
            reply = client.get(path, headers=[(b"Authorization", b"Bearer " + token.encode("latin-1")), (b"Cookie", b"markhall=1")])
            assert reply.status_code == 401, reply.text
