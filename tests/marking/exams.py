"""Small exams for marking tests: a definition, present scripts with read pages, and people who mark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import event, select

from core.definition import RosterRow, parse_definition
from core.exam import ExamDefinition
from core.loading import ExpectedSheet, load_exam
from core.settings import Settings
from core.site import Site, open_site
from core.states import BatchState, PageState, ScriptState
from core.tables import Batch, Page, Picture, Receipt, Role, Script, Sheet, User
from core.template import Template

PAIR = "{name: 1+1, tolerance: {marks: 1}}"


@dataclass
class Clock:
    """A clock that tests set."""

    at: datetime = datetime(2026, 6, 8, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.at += timedelta(milliseconds=1)
        return self.at

    def pass_by(self, **how: float) -> None:
        self.at += timedelta(**how)


@dataclass
class Hall:
    """An exam that is being marked."""

    site: Site
    exam_id: int
    clock: Clock
    definition: ExamDefinition

    def person(self, *roles: str, school: str = "", scope: str = "") -> int:
        with self.site.database.write() as session:
            count = len(session.scalars(select(User.id)).all())
            user = User(login=f"u{count}", name=f"U {count}", password_hash="-", affiliation=school, made_at=self.clock())
            session.add(user)
            session.flush()
            session.add_all(Role(user_id=user.id, role=role, exam_id=self.exam_id, scope=scope) for role in roles)
            return user.id


def definition_of(groups: str) -> ExamDefinition:
    return parse_definition(f"exam: T\ntitle: Test\npapers:\n  - code: M\n    title: Maths\n    written:\n{groups}", where="a test")


def one_group(scheme: str = PAIR, items: str = '[{id: "21", marks: 10}]', group: str = "W21") -> str:
    return f"      - {{id: {group}, title: Question, items: {items}, scheme: {scheme}}}\n"


def template_for(definition: ExamDefinition) -> Template:
    """Side 1 holds every group's region; the geometry is of no interest here."""
    regions = [{"name": g.id, "group": g.id, "box": [10, 10 + 20 * i, 100, 15]} for i, g in enumerate(definition.papers[0].written)]
    side = {"side": 1, "registration": {"kind": "outline"}, "regions": regions}
    return Template.model_validate({"name": "t", "width": 210, "height": 297, "sides": [side]})


def open_hall(
    home: Path,
    database_url: str,
    redis_url: str,
    groups: str,
    *,
    schools: Sequence[str] = ("S1", "S2"),
    scripts: int = 2,
    durable: bool = True,
) -> Hall:
    """`durable=False` does not wait for the disk: for tests of many steps that are about something else."""
    clock = Clock()
    site = open_site(Settings.at(home, database_url=database_url, redis_url=redis_url), now=clock)
    if not durable and site.database.is_sqlite:
        event.listen(site.database.engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous=OFF"))
    definition = definition_of(groups)
    roster = [RosterRow(f"{i:08d}", "", "", schools[i % len(schools)], "", "", "") for i in range(scripts)]
    sheets = [ExpectedSheet(f"{i:09d}", "M", 0, row.number) for i, row in enumerate(roster)]
    exam = load_exam(site, definition, roster, {"M": template_for(definition)}, sheets, by="user:0")
    return Hall(site, exam.id, clock, definition)


def read_all(hall: Hall, *, only: Sequence[int] | None = None, chosen: Mapping[str, Any] | None = None) -> None:
    """Every script's first side has been scanned and read, as the readers would leave it."""
    with hall.site.database.write() as session:
        batch = session.scalar(select(Batch).where(Batch.exam_id == hall.exam_id))
        if batch is None:
            batch = Batch(exam_id=hall.exam_id, station="s", name="b", state=BatchState.OPEN, manifest={}, opened_at=hall.clock())
            session.add(batch)
            session.flush()
        rows = session.execute(select(Sheet, Script).join(Script, Script.id == Sheet.script_id).order_by(Sheet.id)).all()
        for i, (sheet, script) in enumerate(rows):
            if only is None or i in only:
                script.state, script.chosen = ScriptState.COMPLETE, dict(chosen or {})
                add_page(session, hall, batch.id, sheet)


def add_page(session: Any, hall: Hall, batch_id: int, sheet: Sheet, state: PageState = PageState.READ) -> Page:
    count = len(session.scalars(select(Receipt.id)).all())
    digest = f"{count:064x}"
    receipt = Receipt(
        exam_id=hall.exam_id, batch_id=batch_id, sequence=count + 1, face=1, sha256=digest, size=1, name="f", received_at=hall.clock()
    )
    session.add_all([receipt, Picture(sha256=digest, size=1, media_type="image/jpeg", stored_at=hall.clock())])
    session.flush()
    regions = [
        {"name": g.id, "group": g.id, "sha256": f"{count:032x}{i:032x}", "width": 800, "height": 300, "ink": 0.1}
        for i, g in enumerate(hall.definition.papers[0].written)
    ]
    page = Page(
        exam_id=hall.exam_id,
        receipt_id=receipt.id,
        state=state,
        paper="M",
        sheet_id=sheet.id,
        side=1,
        evidence={},
        fields={},
        regions=regions,
        attempt_id="a",
        read_at=hall.clock(),
    )
    session.add(page)
    return page
