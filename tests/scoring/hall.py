"""A small exam as the earlier stages leave it: rows and ledger entries written as their contract says, marks by the real writer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core import ledger
from core.definition import RosterRow, parse_definition
from core.exam import ExamDefinition
from core.ids import new_token
from core.loading import ExpectedSheet, exam_by_code, load_exam
from core.settings import Settings
from core.site import Site, open_site
from core.states import (
    AnswerState,
    BatchState,
    PageState,
    ReceiptState,
    ScriptState,
    TaskLevel,
    TaskState,
)
from core.tables import (
    AnswerRow,
    Batch,
    CandidateDetails,
    Exam,
    Page,
    Receipt,
    Response,
    ResponsePicture,
    Role,
    Script,
    Sheet,
    SheetAssignment,
    Task,
    User,
)
from core.template import Template
from marking.batch import Saved
from marking.submit import submit

DEFINITION = """
exam: TEST
title: {zh: 期中考试, en: Mid-term}
papers:
  - code: M
    title: {zh: 数学, en: Mathematics}
    objective:
      - {items: Q1-Q3, options: ABCD, marks: 3, keys: BDA}
      - {id: Q4, type: multiple, options: ABCD, marks: 5, key: ABD, partial: {rule: each}}
      - {id: Q5, type: true_false, marks: 2, key: T}
    written:
      - {id: W6, title: Question 6, items: [{id: "6", marks: 10}], scheme: {name: 1+1, tolerance: {marks: 1}}}
      - id: W7
        title: Question 7
        items: [{id: "7", marks: 8, steps: [{id: 7a, title: a, marks: 3}, {id: 7b, title: b, marks: 5}]}]
        scheme: {name: 2+1+1, tolerance: {marks: 2}, reading: both}
