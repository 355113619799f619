"""The station's line to the server: requests that are repeated until they are answered, and answers as values or errors."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import httpx

from core.errors import BadInput, Conflict, Forbidden, MarkhallError, NotFound, NotSignedIn, Unavailable

FIRST_WAIT, LONGEST_WAIT = 0.2, 15.0  # seconds between tries, doubled each time, with some chance in it
_TIMEOUT = httpx.Timeout(60.0, connect=10.0)
_AGAIN = {408, 425, 429, 500, 502, 503, 504}
_ERRORS: Mapping[int, type[MarkhallError]] = {401: NotSignedIn, 403: Forbidden, 404: NotFound, 409: Conflict, 422: BadInput}


@dataclass(frozen=True, slots=True)
class Counts:
    declared: int | None
    received: int
    missing: tuple[str, ...]
    complete: bool


class Connection:
    def __init__(self, url: str, exam: str, token: str, *, patience: float | None = None, client: httpx.Client | None = None) -> None:
        self._base = f"{url.rstrip('/')}/api/intake/{exam}/batches"
        self._headers = {"Authorization": f"Bearer {token}"}
        self._patience = patience
        self._own = client is None
        self._client = client or httpx.Client(timeout=_TIMEOUT)

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._own:
            self._client.close()

    def open_batch(self, batch: str, manifest: Mapping[str, Any]) -> None:
        self._ask("PUT", f"/{batch}", json=dict(manifest))

    def put_frame(self, batch: str, sequence: int, face: int, data: bytes, sha256: str, name: str) -> int:
        """The receipt's number. The server's hash must be ours, or the acknowledgement is not for these bytes."""
        headers = {"X-Content-SHA256": sha256, "Content-Type": "application/octet-stream"}
        answer = self._ask("PUT", f"/{batch}/frames/{sequence}/{face}", params={"name": name}, content=data, headers=headers)
        if answer["sha256"] != sha256:
            raise BadInput(f"the server acknowledged other bytes ({answer['sha256']}).", where=name, remedy="Send the frame again.")
        return int(answer["receipt"])

    def batch(self, batch: str) -> Counts:
        return _counts(self._ask("GET", f"/{batch}"))

    def close_batch(self, batch: str, frames: int) -> Counts:
        return _counts(self._ask("POST", f"/{batch}/close", json={"frames": frames}))

    def _ask(self, method: str, path: str, *, headers: Mapping[str, str] | None = None, **content: Any) -> dict[str, Any]:
        begun, wait = time.monotonic(), FIRST_WAIT
        while True:
            try:
                reply = self._client.request(method, self._base + path, headers={**self._headers, **(headers or {})}, **content)
                if reply.status_code not in _AGAIN:
                    return _answer(reply)
                why = f"it answers {reply.status_code}"
            except httpx.TransportError as e:
                why = str(e) or type(e).__name__
            if self._patience is not None and time.monotonic() - begun > self._patience:
                raise Unavailable(f"the server does not answer ({why}).", where=self._base, remedy="What was not sent stays in the folder.")
            time.sleep(wait * random.uniform(0.7, 1.3))
            wait = min(2 * wait, LONGEST_WAIT)


def _answer(reply: httpx.Response) -> dict[str, Any]:
    try:
        body = reply.json()
    except ValueError:
        body = {}
    if reply.is_success and isinstance(body, dict):
        return body
    kind = _ERRORS.get(reply.status_code, BadInput)
    detail = str(body.get("detail") or f"the server refused with {reply.status_code}.")
    raise kind(detail, where=str(body.get("where") or reply.request.url.path), remedy=str(body.get("remedy") or ""))


def _counts(body: Mapping[str, Any]) -> Counts:
    missing = tuple(str(m) for m in body.get("missing", ()))
    return Counts(body.get("declared"), int(body["received"]), missing, bool(body.get("complete")))
