"""A small exam on paper whose template can be wrong: printed, filled and scanned once, read as often as a test wants."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import select

from core import ledger
from core.definition import RosterRow
from core.exam import ExamDefinition
from core.loading import ExpectedSheet, load_exam
from core.settings import Settings
from core.site import Site, open_site
from core.states import AttemptState, RereadState
from core.tables import AnswerRow, Attempt, CandidateDetails, RereadPage, Script
from core.template import Template, load_template
from omr import desk
from omr.desk import rereading, rereading_accept, rereading_list
from omr.desk.rereading_accept import Chosen
from omr.jobs import read_attempt
from omr.print import print_sheets
from omr.reread_jobs import read_chunk
from scanner import intake
from scanner.simulator.run import simulate
from tests.omr.hall import EXAM

NUMBERS = ("20260000", "20260001", "20260002")
ITEMS = [f"Q{n}" for n in range(1, 21)]
COLUMN = ITEMS[:5]
TOLD = {n: {item: "ABCD"[(i + k) % 4] for i, item in enumerate(ITEMS)} for k, n in enumerate(NUMBERS)}
PAPER: dict[str, Any] = EXAM["papers"][0] | {
    "objective": [{"items": "Q1-Q20", "options": "ABCD", "marks": 2, "keys": "ABCDABCDABABCDABCDAB"}],
    "sheet": {"size": "A4"},
}


@dataclass(frozen=True)
class Cards:
    definition: ExamDefinition
    roster: list[RosterRow]
    template: Template
    sheets: list[ExpectedSheet]
    frames: list[bytes]  # front and back of each card


def print_and_scan(folder: Path) -> Cards:
    definition = ExamDefinition.model_validate(EXAM | {"papers": [PAPER]})
    roster = [RosterRow(n, f"Name {n}", "School", "S", "1", "R1", str(i)) for i, n in enumerate(NUMBERS)]
    (paper,) = print_sheets(definition, roster, folder / "s.pdf").papers
    owners = {r["sheet"]: r["candidate"] for r in _rows(paper.list)}
    with (folder / "a.csv").open("w", encoding="utf-8") as file:
        out = csv.writer(file)
        out.writerow(("sheet", "field", "value"))
        for serial, number in sorted(owners.items()):
            out.writerows((serial, f, v) for f, v in {"number": number, "W1": 0.5, "W2": 0.5, **TOLD[number]}.items())
    simulate(paper.pdf, folder / "a.csv", folder / "sim", trouble="none", seed=3)
    scanned = sorted(_rows(folder / "sim" / "frames.csv"), key=lambda f: (f["sheet"], f["side"]))
    frames = [(folder / "sim" / f["file"]).read_bytes() for f in scanned]
    return Cards(definition, roster, load_template(paper.template), [ExpectedSheet(s, "P", 0, n) for s, n in owners.items()], frames)


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def column_off(template: Template, by: float) -> Template:
    """The first column of answers `by` millimetres to the right of where it is printed."""
    front = template.side(1)
    grids = tuple(g.model_copy(update={"origin": (g.origin[0] + by, g.origin[1])}) if COLUMN[0] in g.fields else g for g in front.grids)
    return template.model_copy(update={"sides": (front.model_copy(update={"grids": grids}), *template.sides[1:])})


def region_moved(template: Template, name: str, by: float) -> Template:
    """A region cut `by` millimetres lower."""
    sides = []
    for side in template.sides:
        boxes = {r.name: (r.box[0], r.box[1] + by, r.box[2], r.box[3] - by) for r in side.regions}
        regions = tuple(r.model_copy(update={"box": boxes[r.name]}) if r.name == name else r for r in side.regions)
        sides.append(side.model_copy(update={"regions": regions}))
    return template.model_copy(update={"sides": tuple(sides)})


@dataclass
class Room:
    site: Site
    exam_id: int

    def read(self, frames: list[bytes], batch: str = "b1") -> None:
        intake.open_batch(self.site, self.exam_id, "A", batch, {})
        for i, data in enumerate(frames):
            intake.receive(self.site, self.exam_id, "A", batch, 1 + i // 2, 1 + i % 2, data)
        intake.close_batch(self.site, self.exam_id, "A", batch, len(frames))
        self.read_what_waits()

    def read_what_waits(self) -> None:
        intake.dispatch(self.site, self.exam_id)
        with self.site.database.read() as session:
            attempts = list(session.scalars(select(Attempt.id).where(Attempt.state == AttemptState.QUEUED)))
        for attempt in attempts:
            read_attempt(self.site, attempt)

    def reread(self, template: Template | None = None) -> int:
        """The number of a rereading that has ended."""
        view = rereading.start(self.site, self.exam_id, "user:9", "P", template=template, reason="the first column was off")
        for first, last in self.chunks(view.id):
            read_chunk(self.site, view.id, first, last)
        return view.id

    def chunks(self, number: int) -> list[tuple[int, int]]:
        with self.site.database.read() as session:
            rows = list(session.scalars(select(RereadPage.id).where(RereadPage.rereading_id == number)))
        return [(min(rows), max(rows))] if rows else []

    def counts(self, number: int) -> dict[str, int]:
        return rereading.get_rereading(self.site, self.exam_id, number).counts

    def differences(self, number: int, state: RereadState = RereadState.DIFFERS) -> list[rereading_list.Difference]:
        return rereading_list.differences(self.site, self.exam_id, number, state=state)

    def accept(self, number: int, expected: int, **chosen: Any) -> rereading_accept.Settled:
        return rereading_accept.accept(self.site, self.exam_id, "user:9", number, Chosen(**chosen), expected=expected, reason="seen")

    def keep(self, number: int, expected: int, **chosen: Any) -> rereading_accept.Settled:
        return rereading_accept.keep(self.site, self.exam_id, "user:9", number, Chosen(**chosen), expected=expected)

    def take_back(self, number: int, expected: int, **chosen: Any) -> rereading_accept.Settled:
        return rereading_accept.take_back(self.site, self.exam_id, "user:9", number, Chosen(**chosen), expected=expected)

    def answers(self) -> dict[str, dict[str, tuple[str, str]]]:
        """{candidate: {item: (value, state)}} as it now counts."""
        found: dict[str, dict[str, tuple[str, str]]] = {n: {} for n in NUMBERS}
        with self.site.database.read() as session:
            query = (
                select(CandidateDetails.number, AnswerRow.item, AnswerRow.value, AnswerRow.state)
                .join(Script, Script.candidate_id == CandidateDetails.candidate_id)
                .join(AnswerRow, AnswerRow.script_id == Script.id)
                .where(AnswerRow.current)
            )
            for number, item, value, state in session.execute(query):
                found[number][item] = (value, str(state))
        return found

    def cases(self) -> list[desk.CaseView]:
        return list(desk.list_cases(self.site, self.exam_id))

    def decide(self, number: str, values: Mapping[str, str]) -> desk.CaseView:
        """A clerk settles what is asked about a candidate's card."""
        (case,) = [c for c in self.cases() if c.candidate == number]
        decision = desk.Decision("set_answer", values=values)
        return desk.resolve(self.site, self.exam_id, "user:7", case.id, decision, version=case.version)

    def entries(self, kind: str) -> list[dict[str, Any]]:
        with self.site.database.read() as session:
            assert [c for c in ledger.verify(session, self.exam_id) if c.fault] == []
            return [e for e in ledger.entries(session, self.exam_id) if e["kind"] == kind]


def open_room(cards: Cards, template: Template, folder: Path, database_url: str, redis_url: str) -> Room:
    site = open_site(Settings.at(folder, database_url=database_url, redis_url=redis_url))
    exam = load_exam(site, cards.definition, cards.roster, {"P": template}, cards.sheets, by="user:1")
    return Room(site, exam.id)


def truth(**people: Mapping[str, str]) -> dict[str, dict[str, tuple[str, str]]]:
    """What the candidates were told to mark, read by both readers; in `people`, by number, what a person said."""
    found = {n: {item: (value, "readers") for item, value in told.items()} for n, told in TOLD.items()}
    for name, said in people.items():
        found[name.removeprefix("n")] |= {item: (value, "person") for item, value in said.items()}
    return found
