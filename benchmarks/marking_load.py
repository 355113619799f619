"""Thousands of markers who submit and are given the next task, from one thread: a load that costs less than what it loads.

Every marker has a connection of their own and reads every reply: what was saved is what was sent, the next task is one that
this marker was never shown, nothing of it is missing. What is not so is a fault, and kept. Marks mostly agree.
"""

from __future__ import annotations

import json
import random
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Any

from benchmarks.lines import Line, Lines, Reply
from benchmarks.marking_exam import CODE, Marker
from core.exam import ExamDefinition, WrittenItem, from_hundredths

APART = 0.05  # the share of marks that lie far from the others
MOST_FAULTS = 20
Shown = Callable[["Desk", dict[str, Any]], None]


class Desk:
    """A marker at work."""

    __slots__ = ("asked", "done", "heads", "line", "marker", "seen", "sent", "task")

    def __init__(self, marker: Marker, address: str) -> None:
        self.marker = marker
        self.line = Line()
        self.task = ""  # the one in hand
        self.sent = ""  # the one whose mark is under way
        self.seen: set[str] = set()
        self.done = 0
        common = f"Host: {address}\r\nAuthorization: Bearer {marker.token}\r\nContent-Type: application/json\r\nContent-Length: "
        self.heads = {path: f"POST /api/marking/{CODE}/{path} HTTP/1.1\r\n{common}".encode() for path in ("next", "marks")}


@dataclass
class Load:
    """What a load saw."""

    pairs: int = 0  # marks that were acknowledged
    seconds: float = 0.0
    cpu: float = 0.0  # of this thread
    waits: list[float] = field(default_factory=list)  # seconds, of every pair
    outcomes: Counter[str] = field(default_factory=Counter)
    dry: int = 0  # replies without a next task
    faults: list[str] = field(default_factory=list)

    @property
    def rate(self) -> float:
        return self.pairs / self.seconds if self.seconds else 0.0

    def percentile(self, share: float) -> float:
        """Milliseconds."""
        ordered = sorted(self.waits)
        return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