"""
SIDE = {"registration": {"kind": "outline"}}
KINDS = {"marker": 7, "leader": 1, "arbiter": 1, "office": 2, "chief": 1}


@dataclass
class Hall:
    """The exam and its people. Candidates are named by number, markers by login."""

    site: Site
    exam: Exam
    definition: ExamDefinition
    users: dict[str, int] = field(default_factory=dict)

    def session_exam(self, session: Session) -> Exam:
        return exam_by_code(session, self.exam.code)

    def add_person(self, login: str, role: str, affiliation: str = "") -> int:
        with self.site.database.write() as session:
            user = User(login=login, name=login.title(), password_hash="", affiliation=affiliation, made_at=self.site.now())
            session.add(user)
            session.flush()
            session.add(Role(user_id=user.id, role=role, exam_id=self.exam.id))
            self.users[login] = user.id
            return user.id

    def mark(self, number: str, group: str, by: Sequence[str], values: Sequence[object], paper: str = "M") -> list[Saved]:
        """Give marks on a response, one after another, each into the first slot that is open."""
        saved = []
        for login, value in zip(by, values, strict=True):
            with self.site.database.read() as session:
                token = session.scalars(
                    select(Task.token)
                    .join(Response, Response.id == Task.response_id)
                    .where(Response.script_id == self.script(session, number, paper).id, Task.group == group, Task.state == TaskState.OPEN)
                    .order_by(Task.ordinal)
                ).first()
            assert token is not None, f"nobody is asked for {group} of {number}"
            saved.append(submit(self.site, self.exam.id, self.users[login], token, new_token(), value))
        return saved

    def script(self, session: Session, number: str, paper: str = "M") -> Script:
        query = select(Script).join(CandidateDetails, CandidateDetails.candidate_id == Script.candidate_id)
        return session.scalars(query.where(CandidateDetails.number == number, Script.paper == paper)).one()


def open_hall(url: str, home: Path, *, numbers: Sequence[str], text: str = DEFINITION, sides: int = 2) -> Hall:
    site = open_site(Settings.at(home, database_url=url))
    definition = parse_definition(text, where="test")
    roster = [RosterRow(n, f"考生{n}", "第一中学", "S01", "1", "01", str(i + 1)) for i, n in enumerate(numbers)]
    templates = {
        p.code: Template.model_validate(
            {"name": p.code, "width": 210, "height": 297, "sides": [{"side": s + 1, **SIDE} for s in range(sides)]}
        )
        for p in definition.papers
    }
    printed = [
        ExpectedSheet(f"{p:02d}{i:06d}1", paper.code, 0, n)
        for p, paper in enumerate(definition.papers, 1)
        for i, n in enumerate(numbers, 1)
    ]
    exam = load_exam(site, definition, roster, templates, printed, by="user:0")
    hall = Hall(site, exam, definition)
    for role, count in KINDS.items():
        for i in range(count):
            hall.add_person(f"{role}{i + 1}", role)
    return hall


def scan(hall: Hall, answers: Mapping[str, Mapping[str, str]], *, paper: str = "M", absent: Sequence[str] = (), sides: int = 2,
         paper_type: str | None = None, chosen: Mapping[str, str] | None = None, batch: str = "B1") -> None:  # fmt: skip
    """Each candidate's sheets are read without a doubt: batch, frames, pages, assignments, answers, responses."""
    site, station = hall.site, f"station-{paper}"
    now = site.now()
    with site.database.write() as session:
        exam = hall.session_exam(session)
        frames = len(answers) * sides
        made = Batch(
            exam_id=exam.id,
            station=station,
            name=batch,
            state=BatchState.COMPLETE,
            declared=frames,
            manifest={},
            opened_at=now,
            closed_at=now,
        )
        session.add(made)
        session.flush()
        shards: dict[str, list[dict[str, Any]]] = {ledger.OFFICE: [], ledger.station_shard(station): []}
        shards[ledger.station_shard(station)].append({"kind": "batch", "batch": batch, "frames": frames, "by": f"station:{station}"})
        for sequence, (number, values) in enumerate(answers.items(), 1):
            _Sheet(session, exam, hall, made, shards, number, paper).read(sequence, values, sides, paper_type, dict(chosen or {}))
        for number in absent:
            script = hall.script(session, number, paper)
            script.state = ScriptState.ABSENT
            shards[ledger.OFFICE].append(_state_entry(session, script))
        for shard in sorted(shards):
            ledger.append(session, exam.id, shard, shards[shard], now)


def _state_entry(session: Session, script: Script) -> dict[str, Any]:
    from core.tables import Candidate

    candidate = session.get_one(Candidate, script.candidate_id).pseudonym
    return {
        "kind": "script",
        "script": script.secret,
        "candidate": candidate,
        "paper": script.paper,
        "state": str(script.state),
        "by": "readers",
    }


