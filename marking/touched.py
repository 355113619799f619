"""What the readers and the desk touched since somebody looked: so that a look need not be at everything.

Pages and assignments of sheets are numbered in the order of their commits, since whoever writes them has the exam's
turn. What touches a script without a row of either (a choice, a case that was the last) is found by a look at all.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from redis.exceptions import RedisError
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.errors import Unavailable
from core.site import Site
from core.tables import LedgerHead, Page, Sheet, SheetAssignment
from marking.handout import prefix

LOOK_ANYWAY_SECONDS = 30
log = logging.getLogger("markhall.marking")


@dataclass(frozen=True, slots=True)
class Mark:
    """How far somebody has looked: the newest page and the newest assignment."""

    page: int
    assignment: int


def newest(session: Session, exam_id: int) -> Mark:
    page = session.scalar(select(func.max(Page.id)).where(Page.exam_id == exam_id))
    assignment = session.scalar(select(func.max(SheetAssignment.id)).where(SheetAssignment.exam_id == exam_id))
    return Mark(page or 0, assignment or 0)


def touched(session: Session, exam_id: int, since: Mark) -> list[int]:
    """Scripts of which a page was read, or to or from which a sheet went, after `since`; in order."""
    read = select(Sheet.script_id).join(Page, Page.sheet_id == Sheet.id).where(Page.exam_id == exam_id, Page.id > since.page)
    moved = select(SheetAssignment.sheet_id).where(SheetAssignment.exam_id == exam_id, SheetAssignment.id > since.assignment)
    # Every script that such a sheet was ever given to: the one that lost it has a response too many.
    given = select(SheetAssignment.script_id).where(SheetAssignment.sheet_id.in_(moved))
    return sorted(script for script in session.scalars(read.union(given)) if script is not None)


def stamp_of(site: Site, exam_id: int) -> str:
    """Differs whenever something was read or decided: a look at all has nothing to do while it stays the same."""
    with site.database.read() as session:
        mark = newest(session, exam_id)
        heads = select(func.sum(LedgerHead.sequence)).where(LedgerHead.exam_id == exam_id, LedgerHead.shard.not_like("group:%"))
        return f"{mark.page}.{mark.assignment}.{session.scalar(heads) or 0}"


def is_known(site: Site, exam_id: int, stamp: str) -> bool:
    try:
        kept = site.redis.get(f"{prefix(exam_id)}swept")
    except (RedisError, Unavailable):
        return False
    return kept is not None and kept == stamp.encode()


def remember(site: Site, exam_id: int, stamp: str) -> None:
    try:
        site.redis.set(f"{prefix(exam_id)}swept", stamp, ex=LOOK_ANYWAY_SECONDS)
    except (RedisError, Unavailable):
        log.warning("the queue server cannot be reached; the next sweep looks at everything again")
