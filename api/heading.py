"""The headers that every answer carries, put there without a task or a queue of its own: frames pass here by the hundred."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Heading:
    def __init__(self, app: ASGIApp, headers: Mapping[str, str]) -> None:
        self._app = app
        self._always = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        self._of_data = [*self._always, (b"cache-control", b"no-store")]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        ours = self._of_data if scope["path"].startswith("/api/") else self._always

        async def headed(message: Message) -> None:
            if message["type"] == "http.response.start":
                there = {name.lower() for name, _ in message.get("headers", ())}
                message["headers"] = [*message.get("headers", ()), *(pair for pair in ours if pair[0] not in there)]
            await send(message)

        await self._app(scope, receive, headed)
