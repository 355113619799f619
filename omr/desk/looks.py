"""Doubtful answers handed out like marking tasks: cases that ask for values, a few at a time, leased to a clerk.

A case is with as many clerks as must say the same of it (one, or two where the exam wants two), and never with a clerk
whose word about it stands. A lease lasts minutes and is renewed by whatever its clerk does; one that ran out is as if it
had never been. What is handed out never tells what another clerk said. Cases of one kind come one after the other, the
oldest first, so that a clerk's keys stay the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, delete, func, insert, or_, select, update
from sqlalchemy.orm import Session

from core.exam import ExamDefinition
from core.site import Site
from core.states import CaseState
from core.tables import DeskCase, DeskLease, Exam, Look, RescanRequest, Script, Sheet
from omr.desk.forms import definition_in_use
from omr.desk.views import ItemView, item_views

LOOKED = ("absent_box", "choice", "doubt", "paper_type")  # the kinds whose cases ask for values, in the order of an index: by name
LEASE = timedelta(minutes=5)
TRIES = 3


@dataclass(frozen=True, slots=True)
class LookView:
    """What a clerk needs to say a word, and nothing of what others said."""

    case: int
    version: int
    kind: str
    paper: str | None
    items: tuple[ItemView, ...]
    lease_seconds: int


@dataclass(frozen=True, slots=True)
class Looks:
    looks: tuple[LookView, ...]
    left: int | None  # cases that still want this clerk's word; None: not counted


def next_looks(site: Site, exam_id: int, user_id: int, hold: int, done: Iterable[int] = (), *, count: bool = True) -> Looks:
    """Up to `hold` cases: those that the clerk has, their leases renewed, and then fresh ones.

    `done` names cases whose word is on its way: they are neither shown nor counted.
    """
    said = frozenset(done)
    with site.database.write() as session:
        definition = definition_in_use(session, session.get_one(Exam, exam_id))
        now = site.now()
        _renew(session, exam_id, user_id, now)
        held = [c for c in _held(session, exam_id, user_id, now) if c.id not in said]
        for _ in range(TRIES):
            if len(held) >= hold:
                break
            fresh = [*_free(exam_id, user_id, definition.desk.clerks, now), DeskCase.id.not_in({c.id for c in held} | said)]
            found = _take(session, fresh, definition, user_id, hold - len(held), now)
            held += [case for case, mine in found if mine]
            if all(mine for _, mine in found):
                break
        left = _left(session, exam_id, user_id, definition.desk.clerks, said) if count else None
        return Looks(look_views(session, definition, held[:hold]), left)


def give_back(site: Site, exam_id: int, user_id: int) -> int:
    """What a clerk holds goes to the others at once; how many cases."""
    return _drop(site, DeskLease.exam_id == exam_id, DeskLease.user_id == user_id)


def give_back_everywhere(site: Site, user_id: int) -> int:
    """The same for somebody who signs out."""
    return _drop(site, DeskLease.user_id == user_id)


def lease(session: Session, cases: Sequence[DeskCase], user_id: int, now: datetime) -> None:
    """Give cases to a clerk who holds their rows' locks: leases of them that ran out, and the clerk's own, make room."""
    about = DeskLease.case_id.in_([case.id for case in cases])
    session.execute(delete(DeskLease).where(about, (DeskLease.until <= now) | (DeskLease.user_id == user_id)))
    session.execute(insert(DeskLease), [{"exam_id": c.exam_id, "case_id": c.id, "user_id": user_id, "until": now + LEASE} for c in cases])


def lock_case(session: Session, exam_id: int, case_id: int) -> DeskCase | None:
    query = select(DeskCase).where(DeskCase.id == case_id, DeskCase.exam_id == exam_id)
    return session.scalar(query.with_for_update(key_share=True).execution_options(populate_existing=True))


def waits_for_scan(exam_id: int) -> ColumnElement[bool]:
    """Cases that asked for another scan: it settles them, no word does."""
    return DeskCase.id.in_(select(RescanRequest.case_id).where(RescanRequest.exam_id == exam_id, RescanRequest.state == "asked"))


def look_views(session: Session, definition: ExamDefinition, cases: Sequence[DeskCase]) -> tuple[LookView, ...]:
    papers = papers_of(session, cases)
    return tuple(
        LookView(
            case=c.id,
            version=c.version,
            kind=c.kind,
            paper=papers.get(c.id),
            items=item_views(definition, papers.get(c.id), c.items),
            lease_seconds=int(LEASE.total_seconds()),
        )
        for c in cases
    )


def papers_of(session: Session, cases: Sequence[DeskCase]) -> dict[int, str]:
    query = select(DeskCase.id, func.coalesce(Script.paper, Sheet.paper)).where(DeskCase.id.in_([c.id for c in cases]))
    query = query.outerjoin(Script, Script.id == DeskCase.script_id).outerjoin(Sheet, Sheet.id == DeskCase.sheet_id)
    return {case: paper for case, paper in session.execute(query) if paper} if cases else {}


def _renew(session: Session, exam_id: int, user_id: int, now: datetime) -> None:
    mine = and_(DeskLease.exam_id == exam_id, DeskLease.user_id == user_id, DeskLease.until > now)
    session.execute(update(DeskLease).where(mine).values(until=now + LEASE).execution_options(synchronize_session=False))


def _held(session: Session, exam_id: int, user_id: int, now: datetime) -> list[DeskCase]:
    query = (
        select(DeskCase)
        .join(DeskLease, DeskLease.case_id == DeskCase.id)
        .where(DeskLease.exam_id == exam_id, DeskLease.user_id == user_id, DeskLease.until > now)
        .where(DeskCase.state == CaseState.OPEN, ~_word_of(user_id), ~waits_for_scan(exam_id))
        .order_by(DeskLease.id)
    )
    return list(session.scalars(query))


def _free(exam_id: int, user_id: int, clerks: int, now: datetime) -> list[ColumnElement[bool]]:
    """Cases that this clerk may be given: neither said nor held by herself, and not by as many others as are wanted."""
    leases = select(func.count()).where(DeskLease.case_id == DeskCase.id, DeskLease.until > now).correlate(DeskCase).scalar_subquery()
    words = select(func.count()).where(Look.case_id == DeskCase.id, Look.taken_back.is_(False)).correlate(DeskCase).scalar_subquery()
    mine = select(DeskLease.id).where(DeskLease.case_id == DeskCase.id, DeskLease.user_id == user_id, DeskLease.until > now)
    return [
        DeskCase.exam_id == exam_id,
        DeskCase.state == CaseState.OPEN,
        DeskCase.kind.in_(LOOKED),
        ~waits_for_scan(exam_id),
        ~_word_of(user_id),
        ~mine.correlate(DeskCase).exists(),
        leases + words < clerks,
    ]


def _left(session: Session, exam_id: int, user_id: int, clerks: int, said: frozenset[int]) -> int:
    """Open cases that want another word, and this clerk's. Others may hold some of them: to know that would cost more than it tells."""
    mine = (DeskCase.exam_id == exam_id, DeskCase.state == CaseState.OPEN, DeskCase.kind.in_(LOOKED))
    open_ones = (*mine, ~waits_for_scan(exam_id), DeskCase.id.not_in(said))
    count = session.scalar(select(func.count()).select_from(DeskCase).where(*open_ones)) or 0
    words = select(Look.case_id).join(DeskCase, DeskCase.id == Look.case_id).where(*open_ones, Look.taken_back.is_(False))
    enough = or_(func.count() >= clerks, func.count().filter(Look.user_id == user_id) > 0)
    without_me = words.group_by(Look.case_id).having(enough).subquery()
    return count - (session.scalar(select(func.count()).select_from(without_me)) or 0)


