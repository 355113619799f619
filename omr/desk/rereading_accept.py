"""What becomes of a rereading's differences: the second reading stands, or the first; taken back until a release is signed.

A page is accepted whole: half of one reading and half of another would be a reading that no reader made. What people
decided goes with the page to whichever reading stands. Each exchange is in the ledger.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from core.corrected import adopt as adopt_template
from core.errors import BadInput, Conflict
from core.site import Site
from core.states import CaseState, PageState, ReceiptState, RereadingState, RereadState
from core.tables import DeskCase, Page, Rereading, RereadPage, Script, Sheet
from omr.desk.budget import WHY
from omr.desk.cases import close_case, withdraw
from omr.desk.pages import open_doubts, set_aside
from omr.desk.rereading import find_rereading
from omr.desk.scripts import finish
from omr.desk.sheets import enter_sheet, identify
from omr.desk.undo import refuse_after_signature
from omr.desk.work import READERS, Work, begin_work
from scanner.intake import take_turn

UNPLACED = ("registration", "code_unknown")
AT_ONCE = 200  # pages of one transaction: readers and clerks write between two of them


@dataclass(frozen=True, slots=True)
class Said:
    """Whose word it is that a reading stands, and why. What the reading says is still the readers' word, and filed as such."""

    user: str
    reason: str


