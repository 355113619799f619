"""The station's line to the server: requests that are repeated until they are answered, and answers as values or errors.

Every request is harmless when it comes twice, so a server that is away is only waited for. `Weather` says since when.
"""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any
from urllib.parse import quote, urlsplit

from core.errors import BadInput, Conflict, Forbidden, MarkhallError, NotFound, NotSignedIn, Unavailable
from scanner.wire import Body, Reply, Wire

FIRST_WAIT, LONGEST_WAIT = 0.2, 15.0  # seconds between tries, doubled each time, with some chance in it
LONGEST_ASKED = 600.0  # seconds that a server may ask a station to wait at a time
_MOST_NOTES = 5  # of a kind that are named
MOST_BYTES = 64 * 1024 * 1024
_AGAIN = {408, 425, 429, 500, 502, 503, 504}
_ERRORS: Mapping[int, type[MarkhallError]] = {401: NotSignedIn, 403: Forbidden, 404: NotFound, 409: Conflict, 413: BadInput, 422: BadInput}
_FRAME = {"Content-Type": "application/octet-stream"}
_TEXT = {"Content-Type": "application/json"}


@dataclass(frozen=True, slots=True)
class Counts:
    declared: int | None
    received: int
    missing: tuple[str, ...]
    complete: bool
    notes: tuple[str, ...] = ()  # what the server says of the batch: gaps in numbers, pictures that came twice


@dataclass(frozen=True, slots=True)
class Rescan:
    """One side that the exam office asks to have scanned again."""

    paper: str
    sheet: str
    side: int
    number: str
    room: str
    seat: str
    station: str
    asked_at: str


class Weather:
    """How the server is: since when it does not answer, and why."""

    def __init__(self) -> None:
        self.away_since: float | None = None  # by the wall clock, for people
        self.why = ""
        self.wait_until = 0.0  # the server asked to wait

    def fair(self) -> None:
        if self.away_since is not None:
            self.away_since, self.why = None, ""

    def foul(self, why: str) -> None:
        self.why = why
        if self.away_since is None:
            self.away_since = time.time()


