"""Requests that nobody thinks of, drawn from the API's own description: the answer is what was asked for, or a sentence.

Schemathesis draws them from /api/openapi.json, of the right form and of wrong ones. Places of the address are mostly those
that exist, or nothing would come further than "there is no exam".
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.core.result import Ok

from api.app import create_app
from api.auth import add_user, grant_role
from tests.api.conftest import PASSWORD, sign_in
from tests.api.exams import LastStep, last_step

ANY = list(HealthCheck)
EXAMPLES = 4  # of each form, for each operation
ASKED = ("/api/intake/", "/api/desk/", "/api/hall/", "/api/office/", "/api/rereading/")
THERE: dict[str, list[str]] = {
    "exam": ["TEST"],
    "batch": ["b1", "b2"],
    "sequence": ["1", "2"],
    "face": ["1", "2"],
    "case": ["1", "2", "3"],
    "item": ["Q1", "W7"],
    "paper": ["P", "M"],
    "number": ["1"],
    "room": ["01", "R1"],
}
"""Values of an address that lead somewhere."""
SLOW = {("POST", "/api/office/{exam}/release/{number}/sign")}  # a password is checked, which is slow on purpose


@pytest.fixture
def step(tmp_path: Path, postgres_url: str, redis_url: str) -> Iterator[LastStep]:
    made = last_step(tmp_path / "home", postgres_url, redis_url)
    add_user(made.site, "all", "All", PASSWORD)
    for role in ("office", "clerk", "chief", "leader"):
        grant_role(made.site, "all", role, "TEST")
    yield made
    made.site.close()


@pytest.fixture
def client(step: LastStep, built_client: None) -> Iterator[TestClient]:
    with TestClient(create_app(step.site, sweep=False), raise_server_exceptions=False) as opened:
        yield opened


def operations(client: TestClient) -> list[Any]:
    schema = schemathesis.openapi.from_dict(client.get("/api/openapi.json").json())
    found = [result.ok() for result in schema.get_all_operations() if isinstance(result, Ok)]
    return [op for op in found if op.path.startswith(ASKED) and (op.method.upper(), op.path) not in SLOW]


def request_of(case: Any, places: dict[str, str]) -> dict[str, Any]:
    """The drawn request as our client sends it, with those places of the address that exist."""
    case.path_parameters = {**(case.path_parameters or {}), **places}
    drawn = case.as_transport_kwargs(base_url="http://testserver")
    kept = {name: drawn[name] for name in ("method", "url", "params", "json") if drawn.get(name) is not None}
    if drawn.get("data") is not None:
        kept["content"] = drawn["data"] if isinstance(drawn["data"], bytes | str) else json.dumps(drawn["data"])
    headers = {name: value for name, value in (drawn.get("headers") or {}).items() if value.isascii() and value.isprintable()}
    return kept | {"headers": headers}


def fault_of(reply: Any) -> str:
    """What is wrong with an answer, or nothing."""
    if reply.status_code >= 500:
        return f"{reply.status_code} {reply.text[:200]}"
    if reply.status_code < 400:
        return ""
    if reply.headers.get("content-type") != "application/problem+json":
        return f"{reply.status_code} is no problem+json: {reply.text[:200]}"
    return "" if reply.json().get("title") else f"{reply.status_code} says nothing"


def test_no_drawn_request_makes_the_server_fail(client: TestClient, step: LastStep) -> None:
    person, station = sign_in(client, "all"), step.station()
    faults: dict[str, str] = {}
    asked = operations(client)
    assert len(asked) > 20
    replies: set[int] = set()

    def ask(operation: Any, case: Any, places: dict[str, str]) -> None:
        kept = request_of(case, places)
        kept["headers"] |= station if operation.path.startswith("/api/intake/") else person
        client.cookies.clear()
        reply = client.request(**kept)
        replies.add(reply.status_code)
        if fault := fault_of(reply):
            faults.setdefault(f"{operation.method.upper()} {operation.path}", f"{kept['url']} {str(kept)[:300]}: {fault}")

    def asking(operation: Any) -> Callable[..., None]:
        def drawn(case: Any, places: dict[str, str]) -> None:
            ask(operation, case, places)

        return drawn

    for operation, mode in product(asked, (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)):
        names = [name for name in THERE if f"{{{name}}}" in operation.path and name != "exam"]
        places = st.fixed_dictionaries({"exam": st.just("TEST")}, optional={name: st.sampled_from(THERE[name]) for name in names})
        drawing = given(case=operation.as_strategy(generation_mode=mode), places=places)
        bounded = settings(max_examples=EXAMPLES, derandomize=True, database=None, phases=[Phase.generate], suppress_health_check=ANY)
        with suppress(Unsatisfiable):  # there are operations of which no wrong form can be drawn
            bounded(drawing(asking(operation)))()
    assert faults == {}
    assert replies & {200, 201, 404, 409, 422}
