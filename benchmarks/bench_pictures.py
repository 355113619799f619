"""How long a marker waits for the picture of the next task, from a folder store with packs, while others mark.

300 marks a second are offered, and the picture of each task that comes back is fetched at once over one of 64 connections. A
picture is a region of 1,400 by 300 pixels with handwriting, JPEG as readers cut it; 5,000 of them lie in packs of 500. Two web
processes, PostgreSQL, Valkey and the load share this machine's cores.
MARKHALL_PICTURES_SECONDS says how long.
"""

from __future__ import annotations

import os
import time
from collections import deque
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import simplejpeg
from sqlalchemy import text

from benchmarks.harness import Row
from benchmarks.installation import Installation
from benchmarks.lines import Line, Reply
from benchmarks.marking_exam import Marker, MarkingExam, add_markers, make_exam, scripts_for
from benchmarks.marking_house import marking_house, open_webs
from benchmarks.marking_load import Desk, Load, Markers
from core.pictures import keep_rows
from core.store import Kept
from marking.recover import recover

MARKERS, TASKS = 3500, 60_000
CONNECTIONS, MARKS = 64, 300  # of pictures; a second
PICTURES, DRAWN, PACK = 5000, 50, 500
WIDTH, HEIGHT, QUALITY = 1400, 300, 80
LONGEST = 20  # ms (p99)


@dataclass
class Fetched:
    waits: list[float] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def percentile(self, share: float) -> float:
        return Load(waits=self.waits).percentile(share)


class Pictures:
    """Fetches over a fixed number of connections; who finds none free waits for one."""

    def __init__(self, markers: Markers, address: str, *, connections: int = CONNECTIONS) -> None:
        self._lines = markers.lines
        self._free = deque(Line() for _ in range(connections))
        self._waiting: deque[tuple[bytes, float]] = deque()
        self._address = address
        self.fetched = Fetched()

    def shown(self, desk: Desk, task: dict[str, Any]) -> None:
        for picture in task["pictures"]:
            request = f"GET {picture['url']} HTTP/1.1\r\nHost: {self._address}\r\nAuthorization: Bearer {desk.marker.token}\r\n\r\n"
            self._waiting.append((request.encode(), time.perf_counter()))
        self._go()

    def _go(self) -> None:
        while self._free and self._waiting:
            line, (request, due) = self._free.popleft(), self._waiting.popleft()
            self._lines.ask(line, request, due, partial(self._got, line))

    def _got(self, line: Line, reply: Reply) -> None:
        self._free.append(line)
        self.fetched.waits.append(reply.seconds)
        if reply.status != 200 or reply.body[:2] != b"\xff\xd8":
            self.fetched.faults.append(f"a picture: status {reply.status}, {reply.body[:200]!r}")
        self._go()


def rows() -> list[Row]:
    seconds = float(os.environ.get("MARKHALL_PICTURES_SECONDS", "20"))
    with marking_house() as house:
        exam = make_exam(house.site, scripts_for(TASKS))
        people = add_markers(house.site, exam, MARKERS)
        size = put_pictures(house)
        recover(house.site, exam.exam_id)
        load, fetched, cpu = _measured(house, exam, people, seconds)
    for fault in [*load.faults, *fetched.faults][:20]:
        print(f"fault: {fault}")
    name = f"picture of a task, p99, {CONNECTIONS} connections beside {MARKS} marks/s"
    return [
        Row.judged(name, fetched.percentile(0.99), "below", LONGEST, "ms"),
        Row.told("... p50", fetched.percentile(0.5), "ms"),
        Row.told("... pictures a second", len(fetched.waits) / load.seconds, "1/s"),
        Row.told("... a picture", size / 1024, "KiB"),
        Row.told("... marks a second there", load.rate, "1/s"),
        Row.told("... p99 of a mark there", load.percentile(0.99), "ms"),
        Row.told("... CPU of the web processes, a mark with its picture", cpu, "ms"),
        Row.judged("... faults", len(load.faults) + len(fetched.faults), "below", 0, "faults"),
    ]  # fmt: skip


def _measured(house: Installation, exam: MarkingExam, people: list[Marker], seconds: float) -> tuple[Load, Fetched, float]:
    host, port = open_webs(house, 2)
    markers = Markers(host, port, people, exam.definition)
    pictures = Pictures(markers, f"{host}:{port}")
    try:
        markers.sit_down()
        markers.shown = pictures.shown
        markers.offered(MARKS, min(3.0, seconds))  # warm
        pictures.fetched = Fetched()
        before = house.cpu()
        load = markers.offered(MARKS, seconds)
        cpu = 1000 * (house.cpu()["web"] - before["web"]) / max(1, load.pairs)
        return load, pictures.fetched, cpu
    finally:
        markers.close()


def put_pictures(house: Installation) -> float:
    """Into packs, and named by the responses in turn; the mean size in bytes."""
    drawn = [handwriting(seed) for seed in range(DRAWN)]
    pictures = [drawn[n % DRAWN] + n.to_bytes(4, "big") for n in range(PICTURES)]  # what follows a JPEG's end nobody sees
    kept: list[Kept] = []
    for first in range(0, PICTURES, PACK):
        kept += house.site.store.put_pack(pictures[first : first + PACK])
    with house.site.database.write() as session:
        keep_rows(session, kept, "image/jpeg", house.site.now())
        session.execute(text("CREATE TEMPORARY TABLE named (n integer PRIMARY KEY, sha256 text) ON COMMIT DROP"))
        session.execute(text("INSERT INTO named VALUES (:n, :sha256)"), [{"n": n, "sha256": k.sha256} for n, k in enumerate(kept)])
        session.execute(
            text("UPDATE response_pictures p SET sha256 = named.sha256 FROM named WHERE named.n = p.response_id % :all"), {"all": len(kept)}
        )
    return sum(k.size for k in kept) / len(kept)


def handwriting(seed: int) -> bytes:
    """Six ruled lines of loops on grainy paper."""
    chance = np.random.default_rng(seed)
    page = chance.normal(238, 3, (HEIGHT, WIDTH))
    for line in range(6):
        base, along = 30 + 48 * line, np.arange(20, int(chance.integers(WIDTH // 2, WIDTH - 20)), 0.2)
        height = base + 11 * np.sin(along / 6.1 + chance.random() * 9) + 5 * np.sin(along / 2.3) + 3 * np.sin(along / 41)
        x, y = (along + 7 * np.sin(along / 5.2)).astype(int).clip(1, WIDTH - 2), height.astype(int).clip(1, HEIGHT - 2)
        for down in (0, 1):
            for right in (0, 1):
                page[y + down, x + right] = chance.normal(60, 12, x.shape)
    grey = page.clip(0, 255).astype(np.uint8)[:, :, None]
    return bytes(simplejpeg.encode_jpeg(np.ascontiguousarray(grey), quality=QUALITY, colorspace="GRAY"))
