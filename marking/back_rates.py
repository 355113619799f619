"""How much of each marker's work leaders have looked at, against the share that the exam asks for of each day."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.bulk import among
from core.site import Site
from core.states import CheckKind
from core.tables import Check, Standing
from marking.definitions import current_definition
from marking.reach import reach_of
from marking.standing import Standings


@dataclass(frozen=True, slots=True)
class Rate:
    """How much of a marker's work of today was looked at, and what came of all looks so far."""

    marker: int
    today: int
    looked_today: int
    missing: int  # looks until the share is reached
    confirmed: int
    corrected: int
    sent_back: int


def rates(site: Site, exam_id: int, leader_id: int, paper: str, group: str) -> list[Rate]:
    """By marker: how much was looked at. Only where the exam watches markers are their marks of a day known."""
    with site.database.read() as session:
        reach_of(session, exam_id, leader_id).require_lead(paper, group)
        _, definition = current_definition(session, exam_id)
        standings = Standings(exam_id, definition, site.now())
        standings.require_group(paper, group)
        today, looked = _today(session, standings, paper, group), _looked_today(session, standings, paper, group)
        query = select(Check.user_id, Check.outcome, func.count()).where(*_looks(exam_id, paper, group))
        outcomes = {(user, outcome): n for user, outcome, n in session.execute(query.group_by(Check.user_id, Check.outcome))}
    share = _share(standings, paper, group)
    return [
        Rate(
            user,
            today.get(user, 0),
            looked.get(user, 0),
            _missing(share, today.get(user, 0), looked.get(user, 0)),
            *(outcomes.get((user, outcome), 0) for outcome in ("confirmed", "corrected", "sent_back")),
        )
        for user in sorted({*today, *(user for user, _ in outcomes)})
    ]


def behind(session: Session, standings: Standings, paper: str, group: str) -> list[int]:
    """The markers whose looks of today are below their share, the one who is furthest below first."""
    share = _share(standings, paper, group)
    today, looked = _today(session, standings, paper, group), _looked_today(session, standings, paper, group)
    missing = {user: share * n - looked.get(user, 0) for user, n in today.items()}
    return sorted((user for user, n in missing.items() if n > 0), key=lambda user: -missing[user])


def missing(session: Session, standings: Standings, places: Collection[tuple[str, str]]) -> Counter[tuple[str, str]]:
    """By item group: looks until the share of this day is reached of every marker. Two statements, whatever the number of groups."""
    here = Standing.exam_id == standings.exam_id, Standing.day == standings.day
    rows = session.execute(select(Standing.paper, Standing.group, Standing.user_id, Standing.today).where(*here))
    marked = [row for row in rows if (row[0], row[1]) in places and _share(standings, row[0], row[1])]
    # By the markers: checks are found by whose they are, and a day has few of all markers.
    back = among(session, Check.user_id, sorted({user for _, _, user, _ in marked})), Check.exam_id == standings.exam_id
    query = select(Check.paper, Check.group, Check.user_id, func.count()).where(*back)
    query = query.where(Check.kind == CheckKind.BACK, Check.at >= standings.midnight)
    grouped = query.group_by(Check.paper, Check.group, Check.user_id)
    looked = {(paper, group, user): n for paper, group, user, n in session.execute(grouped)} if marked else {}
    found = Counter[tuple[str, str]]()
    for paper, group, user, today in marked:
        found[paper, group] += _missing(_share(standings, paper, group), today, looked.get((paper, group, user), 0))
    return found


def _missing(share: Fraction, today: int, looked: int) -> int:
    return max(0, ceil(share * today) - looked)


def _share(standings: Standings, paper: str, group: str) -> Fraction:
    rules = standings.rules(paper, group)
    return Fraction(rules.back_reading.share) if rules is not None and rules.back_reading is not None else Fraction(0)


def _today(session: Session, standings: Standings, paper: str, group: str) -> dict[int, int]:
    here = Standing.exam_id == standings.exam_id, Standing.paper == paper, Standing.group == group, Standing.day == standings.day
    return dict(session.execute(select(Standing.user_id, Standing.today).where(*here)).all())


def _looked_today(session: Session, standings: Standings, paper: str, group: str) -> Counter[int]:
    query = select(Check.user_id).where(*_looks(standings.exam_id, paper, group), Check.at >= standings.midnight)
    return Counter(session.scalars(query))


def _looks(exam_id: int, paper: str, group: str) -> tuple[Any, ...]:
    return Check.exam_id == exam_id, Check.paper == paper, Check.group == group, Check.kind == CheckKind.BACK
