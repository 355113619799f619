"""Which cases there are: counted by kind, listed a page at a time, narrowed down to a kind, paper, station or room."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.orm import aliased

from core.site import Site
from core.states import CaseState
from core.tables import Batch, CandidateDetails, DeskCase, Look, Receipt, Script, Sheet
from omr.desk.views import CaseView, views


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which cases are asked for; empty means all."""

    state: CaseState | None = CaseState.OPEN
    kind: str = ""
    paper: str = ""
    station: str = ""
    room: str = ""
    differs: bool = False  # only those on which two clerks said what is not the same


@dataclass(frozen=True, slots=True)
class CaseList:
    cases: tuple[CaseView, ...]
    counts: dict[str, int]  # by kind, of all that are wanted but for their kind
    more: int | None  # ask for what comes after this case; None: there is no more


def list_cases(site: Site, exam_id: int, *, state: CaseState | None = CaseState.OPEN, limit: int = 500) -> list[CaseView]:
    """The oldest cases in this state."""
    return list(find_cases(site, exam_id, Wanted(state), limit=limit).cases)


def find_cases(
    site: Site, exam_id: int, wanted: Wanted, *, after: int = 0, limit: int = 500, each: int | None = None, decider: bool = False
) -> CaseList:
    """The oldest `limit` cases after `after`; with `each`, no more than that many of a kind."""
    with site.database.read() as session:
        query = _narrowed(select(DeskCase.id.label("id"), DeskCase.kind.label("kind")), exam_id, wanted)
        all_kinds = query.subquery()
        counts: dict[str, int] = dict(session.execute(select(all_kinds.c.kind, func.count()).group_by(all_kinds.c.kind)).all())
        query = query.where(DeskCase.id > after, *([DeskCase.kind == wanted.kind] if wanted.kind else []))
        if each is not None:
            ranked = query.add_columns(func.row_number().over(partition_by=DeskCase.kind, order_by=DeskCase.id).label("n")).subquery()
            chosen = select(ranked.c.id).where(ranked.c.n <= each).order_by(ranked.c.id)
        else:
            listed = query.subquery()
            chosen = select(listed.c.id).order_by(listed.c.id)
        ids = list(session.scalars(chosen.limit(limit + 1)))
        found = views(session, _in_order(session.scalars(select(DeskCase).where(DeskCase.id.in_(ids[:limit]))).all()), decider=decider)
        return CaseList(tuple(found), counts, ids[limit - 1] if len(ids) > limit else None)


def _in_order(cases: Sequence[DeskCase]) -> list[DeskCase]:
    return sorted(cases, key=lambda case: case.id)


def _narrowed(query: Select[int, str], exam_id: int, wanted: Wanted) -> Select[int, str]:
    conditions: list[ColumnElement[bool]] = [DeskCase.exam_id == exam_id]
    if wanted.state is not None:
        conditions.append(DeskCase.state == wanted.state)
    if wanted.differs:
        conditions.append(_said_twice())
    if wanted.station:
        query = query.join(Receipt, Receipt.id == DeskCase.receipt_id).join(Batch, Batch.id == Receipt.batch_id)
        conditions.append(Batch.station == wanted.station)
    if wanted.paper or wanted.room:
        query = query.outerjoin(Sheet, Sheet.id == DeskCase.sheet_id).outerjoin(
            Script, Script.id == func.coalesce(DeskCase.script_id, Sheet.script_id)
        )
        if wanted.paper:
            conditions.append(or_(Script.paper == wanted.paper, and_(Script.id.is_(None), Sheet.paper == wanted.paper)))
        if wanted.room:
            details = aliased(CandidateDetails)
            query = query.join(details, details.candidate_id == func.coalesce(Script.candidate_id, Sheet.printed_for))
            conditions.append(details.room == wanted.room)
    return query.where(*conditions)


def _said_twice() -> ColumnElement[bool]:
    """An open case with two words that stand: were they the same, it would be settled."""
    words = select(func.count()).where(Look.case_id == DeskCase.id, Look.taken_back.is_(False)).correlate(DeskCase).scalar_subquery()
    return and_(DeskCase.state == CaseState.OPEN, words > 1)
