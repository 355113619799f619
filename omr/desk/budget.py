"""The budget of mistakes: how many answers a person must look at so that few enough of the others are wrong.

Each answer that readers decided carries the probability that it is wrong. Their sum is the number of wrong answers to
expect among those nobody looks at. The likeliest ones go to a person first, as `doubt` cases, until the sum is within
what the exam office allows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.errors import BadInput
from core.site import Site
from core.states import AnswerState, CaseState, PageState
from core.tables import AnswerRow, DeskCase, Page
from omr.desk.cases import open_case
from omr.desk.scripts import field_item, finish
from omr.desk.work import Work, begin_work
from scanner.intake import take_turn

WHY = "the exam's budget of wrong answers asks for a look"


@dataclass(frozen=True, slots=True)
class Budget:
    """What the exam's answers promise, and what it takes to promise more."""

    answers: int  # decided by the readers, nobody has looked
    expected: float  # of these wrong, on average
    allowed: float
    looks: int  # answers to look at so that no more than `allowed` are expected to be wrong
    pages: int  # that these are on
    left: float  # expected wrong among the others then

    @property
    def holds(self) -> bool:
        return self.looks == 0


def looks_needed(chances: Iterable[float], expected: float, allowed: float) -> int:
    """How many of the likeliest mistakes a person must look at.

    Parameters
    ----------
    chances : probabilities that an answer is wrong, largest first; those that are left out count in `expected` only
    expected : the sum over all answers
    allowed : the sum that may stay
    """
    count, left = 0, expected
    for chance in chances:
        if left <= allowed:
            break
        left -= chance
        count += 1
    return count


def budget(site: Site, exam_id: int, allowed: float) -> Budget:
    with site.database.read() as session:
        return _weigh(session, exam_id, allowed)[0]


def ask_for_looks(site: Site, exam_id: int, allowed: float, by: str) -> Budget:
    """Open a case for every page with an answer that must be looked at; the budget as it was before."""
    with site.database.write() as session:
        exam = take_turn(session, exam_id)
        work = begin_work(session, exam, by, site.now())
        found, rows = _weigh(session, exam_id, allowed)
        for page_id, items in _by_page(rows).items():
            _ask(work, page_id, items)
        if rows:
            work.office(kind="budget", allowed=repr(allowed), expected=repr(found.expected), looks=found.looks, by=by)
        finish(work)
    return found


def _weigh(session: Session, exam_id: int, allowed: float) -> tuple[Budget, list[tuple[int, str]]]:
    if not allowed > 0:
        raise BadInput("the number of wrong answers that are allowed must be above zero.", where="budget", remedy="Give 0.1, for instance.")
    mine = (AnswerRow.exam_id == exam_id, AnswerRow.current, AnswerRow.state == AnswerState.READERS, AnswerRow.page_id.is_not(None))
    asked = select(DeskCase.page_id).where(
        DeskCase.exam_id == exam_id, DeskCase.kind == "doubt", DeskCase.state == CaseState.OPEN, DeskCase.page_id.is_not(None)
    )
    # A page that a person looks at already is settled first; what is left of it can be asked for after that.
    open_pages = {page for page in session.scalars(asked) if page is not None}
    counted = session.execute(select(func.count(), func.coalesce(func.sum(AnswerRow.p_wrong), 0.0)).where(*mine)).one()
    answers, expected = int(counted[0]), float(counted[1])
    # All below an equal share of what is allowed may stay, however many they are: they need not be fetched.
    least = allowed / max(answers, 1)
    query = select(AnswerRow.p_wrong, AnswerRow.page_id, AnswerRow.item).where(*mine, AnswerRow.p_wrong > least)
    likely = [row for row in session.execute(query.order_by(AnswerRow.p_wrong.desc(), AnswerRow.id)) if row[1] not in open_pages]
    looks = looks_needed((float(p) for p, _, _ in likely), expected, allowed)
    chosen = [(page, item) for _, page, item in likely[:looks] if page is not None]
    left = expected - sum(float(p) for p, _, _ in likely[:looks])
    return Budget(answers, expected, allowed, looks, len({page for page, _ in chosen}), max(left, 0.0)), chosen


def _by_page(rows: Sequence[tuple[int, str]]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = defaultdict(list)
    for page_id, item in rows:
        found[page_id].append(item)
    return dict(found)


def _ask(work: Work, page_id: int, items: Sequence[str]) -> None:
    page = work.session.get(Page, page_id)
    if page is None or page.state is PageState.SUPERSEDED or page.sheet_id is None:
        return
    sheet, receipt = work.sheet(page.sheet_id), work.receipt(page.receipt_id)
    script = work.script(sheet.script_id) if sheet.script_id is not None else None
    asked = [{**field_item(work, page, item), "why": WHY} for item in sorted(items)]
    open_case(work, "doubt", receipt=receipt, page=page, sheet=sheet, script=script, side=page.side, items=asked)
