"""People who mark over HTTP while everything is killed under them, and what each browser wrote down on its own disk.

A browser does one thing after the other. What it has sent and not been answered it sends again, under the same key, until it
is told yes or no. Now and then it does what people do: revises, sends a mark twice, signs out and marks all the same, raises
a problem. Its journal is the witness: what it was handed, what it sent, what was acknowledged or refused.
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

THINKS = (0.02, 0.25)  # seconds before the next thing
IDLE = 0.4  # seconds where nothing waits
PATIENCE = (0.05, 0.8)  # seconds after the first request that was not answered, and after many
LEVELS = (0.3, 0.4, 0.5, 0.6, 0.7)  # of full marks: near enough for pairs, far enough for third marks


@dataclass(slots=True)
class Sending:
    """Something that will be sent until it is answered."""

    what: str  # mark, revise, problem, resolve
    path: str
    body: dict[str, Any]
    task: str = ""

    @property
    def key(self) -> str:
        return str(self.body["key"])


@dataclass
class Browser:
    member: Member
    number: int
    url: str
    journal: Path
    dice: random.Random
    hand: list[dict[str, Any]] = field(default_factory=list)
    pending: Sending | None = None
    kept: list[tuple[Sending, str]] = field(default_factory=list)  # marks, with what was said of them
    asked_again: int = 0
    _in_vain: int = 0  # requests since the last answer
    _keys: int = 0

    def run(self, stop: threading.Event) -> None:
        """Until there is nothing more to do, and everything that was sent is answered."""
        headers = {"Authorization": f"Bearer {self.member.token}"}
        with httpx.Client(base_url=self.url, headers=headers, timeout=20, trust_env=False) as client:
            while not stop.is_set() or self.pending is not None:
                time.sleep(self.step(client))

    def step(self, client: httpx.Client) -> float:
        """One thing; how long to rest after it."""
        if self.pending is not None:
            return self._send(client, self.pending)
        if self.kept and self.hand and self.dice.random() < 0.04:
            return self._once_more(client)
        if self.kept and self.hand and self.dice.random() < 0.04:  # not without end: who has nothing to do revises nothing
            return self._revise(client)
        if self.member.kind != "marker" and self.dice.random() < 0.3:
            return self._look_at_problems(client)
        if not self.hand:
            return self._ask(client)
        if self.dice.random() < 0.04:
            self._post(client, "release", {})  # and marks what is on the screen all the same
        task = self.hand.pop(0)
        if self.member.kind == "marker" and self.dice.random() < 0.04:
            return self._begin(client, Sending("problem", "problem", self._keyed(task=task["task"], reason="illegible"), task["task"]))
        body = self._keyed(task=task["task"], marks=self._marks(task["group"]), seconds=5.0, hold=self.dice.choice((1, 1, 2, 3)))
        return self._begin(client, Sending("mark", "marks", body, task["task"]))

    def _begin(self, client: httpx.Client, sending: Sending) -> float:
        self.pending = sending
        self._note(sent=sending.key, what=sending.what, task=sending.task, marks=sending.body.get("marks"))
        return self._send(client, sending)

    def _send(self, client: httpx.Client, sending: Sending) -> float:
        begun, reply = time.monotonic(), self._post(client, sending.path, sending.body)
        if reply is None:
            return self._wait()
        self.pending = None
        status, said = reply
        if status != 200:
            self._note(refused=sending.key, status=status, why=str(said.get("detail", said))[:200])
            return self._pause()
        outcome = str(said.get("saved", {}).get("outcome", "done"))
        self._note(kept=sending.key, outcome=outcome)
        if sending.what == "mark":
            self.kept.append((sending, outcome))
        self._take(said, begun, after=sending.task)
        return self._pause()

    def _ask(self, client: httpx.Client) -> float:
        begun, reply = time.monotonic(), self._post(client, "next", {"hold": self.dice.choice((1, 1, 2, 3))})
        if reply is None:
            return self._wait()
        status, said = reply
        if status != 200:
            self._note(unexpected=f"next: {status} {said.get('detail', said)}")
            return IDLE
        self._take(said, begun)
        return self._pause() if self.hand else IDLE

    def _once_more(self, client: httpx.Client) -> float:
        """The same mark under the same key: a reply that was lost, a button that was pressed twice."""
        sending, outcome = self.dice.choice(self.kept)
        begun, reply = time.monotonic(), self._post(client, sending.path, sending.body)
        if reply is None:
            return self._wait()
        status, said = reply
        if status != 200 or said["saved"]["outcome"] != outcome:
            self._note(unlike=sending.key, was=outcome, now=f"{status} {said.get('saved', said)}")
        else:
            self._take(said, begun)
        return self._pause()

    def _revise(self, client: httpx.Client) -> float:
        sending, _ = self.dice.choice(self.kept[-5:])
        body = self._keyed(task=sending.task, marks=_others(sending.body["marks"]))
        return self._begin(client, Sending("revise", "revise", body, sending.task))

    def _look_at_problems(self, client: httpx.Client) -> float:
        try:
            found = client.get(f"/api/marking/{_EXAM}/problems").json().get("problems", [])
        except (httpx.TransportError, ValueError):
            return self._wait()
        if not found:
            return self._pause()
        problem = self.dice.choice(found)
        body = self._keyed(action="back") if self.dice.random() < 0.6 else self._keyed(action="mark", marks=self._marks(problem["group"]))
        return self._begin(client, Sending("resolve", f"problems/{problem['id']}/resolve", body))

    def _take(self, said: Mapping[str, Any], begun: float, after: str = "") -> None:
        tasks = said.get("tasks", [])
        if tasks:
            self._note(handed=[t["task"] for t in tasks], began=begun, after=after)
        on_hand = {t["task"] for t in self.hand}
        self.hand += [t for t in tasks if t["task"] not in on_hand]

    def _post(self, client: httpx.Client, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]] | None:
        """The status and the reply; None where there was none, or the server could not."""
        try:
            reply = client.post(f"/api/marking/{_EXAM}/{path}", json=body)
            said = reply.json()
        except (httpx.TransportError, ValueError):
            return None
        if reply.status_code >= 500:
            return None
        self._in_vain = 0
        return reply.status_code, said

    def _marks(self, group: str) -> dict[str, Any]:
        marks: dict[str, Any] = {}
        for item, full, steps in items_of(group):
            level = 0.0 if self.dice.random() < 0.03 else self.dice.choice(LEVELS)
            marks[item] = {step: str(round(level * most)) for step, most in steps} if steps else str(round(level * full))
        return marks

    def _keyed(self, **body: Any) -> dict[str, Any]:
        self._keys += 1
        return {"key": f"browser-{self.number:03d}-{self._keys:06d}", **body}

    def _wait(self) -> float:
        """Nobody answers: longer each time."""
        self.asked_again += 1
        self._in_vain += 1
        return min(PATIENCE[1], PATIENCE[0] * (1 << min(self._in_vain, 10))) * self.dice.uniform(0.5, 1.0)

    def _pause(self) -> float:
        return self.dice.uniform(*THINKS)

    def _note(self, **line: Any) -> None:
        """On the disk before anything else happens."""
        with self.journal.open("ab", buffering=0) as file:
            file.write(json.dumps({"at": time.monotonic(), **line}).encode() + b"\n")


_EXAM = "CHAOS"


def _others(marks: Mapping[str, Any]) -> dict[str, Any]:
    """A revision: one mark more where there was one less."""
    return {k: _others(v) if isinstance(v, dict) else str((int(v) + 1) % 4) for k, v in marks.items()}


@dataclass
class Crew:
    browsers: list[Browser]
    stop: threading.Event = field(default_factory=threading.Event)
    threads: list[threading.Thread] = field(default_factory=list)

    @classmethod
    def gather(cls, members: list[Member], url: str, folder: Path, seed: str) -> Crew:
        folder.mkdir(parents=True, exist_ok=True)
        pairs = [member for member in members for _ in range(member.browsers)]
        return cls(
            [Browser(m, n, url, folder / f"{n:03d}.jsonl", random.Random(f"{seed} {n}")) for n, m in enumerate(pairs)]
        )  # fmt: skip

    def start(self) -> None:
        self.threads = [threading.Thread(target=browser.run, args=(self.stop,), daemon=True) for browser in self.browsers]
        for thread in self.threads:
            thread.start()

    def go_home(self, deadline: float) -> bool:
        """Whether everybody got an answer to all that was sent, by then."""
        self.stop.set()
        for thread in self.threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in self.threads)
