"""One browser of the crew: it does one thing after the other, and what was not answered it sends again until it is told yes or no.

Its journal is the witness, on its own disk before anything else happens: what it was handed, what it sent, what was
acknowledged or refused. What markers and leaders do with it: benchmarks/chaos_marking_crew.py, chaos_marking_leaders.py.
"""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from benchmarks.chaos_marking_exam import Member, items_of

IDLE = 0.4  # seconds where nothing waits
THINKS = (0.02, 0.25)  # seconds before the next thing
PATIENCE = (0.05, 0.8)  # seconds after the first request that was not answered, and after many
LEVELS = (0.3, 0.4, 0.5, 0.6, 0.7)  # of full marks: near enough for pairs, far enough for third marks
REOPENING = ("revise", "problem", "look", "stop", "seed")  # what may open again what was agreed
EXAM = "CHAOS"
MARKING, QUALITY = f"/api/marking/{EXAM}", f"/api/quality/{EXAM}"


@dataclass(slots=True)
class Sending:
    """Something that will be sent until it is answered."""

    what: str  # mark, revise, problem, resolve, look, stop, lift, seed
    path: str
    body: dict[str, Any]
    key: str  # its name in the journal, and where the server asks for a key, that key
    task: str = ""
    about: dict[str, Any] = field(default_factory=dict)  # for the journal


@dataclass
class Browser:
    member: Member
    number: int
    url: str
    journal: Path
    dice: random.Random
    calm: threading.Event = field(default_factory=threading.Event)  # from then on nothing is opened again
    hand: list[dict[str, Any]] = field(default_factory=list)
    pending: Sending | None = None
    kept: list[tuple[Sending, str]] = field(default_factory=list)  # marks, with what was said of them
    stopped: tuple[int, str] | None = None  # of a leader: whom this one has stopped, and in which group
    stops: int = 0  # of a leader: how many in all
    seeds: int = 0  # of an arbiter: how many this one has agreed
    asked_again: int = 0
    _in_vain: int = 0  # requests since the last answer
    _keys: int = 0

    @property
    def may_reopen(self) -> bool:
        return not self.calm.is_set()

    @property
    def is_reopening(self) -> bool:
        pending = self.pending
        return pending is not None and pending.what in REOPENING

    def begin(self, client: httpx.Client, sending: Sending) -> float:
        self.pending = sending
        self.note(sent=sending.key, what=sending.what, task=sending.task, marks=sending.body.get("marks"), **sending.about)
        return self.send(client, sending)

    def send(self, client: httpx.Client, sending: Sending) -> float:
        begun, reply = time.monotonic(), self.post(client, sending.path, sending.body)
        if reply is None:
            return self.wait()
        status, said = reply
        if status != 200:
            self.note(refused=sending.key, status=status, why=str(said.get("detail", said))[:200])
            self.pending = None
            return self.pause()
        outcome = str(said.get("saved", said).get("outcome", "done"))
        self.note(kept=sending.key, outcome=outcome, number=said.get("stop", said.get("seed")))
        self.pending = None
        if sending.what == "mark":
            self.kept.append((sending, outcome))
        self.take(said, begun, after=sending.task)
        return self.pause()

    def take(self, said: Mapping[str, Any], begun: float, after: str = "") -> None:
        tasks = said.get("tasks", [])
        if tasks:
            self.note(handed=[t["task"] for t in tasks], began=begun, after=after)
        on_hand = {t["task"] for t in self.hand}
        self.hand += [t for t in tasks if t["task"] not in on_hand]

    def post(self, client: httpx.Client, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]] | None:
        """The status and the reply; None where there was none, or the server could not."""
        return self._asked(lambda: client.post(path, json=body))

    def get(self, client: httpx.Client, path: str, **asked: Any) -> tuple[int, dict[str, Any]] | None:
        return self._asked(lambda: client.get(path, params=asked))

    def _asked(self, ask: Any) -> tuple[int, dict[str, Any]] | None:
        try:
            reply = ask()
            said = reply.json()
        except (httpx.TransportError, ValueError):
            return None
        if reply.status_code >= 500:
            return None
        self._in_vain = 0
        return reply.status_code, said

    def marks(self, group: str) -> dict[str, Any]:
        marks: dict[str, Any] = {}
        for item, full, steps in items_of(group):
            level = self._level()
            marks[item] = {step: str(round(level * most)) for step, most in steps} if steps else str(round(level * full))
        return marks

    def _level(self) -> float:
        if self.member.careless:
            return float(self.dice.randrange(2))
        return 0.0 if self.dice.random() < 0.03 else self.dice.choice(LEVELS)

    def new_key(self) -> str:
        self._keys += 1
        return f"browser-{self.number:03d}-{self._keys:06d}"

    def wait(self) -> float:
        """Nobody answers: longer each time."""
        self.asked_again += 1
        self._in_vain += 1
        return min(PATIENCE[1], PATIENCE[0] * (1 << min(self._in_vain, 10))) * self.dice.uniform(0.5, 1.0)

    def pause(self) -> float:
        return self.dice.uniform(*THINKS)

    def note(self, **line: Any) -> None:
        """On the disk before anything else happens."""
        with self.journal.open("ab", buffering=0) as file:
            file.write(json.dumps({"at": time.monotonic(), **line}).encode() + b"\n")