class Connection:
    """Safe to use from several threads: each has a wire of its own."""

    def __init__(self, url: str, exam: str, token: str, *, patience: float | None = None, stop: threading.Event | None = None) -> None:
        self.url = url.rstrip("/")
        self.weather = Weather()
        self._path = f"{urlsplit(self.url).path}/api/intake/{quote(exam, safe='')}"
        self._headers = {"Authorization": f"Bearer {token}"}
        self._patience = patience
        self._stop = stop or threading.Event()
        self._mine = threading.local()
        self._wires: list[Wire] = []

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for wire in self._wires:
            wire.close()

    def open_batch(self, batch: str, manifest: Mapping[str, Any]) -> Counts:
        return _counts(self._ask("PUT", _batch(batch), manifest))

    def put_frame(self, batch: str, sequence: int, face: int, data: Body, sha256: str, name: str, imprint: str = "") -> int:
        """The receipt's number. The server's hash must be ours, or the acknowledgement is not for these bytes."""
        path = f"{_batch(batch)}/frames/{sequence}/{face}?name={quote(name[-200:])}" + (
            f"&imprint={quote(imprint, safe='')}" if imprint else ""
        )
        answer = self._ask("PUT", path, data, {"X-Content-SHA256": sha256})
        if answer.get("sha256") != sha256:
            raise BadInput(f"the server acknowledged other bytes ({answer.get('sha256')}).", where=name, remedy="Send the frame again.")
        return int(answer["receipt"])

    def batch(self, batch: str) -> Counts:
        return _counts(self._ask("GET", _batch(batch)))

    def close_batch(self, batch: str, frames: int, manifest: Mapping[str, Any] | None = None) -> Counts:
        return _counts(self._ask("POST", f"{_batch(batch)}/close", {**(manifest or {}), "frames": frames}))

    def rescans(self) -> tuple[Rescan, ...]:
        """What the office wants scanned again; nothing where the server keeps no such list."""
        try:
            listed = self._ask("GET", "/rescans").get("rescans", ())
        except NotFound:
            return ()
        fields = ("paper", "sheet", "number", "room", "seat", "station", "asked_at")
        return tuple(Rescan(side=int(r.get("side") or 0), **{f: str(r.get(f) or "") for f in fields}) for r in listed)

    def _ask(
        self, method: str, path: str, content: Body | Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        text = content is None or isinstance(content, Mapping)
        body: Body = b"" if content is None else json.dumps(content).encode() if isinstance(content, Mapping) else content
        said = {**self._headers, **(_TEXT if text else _FRAME), **(headers or {})}
        begun, wait = time.monotonic(), FIRST_WAIT
        while True:
            self._pause(self.weather.wait_until - time.monotonic())
            try:
                reply = self._wire().ask(method, self._path + path, said, body)
                answer = _body(reply)
                if reply.status == 429:
                    self.weather.wait_until = time.monotonic() + _asked(reply, wait)
                elif reply.status not in _AGAIN and (answer is not None or not 200 <= reply.status < 300):
                    self.weather.fair()
                    return _answer(reply, answer, self.url, path)
                why = f"it answers {reply.status}" if answer is None else str(answer.get("title") or f"it answers {reply.status}")
            except OSError as e:
                why = str(e.strerror or e) or type(e).__name__
            self.weather.foul(why)
            if self._patience is not None and time.monotonic() - begun > self._patience:
                raise Unavailable(f"the server does not answer ({why}).", where=self.url, remedy="What was not sent stays in the folder.")
            self._pause(wait * random.uniform(0.7, 1.3))
            wait = min(2 * wait, LONGEST_WAIT)

    def _pause(self, seconds: float) -> None:
        if self._stop.wait(seconds) if seconds > 0 else self._stop.is_set():
            raise Unavailable("the station was ended.", where=self.url, remedy="What was not sent stays in the folder.")

    def _wire(self) -> Wire:
        wire: Wire | None = getattr(self._mine, "wire", None)
        if wire is None:
            wire = self._mine.wire = Wire(self.url)
            self._wires.append(wire)
        return wire


def _batch(batch: str) -> str:
    return f"/batches/{quote(batch, safe='')}"


def _asked(reply: Reply, otherwise: float) -> float:
    try:
        return min(max(0.0, float(reply.headers.get("retry-after", ""))), LONGEST_ASKED)
    except ValueError:
        return otherwise


def _body(reply: Reply) -> dict[str, Any] | None:
    try:
        body = json.loads(reply.body)
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


def _answer(reply: Reply, body: dict[str, Any] | None, url: str, path: str) -> dict[str, Any]:
    if 200 <= reply.status < 300 and body is not None:
        return body
    if 300 <= reply.status < 400:
        raise Forbidden(f"the server is elsewhere: {reply.headers.get('location', '')}.", where=url, remedy="Give that address with --url.")
    said = body or {}
    kind = _ERRORS.get(reply.status, BadInput)
    detail = str(said.get("title") or said.get("detail") or f"the server refused with {reply.status}.")
    raise kind(detail, where=str(said.get("where") or path.partition("?")[0]), remedy=str(said.get("remedy") or ""))


def _counts(body: Mapping[str, Any]) -> Counts:
    missing = tuple(str(m) for m in body.get("missing", ()))
    return Counts(body.get("declared"), int(body.get("received") or 0), missing, bool(body.get("complete")), tuple(_notes(body)))


def _notes(body: Mapping[str, Any]) -> Iterator[str]:
    """What the server noticed: it sees all batches of a scanner, and all pictures."""
    faults = [fault["sentence"] for fault in body.get("imprints", ()) if isinstance(fault, dict) and fault.get("sentence")]
    yield from (str(fault) for fault in faults[:_MOST_NOTES])
    same = [str(place) for place in body.get("same_bytes", ())]
    if same:
        named = ", ".join(same[:_MOST_NOTES]) + (" and more" if len(same) > _MOST_NOTES else "")
        yield f"{len(same)} frames have the same bytes as another (kept as pages of their own): {named}"