@dataclass
class _Sheet:
    session: Session
    exam: Exam
    hall: Hall
    batch: Batch
    shards: dict[str, list[dict[str, Any]]]
    number: str
    paper: str

    def read(self, sequence: int, values: Mapping[str, str], sides: int, paper_type: str | None, chosen: dict[str, str]) -> None:
        script = self.hall.script(self.session, self.number, self.paper)
        sheet = self.session.scalars(select(Sheet).where(Sheet.script_id == script.id)).one()
        script.state, script.paper_type, script.chosen = ScriptState.COMPLETE, paper_type, chosen
        self._assign(sheet, script)
        office = self.shards[ledger.OFFICE]
        office.append(_state_entry(self.session, script))
        if paper_type:
            office.append({"kind": "type", "script": script.secret, "value": paper_type, "by": "readers"})
        if chosen:
            office.append({"kind": "chosen", "script": script.secret, "values": chosen, "by": "readers"})
        pages = [self._page(sheet, sequence, side + 1) for side in range(sides)]
        self._answers(script, pages[0], values)
        for group in self.hall.definition.paper(self.paper).written:
            if group.id not in self._refused(chosen):
                self._response(script, group.id, pages[-1])

    def _refused(self, chosen: Mapping[str, str]) -> set[str]:
        return {g for c in self.hall.definition.paper(self.paper).choices for g in c.among if chosen.get(c.id) != g}

    def _assign(self, sheet: Sheet, script: Script) -> None:
        facts = {"printed": self.number, "barcode": self.number}
        sheet.assignment += 1
        self.session.add(
            SheetAssignment(
                exam_id=self.exam.id, sheet_id=sheet.id, version=sheet.assignment, script_id=script.id, facts=facts, by="readers",
                reason="two facts agree", at=self.hall.site.now(),
            )
        )  # fmt: skip
        self.shards[ledger.OFFICE].append(
            {
                "kind": "sheet",
                "sheet": sheet.serial,
                "script": script.secret,
                "version": sheet.assignment,
                "facts": sorted(facts),
                "by": "readers",
                "reason": "",
            }
        )

    def _page(self, sheet: Sheet, sequence: int, side: int) -> Page:
        now = self.hall.site.now()
        receipt = Receipt(
            exam_id=self.exam.id, batch_id=self.batch.id, sequence=sequence, face=side, sha256="0" * 64, size=1,
            name=f"{sequence:05d}-{side}.jpg", state=ReceiptState.READ, received_at=now,
        )  # fmt: skip
        self.session.add(receipt)
        self.session.flush()
        page = Page(
            exam_id=self.exam.id, receipt_id=receipt.id, state=PageState.READ, paper=self.paper, sheet_id=sheet.id, side=side,
            evidence={}, fields={}, regions=[], attempt_id="a", read_at=now,
        )  # fmt: skip
        self.session.add(page)
        self.session.flush()
        return page

    def _answers(self, script: Script, page: Page, values: Mapping[str, str]) -> None:
        entry: dict[str, Any] = {}
        for item in self.hall.definition.paper(self.paper).objective:
            value = values.get(item.id, "")
            self.session.add(
                AnswerRow(
                    exam_id=self.exam.id, script_id=script.id, item=item.id, state=AnswerState.READERS, value=value, first=value,
                    second=value, p_wrong=1e-9, page_id=page.id, at=self.hall.site.now(),
                )
            )  # fmt: skip
            entry[item.id] = {"value": value, "version": 1, "how": "readers"}
        shard = ledger.station_shard(self.batch.station)
        self.shards[shard].append({"kind": "answers", "script": script.secret, "page": page.id, "values": entry})

    def _response(self, script: Script, group: str, page: Page) -> None:
        now = self.hall.site.now()
        response = Response(
            exam_id=self.exam.id, script_id=script.id, paper=self.paper, group=group, school_code="S01",
            definition_version=self.exam.definition_version, made_at=now,
        )  # fmt: skip
        self.session.add(response)
        self.session.flush()
        self.session.add(ResponsePicture(response_id=response.id, ordinal=1, sha256="1" * 64, width=10, height=10, page_id=page.id))
        slots = 1 if self.hall.definition.paper(self.paper).group(group).scheme.name == "1" else 2
        for ordinal in range(1, slots + 1):
            self.session.add(
                Task(
                    exam_id=self.exam.id, response_id=response.id, paper=self.paper, group=group, level=TaskLevel.MARKER,
                    ordinal=ordinal, token=new_token(), made_at=now,
                )
            )  # fmt: skip
        self.shards.setdefault(ledger.group_shard(self.paper, group), []).append(
            {
                "kind": "response",
                "response": response.id,
                "script": script.secret,
                "paper": self.paper,
                "group": group,
                "version": 1,
                "pictures": ["1" * 64],
            }
        )


def definition_again(hall: Hall, **keys: str) -> ExamDefinition:
    """The definition with other keys for some objective items of its first paper."""
    paper = hall.definition.papers[0]
    items = tuple(i.model_copy(update={"key": {"*": (frozenset(keys[i.id]),)}}) if i.id in keys else i for i in paper.objective)
    return hall.definition.model_copy(update={"papers": (paper.model_copy(update={"objective": items}), *hall.definition.papers[1:])})
