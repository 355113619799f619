"""A simulated person's connection to the server: HTTP/1.1 kept alive, as lean as it can be, since the load shares the machine.

Knows requests and replies, nothing of marking. A connection that broke is opened again and the request sent again, as is
one that the server could not answer just now: every request of a marker may be sent twice.
"""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, field
from typing import Any

from core.errors import Unavailable

PATIENCE = 120.0  # seconds for one answer
AWAY = 30.0  # seconds for which a server, its database or its queue may be away: people try again, as they are told to
_ASK_AGAIN = 0.5
_UNAVAILABLE = 503
_BROKEN = (ConnectionError, asyncio.IncompleteReadError)


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    body: bytes

    @property
    def ok(self) -> bool:
        return self.status < 300

    def json(self) -> Any:
        return json.loads(self.body) if self.body else {}

    @property
    def sentence(self) -> str:
        """What a refusal says."""
        try:
            said = self.json()
        except ValueError:
            return self.body[:200].decode(errors="replace")
        return str(said.get("detail") or said.get("title") or said)


@dataclass
class Wire:
    host: str
    port: int
    token: str = ""
    retries: int = 0
    _streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = field(default=None, repr=False)

    async def get(self, path: str) -> Reply:
        return await self._ask("GET", path, b"")

    async def post(self, path: str, body: object) -> Reply:
        return await self._ask("POST", path, json.dumps(body, separators=(",", ":")).encode())

    async def sign_in(self, login: str, password: str) -> None:
        reply = await self.post("/api/session", {"login": login, "password": password})
        if not reply.ok:
            raise Unavailable(f"{login} could not sign in: {reply.sentence}", where="/api/session")
        self.token = reply.json()["token"]

    async def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None

    async def _ask(self, method: str, path: str, body: bytes) -> Reply:
        signed = f"Authorization: Bearer {self.token}\r\n" if self.token else ""
        kind = "Content-Type: application/json\r\n" if body else ""
        head = f"{method} {path} HTTP/1.1\r\nHost: {self.host}\r\n{signed}{kind}Content-Length: {len(body)}\r\n\r\n"
        until = time.monotonic() + AWAY
        while True:
            try:
                async with asyncio.timeout(PATIENCE):
                    reply = await self._exchange(head.encode() + body)
                if reply.status != _UNAVAILABLE or time.monotonic() > until:
                    return reply
            except _BROKEN as broken:
                await self.close()
                if time.monotonic() > until:
                    raise Unavailable(f"the server was away for {AWAY:.0f} s.", where=path) from broken
            except TimeoutError as late:
                await self.close()
                raise Unavailable(f"the server did not answer within {PATIENCE:.0f} s.", where=path) from late
            self.retries += 1
            await asyncio.sleep(_ASK_AGAIN if self.retries > 1 else 0)

    async def _exchange(self, request: bytes) -> Reply:
        if self._streams is None:
            self._streams = await asyncio.open_connection(self.host, self.port)
        reader, writer = self._streams
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = 0
        found = head.find(b"\r\ncontent-length:")
        if found >= 0:
            length = int(head[found + 17 : head.index(b"\r\n", found + 17)])
        body = await reader.readexactly(length) if length else b""
        if b"\r\nconnection: close" in head:
            await self.close()
        return Reply(int(head[9:12]), body)
