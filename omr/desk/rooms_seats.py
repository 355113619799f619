"""Reconciliation down to the seat: who sits there, what is here of the script, and what keeps it from being settled."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from core.states import CaseState, PageState
from core.tables import Candidate, CandidateDetails, DeskCase, Page, Script, Sheet
from omr.desk.rooms import standing

SETTLED = ("complete", "incomplete", "absent_box", "absent_person", "withheld")
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class SeatCase:
    id: int
    kind: str


@dataclass(frozen=True, slots=True)
class SeatSheet:
    serial: str
    sides: tuple[int, ...]  # that are here
    other: str  # whose number is printed on it, if it is not this candidate's


@dataclass(frozen=True, slots=True)
class Seat:
    paper: str
    school: str
    room: str
    seat: str
    number: str
    name: str
    stand: str
    sheets: tuple[SeatSheet, ...]
    cases: tuple[SeatCase, ...]


def seats(session: Session, exam_id: int, paper: str, school: str, room: str) -> list[Seat]:
    """The seats of one room, in their order."""
    rows = session.execute(_query(exam_id).where(Script.paper == paper, Candidate.school_code == school, _room(room))).all()
    return sorted(_in_parts(session, exam_id, rows), key=lambda s: (len(s.seat), s.seat, s.number))


def unsettled(session: Session, exam_id: int) -> Iterator[Seat]:
    """All seats that do not balance, room by room."""
    open_about = select(DeskCase.script_id).where(
        DeskCase.exam_id == exam_id, DeskCase.state == CaseState.OPEN, DeskCase.script_id.is_not(None)
    )
    of_sheets = select(Sheet.script_id).join(DeskCase, DeskCase.sheet_id == Sheet.id)
    of_sheets = of_sheets.where(DeskCase.exam_id == exam_id, DeskCase.state == CaseState.OPEN, Sheet.script_id.is_not(None))
    query = _query(exam_id)
    query = query.where(or_(query.selected_columns.stand.not_in(SETTLED), Script.id.in_(open_about.union(of_sheets))))
    place = (Script.paper, Candidate.school_code, CandidateDetails.room, CandidateDetails.seat, Script.id)
    yield from _in_parts(session, exam_id, session.execute(query.order_by(*place)).all())


def _in_parts(session: Session, exam_id: int, rows: Sequence[Any]) -> Iterator[Seat]:
    """A roster without rooms is one room of everybody: no database takes so many numbers in one question."""
    for start in range(0, len(rows), _AT_ONCE):
        yield from _seats(session, exam_id, rows[start : start + _AT_ONCE])


def _query(exam_id: int) -> Any:
    stand, person, known = standing(exam_id)
    columns = (CandidateDetails.room, CandidateDetails.seat, CandidateDetails.number, CandidateDetails.name)
    return (
        select(Script.id, Script.candidate_id, Script.paper, Candidate.school_code, *columns, stand.label("stand"))
        .join(Candidate, Candidate.id == Script.candidate_id)
        .outerjoin(CandidateDetails, CandidateDetails.candidate_id == Script.candidate_id)
        .outerjoin(person, person.c.script == Script.id)
        .outerjoin(known, known.c.script == Script.id)
        .where(Script.exam_id == exam_id)
    )


def _room(room: str) -> Any:
    return func.coalesce(CandidateDetails.room, "") == room


def _seats(session: Session, exam_id: int, rows: Sequence[Any]) -> Iterator[Seat]:
    ids = [row.id for row in rows]
    sheets, cases = _sheets(session, rows), _cases(session, exam_id, ids)
    for row in rows:
        yield Seat(
            row.paper,
            row.school_code,
            row.room or "",
            row.seat or "",
            row.number or "",
            row.name or "",
            row.stand,
            tuple(sheets[row.id]),
            tuple(cases[row.id]),
        )


def _sheets(session: Session, rows: Sequence[Any]) -> dict[int, list[SeatSheet]]:
    owner = {row.id: row.candidate_id for row in rows}
    query = (
        select(Sheet.script_id, Sheet.serial, Page.side, Sheet.printed_for, CandidateDetails.number)
        .join(Page, Page.sheet_id == Sheet.id)
        .outerjoin(CandidateDetails, CandidateDetails.candidate_id == Sheet.printed_for)
        .where(Sheet.script_id.in_(owner), Page.state != PageState.SUPERSEDED, Page.side.is_not(None))
        .order_by(Sheet.index, Sheet.id, Page.side)
    )
    sides: dict[tuple[int, str, str], set[int]] = {}
    for script, serial, side, printed_for, number in session.execute(query):
        other = number or "?" if printed_for not in (None, owner[script or 0]) else ""
        sides.setdefault((script or 0, serial, other), set()).add(side or 0)
    found: dict[int, list[SeatSheet]] = defaultdict(list)
    for (script, serial, other), here in sides.items():
        found[script].append(SeatSheet(serial, tuple(sorted(here)), other))
    return found


def _cases(session: Session, exam_id: int, ids: Sequence[int]) -> dict[int, list[SeatCase]]:
    about = func.coalesce(DeskCase.script_id, Sheet.script_id)
    query = select(about, DeskCase.id, DeskCase.kind).select_from(DeskCase).outerjoin(Sheet, Sheet.id == DeskCase.sheet_id)
    query = query.where(DeskCase.exam_id == exam_id, DeskCase.state == CaseState.OPEN, about.in_(ids))
    found: dict[int, list[SeatCase]] = defaultdict(list)
    for script, case_id, kind in session.execute(query.order_by(DeskCase.id)):
        found[script].append(SeatCase(case_id, kind))
    return found
