"""Small exams of every kind, printed, filled, scanned and read by the engine itself: only the exam office is missing."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import select

from core.definition import RosterRow
from core.exam import ExamDefinition
from core.loading import ExpectedSheet, load_exam
from core.settings import Settings
from core.site import Site, open_site
from core.states import AttemptState, SheetState
from core.tables import AnswerRow, Attempt, Candidate, CandidateDetails, Page, Script, Sheet
from core.template import load_template
from omr import desk
from omr.copies import copies_of
from omr.jobs import read_attempt
from omr.print import print_sheets
from omr.sheet import lay_out
from scanner import intake
from scanner.simulator.run import simulate

Told = Mapping[str, Mapping[str, Any]]  # by serial: fields and groups


@dataclass
class Kind:
    """One exam with one paper: its printed sheets, and its installation."""

    site: Site
    folder: Path
    definition: ExamDefinition
    sheets: list[ExpectedSheet]
    exam_id: int

    def serial(self, candidate: int, index: int = 0) -> str:
        """The sheet `index` of the roster's row; of unnamed sheets the one that lies at that place in the stack."""
        return [s.serial for s in self.sheets if s.index == index and not s.extra][candidate]

    def extra(self) -> str:
        return next(s.serial for s in self.sheets if s.extra)

    def read(self, told: Told, batch: str = "b1", sides: Sequence[int] = ()) -> None:
        """The sheets of `told` are filled as it says, scanned without trouble, sent (or only these sides) and read."""
        with (self.folder / "a.csv").open("w", encoding="utf-8") as file:
            out = csv.writer(file)
            out.writerow(("sheet", "field", "value"))
            out.writerows((serial, field, value) for serial, fields in told.items() for field, value in fields.items())
        simulate(self.folder / "s.pdf", self.folder / "a.csv", self.folder / batch, trouble="none", seed=5)
        with (self.folder / batch / "frames.csv").open(encoding="utf-8", newline="") as file:
            frames = [f for f in csv.DictReader(file) if f["sheet"] in told and (not sides or int(f["side"]) in sides)]
        intake.open_batch(self.site, self.exam_id, "A", batch, {})
        for f in frames:
            data = (self.folder / batch / f["file"]).read_bytes()
            intake.receive(self.site, self.exam_id, "A", batch, int(f["sequence"]), int(f["face"]), data)
        intake.close_batch(self.site, self.exam_id, "A", batch, len(frames))
        self.read_what_waits()

    def read_what_waits(self) -> None:
        intake.dispatch(self.site, self.exam_id)
        with self.site.database.read() as session:
            attempts = list(session.scalars(select(Attempt.id).where(Attempt.state == AttemptState.QUEUED)))
        for attempt in attempts:
            read_attempt(self.site, attempt)

    def script(self, number: str) -> Script:
        with self.site.database.read() as session:
            query = select(Script).join(Candidate, Candidate.id == Script.candidate_id)
            query = query.join(CandidateDetails, CandidateDetails.candidate_id == Candidate.id)
            return session.scalars(query.where(CandidateDetails.number == number)).one()

    def answers(self, number: str) -> dict[str, str]:
        with self.site.database.read() as session:
            rows = session.scalars(select(AnswerRow).where(AnswerRow.script_id == self.script(number).id, AnswerRow.current))
            return {r.item: r.value for r in rows}

    def groups(self, number: str) -> list[str]:
        """The group of every region on pages that count for the candidate, in order."""
        with self.site.database.read() as session:
            query = select(Page.regions).join(Sheet, Sheet.id == Page.sheet_id).where(Sheet.script_id == self.script(number).id)
            query = query.where(Sheet.state == SheetState.ASSIGNED, Page.state == "read").order_by(Page.id)
            return [r["group"] for regions in session.scalars(query) for r in regions]

    def cases(self) -> list[desk.CaseView]:
        return desk.list_cases(self.site, self.exam_id)

    def resolve(self, case: desk.CaseView, action: str, **said: Any) -> None:
        desk.resolve(self.site, self.exam_id, "user:7", case.id, desk.Decision(action, **said), version=case.version)


def numbers(candidates: int) -> list[str]:
    return [f"2026{i:04d}" for i in range(candidates)]


def set_up(definition: ExamDefinition, folder: Path, *, candidates: int, redis_url: str, database_url: str) -> Kind:
    roster = [RosterRow(n, f"Name {n}", "School", "S", "1", "R1", str(i)) for i, n in enumerate(numbers(candidates))]
    (printed,) = print_sheets(definition, roster, folder / "s.pdf").papers
    (paper,) = definition.papers
    sheets = [
        ExpectedSheet(
            c.serial, paper.code, c.index, roster[c.row].number if c.row is not None and paper.sheet.personalised else None, c.extra
        )
        for c in copies_of(lay_out(definition, paper), 0, candidates)
    ]
    site = open_site(Settings.at(folder, database_url=database_url, redis_url=redis_url))
    exam = load_exam(site, definition, roster, {paper.code: load_template(printed.template)}, sheets, by="user:1")
    return Kind(site, folder, definition, sheets, exam.id)
