"""The laws of zero error, Z1 to Z8, checked on one state of the records. `markhall verify` prints them."""

from __future__ import annotations

from sqlalchemy.orm import Session

from core.errors import NotFound, NotProven
from core.exam import Text
from core.site import Site
from core.tables import Exam
from scoring.law import NAMES, LawName, LawResult
from scoring.verify_ledger import ledger_whole
from scoring.verify_marks import blind, marks
from scoring.verify_paper import answers, frames, identity, sheets
from scoring.verify_scores import replayed, totals

__all__ = ["LawResult", "answers", "blind", "check_laws", "frames", "identity", "ledger_whole", "marks", "sheets", "totals", "verify"]


def verify(site: Site, exam_id: int) -> list[LawResult]:
    """All laws, on one snapshot."""
    with site.database.read() as session:
        if not site.database.is_sqlite:  # there every statement would see a later state
            session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
        return check_laws(session, exam_of(session, exam_id))


def exam_of(session: Session, exam_id: int) -> Exam:
    exam = session.get(Exam, exam_id)
    if exam is None:
        raise NotFound(f"there is no exam {exam_id}.", where="exam")
    return exam


def check_laws(session: Session, exam: Exam) -> list[LawResult]:
    results = [law(session, exam) for law in (frames, sheets, identity, answers, marks, blind)]
    try:
        state = replayed(session, exam)
    except NotProven as e:
        return [*results, _unprovable("Z7", e), _unprovable("Z8", e)]
    try:
        results.append(totals(session, exam, state))
    except NotProven as e:
        results.append(_unprovable("Z7", e))
    return [*results, ledger_whole(session, exam, state)]


def _unprovable(law: LawName, why: NotProven) -> LawResult:
    return LawResult(law, NAMES[law], False, 0, Text(zh=f"无法核验：{why}", en=str(why)))