Each = Callable[[Work, Rereading, RereadPage, Said], None]


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which of a list of pages is meant: all, those that differ in nothing but `fields`, or the named ones."""

    fields: Collection[str] = ()
    pages: Collection[int] = ()  # rows of the list


@dataclass(frozen=True, slots=True)
class Settled:
    pages: int  # that were settled
    left: int  # that were chosen too and wait for the next call
    overtaken: int  # of those that were settled: pages that did not stand any more


class Settle(Protocol):
    """`accept`, `keep` and `take_back`. `expected` is how many pages the person saw chosen: of two people the second gets Conflict."""

    def __call__(
        self, site: Site, exam_id: int, user: str, number: int, chosen: Chosen, *, expected: int, reason: str = "", most: int = 1000
    ) -> Settled: ...


def accept(
    site: Site, exam_id: int, user: str, number: int, chosen: Chosen, *, expected: int, reason: str = "", most: int = 1000
) -> Settled:
    """Let the second reading stand."""
    return _settle(site, exam_id, user, number, chosen, _accept, RereadState.DIFFERS, expected, reason, most)


def keep(site: Site, exam_id: int, user: str, number: int, chosen: Chosen, *, expected: int, reason: str = "", most: int = 1000) -> Settled:
    """Let the first reading stand, and take the pages off the list."""
    return _settle(site, exam_id, user, number, chosen, _keep, RereadState.DIFFERS, expected, reason, most)


def take_back(
    site: Site, exam_id: int, user: str, number: int, chosen: Chosen, *, expected: int, reason: str = "", most: int = 1000
) -> Settled:
    """Let the first reading stand again where the second was accepted; these pages are on the list again."""
    return _settle(site, exam_id, user, number, chosen, _take_back, RereadState.ACCEPTED, expected, reason, most)


def close(site: Site, exam_id: int, user: str, number: int, *, reason: str = "") -> None:
    """Nothing more is read or accepted; where nobody decided, the first reading stands."""
    with site.database.write() as session:
        exam = take_turn(session, exam_id)
        rereading = find_rereading(session, exam_id, number)
        if rereading.state is RereadingState.CLOSED:
            return
        work = begin_work(session, exam, user, site.now())
        rereading.state, rereading.ended_at = RereadingState.CLOSED, rereading.ended_at or site.now()
        _log(work, rereading, "close", Said(user, reason))
        work.event("rereading", rereading=rereading.id, state="closed")
        finish(work)


def adopt(site: Site, exam_id: int, user: str, number: int, *, reason: str = "") -> int:
    """Let frames be read for the first time by the rereading's template too, once every page was compared.

    Frames that no reader could place by the template before are read again by it; how many.
    """
    with site.database.write() as session:
        exam = take_turn(session, exam_id)
        rereading = find_rereading(session, exam_id, number)
        if rereading.state is RereadingState.RUNNING:
            raise Conflict("it has not ended.", where=f"rereading {number}", remedy="Wait until every page was read again, and look.")
        _refuse_unread(session, number)
        adopt_template(session, exam, rereading.template_id, by=user, now=site.now())
        work = begin_work(session, exam, user, site.now())
        frames = _read_waiting(work, rereading)
        _log(work, rereading, "adopt", Said(user, reason), frames=frames)
        finish(work)
    return frames


def _refuse_unread(session: Session, number: int) -> None:
    """One that was closed before its end: nobody knows what its template makes of the pages that were not read."""
    waiting = (RereadPage.rereading_id == number, RereadPage.state == RereadState.WAITING)
    left = session.scalar(select(func.count()).select_from(RereadPage).where(*waiting)) or 0
    if left:
        raise Conflict(
            f"it was closed while {left} pages had not been read again.",
            where=f"rereading {number}",
            remedy="Start another one with the same template, and let it end.",
        )


def _read_waiting(work: Work, rereading: Rereading) -> int:
    """Frames that could not be laid over the template, or whose page code was not where it said, wait for readers again."""
    papers = select(Sheet.id).where(Sheet.exam_id == work.exam.id, Sheet.paper == rereading.paper)
    mine = (DeskCase.kind.in_(UNPLACED), or_(DeskCase.sheet_id.is_(None), DeskCase.sheet_id.in_(papers)))
    cases = [case for case in work.open_cases(*mine) if case.receipt_id is not None and not case.evidence.get("rescan")]
    for case in cases:
        receipt = work.receipt(case.receipt_id or 0)
        page = work.session.get(Page, case.page_id) if case.page_id is not None else None
        close_case(work, case, CaseState.WITHDRAWN, {"action": "withdrawn", "reason": f"rereading {rereading.id}: the frame is read again"})
        if page is not None:
            set_aside(work, page, ReceiptState.RECEIVED, "")
        receipt.state, receipt.reason, receipt.attempt_id = ReceiptState.RECEIVED, "", None
    return len(cases)


def _settle(
    site: Site, exam_id: int, user: str, number: int, chosen: Chosen, each: Each, state: RereadState, expected: int, reason: str, most: int
) -> Settled:
    done = settled = overtaken = 0
    rows: list[int] | None = None
    while rows is None or (done < min(len(rows), most)):
        with site.database.write() as session:
            exam = take_turn(session, exam_id)
            rereading = find_rereading(session, exam_id, number)
            work = begin_work(session, exam, READERS, site.now())
            _refuse(work, rereading, each)
            if rows is None:
                rows = _rows(session, number, chosen, state)
                _check(rows, chosen, expected, number)
            part = rows[done : min(done + AT_ONCE, most)]
            found = session.scalars(
                select(RereadPage).where(RereadPage.id.in_(part), RereadPage.state == state).order_by(RereadPage.id)
            ).all()
            _bring(work, found)
            for row in found:
                each(work, rereading, row, Said(user, reason))
                row.by, row.at = user, site.now()
                overtaken += row.state is RereadState.OVERTAKEN
            finish(work)
        done, settled = done + len(part), settled + len(found)
    return Settled(settled, len(rows or ()) - done, overtaken)


def _refuse(work: Work, rereading: Rereading, each: Each) -> None:
    if each is _take_back:
        refuse_after_signature(work, work.exam)
    elif rereading.state is RereadingState.CLOSED:
        raise Conflict("it is closed.", where=f"rereading {rereading.id}", remedy="Start another one.")


def _rows(session: Session, number: int, chosen: Chosen, state: RereadState) -> list[int]:
    query = select(RereadPage.id).where(RereadPage.rereading_id == number, RereadPage.state == state).order_by(RereadPage.id)
    rows = list(session.scalars(query))
    if chosen.pages:
        wanted = set(chosen.pages)
        rows = [row for row in rows if row in wanted]
    if chosen.fields:
        names = set(chosen.fields)
        told: dict[int, dict[str, Any]] = dict(session.execute(query.with_only_columns(RereadPage.id, RereadPage.differs)).all())
        rows = [row for row in rows if set(told[row]) <= names]
    return rows


def _check(rows: Sequence[int], chosen: Chosen, expected: int, number: int) -> None:
    if len(rows) != expected:
        raise Conflict(
            f"{len(rows)} pages are chosen now, not {expected}.",
            where=f"rereading {number}",
            remedy="Somebody settled some, or more were read: load the list again and decide on what it says now.",
        )
    if not rows:
        raise BadInput("no page is chosen.", where=f"rereading {number}")


def _bring(work: Work, rows: Sequence[RereadPage]) -> None:
    """What the exchanges of these pages need, in a few queries."""
    pages = work.session.scalars(select(Page).where(Page.id.in_([r.page_id for r in rows]))).all()
    sheets = work.session.scalars(select(Sheet).where(Sheet.id.in_({p.sheet_id for p in pages}))).all()
    scripts = {s.script_id for s in sheets if s.script_id is not None}
    work.keep(sheets)
    work.keep(work.session.scalars(select(Script).where(Script.id.in_(scripts))).all())
    work.load_pages(s.id for s in sheets)
    work.load_cards(scripts)
    work.load_stations(p.receipt_id for p in pages)


def _accept(work: Work, rereading: Rereading, row: RereadPage, said: Said) -> None:
    old = work.session.get_one(Page, row.page_id)
    if old.state is PageState.SUPERSEDED:
        row.state = RereadState.OVERTAKEN
        return
    result = row.result
    newest = work.session.scalar(select(func.max(Page.version)).where(Page.receipt_id == old.receipt_id)) or 0
    new = Page(
        exam_id=old.exam_id,
        receipt_id=old.receipt_id,
        version=newest + 1,
        state=PageState.DOUBTFUL,
        paper=old.paper,
        sheet_id=old.sheet_id,
        side=old.side,
        template_id=rereading.template_id,
        evidence=result["evidence"] | {"rereading": rereading.id},
        fields=result["fields"],
        regions=result["regions"] if result["cut"] else old.regions,
        attempt_id=f"reread-{rereading.id}",
        cut_from=None if result["cut"] else old.cut_from or old.id,
        read_at=work.now,
    )
    work.session.add(new)
    work.session.flush()
    kept = exchange(work, old, new, f"rereading {rereading.id} was accepted")
    row.state, row.new_page_id = RereadState.ACCEPTED, new.id
    _log(work, rereading, "accept", said, page=old.id, stands=new.id, kept=sorted(kept & set(row.differs)))


def _keep(work: Work, rereading: Rereading, row: RereadPage, said: Said) -> None:
    row.state = RereadState.KEPT
    _log(work, rereading, "keep", said, page=row.page_id, stands=row.page_id)


def _take_back(work: Work, rereading: Rereading, row: RereadPage, said: Said) -> None:
    assert row.new_page_id is not None
    old, new = work.session.get_one(Page, row.page_id), work.session.get_one(Page, row.new_page_id)
    if new.state is PageState.SUPERSEDED:
        raise Conflict(
            "another reading or another scan of the side stands now.",
            where=f"rereading {rereading.id}, page {row.id}",
            remedy="Take that back first, or choose the other pages.",
        )
    exchange(work, new, old, f"rereading {rereading.id} was taken back")
    row.state, row.new_page_id = RereadState.DIFFERS, None
    _log(work, rereading, "take back", said, page=new.id, stands=old.id)


def exchange(work: Work, old: Page, new: Page, why: str) -> set[str]:
    """Let `new`, a reading of the same frame, stand in the place of `old`. Comes back: the fields that people decided."""
    assert old.sheet_id is not None
    sheet, receipt = work.sheet(old.sheet_id), work.receipt(old.receipt_id)
    work.load_pages([sheet.id])
    old.state, new.state = PageState.SUPERSEDED, PageState.DOUBTFUL
    asked = _move_cases(work, old, new, why)
    work.session.flush()
    work.forget_decisions(old.id)
    work.forget_decisions(new.id)
    work.touched.discard(old.id)
    work.touched.add(new.id)
    work.remember(new)
    open_doubts(work, new, sheet, receipt, asked=asked)
    enter_sheet(work, sheet)  # to the script whose it was: should it turn out to be another's, the answers go from there
    identify(work, sheet)
    return set(work.decided(new.id))


def _move_cases(work: Work, old: Page, new: Page, why: str) -> dict[str, str]:
    """Decisions, and requests to scan again, go with the page; open questions are asked anew of the new reading.

    Comes back: fields that a person was asked to look at although no reader doubts them, with the reason.
    """
    about = DeskCase.page_id == old.id
    waits = [case for case in work.open_cases(about) if case.evidence.get("rescan")]
    settled = work.session.scalars(select(DeskCase).where(about, DeskCase.state == CaseState.RESOLVED).order_by(DeskCase.id)).all()
    for case in (*waits, *settled):
        case.page_id = new.id
    work.session.flush()
    closed = withdraw(work, why, about)
    return {str(item["item"]): WHY for case in closed for item in case.items if item.get("why") == WHY}


def _log(work: Work, rereading: Rereading, action: str, said: Said, **more: Any) -> None:
    work.office(kind="rereading", rereading=rereading.id, action=action, by=said.user, reason=said.reason, **more)
