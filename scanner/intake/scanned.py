"""A person's word that all of a paper has been scanned. Until it is said, nobody is asked for scripts that never came.

The writer of `papers_scanned`. Frames that come after the word are read as ever, and close the cases that it opened.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core import events, ledger
from core.errors import BadInput, NotFound
from core.loading import definition_of
from core.site import Site
from core.tables import Exam, PaperScanned
from scanner.intake.turn import take_turn


@dataclass(frozen=True, slots=True)
class Scanned:
    paper: str
    over: bool
    reason: str
    by: str
    at: datetime | None  # None: nobody has said anything


def say_scanned(site: Site, exam_id: int, papers: Sequence[str], *, by: str, over: bool = True, reason: str = "") -> list[Scanned]:
    """Keep the word for these papers (none named: all), in the ledger too. The same word again changes nothing."""
    with site.database.write() as session:
        exam = take_turn(session, exam_id)
        known = {s.paper: s for s in papers_scanned(session, exam)}
        for paper in papers or known:
            if paper not in known:
                raise NotFound(f"there is no paper {paper}.", where=f"exam {exam.code}", remedy=f"Its papers: {', '.join(known)}.")
            if known[paper].over == over:
                continue
            if not over and not reason.strip():
                raise BadInput("taking back that a paper is scanned needs a reason.", where=f"paper {paper}")
            _keep(session, exam_id, paper, over, reason.strip(), by, site.now())
        return papers_scanned(session, exam)


def papers_scanned(session: Session, exam: Exam) -> list[Scanned]:
    """The latest word on each paper of the exam."""
    newest = select(PaperScanned.paper, func.max(PaperScanned.version).label("version"))
    newest_of = newest.where(PaperScanned.exam_id == exam.id).group_by(PaperScanned.paper).subquery()
    same = (PaperScanned.paper == newest_of.c.paper, PaperScanned.version == newest_of.c.version)
    rows = session.scalars(select(PaperScanned).join(newest_of, same[0] & same[1]).where(PaperScanned.exam_id == exam.id))
    said = {row.paper: Scanned(row.paper, row.over, row.reason, row.by, row.at) for row in rows}
    return [said.get(p.code, Scanned(p.code, False, "", "", None)) for p in definition_of(session, exam).papers]


def _keep(session: Session, exam_id: int, paper: str, over: bool, reason: str, by: str, now: datetime) -> None:
    mine = (PaperScanned.exam_id == exam_id, PaperScanned.paper == paper)
    version = (session.scalar(select(func.max(PaperScanned.version)).where(*mine)) or 0) + 1
    session.add(PaperScanned(exam_id=exam_id, paper=paper, version=version, over=over, reason=reason, by=by, at=now))
    session.flush()
    entry = {"kind": "scanned", "paper": paper, "over": over, "version": version, "by": by, "reason": reason}
    ledger.append(session, exam_id, ledger.OFFICE, [entry], now)
    events.emit(session, exam_id, "scanned", {"paper": paper, "over": over}, now)
