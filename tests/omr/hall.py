"""A small exam for tests of intake and desk: a few candidates, one duplex sheet each, frames whose reading is told.

The store, the database and the queue server are real; only what a reader would see on the paper is made up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from core import ledger
from core.definition import RosterRow
from core.exam import ExamDefinition
from core.ids import PageCode
from core.loading import ExpectedSheet, load_exam
from core.serials import serial_of
from core.settings import Settings
from core.site import Site, open_site
from core.states import AttemptState, BatchState, ReceiptState
from core.tables import AnswerRow, Attempt, Batch, Page, Receipt, Script, Sheet
from core.template import Template
from omr import desk
from omr.desk.work import READERS, begin_work
from omr.filing import FrameResult, file_chunk
from omr.sheet import lay_out
from scanner import intake
from scanner.intake import take_turn
from scanner.intake.attempts import LEASE

INK = 0.05
Fields = Mapping[str, str]
EXAM: dict[str, Any] = {
    "exam": "T1",
    "title": "Test",
    "papers": [
        {
            "code": "P",
            "title": "Physics",
            "objective": [{"items": "Q1-Q2", "options": "ABCD", "marks": 2, "keys": "AB"}],
            "written": [
                {"id": "W1", "title": "One", "items": [{"id": "w1", "marks": 10}], "height_mm": 60},
                {"id": "W2", "title": "Two", "items": [{"id": "w2", "marks": 10}], "height_mm": 190},
            ],
        }
    ],
}


@dataclass
class Clock:
    """Time moves when a test says so."""

    time: datetime = datetime(2026, 6, 7, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time

    def pass_seconds(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


@dataclass
class Hall:
    site: Site
    exam_id: int
    clock: Clock
    definition: ExamDefinition
    template: Template
    numbers: list[str]
    sent: int = 0
    batch: int = 1  # the one that frames go to
    told: dict[int, FrameResult] = field(default_factory=dict)

    def serial(self, candidate: int) -> str:
        return serial_of(0, candidate, 0)

    def reading(self, candidate: int, side: int, fields: Fields | None = None, **changes: Any) -> dict[str, Any]:
        """What a reader makes of a clean side. `fields` replaces answers; a value with a trailing `?` is in doubt."""
        on_side = self.template.side(side)
        said: dict[str, str] = {
            "barcode": self.numbers[candidate],
            "number": self.numbers[candidate],
            "Q1": "A",
            "Q2": "B",
            "absent": "",
        } | dict(fields or {})
        names = [c.name for c in on_side.codes if c.role != "page"] + [f for g in on_side.grids for f in g.fields]
        return {
            "code": PageCode("T1", "P", "1", self.serial(candidate), side),
            "paper": "P",
            "template_id": 1,
            "side": side,
            "fields": {n: _field(said[n]) for n in names},
            "regions": [
                {"name": r.name, "group": r.group, "sha256": "0" * 64, "width": 9, "height": 9, "ink": INK} for r in on_side.regions
            ],
            "evidence": {"turn": 0},
        } | changes

    def send(self, reading: Mapping[str, Any], *, batch: str = "", data: bytes | None = None, face: int | None = None) -> int:
        """A frame arrives; what the reader will see on it is remembered. Its receipt."""
        batch = batch or f"b{self.batch}"
        intake.open_batch(self.site, self.exam_id, "A", batch, {})
        self.sent += 1
        sequence, at = (self.sent + 1) // 2, face or 2 - self.sent % 2
        view = intake.receive(self.site, self.exam_id, "A", batch, sequence, at, data or f"frame {self.sent}".encode())
        self.told[view.receipt] = FrameResult(receipt_id=view.receipt, **reading)
        return view.receipt

    def send_card(self, candidate: int, fields: Fields | None = None) -> tuple[int, int]:
        self.sent += self.sent % 2
        return self.send(self.reading(candidate, 1, fields)), self.send(self.reading(candidate, 2))

    def send_many(self, frames: int) -> None:
        """First sides of the first card, again and again."""
        for _ in range(frames):
            self.send(self.reading(0, 1))

    def close(self, batch: str = "b1") -> None:
        with self.site.database.read() as session:
            frames = len(session.scalars(select(Receipt.id).join(Batch).where(Batch.name == batch)).all())
        intake.close_batch(self.site, self.exam_id, "A", batch, frames)

    def scanning_is_over(self) -> None:
        """Stations close what is open, and a person says that there is no more. Frames that come all the same are another batch."""
        with self.site.database.read() as session:
            still_open = list(session.scalars(select(Batch.name).where(Batch.state == BatchState.OPEN)))
        for batch in still_open:
            self.close(batch)
        self.batch += 1
        intake.say_scanned(self.site, self.exam_id, [], by="user:1")
        self.clock.pass_seconds(5)

    def look_for_missing(self) -> int:
        self.scanning_is_over()
        return desk.look_for_missing(self.site, self.exam_id)

    def read(self) -> None:
        """Give out and file all frames that wait, as readers would."""
        self.clock.pass_seconds(5)
        intake.dispatch(self.site, self.exam_id)
        for attempt in self.attempts(AttemptState.QUEUED):
            self.file(attempt)

    def attempts(self, state: AttemptState) -> list[str]:
        with self.site.database.read() as session:
            return list(session.scalars(select(Attempt.id).where(Attempt.state == state).order_by(Attempt.queued_at, Attempt.id)))

    def frames_of(self, attempt: str) -> list[int]:
        with self.site.database.read() as session:
            return list(session.scalars(select(Receipt.id).where(Receipt.attempt_id == attempt).order_by(Receipt.id)))

    def start(self, attempt: str) -> None:
        with self.site.database.write() as session:
            row = session.get_one(Attempt, attempt)
            row.state, row.lease_until = AttemptState.RUNNING, self.clock() + LEASE

    def file(self, attempt: str, frames: list[int] | None = None) -> dict[str, int]:
        """What a reader does at the end of an attempt; `frames`: those that it was given when it began."""
        results = [self.told[r] for r in (frames if frames is not None else self.frames_of(attempt))]
        with self.site.database.write() as session:
            exam = take_turn(session, self.exam_id)
            row = session.get_one(Attempt, attempt)
            filed = file_chunk(begin_work(session, exam, READERS, self.clock()), attempt, results)
            if row.state is not AttemptState.LOST:
                row.state = AttemptState.DONE
        return filed

    def scan(self, *cards: tuple[int, Fields | None]) -> list[int]:
        """Whole cards come and are read; their receipts."""
        receipts = [r for candidate, fields in cards for r in self.send_card(candidate, fields)]
        self.read()
        return receipts

    # What a test asks.

    def entries(self, kind: str) -> list[dict[str, Any]]:
        """The ledger's entries of a kind; the ledger is whole."""
        with self.site.database.read() as session:
            assert [c for c in ledger.verify(session, self.exam_id) if c.fault] == []
            return [e for e in ledger.entries(session, self.exam_id) if e["kind"] == kind]

    def cases(self) -> list[desk.CaseView]:
        return desk.list_cases(self.site, self.exam_id)

    def case(self, kind: str) -> desk.CaseView:
        (found,) = [c for c in self.cases() if c.kind == kind]
        return found

    def resolve(self, case: desk.CaseView, action: str, **said: Any) -> desk.CaseView:
        return desk.resolve(self.site, self.exam_id, "user:7", case.id, desk.Decision(action, **said), version=case.version)

    def undo(self, case: desk.CaseView) -> desk.CaseView:
        return desk.undo(self.site, self.exam_id, "user:7", case.id)

    def state(self, receipt: int) -> ReceiptState:
        with self.site.database.read() as session:
            return session.get_one(Receipt, receipt).state

    def script(self, candidate: int) -> Script:
        with self.site.database.read() as session:
            sheet = session.scalars(select(Sheet).where(Sheet.serial == self.serial(candidate))).one()
            query = select(Script).where(Script.candidate_id == sheet.printed_for)
            return session.scalars(query).one()

    def answers(self, candidate: int) -> dict[str, tuple[str, str]]:
        """{item: (value, state)} as it now counts."""
        with self.site.database.read() as session:
            rows = session.scalars(select(AnswerRow).where(AnswerRow.script_id == self.script(candidate).id, AnswerRow.current))
            return {r.item: (r.value, str(r.state)) for r in rows}

    def snapshot(self) -> dict[str, Any]:
        """What decisions change, without versions and times: to see that an undo puts it back."""
        with self.site.database.read() as session:
            return {
                "receipts": {r.id: (r.state, r.duplicate_of) for r in session.scalars(select(Receipt))},
                "pages": {p.id: p.state for p in session.scalars(select(Page))},
                "sheets": {s.serial: (s.state, s.script_id) for s in session.scalars(select(Sheet))},
                "scripts": {s.id: (s.state, s.paper_type, dict(s.chosen)) for s in session.scalars(select(Script))},
                "answers": {(a.script_id, a.item): (a.value, a.state) for a in session.scalars(select(AnswerRow).where(AnswerRow.current))},
                "cases": {c.id: c.kind for c in self.cases()},
            }

    def conservation(self) -> intake.Conservation:
        with self.site.database.read() as session:
            return intake.conservation(session, self.exam_id)


