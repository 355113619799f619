"""What the tables say of every seat and frame of the hall, beside what the simulator knows. Only counts; nothing is changed."""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from benchmarks.hall_clerk import Table
from benchmarks.hall_paper import Seat
from core.states import ReceiptState, ScriptState
from core.tables import AnswerRow, Batch, Candidate, CandidateDetails, DeskCase, Exam, Receipt, Script, Sheet
from omr.desk import rooms as reconciliation


@dataclass
class RoomCount:
    """One room as the tables have it; `differs` are the seats of which the simulator says something else."""

    school: str
    room: str
    states: Counter[str] = field(default_factory=Counter)
    differs: list[str] = field(default_factory=list)

    @property
    def balances(self) -> bool:
        return not self.differs and not self.states[ScriptState.EXPECTED] and not self.states[ScriptState.PRESENT]


def missing_scripts(session: Session, exam: Exam) -> set[str]:
    """Candidates of whom nothing came, as the desk has asked for them: now or before."""
    query = (
        select(CandidateDetails.number)
        .join(Script, Script.candidate_id == CandidateDetails.candidate_id)
        .join(DeskCase, DeskCase.script_id == Script.id)
        .where(DeskCase.exam_id == exam.id, DeskCase.kind == "script_missing")
    )
    return set(session.scalars(query))


def never_came(seats: Sequence[Seat]) -> set[str]:
    """The same as the simulator knows it: cards that were left in the envelope, and cards that no scanner saw."""
    return {seat.row.number for seat in seats if seat.lost or not seat.handed_in}


def rooms(session: Session, exam: Exam, seats: Sequence[Seat]) -> list[RoomCount]:
    """Each seat's script beside what became of its candidate: absent, or complete."""
    query = (
        select(CandidateDetails.number, Script.state)
        .join(Script, Script.candidate_id == CandidateDetails.candidate_id)
        .where(Script.exam_id == exam.id)
    )
    states = dict(session.execute(query).tuples().all())
    found: dict[tuple[str, str], RoomCount] = {}
    for seat in seats:
        room = found.setdefault((seat.row.school_code, seat.row.room), RoomCount(seat.row.school_code, seat.row.room))
        state = states.get(seat.row.number)
        room.states[str(state)] += 1
        wanted = ScriptState.ABSENT if seat.absent else ScriptState.COMPLETE
        if state is not wanted:
            room.differs.append(f"room {seat.row.room}, seat {seat.row.seat}, {seat.row.number}: {state}, the simulator says {wanted}")
    return list(found.values())


def engine_differs(session: Session, exam: Exam, counts: Sequence[RoomCount], seats: Sequence[Seat]) -> Iterator[str]:
    """Rooms of which the engine's own reconciliation says something else than the simulator, or that do not balance."""
    absent = Counter((seat.row.school_code, seat.row.room) for seat in seats if seat.absent)
    told = {(r.school, r.room): r.counts for r in reconciliation.rooms(session, exam.id)}
    for room in counts:
        place, expected = (room.school, room.room), sum(room.states.values())
        said = told.pop(place, None)
        wanted = (expected, expected - absent[place], absent[place])
        if said is None or (said.expected, said.complete, said.absent) != wanted or not said.balances:
            yield f"school {room.school}, room {room.room}: {said}, the simulator says expected, present, absent {wanted}"
    yield from (f"{place}: a room that nobody has: {said}" for place, said in told.items())


def engine_missing(session: Session, exam: Exam) -> Counter[tuple[str, str]]:
    """How many seats of each room the engine's reconciliation calls missing."""
    return Counter({(r.school, r.room): r.counts.missing for r in reconciliation.rooms(session, exam.id) if r.counts.missing})


def frames_by_state(session: Session, exam: Exam) -> dict[str, Counter[str]]:
    """Receipts by station and state."""
    query = select(Batch.station, Receipt.state, func.count()).join(Batch, Batch.id == Receipt.batch_id)
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for station, state, count in session.execute(query.where(Receipt.exam_id == exam.id).group_by(Batch.station, Receipt.state)):
        found[station][str(ReceiptState(state))] = count
    return dict(found)


def cases_by_kind(session: Session, exam: Exam) -> dict[str, Counter[str]]:
    query = select(DeskCase.kind, DeskCase.state, func.count()).where(DeskCase.exam_id == exam.id).group_by(DeskCase.kind, DeskCase.state)
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for kind, state, count in session.execute(query):
        found[kind][str(state)] = count
    return dict(found)


def cases_by_station(session: Session, exam: Exam) -> Counter[str]:
    """Frames of each station about which a person was asked."""
    query = (
        select(Batch.station, func.count(func.distinct(DeskCase.receipt_id)))
        .join(Receipt, Receipt.id == DeskCase.receipt_id)
        .join(Batch, Batch.id == Receipt.batch_id)
        .where(DeskCase.exam_id == exam.id)
        .group_by(Batch.station)
    )
    return Counter(dict(session.execute(query).tuples().all()))


def wrong_answers(session: Session, exam: Exam, table: Table) -> Iterator[tuple[str, str, str, str, str]]:
    """(sheet, item, answer, what the paper says, who answered) where the current answer is not what the paper says."""
    query = (
        select(Sheet.serial, AnswerRow.item, AnswerRow.value, AnswerRow.by)
        .join(Script, Script.id == AnswerRow.script_id)
        .join(Candidate, Candidate.id == Script.candidate_id)
        .join(Sheet, (Sheet.printed_for == Candidate.id) & (Sheet.paper == Script.paper))
        .where(AnswerRow.exam_id == exam.id, AnswerRow.current, Sheet.extra.is_(False))
    )
    for sheet, item, value, by in session.execute(query.execution_options(yield_per=5000)):
        if (sheet, item) in table.marked and value != table.answer(sheet, item):
            yield sheet, item, value, table.answer(sheet, item), by


def write_rooms(counts: Sequence[RoomCount], path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file)
        out.writerow(["school", "room", "expected", "complete", "absent", "other", "balances"])
        for room in counts:
            expected, complete, absent = sum(room.states.values()), room.states["complete"], room.states["absent"]
            out.writerow(
                [room.school, room.room, expected, complete, absent, expected - complete - absent, "yes" if room.balances else "NO"]
            )
