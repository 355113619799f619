"""The exam of a marking chaos run: four groups of four schemes, scripts whose pages were read, and people who are signed in.

Two of the groups watch their markers: seeds, own responses once more, back-reading, stops. Made once a run, in a database that
each round copies. Half of the pages are there when a round begins; the others are read while it goes on, so that new responses
are made under the blows too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session as Rows

from core import ledger
from core.definition import RosterRow, parse_definition
from core.loading import ExpectedSheet, load_exam
from core.site import Site
from core.states import BatchState, PageState, ReceiptState, ResponseState, ScriptState
from core.tables import Batch, Candidate, Page, Picture, Receipt, Response, Role, Script, Session, Sheet, User
from core.template import Template
from marking import intake, seeds

DEFINITION = """
exam: CHAOS
title: Chaos
papers:
  - code: M
    title: Mathematics
    written:
      - {id: W1, title: One, items: [{id: "1", marks: 10}], scheme: "1"}
      - id: W2
        title: Two
        items: [{id: "2", marks: 10}]
        scheme: {name: 1+1, tolerance: {marks: 2}}
        quality:
          seeds: {first_of_day: true, one_in: 4, stop_after: 2}
          self_marks: {one_in: 3, after_marks: 1, after_minutes: 0}
          back_reading: {share: 0.5}
          put_back: {since: last_passed_seed}
      - id: W3
        title: Three
        items: [{id: "3a", marks: 4}, {id: "3b", marks: 10, steps: [{id: x, title: X, marks: 4}, {id: "y", title: "Y", marks: 6}]}]
        scheme: {name: 2+1+1, tolerance: {marks: 2}, reading: either}
        quality: {seeds: {first_of_day: false, one_in: 5, stop_after: 2}, back_reading: {share: 0.2}, put_back: {since: today}}
      - {id: W4, title: Four, items: [{id: "4", marks: 10}], scheme: {name: 1+1+1, tolerance: {marks: 1}}}
"""
EXAM = parse_definition(DEFINITION, where="benchmark")
GROUPS = EXAM.papers[0].written
WATCHED = tuple(g.id for g in GROUPS if g.quality is not None)
TOLERANCE = 200  # hundredths, of the watched groups
SCHOOLS = ("S1", "S2", "S3", "S4")
KINDS = ("marker",) * 14 + ("leader",) * 4 + ("arbiter",) * 3
TWO_BROWSERS = (0, 5, 14)  # people who have the page open twice
CARELESS = (5, 8)  # markers whose marks are never near the agreed ones: a rule stops them
HOURS = 16


@dataclass(frozen=True, slots=True)
class Member:
    """One person of the crew; the session's token is known beforehand."""

    user_id: int
    kind: str
    token: str
    browsers: int
    careless: bool = False


def make_exam(site: Site, scripts: int) -> int:
    """Into a migrated database. Returns the exam's number."""
    roster = [RosterRow(f"{n:08d}", "", "", SCHOOLS[n % len(SCHOOLS)], "", "", "") for n in range(scripts)]
    sheets = [ExpectedSheet(f"{n:09d}", "M", 0, row.number) for n, row in enumerate(roster)]
    regions = [{"name": g.id, "group": g.id, "box": [10, 10 + 20 * n, 100, 15]} for n, g in enumerate(GROUPS)]
    side = {"side": 1, "registration": {"kind": "outline"}, "regions": regions}
    template = Template.model_validate({"name": "chaos", "width": 210, "height": 297, "sides": [side]})
    return load_exam(site, EXAM, roster, {"M": template}, sheets, by="chaos").id


