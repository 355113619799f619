"""Reconciliation: what the roster expects of a room, and what is here of it. Counted by the database, in one pass.

A seat is one candidate in one paper, and each counts once: as complete, incomplete (a person accepted that a side is
lost), arriving (some sides are here), absent, withheld, unclear (its sheet may wait on the desk) or missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from sqlalchemy import Select, and_, case, func, select
from sqlalchemy.orm import Session, aliased

from core.states import CaseState, PageState, ScriptState
from core.tables import Candidate, CandidateDetails, DeskCase, Page, Receipt, RoomClosing, Script, Sheet

Place = tuple[str, str, str]  # paper, school code, room
NOWHERE = ""
EXTRA = ("foreign", "not_in_roster", "candidate_unknown")  # paper that no seat accounts for, until a person says whose it is
_ABSENCE = ("absent_but_answered", "blank_but_present", "script_missing")
_NEAR = 3  # cards of a batch between which a frame without a place is thought to have lain


@dataclass(frozen=True, slots=True)
class Counts:
    expected: int = 0
    complete: int = 0
    incomplete: int = 0
    arriving: int = 0
    absent_box: int = 0
    absent_person: int = 0
    withheld: int = 0
    unclear: int = 0
    missing: int = 0
    waiting: int = 0  # cases that are open
    extra: int = 0  # of these, about paper that no seat accounts for

    @property
    def present(self) -> int:
        return self.complete + self.incomplete + self.arriving

    @property
    def absent(self) -> int:
        return self.absent_box + self.absent_person

    @property
    def balances(self) -> bool:
        settled = self.complete + self.incomplete + self.absent + self.withheld
        return self.expected == settled and not self.waiting and not self.extra

    def __add__(self, other: Counts) -> Counts:
        return Counts(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(Counts)))

    def as_json(self) -> dict[str, int]:
        return {f.name: getattr(self, f.name) for f in fields(Counts)}


@dataclass(frozen=True, slots=True)
class Closing:
    closed: bool
    version: int
    counts: Mapping[str, int]
    reason: str
    by: str
    at: str


@dataclass(frozen=True, slots=True)
class Room:
    paper: str
    school: str
    name: str  # of the school
    room: str
    counts: Counts = field(default_factory=Counts)
    closing: Closing | None = None

    @property
    def closed(self) -> bool:
        return self.closing is not None and self.closing.closed

    @property
    def changed(self) -> bool:
        """Has something changed since a person closed it?"""
        return self.closing is not None and self.closing.closed and dict(self.closing.counts) != self.counts.as_json()


def rooms(session: Session, exam_id: int, *, paper: str = "", school: str | None = None, room: str | None = None) -> list[Room]:
    """Every room of the exam, or of a paper and school. Last, without a room: what lies nowhere known."""
    rows = session.execute(_by_room(exam_id, paper, school, room)).all()
    found: dict[Place, dict[str, int]] = {}
    names: dict[str, str] = {}
    for paper_code, school_code, in_room, stand, name, count in rows:
        place = (paper_code, school_code, in_room or NOWHERE)
        names.setdefault(school_code, name or school_code)
        found.setdefault(place, {})[stand] = count
    wanted = (paper or None, school, room)
    for place, kind, count in open_cases(session, exam_id):
        if all(want is None or want == have for want, have in zip(wanted, place, strict=True)):
            counts = found.setdefault(place, {})
            counts["waiting"] = counts.get("waiting", 0) + count
            counts["extra"] = counts.get("extra", 0) + (count if kind in EXTRA else 0)
    closings = _closings(session, exam_id)
    return [
        Room(p, s, names.get(s, s), r, _counts(found[p, s, r]), closings.get((p, s, r)))
        for p, s, r in sorted(found, key=lambda place: (place[1] == NOWHERE, place))
    ]


def _counts(stands: Mapping[str, int]) -> Counts:
    return Counts(expected=sum(n for stand, n in stands.items() if stand not in ("waiting", "extra")), **stands)


def standing(exam_id: int) -> tuple[Any, Any, Any]:
    """How a seat stands, as an expression, and the two tables that it needs joined: who was called absent, who is unclear."""
    settled = (DeskCase.exam_id == exam_id, DeskCase.state == CaseState.RESOLVED, DeskCase.kind.in_(_ABSENCE))
    said = select(DeskCase.script_id.label("script")).where(*settled, DeskCase.resolution["action"].as_string() == "mark_absent")
    person = said.distinct().subquery("called_absent")
    open_about = (DeskCase.exam_id == exam_id, DeskCase.state == CaseState.OPEN, DeskCase.script_id.is_not(None))
    lost = (
        select(Script.id.label("script"))
        .join(Sheet, Sheet.script_id == Script.id)
        .join(Page, Page.sheet_id == Sheet.id)
        .where(Script.exam_id == exam_id, Script.state == ScriptState.INCOMPLETE, Page.state != PageState.SUPERSEDED)
    )
    doubt = select(DeskCase.script_id.label("script")).where(*open_about, DeskCase.kind != "script_missing")
    known = doubt.union(lost).subquery("known")  # something of it is here, or may be
    stand = case(
        (Script.state == ScriptState.COMPLETE, "complete"),
        (Script.state == ScriptState.PRESENT, "arriving"),
        (Script.state == ScriptState.WITHHELD, "withheld"),
        (and_(Script.state == ScriptState.ABSENT, person.c.script.is_not(None)), "absent_person"),
        (Script.state == ScriptState.ABSENT, "absent_box"),
        (known.c.script.is_(None), "missing"),
        (Script.state == ScriptState.INCOMPLETE, "incomplete"),
        else_="unclear",
    )
    return stand, person, known


def _by_room(exam_id: int, paper: str, school: str | None, room: str | None) -> Select[Any]:
    stand, person, known = standing(exam_id)
    place = (Script.paper, Candidate.school_code, CandidateDetails.room)
    query = (
        select(*place, stand.label("stand"), func.max(CandidateDetails.school), func.count())
        .join(Candidate, Candidate.id == Script.candidate_id)
        .outerjoin(CandidateDetails, CandidateDetails.candidate_id == Script.candidate_id)
        .outerjoin(person, person.c.script == Script.id)
        .outerjoin(known, known.c.script == Script.id)
        .where(Script.exam_id == exam_id)
    )
    wanted = ((Script.paper, paper or None), (Candidate.school_code, school), (func.coalesce(CandidateDetails.room, NOWHERE), room))
    query = query.where(*(column == value for column, value in wanted if value is not None))
    return query.group_by(*place, "stand")


def open_cases(session: Session, exam_id: int) -> list[tuple[Place, str, int]]:
    """Open cases by place and kind. What has no script lies where its neighbours in the batch lie, or nowhere known."""
    about = func.coalesce(DeskCase.script_id, Sheet.script_id)
    mine = (DeskCase.exam_id == exam_id, DeskCase.state == CaseState.OPEN)
    placed = (
        select(Script.paper, Candidate.school_code, CandidateDetails.room, DeskCase.kind, func.count())
        .select_from(DeskCase)
        .outerjoin(Sheet, Sheet.id == DeskCase.sheet_id)
        .join(Script, Script.id == about)
        .join(Candidate, Candidate.id == Script.candidate_id)
        .outerjoin(CandidateDetails, CandidateDetails.candidate_id == Candidate.id)
        .where(*mine)
        .group_by(Script.paper, Candidate.school_code, CandidateDetails.room, DeskCase.kind)
    )
    found = [((p, s, r or NOWHERE), kind, count) for p, s, r, kind, count in session.execute(placed)]
    near = _nearest(session, exam_id)
    unplaced = select(DeskCase.id, DeskCase.kind, Sheet.paper).outerjoin(Sheet, Sheet.id == DeskCase.sheet_id).where(*mine, about.is_(None))
    for case_id, kind, paper in session.execute(unplaced):
        found.append((near.get(case_id, (paper or NOWHERE, NOWHERE, NOWHERE)), kind, 1))
    return found


def _nearest(session: Session, exam_id: int) -> dict[int, Place]:
    """For each open case without a script: the room of the nearest card of its batch whose owner is known."""
    frame, beside, own, other = aliased(Receipt), aliased(Receipt), aliased(Sheet), aliased(Sheet)
    distance = func.abs(beside.sequence - frame.sequence)
    query = (
        select(DeskCase.id, Script.paper, Candidate.school_code, CandidateDetails.room)
        .join(frame, frame.id == DeskCase.receipt_id)
        .outerjoin(own, own.id == DeskCase.sheet_id)
        .join(beside, and_(beside.batch_id == frame.batch_id, beside.sequence.between(frame.sequence - _NEAR, frame.sequence + _NEAR)))
        .join(Page, and_(Page.receipt_id == beside.id, Page.state != PageState.SUPERSEDED))
        .join(other, other.id == Page.sheet_id)
        .join(Script, Script.id == other.script_id)
        .join(Candidate, Candidate.id == Script.candidate_id)
        .outerjoin(CandidateDetails, CandidateDetails.candidate_id == Candidate.id)
        .where(DeskCase.exam_id == exam_id, DeskCase.state == CaseState.OPEN, DeskCase.script_id.is_(None), own.script_id.is_(None))
        .order_by(DeskCase.id, distance.desc(), beside.id.desc())
    )
    return {case_id: (paper, school, room or NOWHERE) for case_id, paper, school, room in session.execute(query)}


def _closings(session: Session, exam_id: int) -> dict[Place, Closing]:
    rows = session.scalars(select(RoomClosing).where(RoomClosing.exam_id == exam_id).order_by(RoomClosing.version))
    return {
        (row.paper, row.school_code, row.room): Closing(row.closed, row.version, row.counts, row.reason, row.by, row.at.isoformat())
        for row in rows
    }
