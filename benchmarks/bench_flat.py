"""What a page costs while an exam grows: taking in, giving out, filing and sweeping at 1,000 to 100,000 pages.

The reading of pixels does not know how many pages came before, and would only hide what grows: it is left out here, and
each frame says what a reader would find on it. Database, store and queue are real. CPU time of all of them counts.
MARKHALL_FLAT_PAGES says how far it goes (default 20,000; SQLite as far as 20,000).
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from unittest.mock import patch

from sqlalchemy import select

import marking.intake
from benchmarks.harness import Row
from benchmarks.installation import Installation, cpu_seconds, installation
from core.definition import RosterRow
from core.exam import ExamDefinition
from core.ids import PageCode
from core.loading import ExpectedSheet, load_exam
from core.serials import serial_of
from core.states import AttemptState
from core.tables import Attempt, Page
from omr import jobs
from omr.desk.forms import Forms
from omr.filing import FrameResult
from omr.frames import Frame, Read
from omr.sheet import lay_out
from scanner import intake
from scanner.intake.arriving import ArrivingFrame
from scanner.intake.group import take_in

GOAL = 1.02
WINDOWS = (1_000, 3_000, 10_000, 30_000, 100_000)
SQLITE_PAGES = 20_000
GROUP = 16  # frames that a busy web process takes in together
BATCH = 500  # pages a batch, and between two sweeps
ITEMS = 10
PICTURE = bytes(2000)
EXAM = {
    "exam": "FLAT",
    "title": "Flat",
    "papers": [
        {
            "code": "P",
            "title": "P",
            "sheet": {"duplex": False, "number": {"digits": 8, "barcode": "printed", "grid": False}, "absent_box": False},
            "objective": [{"items": f"Q1-Q{ITEMS}", "options": "ABCD", "marks": 1, "keys": "A" * ITEMS}],
        }
    ],
}


@dataclass(frozen=True)
class At:
    """So many pages have cost so many CPU seconds."""

    pages: int
    seconds: float


def rows() -> list[Row]:
    pages = int(os.environ.get("MARKHALL_FLAT_PAGES", "20000"))
    return _rows("PostgreSQL", grow(pages, postgres=True)) + _rows("SQLite", grow(min(pages, SQLITE_PAGES), postgres=False))


def _rows(database: str, reached: list[At]) -> list[Row]:
    last = At(0, 0.0)
    told = []
    for at in reached:
        cost = 1000 * (at.seconds - last.seconds) / (at.pages - last.pages)
        told.append(Row.told(f"... {database}, pages {last.pages + 1:,} to {at.pages:,}", cost, "ms CPU a page"))
        last = at
    name = f"total cost grows with the pages to the power of, {database} to {last.pages:,}"
    return [Row.judged(name, exponent(reached), "below", GOAL, "exponent"), *told]


def exponent(reached: list[At]) -> float:
    """The slope of total cost over pages, both as logarithms, by least squares."""
    xs, ys = [math.log(at.pages) for at in reached], [math.log(at.seconds) for at in reached]
    mx, my = sum(xs) / len(xs), sum(ys) / len(ys)
    return sum((x - mx) * (y - my) for x, y in zip(xs, ys, strict=True)) / sum((x - mx) ** 2 for x in xs)


def grow(pages: int, *, postgres: bool) -> list[At]:
    """One database that grows to so many pages; what they had cost at each window's end."""
    windows = [n for n in WINDOWS if n < pages] + [pages]
    with installation(postgres=postgres) as house:
        exam_id = _load(house, pages + BATCH)
        _bring(house, exam_id, range(pages, pages + BATCH))  # what is done once in a process
        begun, reached = _cpu(house), []
        for first in range(0, pages, BATCH):
            last = min(first + BATCH, pages)
            _bring(house, exam_id, range(first, last))
            if any(first < n <= last for n in windows):
                reached.append(At(last, _cpu(house) - begun))
        with house.site.database.read() as session:
            assert len(session.scalars(select(Page.id)).all()) == pages + BATCH, "a page was not read"
    return reached


def _cpu(house: Installation) -> float:
    return time.process_time() + sum(cpu_seconds(process.pid) for _, process in house.processes)


def _load(house: Installation, candidates: int) -> int:
    definition = ExamDefinition.model_validate(EXAM)
    template = lay_out(definition, definition.papers[0]).template
    numbers = [_number(i) for i in range(candidates)]
    roster = [RosterRow(n, n, "S", "S", "1", f"R{i // 30}", str(i % 30)) for i, n in enumerate(numbers)]
    sheets = [ExpectedSheet(serial_of(0, i, 0), "P", 0, n) for i, n in enumerate(numbers)]
    return load_exam(house.site, definition, roster, {"P": template}, sheets, by="benchmark").id


def _number(candidate: int) -> str:
    return f"{candidate:08d}"


def _bring(house: Installation, exam_id: int, candidates: range) -> None:
    """A batch comes and is read: as web process, sweeper and reader do it, one after the other."""
    site, batch = house.site, f"b{candidates.start}"
    intake.open_batch(site, exam_id, "A", batch, {})
    for group in _groups(exam_id, batch, candidates):
        assert not [a for a in take_in(site, group) if isinstance(a, Exception)]
    intake.close_batch(site, exam_id, "A", batch, len(candidates))
    with patch.object(jobs, "read_frame", _read_frame):
        while True:
            intake.sweep(site, exam_id, quiet=timedelta(seconds=1e6))
            marking.intake.sweep(site, exam_id)
            with site.database.read() as session:
                waiting = select(Attempt.id).where(Attempt.exam_id == exam_id, Attempt.state == AttemptState.QUEUED)
                queued = session.scalars(waiting).all()
            if not queued:
                break
            for attempt in queued:
                jobs.read_attempt(site, attempt)
    site.redis.flushall()  # no reader takes the jobs out of the queue here


def _groups(exam_id: int, batch: str, candidates: range) -> Iterator[list[ArrivingFrame]]:
    for first in range(candidates.start, candidates.stop, GROUP):
        some = range(first, min(first + GROUP, candidates.stop))
        frames = ((i - candidates.start + 1, json.dumps([i]).encode() + PICTURE) for i in some)
        yield [ArrivingFrame(exam_id, "A", batch, sequence, 1, data) for sequence, data in frames]


def _read_frame(data: bytes, frame: Frame, forms: Forms) -> Read:
    """What a reader would find: the frame says whose it is."""
    (candidate,) = json.loads(data[: data.index(b"]") + 1])
    side = forms.template("P").side(1)
    said = {c.name: _number(candidate) for c in side.codes if c.role != "page"}
    said |= {name: "ABCD"[(candidate + i) % 4] for i, name in enumerate(f for g in side.grids for f in g.fields)}
    fields = {name: {"value": v, "first": v, "second": v, "doubt": False, "p_wrong": 1e-6, "why": ""} for name, v in said.items()}
    code = PageCode("FLAT", "P", "1", serial_of(0, candidate, 0), 1)
    template_id = forms.templates["P"][0]
    return Read(FrameResult(frame.receipt_id, code=code, paper="P", template_id=template_id, side=1, fields=fields, evidence={"turn": 0}))