def read_pages(site: Site, exam_id: int, count: int) -> int:
    """The next so many scripts come from the readers; how many there were. May be called again after a failure."""
    now = site.now()
    with site.database.write() as session:
        batch = session.scalar(select(Batch).where(Batch.exam_id == exam_id))
        if batch is None:
            batch = Batch(exam_id=exam_id, station="hall", name="1", state=BatchState.OPEN, manifest={}, opened_at=now)
            session.add(batch)
            session.flush()
        query = select(Sheet, Script, Candidate.pseudonym).join(Script, Script.id == Sheet.script_id)
        query = query.join(Candidate, Candidate.id == Script.candidate_id).where(Script.state == ScriptState.EXPECTED)
        rows = session.execute(query.order_by(Sheet.id).limit(count)).all()
        for sheet, script, _ in rows:
            script.state = ScriptState.COMPLETE
            _add_page(session, site, batch, sheet)
        entries = [{"kind": "script", "script": s.secret, "candidate": c, "paper": "M", "state": "complete"} for _, s, c in rows]
        ledger.append(session, exam_id, ledger.OFFICE, entries, now)
        return len(rows)


def _add_page(session: Rows, site: Site, batch: Batch, sheet: Sheet) -> None:
    now, digest = site.now(), _digest(f"page {sheet.id}")
    receipt = Receipt(
        exam_id=batch.exam_id, batch_id=batch.id, sequence=sheet.id, face=1, sha256=digest, size=1, name="page",
        state=ReceiptState.READ, received_at=now,
    )  # fmt: skip
    session.add_all([receipt, Picture(sha256=digest, size=1, media_type="image/jpeg", stored_at=now)])
    session.flush()
    cuts = [{"name": g.id, "group": g.id, "sha256": _digest(f"{sheet.id} {g.id}"), "width": 800, "height": 300, "ink": 0.1} for g in GROUPS]
    session.add(
        Page(
            exam_id=batch.exam_id, receipt_id=receipt.id, state=PageState.READ, paper="M", sheet_id=sheet.id, side=1, evidence={},
            fields={}, regions=cuts, attempt_id="chaos", read_at=now,
        )
    )  # fmt: skip


def add_crew(site: Site, exam_id: int) -> list[Member]:
    """Half of the markers are of a school that sits the exam, and must not see its scripts."""
    now, crew = site.now(), list[Member]()
    with site.database.write() as session:
        for n, kind in enumerate(KINDS):
            school = SCHOOLS[n % len(SCHOOLS)] if kind == "marker" and n % 2 else ""
            user = User(login=f"u{n}", name=f"U {n}", password_hash="-", affiliation=school, made_at=now)
            session.add(user)
            session.flush()
            member = Member(user.id, kind, f"chaos-{n:04d}-of-a-session", 2 if n in TWO_BROWSERS else 1, n in CARELESS)
            digest = _digest(member.token)
            session.add(Role(user_id=user.id, role=kind, exam_id=exam_id, scope=""))
            session.add(Session(token_hash=digest, user_id=user.id, made_at=now, expires_at=now + timedelta(hours=HOURS)))
            crew.append(member)
    return crew


def agree_seeds(site: Site, exam_id: int, crew: Sequence[Member], count: int) -> None:
    """So many definitive responses in each watched group, of those that are there."""
    intake.sweep(site, exam_id)
    arbiters = [member.user_id for member in crew if member.kind == "arbiter"]
    for group in WATCHED:
        with site.database.read() as session:
            here = Response.exam_id == exam_id, Response.group == group, Response.state == ResponseState.OPEN
            found = session.scalars(select(Response.id).where(*here).order_by(Response.id).limit(count)).all()
        for n, response in enumerate(found):
            seeds.propose(site, exam_id, arbiters[n % len(arbiters)], response, "live", halves(group))


def halves(group: str) -> dict[str, str | dict[str, str]]:
    """Half of the full marks: what the chief examiners agree on every response, and careful markers are near to."""
    return {item: {step: str(most // 2) for step, most in steps} if steps else str(full // 2) for item, full, steps in items_of(group)}


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def items_of(group: str) -> Iterator[tuple[str, int, Sequence[tuple[str, int]]]]:
    """(item, full marks, its steps with theirs) of a group, in whole marks."""
    for item in next(g for g in GROUPS if g.id == group).items:
        yield item.id, item.marks // 100, [(step.id, step.marks // 100) for step in item.steps]
