"""Simulated markers: they see what a person sees, a picture, and mark it over HTTP with a known severity.

A marker judges by how far down the space is written, adds a severity and a noise of its own, and types. Each keeps
a journal, so that a marker who was cut off says the same thing again under the same key.
"""

from __future__ import annotations

import io
import random
import threading
import time
import uuid
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx

from api.demo.journal import Journal
from core.errors import Unavailable

HOLD = 2
INK = 70  # grey levels below the paper
ROW_HEIGHT = 9 / 170  # of the picture's width: the ruling's pitch
CELLS = 20
FULL_ROW = 0.92


@dataclass(frozen=True, slots=True)
class Persona:
    """Who marks, and how: severity and noise as shares of the full marks."""

    login: str
    role: str
    severity: float
    noise: float


PERSONAS = (
    Persona("marker1", "marker", 0.00, 0.03),
    Persona("marker2", "marker", -0.05, 0.04),
    Persona("marker3", "marker", 0.05, 0.04),
    Persona("marker4", "marker", -0.09, 0.05),
    Persona("marker5", "marker", 0.02, 0.12),
    Persona("marker6", "marker", 0.00, 0.05),
    Persona("leader1", "leader", 0.00, 0.02),
    Persona("arbiter1", "arbiter", 0.00, 0.01),
)


def written_share(picture: bytes) -> float:
    """How much of the space is written on, 0 to 1: of its rows, as high as the ruling, the share that holds strokes.

    Looks at half the resolution. A row is cut into cells; a cell is written on when one pixel in a hundred is much
    darker than the paper, which printed rules are not. A row that is full of writing has gaps between its words.
    """
    import numpy as np
    from PIL import Image

    with Image.open(io.BytesIO(picture)) as image:
        image.draft("L", (image.width // 2, image.height // 2))
        grey = np.asarray(image.convert("L"), dtype=np.int16)
    height, width = grey.shape
    edge = width // 40
    dark = grey[edge // 2 : height - edge // 2, edge : width - edge] < np.median(grey) - INK
    rows = max(1, round(height / (width * ROW_HEIGHT)))
    high, wide = dark.shape[0] // rows, dark.shape[1] // CELLS
    cells = dark[: rows * high, : CELLS * wide].reshape(rows, high, CELLS, wide)
    written = float((cells.mean(axis=(1, 3)) > 0.01).mean())
    return min(1.0, written / FULL_ROW)


class Marker:
    """One signed-in person at one client."""

    def __init__(self, persona: Persona, url: str, exam: str, password: str, folder: Path, seed: int) -> None:
        self.persona = persona
        self.journal = Journal(folder / f"{persona.login}.jsonl")
        self.marked = sum(1 for line in self.journal.lines if line["what"] == "reply")
        self._exam = exam
        self._draw = random.Random(f"{seed} {persona.login} {self.marked}")
        self._client = httpx.Client(base_url=url, timeout=60)
        reply = self._post("/api/session", {"login": persona.login, "password": password})
        self._client.headers["Authorization"] = f"Bearer {reply['token']}"

    def work(self, finished: threading.Event) -> None:
        """Mark until told that all is marked."""
        for intent in self.journal.unanswered():
            self._send(intent)
        tasks: list[dict[str, Any]] = []
        while not finished.is_set():
            if not tasks:
                tasks = self._next()
            if not tasks:
                finished.wait(0.25)
                continue
            tasks = self._mark(tasks[0])
        self._client.delete("/api/session")
        self._client.close()
        self.journal.close()

    def _mark(self, task: dict[str, Any]) -> list[dict[str, Any]]:
        started = time.monotonic()
        pictures = [self._picture(p["url"]) for p in task["pictures"]]
        if None in pictures:
            return self._next()
        shares = [written_share(p) for p in pictures if p is not None]
        share = sum(shares) / len(shares)
        intent = {
            "what": "intent",
            "key": str(uuid.uuid4()),
            "task": task["task"],
            "level": task["level"],
            "share": round(share, 4),
            "marks": {item["id"]: self._judge(item, share) for item in task["items"]},
            "seconds": 0.0,
        }
        self.journal.write(intent)
        intent["seconds"] = round(time.monotonic() - started, 3)
        return self._send(intent)

    def _send(self, intent: dict[str, Any]) -> list[dict[str, Any]]:
        body = {k: intent[k] for k in ("task", "key", "marks", "seconds")} | {"hold": HOLD}
        reply = self._post(f"/api/marking/{self._exam}/marks", body)
        self.journal.write({"what": "reply", "key": intent["key"], "outcome": reply["saved"]["outcome"]})
        self.marked += 1
        tasks: list[dict[str, Any]] = reply["tasks"]
        return tasks

    def _judge(self, item: dict[str, Any], share: float) -> str | dict[str, str]:
        if item.get("steps"):
            return {s["id"]: self._one(s["full"], item["step"], share) for s in item["steps"]}
        return self._one(item["full"], item["step"], share)

    def _one(self, full: str, step: str, share: float) -> str:
        if share < 0.02:
            return "0"
        wanted = share + self.persona.severity + self._draw.gauss(0, self.persona.noise)
        steps = round(wanted * float(full) / float(step))
        mark = min(Decimal(full), max(Decimal(0), steps * Decimal(step)))
        return format(mark.normalize(), "f")

    def _next(self) -> list[dict[str, Any]]:
        tasks: list[dict[str, Any]] = self._post(f"/api/marking/{self._exam}/next", {"hold": HOLD})["tasks"]
        return tasks

    def _picture(self, url: str) -> bytes | None:
        """The picture, or None when the task was withdrawn meanwhile: others' marks may settle a response that is held."""
        reply = self._client.get(url)
        if reply.status_code == httpx.codes.NOT_FOUND:
            return None
        reply.raise_for_status()
        return reply.content

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        reply = self._client.post(path, json=body)
        if reply.is_error:
            raise Unavailable(f"the server refused {path}: {reply.text[:300]}", where=self.persona.login)
        answer: dict[str, Any] = reply.json()
        return answer