def _field(text: str) -> dict[str, Any]:
    value, doubt = text.removesuffix("?"), text.endswith("?")
    why = "too faint to be sure" if doubt else ""
    return {"value": value, "first": value, "second": "" if doubt else value, "doubt": doubt, "p_wrong": 0.3 if doubt else 1e-6, "why": why}


def without_ink(reading: dict[str, Any]) -> dict[str, Any]:
    return reading | {"regions": [r | {"ink": 0.0005} for r in reading["regions"]]}


def open_hall(database_url: str, redis_url: str, folder: Path, *, candidates: int = 3, changes: Mapping[str, Any] | None = None) -> Hall:
    body = EXAM | {"papers": [EXAM["papers"][0] | dict(changes or {})]}
    definition = ExamDefinition.model_validate(body)
    template = lay_out(definition, definition.papers[0]).template
    numbers = [f"2026{i:04d}" for i in range(candidates)]
    clock = Clock()
    site = open_site(Settings.at(folder, database_url=database_url, redis_url=redis_url), now=clock)
    roster = [RosterRow(n, f"Name {n}", "School", "S", "1", "R1", str(i)) for i, n in enumerate(numbers)]
    personalised = definition.papers[0].sheet.personalised
    sheets = [ExpectedSheet(serial_of(0, i, 0), "P", 0, n if personalised else None) for i, n in enumerate(numbers)]
    exam = load_exam(site, definition, roster, {"P": template}, sheets, by="user:1")
    return Hall(site, exam.id, clock, definition, template, numbers)


@pytest.fixture
def hall(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[Hall]:
    """Where a test file has none of its own."""
    opened = open_hall(database_url, redis_url, tmp_path, candidates=4)
    yield opened
    opened.site.close()