class Markers:
    """All desks, and who of them is free to send the mark of the task in hand."""

    def __init__(self, host: str, port: int, markers: Sequence[Marker], definition: ExamDefinition, *, seed: int = 1) -> None:
        self.lines = Lines(host, port)
        self.desks = [Desk(marker, f"{host}:{port}") for marker in markers]
        self.ready: deque[Desk] = deque()
        self.shown: Shown | None = None  # told of every task that a marker is given
        self._marks = {f"{p.code}/{g.id}": _marks(g.items) for p in definition.papers for g in p.written}
        self._chance = random.Random(seed)
        self._key = 0
        self._run = token_hex(6)  # the same markers may come back in another run: their keys are new
        self._load = Load()

    def sit_down(self, *, window: int = 32) -> Load:
        """Everybody asks for a first task."""
        waiting = deque(self.desks)

        def ask() -> None:
            desk = waiting.popleft()
            body = f'{{"group":"{desk.marker.group}","hold":1}}'.encode()
            self._post(desk, "next", body, time.perf_counter(), lambda reply: self._given(desk, reply))

        with _Counting(self) as load:
            while waiting or self.lines.under_way:
                while waiting and self.lines.under_way < window:
                    ask()
                self.lines.turn(1.0)
        return load

    def at_most(self, seconds: float, *, window: int) -> Load:
        """As many pairs as the server can do, with `window` requests under way; who marked longest ago is next."""
        with _Counting(self) as load:
            end = time.perf_counter() + seconds
            while (now := time.perf_counter()) < end:
                while self.ready and self.lines.under_way < window:
                    self._submit(self.ready.popleft(), now)
                if not self.lines.under_way:
                    break  # nobody has a task any more
                self.lines.turn(end - now)
            load.seconds = time.perf_counter() - end + seconds
            pairs = load.pairs
            self._finish()
            load.pairs = pairs  # those that came after the end are not counted
        return load

    def offered(self, rate: float, seconds: float) -> Load:
        """So many a second, whether the server keeps up or not; a wait counts from when the mark was due."""
        with _Counting(self) as load:
            begun = due = now = time.perf_counter()
            end = begun + seconds
            while now < end and (self.ready or self.lines.under_way):
                while due <= min(now, end) and self.ready:
                    self._submit(self.ready.popleft(), due)
                    due += self._chance.expovariate(rate)
                self.lines.turn(min(max(0.0, due - now), 0.1) if self.ready else 0.1)
                now = time.perf_counter()
            self._finish()
            load.seconds, now = time.perf_counter() - begun, time.perf_counter()
            while due < end:  # what could not be sent has waited until now at least
                load.waits.append(now - due)
                due += self._chance.expovariate(rate)
        return load

    def close(self) -> None:
        self.lines.close()

    def _finish(self) -> None:
        stop = time.perf_counter() + 60
        while self.lines.under_way and time.perf_counter() < stop:
            self.lines.turn(0.1)
        if self.lines.under_way:
            self._fault(f"{self.lines.under_way} requests had no reply within a minute")

    def _submit(self, desk: Desk, due: float) -> None:
        agreed, apart = self._marks[desk.marker.group]
        marks = apart if self._chance.random() < APART else agreed
        self._key += 1
        desk.sent, desk.task = desk.task, ""
        key = f"{self._run}-{self._key:08d}"
        body = f'{{"task":"{desk.sent}","key":"{key}","marks":{marks},"seconds":12.5,"group":"{desk.marker.group}","hold":1}}'
        self._post(desk, "marks", body.encode(), due, lambda reply: self._marked(desk, reply))

    def _post(self, desk: Desk, path: str, body: bytes, due: float, then: Callable[[Reply], None]) -> None:
        self.lines.ask(desk.line, b"%s%d\r\n\r\n%s" % (desk.heads[path], len(body), body), due, then)

    def _marked(self, desk: Desk, reply: Reply) -> None:
        load = self._load
        load.waits.append(reply.seconds)
        if reply.status != 200:
            self._fault(f"a mark: status {reply.status}, {reply.body[:300]!r}")
            return
        body = json.loads(reply.body)
        saved = body["saved"]
        if saved["task"] != desk.sent:
            self._fault(f"a mark of {desk.sent} was answered as of {saved['task']}")
        load.pairs += 1
        load.outcomes[saved["outcome"]] += 1
        desk.done += 1
        self._take(desk, body)

    def _given(self, desk: Desk, reply: Reply) -> None:
        self._load.waits.append(reply.seconds)
        if reply.status != 200:
            self._fault(f"a first task: status {reply.status}, {reply.body[:300]!r}")
            return
        self._load.pairs += 1
        self._take(desk, json.loads(reply.body))

    def _take(self, desk: Desk, body: dict[str, Any]) -> None:
        if not body["tasks"]:
            self._load.dry += 1
            return
        task = body["tasks"][0]
        token = task["task"]
        if token in desk.seen or len(body["tasks"]) != 1:
            self._fault(f"marker {desk.marker.id} was given {token} again, or more than was asked for")
        if f"{task['paper']}/{task['group']}" != desk.marker.group or not task["pictures"] or not task["items"]:
            self._fault(f"a task of another group, or without pictures or items: {task}")
        desk.seen.add(token)
        desk.task = token
        self.ready.append(desk)
        if self.shown is not None:
            self.shown(desk, task)

    def _fault(self, what: str) -> None:
        if len(self._load.faults) < MOST_FAULTS:
            self._load.faults.append(what)


class _Counting:
    def __init__(self, markers: Markers) -> None:
        self._markers, self._load = markers, Load()

    def __enter__(self) -> Load:
        self._markers._load = self._load
        self._begun, self._cpu = time.perf_counter(), time.thread_time()
        return self._load

    def __exit__(self, *_: object) -> None:
        self._load.cpu = time.thread_time() - self._cpu
        self._load.seconds = self._load.seconds or time.perf_counter() - self._begun


def _marks(items: Sequence[WrittenItem]) -> tuple[str, str]:
    """As JSON: what nearly everybody gives, half the marks; and what few give, none."""
    half, none = ({item.id: _value(item, share) for item in items} for share in (1, 0))
    return json.dumps(half), json.dumps(none)


def _value(item: WrittenItem, share: int) -> str | dict[str, str]:
    if item.steps:
        return {step.id: from_hundredths(share * (step.marks // 2)) for step in item.steps}
    return from_hundredths(share * (item.marks // 2))
