"""A person's or the office's way to the server, for the demo: HTTP and nothing else."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import httpx

from core.errors import Unavailable


class Client:
    def __init__(self, url: str, exam: str) -> None:
        self.exam = exam
        self._http = httpx.Client(base_url=url, timeout=120)

    def sign_in(self, login: str, password: str) -> Client:
        token = self.post("/api/session", {"login": login, "password": password})["token"]
        self._http.headers["Authorization"] = f"Bearer {token}"
        return self

    def get(self, path: str) -> Any:
        return self._answer(self._http.get(path))

    def post(self, path: str, body: dict[str, Any] | None = None) -> Any:
        return self._answer(self._http.post(path, json=body or {}))

    def _answer(self, reply: httpx.Response) -> Any:
        if reply.is_error:
            raise Unavailable(f"the server refused: {reply.text[:500]}", where=str(reply.request.url.path))
        return reply.json() if reply.content else None

    def status(self) -> dict[str, Any]:
        status: dict[str, Any] = self.get(f"/api/office/{self.exam}/status")
        return status

    def close(self) -> None:
        self._http.close()


def wait_for(url: str, check: Callable[[], None], seconds: float = 240) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        check()
        try:
            if httpx.get(f"{url}/api/health", timeout=2).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise Unavailable("the server did not start.", where=url, remedy="Look into site/web-1.log in the demo's folder.")
