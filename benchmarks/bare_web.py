"""A web process that answers marks and keeps nothing: what HTTP and the load alone take of this machine.

`python -m benchmarks.bare_web PORT` beside others at the same port.
"""

from __future__ import annotations

import json
import secrets
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import uvicorn

from api.processes import listening

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """An ASGI application without a framework."""
    if scope["type"] != "http":
        return
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    asked = json.loads(body)
    reply = json.dumps(
        {"saved": {"task": asked.get("task", ""), "outcome": "counted"}, "tasks": [_task(asked["group"])], "open": 1000},
        separators=(",", ":"),
    ).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(reply))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": reply})


def _task(group: str) -> dict[str, Any]:
    """As long as a real one."""
    token = secrets.token_urlsafe(16)
    paper, _, name = group.partition("/")
    title = {"zh": "Question", "en": "Question"}
    picture = {"url": f"/api/marking/pictures/{token}-1", "width": 1400, "height": 300}
    item: dict[str, Any] = {"id": "21", "title": None, "full": "8", "step": "1", "steps": []}
    common = {"title": title, "pictures": [picture], "items": [item], "lease_seconds": 300, "level": "marker"}
    return {"task": token, "paper": paper, "group": name, **common}


def main(port: int) -> None:
    config = uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off")
    uvicorn.Server(config).run(sockets=[listening("127.0.0.1", port, share=True)])


if __name__ == "__main__":
    main(int(sys.argv[1]))
