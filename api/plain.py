"""Ways ahead of FastAPI, for the few requests that come by the hundred a second: a function gets what was asked, and no more.

A way is described in /api/openapi.json like every route, and refuses with the same sentences. What it spares is the
search of all routes, the resolution of dependencies and the models of bodies.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from fastapi import APIRouter, FastAPI, Response
from starlette.requests import ClientDisconnect
from starlette.routing import compile_path
from starlette.types import ASGIApp, Receive, Scope, Send

from api.problems import refusal
from api.routes.guarded import check, spoken
from core.errors import MarkhallError

_as_json = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode  # made once, not once an answer


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, taken apart no further than its handler wants."""

    scope: Scope
    receive: Receive
    places: Mapping[str, str]  # of the address
    query: Mapping[str, str]  # of a name that comes twice, the last

    @property
    def app(self) -> FastAPI:
        app: FastAPI = self.scope["app"]
        return app

    @property
    def path(self) -> str:
        return str(self.scope["path"])

    def header(self, name: bytes) -> str | None:
        """`name` in small letters."""
        return next((value.decode("latin-1") for key, value in self.scope["headers"] if key == name), None)

    async def body(self, most: int, too_large: Callable[[], MarkhallError]) -> bytes:
        """All of it. Raises ClientDisconnect when whoever sends it goes away."""
        parts: list[bytes] = []
        size = 0
        while True:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > most:
                raise too_large()
            if not message.get("more_body", False):
                return b"".join(parts)


Handler = Callable[[Asked], Awaitable[Response]]


def said(value: Mapping[str, Any], status: int = 200) -> Response:
    return Response(_as_json(value), status, media_type="application/json")


@dataclass(frozen=True, slots=True)
class Way:
    method: str
    path: re.Pattern[str]
    handle: Handler


@dataclass
class Ways:
    """The ways of one router; `Ahead` has them all."""

    router: APIRouter
    _ways: list[Way] = field(default_factory=list)

    def __iter__(self) -> Iterator[Way]:
        return iter(self._ways)

    def add(self, method: str, path: str, described: Mapping[str, Any]) -> Callable[[Handler], Handler]:
        """`path` below the router's prefix, no place of it with a slash; `described` in the words of OpenAPI."""

        def added(handle: Handler) -> Handler:
            async def description() -> None:
                raise AssertionError("answered ahead of the router")

            description.__name__, description.__doc__ = handle.__name__, handle.__doc__
            self.router.add_api_route(path, description, methods=[method], openapi_extra=dict(described), response_model=None)
            self._ways.append(Way(method, compile_path(self.router.prefix + path)[0], handle))
            return handle

        return added


class Ahead:
    """The layer that lets some requests take their way, and all others pass. `of`: whose ways they are, where it stands around that."""

    def __init__(self, app: ASGIApp, ways: Sequence[Way], of: FastAPI | None = None) -> None:
        self._app = app
        self._ways = tuple(ways)
        self._of = of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            method, path = scope["method"], scope["path"].removeprefix(scope.get("root_path", ""))
            for way in self._ways:
                if way.method == method and (found := way.path.match(path)):
                    if self._of is not None:
                        scope["app"] = self._of
                    await _take(way, found.groupdict(), scope, receive, send)
                    return
        await self._app(scope, receive, send)


async def _take(way: Way, places: Mapping[str, str], scope: Scope, receive: Receive, send: Send) -> None:
    try:
        asked = scope["query_string"]
        query = dict(parse_qsl(asked.decode("latin-1"), keep_blank_values=True)) if asked else {}
        check([*places.values(), *query, *query.values()], "address")
        with spoken(scope["path"]):
            answer = await way.handle(Asked(scope, receive, places, query))
    except MarkhallError as e:
        answer = refusal(e)
    except ClientDisconnect:
        return  # nobody is there to be answered
    await answer(scope, receive, send)
