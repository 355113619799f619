"""People who mark over HTTP while everything is killed under them.

Now and then a marker does what people do: revises, sends a mark twice, signs out and marks all the same, raises a problem.
Leaders and arbiters do their share of marking, and between it what benchmarks/chaos_marking_leaders.py has.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from benchmarks import chaos_marking_leaders as leaders
from benchmarks.chaos_marking_browser import IDLE, MARKING, Browser, Sending
from benchmarks.chaos_marking_exam import Member


def step(browser: Browser, client: httpx.Client) -> float:
    """One thing; how long to rest after it."""
    if browser.pending is not None:
        return browser.send(client, browser.pending)
    if browser.kept and browser.hand and browser.dice.random() < 0.04:
        return _once_more(browser, client)
    if browser.kept and browser.hand and browser.may_reopen and browser.dice.random() < 0.04:
        return _revise(browser, client)
    if browser.member.kind != "marker" and browser.dice.random() < leaders.SHARE:
        return leaders.lead(browser, client)
    if not browser.hand:
        return _ask(browser, client)
    if browser.dice.random() < 0.04:
        browser.post(client, f"{MARKING}/release", {})  # and marks what is on the screen all the same
    return _mark(browser, client, browser.hand.pop(0))


def _mark(browser: Browser, client: httpx.Client, task: Mapping[str, Any]) -> float:
    key, token = browser.new_key(), task["task"]
    if browser.member.kind == "marker" and browser.may_reopen and browser.dice.random() < 0.04:
        body = {"key": key, "task": token, "reason": "illegible"}
        return browser.begin(client, Sending("problem", f"{MARKING}/problem", body, key, token))
    body = {"key": key, "task": token, "marks": browser.marks(task["group"]), "seconds": 5.0, "hold": browser.dice.choice((1, 1, 2, 3))}
    return browser.begin(client, Sending("mark", f"{MARKING}/marks", body, key, token))


def _ask(browser: Browser, client: httpx.Client) -> float:
    begun, reply = time.monotonic(), browser.post(client, f"{MARKING}/next", {"hold": browser.dice.choice((1, 1, 2, 3))})
    if reply is None:
        return browser.wait()
    status, said = reply
    if status != 200:
        browser.note(unexpected=f"next: {status} {said.get('detail', said)}")
        return IDLE
    browser.take(said, begun)
    return browser.pause() if browser.hand else IDLE


def _once_more(browser: Browser, client: httpx.Client) -> float:
    """The same mark under the same key: a reply that was lost, a button that was pressed twice."""
    sending, outcome = browser.dice.choice(browser.kept)
    begun, reply = time.monotonic(), browser.post(client, sending.path, sending.body)
    if reply is None:
        return browser.wait()
    status, said = reply
    if status != 200 or said["saved"]["outcome"] != outcome:
        browser.note(unlike=sending.key, was=outcome, now=f"{status} {said.get('saved', said)}")
    else:
        browser.take(said, begun)
    return browser.pause()


def _revise(browser: Browser, client: httpx.Client) -> float:
    sending, _ = browser.dice.choice(browser.kept[-5:])
    key = browser.new_key()
    body = {"key": key, "task": sending.task, "marks": _others(sending.body["marks"])}
    return browser.begin(client, Sending("revise", f"{MARKING}/revise", body, key, sending.task))


def _others(marks: Mapping[str, Any]) -> dict[str, Any]:
    """A revision: one mark more where there was one less."""
    return {k: _others(v) if isinstance(v, dict) else str((int(v) + 1) % 4) for k, v in marks.items()}


def run(browser: Browser, stop: threading.Event) -> None:
    """Until there is nothing more to do, and everything that was sent is answered."""
    headers = {"Authorization": f"Bearer {browser.member.token}"}
    with httpx.Client(base_url=browser.url, headers=headers, timeout=20, trust_env=False) as client:
        while not stop.is_set() or browser.pending is not None:
            time.sleep(step(browser, client))


@dataclass
class Crew:
    browsers: list[Browser]
    calm: threading.Event
    stop: threading.Event = field(default_factory=threading.Event)
    threads: list[threading.Thread] = field(default_factory=list)

    @classmethod
    def gather(cls, members: list[Member], url: str, folder: Path, seed: str) -> Crew:
        folder.mkdir(parents=True, exist_ok=True)
        calm = threading.Event()
        pairs = [member for member in members for _ in range(member.browsers)]
        return cls(
            [Browser(m, n, url, folder / f"{n:03d}.jsonl", random.Random(f"{seed} {n}"), calm) for n, m in enumerate(pairs)], calm
        )  # fmt: skip

    def start(self) -> None:
        self.threads = [threading.Thread(target=run, args=(browser, self.stop), daemon=True) for browser in self.browsers]
        for thread in self.threads:
            thread.start()

    @property
    def is_calm(self) -> bool:
        """Told before this moment to open nothing again, and with nothing of that kind under way."""
        return self.calm.is_set() and not any(browser.is_reopening for browser in self.browsers)

    def go_home(self, deadline: float) -> bool:
        """Whether everybody got an answer to all that was sent, by then."""
        self.stop.set()
        for thread in self.threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in self.threads)
