"""A way ahead of FastAPI answers as a route does: described, headed, with the same sentences."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI, Response
from fastapi.testclient import TestClient
from redis.exceptions import ConnectionError as QueueAway
from sqlalchemy.exc import OperationalError
from starlette.types import Message, Scope

from api import problems
from api.heading import Heading
from api.plain import Ahead, Asked, Ways, said
from core.errors import BadInput, TooMany

DESCRIBED: Mapping[str, Any] = {"responses": {"201": {"description": "It is kept."}}}
HEADERS = {"X-Content-Type-Options": "nosniff"}
router = APIRouter(prefix="/api/boxes/{box}")
ways = Ways(router)


@ways.add("PUT", "/things/{thing}", DESCRIBED)
async def keep(asked: Asked) -> Response:
    """A thing is kept."""
    error = {
        "mistake": BadInput("it is none.", where="box", remedy="Send another."),
        "hurry": TooMany("too fast.", retry_after=1.2),
        "queue": QueueAway("away"),
        "database": OperationalError("SELECT", {}, Exception("away")),
        "defect": RuntimeError("a defect"),
    }.get(asked.places["thing"])
    if error is not None:
        raise error
    data = await asked.body(10, lambda: BadInput("it is too large.", where=asked.path))
    return said({"box": asked.places["box"], "bytes": len(data), "name": asked.query.get("name"), "by": asked.header(b"x-by")}, 201)


@pytest.fixture
def app() -> FastAPI:
    made = FastAPI()
    problems.install(made)
    made.add_middleware(Ahead, ways=[*ways])
    made.add_middleware(Heading, headers=HEADERS)
    made.include_router(router)
    return made


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app, raise_server_exceptions=False) as opened:
        yield opened


def test_a_handler_gets_places_query_headers_and_body(client: TestClient) -> None:
    parts = iter([b"1234", b"5678"])
    reply = client.put("/api/boxes/b%20x/things/one?name=%C3%A4&name=ö", content=parts, headers={"X-By": "me"})
    assert reply.status_code == 201
    assert reply.json() == {"box": "b x", "bytes": 8, "name": "ö", "by": "me"}


def test_the_answer_carries_the_headers_of_every_answer(client: TestClient) -> None:
    reply = client.put("/api/boxes/b/things/one")
    assert reply.headers["content-type"] == "application/json"
    assert (reply.headers["x-content-type-options"], reply.headers["cache-control"]) == ("nosniff", "no-store")


@pytest.mark.parametrize(
    ("thing", "status", "title"),
    [
        ("mistake", 422, "it is none."),
        ("hurry", 429, "too fast."),
        ("queue", 503, "the queue server does not answer."),
        ("database", 503, "the database does not answer."),
        ("nul%00", 422, "a text holds characters that cannot be kept."),
    ],
)
def test_a_refusal_is_a_sentence(client: TestClient, thing: str, status: int, title: str) -> None:
    reply = client.put(f"/api/boxes/b/things/{thing}")
    assert (reply.status_code, reply.json()["title"]) == (status, title)
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.headers.get("retry-after") == ("2" if status == 429 else None)


def test_a_defect_is_not_hidden(client: TestClient) -> None:
    assert client.put("/api/boxes/b/things/defect").status_code == 500


def test_a_body_beyond_the_limit_is_refused(client: TestClient) -> None:
    reply = client.put("/api/boxes/b/things/one", content=b"12345678901")
    assert (reply.status_code, reply.json()["title"]) == (422, "it is too large.")


def test_it_is_described_like_a_route_and_other_methods_are_none(client: TestClient) -> None:
    described = client.get("/openapi.json").json()["paths"]["/api/boxes/{box}/things/{thing}"]
    assert set(described) == {"put"}
    assert described["put"]["description"] == "A thing is kept."
    assert "It is kept." in described["put"]["responses"]["201"]["description"]
    assert client.get("/api/boxes/b/things/one").status_code == 405
    assert client.put("/api/boxes/b/things/one/more").status_code == 404


def test_it_is_found_below_another_path(app: FastAPI) -> None:
    assert TestClient(app, root_path="/hall").put("/hall/api/boxes/b/things/one", content=b"1").status_code == 201


def test_nobody_is_answered_who_went_away(app: FastAPI) -> None:
    came: list[Message] = [{"type": "http.request", "body": b"12", "more_body": True}, {"type": "http.disconnect"}]
    sent: list[Message] = []
    path = "/api/boxes/b/things/one"
    scope: Scope = {"type": "http", "method": "PUT", "path": path, "root_path": "", "query_string": b"", "headers": []}

    async def receive() -> Message:
        return came.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    assert not came
    assert not sent
