"""The real intake behind a small HTTP server in this process, which fails where a test says so."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from core.errors import MarkhallError
from core.site import Site
from scanner import intake
from tests.omr.hall import Hall


@dataclass
class Server:
    """Speaks the intake's HTTP over the real intake; fails where a test says so."""

    site: Site
    exam_id: int
    token: str
    fail: list[int] = field(default_factory=list)  # statuses that the next frames are answered with, before anything is kept
    forget: int = 0  # acknowledgements that are lost on their way back, after the frame was kept
    frames: list[str] = field(default_factory=list)
    closings: list[dict[str, Any]] = field(default_factory=list)  # what stations said when they closed a batch
    rescans: list[dict[str, Any]] = field(default_factory=list)
    url: str = ""

    def answer(self, method: str, path: str, headers: Any, body: bytes) -> tuple[int, dict[str, Any]]:
        if headers.get("Authorization") != f"Bearer {self.token}":
            return 401, {"detail": "the token is not known."}
        url = urlsplit(path)
        parts = unquote(url.path).split("/")[5:]
        if not parts:
            return 200, {"rescans": self.rescans}
        batch = parts[0]
        if "frames" not in parts:
            if method == "PUT":
                view = intake.open_batch(self.site, self.exam_id, "A", batch, json.loads(body))
            elif method == "POST":
                self.closings.append(json.loads(body))
                view = intake.close_batch(self.site, self.exam_id, "A", batch, json.loads(body)["frames"])
            else:
                view = intake.batch_view(self.site, self.exam_id, "A", batch)
            return 200, {"declared": view.declared, "received": view.received, "missing": view.missing, "complete": view.complete}
        if self.fail:
            return self.fail.pop(0), {"detail": "not now."}
        name = parse_qs(url.query)["name"][0]
        place = int(parts[2]), int(parts[3])
        got = intake.receive(self.site, self.exam_id, "A", batch, *place, body, sha256=headers["X-Content-SHA256"], name=name)
        self.frames.append(name)
        if self.forget:
            self.forget -= 1
            return 503, {}
        return 201 if got.fresh else 200, {"receipt": got.receipt, "state": got.state, "sha256": got.sha256}


@contextmanager
def serving(hall: Hall) -> Iterator[Server]:
    """The intake of a hall on a port of this machine."""
    served = Server(hall.site, hall.exam_id, intake.register_station(hall.site, hall.exam_id, "A"))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            try:
                status, said = served.answer(self.command, self.path, self.headers, body)
            except MarkhallError as e:
                status, said = e.http_status, {"detail": e.message, "where": e.where, "remedy": e.remedy}
            data = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_PUT = do_POST = do_GET = _serve  # noqa: N815 - the names are the library's

        def log_message(self, *_: object) -> None:
            """A test's server says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        served.url = f"http://127.0.0.1:{http.server_port}"
        yield served
        http.shutdown()
        thread.join()
