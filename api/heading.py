"""The headers that every answer carries, put there without a task or a queue of its own: frames pass here by the hundred."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Heading:
    def __init__(self, app: ASGIApp, headers: Mapping[str, str]) -> None:
        self._app = app
        self._headers = dict(headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def headed(message: Message) -> None:
            if message["type"] == "http.response.start":
                here = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    here.setdefault(name, value)
                if scope["path"].startswith("/api/"):
                    here.setdefault("Cache-Control", "no-store")
            await send(message)

        await self._app(scope, receive, headed)