def _word_of(user_id: int) -> ColumnElement[bool]:
    query = select(Look.id).where(Look.case_id == DeskCase.id, Look.user_id == user_id, Look.taken_back.is_(False))
    return query.correlate(DeskCase).exists()


def _take(
    session: Session, free: Sequence[ColumnElement[bool]], definition: ExamDefinition, user_id: int, wanted: int, now: datetime
) -> list[tuple[DeskCase, bool]]:
    """Lock that many free cases and lease them. False: somebody else got the case between the question and the lock.

    The question sees the database as it was when it began, so the places of a case are counted again once its row is
    locked: from then on nobody else hands it out.
    """
    query = select(DeskCase).where(*free).order_by(DeskCase.kind, DeskCase.id).limit(wanted)
    cases = list(session.scalars(query.with_for_update(skip_locked=True, key_share=True)))
    ids = [c.id for c in cases]
    if not ids:
        return []
    taken: dict[int, int] = dict.fromkeys(ids, 0)
    for case_id in session.scalars(select(DeskLease.case_id).where(DeskLease.case_id.in_(ids), DeskLease.until > now)):
        taken[case_id] += 1
    for case_id in session.scalars(select(Look.case_id).where(Look.case_id.in_(ids), Look.taken_back.is_(False))):
        taken[case_id] += 1
    found = [(case, taken[case.id] < definition.desk.clerks) for case in cases]
    if given := [case for case, mine in found if mine]:
        lease(session, given, user_id, now)
    return found


def _drop(site: Site, *conditions: ColumnElement[bool]) -> int:
    with site.database.write() as session:
        dropped = session.scalars(delete(DeskLease).where(*conditions).returning(DeskLease.until)).all()
        return sum(until > site.now() for until in dropped)
