"""Taking a decision back: the case is open again and the records are as if it had never been decided.

History stays: versions are added, not removed, and the ledger says that a decision was undone. Possible until a
release is signed, and as long as nothing else was built on the decision.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import select

from core.errors import Conflict
from core.site import Site
from core.states import CaseState, PageState, ReceiptState, ReleaseState
from core.tables import DeskCase, Exam, Page, Release, Sheet
from omr.desk.answers import enter_page, void_page
from omr.desk.cards import give_card_back, part_cards
from omr.desk.cases import log_case
from omr.desk.looks_kept import take_all_back
from omr.desk.rescans import stop_asking
from omr.desk.scripts import finish
from omr.desk.sheets import assign, enter_sheet, identify, is_confirmed
from omr.desk.views import CaseView, find_case, views
from omr.desk.work import Work, begin_work
from scanner.intake import take_turn


def undo(site: Site, exam_id: int, user: str, case_id: int) -> CaseView:
    """Take back the decision of a case, or a request to scan again that nobody has answered yet."""
    with site.database.write() as session:
        exam = take_turn(session, exam_id)
        case = find_case(session, exam_id, case_id)
        work = begin_work(session, exam, user, site.now())
        refuse_after_signature(work, exam)
        if case.state is CaseState.OPEN and case.evidence.get("rescan"):
            stop_asking(work, case.id)
            case.evidence = {k: v for k, v in case.evidence.items() if k != "rescan"}
            case.version += 1
        elif case.state is CaseState.RESOLVED and case.resolved_by.startswith("user:"):
            agreed = bool(case.resolution.get("looks"))
            reopen_with_records(work, case)
            if agreed:  # what a third person decided leaves the two words as they were: they differ again
                take_all_back(session, case.id)
        else:
            raise Conflict("there is no decision of a person to take back.", where=f"case {case_id}")
        log_case(work, case, "undo", "")
        finish(work)
        return views(session, [case])[0]


def refuse_after_signature(work: Work, exam: Exam) -> None:
    signed = (ReleaseState.SIGNED, ReleaseState.RELEASED)
    query = select(Release.number).where(Release.exam_id == exam.id, Release.state.in_(signed)).limit(1)
    number = work.session.scalar(query)
    if number is not None:
        raise Conflict(
            f"release {number} is signed, so decisions stand.", where="exceptions desk", remedy="Correct it in the next release."
        )


def reopen_with_records(work: Work, case: DeskCase) -> None:
    resolution = dict(case.resolution)
    before: dict[str, Any] = resolution.get("before", {})
    reopen(work, case)
    put_back = _PUT_BACK.get(str(resolution.get("action")))
    if put_back is not None:
        put_back(work, case, before)
    for other_id in before.get("withdrawn", ()):
        other = work.session.get(DeskCase, other_id)
        if other is not None and other.state is CaseState.WITHDRAWN:
            reopen(work, other)
    for touched in (case.page_id, before.get("other")):
        if touched is not None:
            work.touched.add(touched)
    if case.script_id is not None:
        work.scripts.add(case.script_id)


def reopen(work: Work, case: DeskCase) -> None:
    case.state, case.version = CaseState.OPEN, case.version + 1
    case.resolution, case.resolved_by, case.resolved_at = {}, "", None
    work.forget_decisions(case.page_id)
    work.session.flush()


def _answers(work: Work, case: DeskCase, before: dict[str, Any]) -> None:
    page, sheet = _page(work, case), _sheet(work, case)
    if page is not None and sheet is not None and sheet.script_id is not None and is_confirmed(sheet):
        enter_page(work, page, work.script(sheet.script_id))


def _candidate(work: Work, case: DeskCase, before: dict[str, Any]) -> None:
    sheet = _sheet(work, case)
    assert sheet is not None
    script = work.script(before["script"]) if before.get("script") is not None else None
    assign(work, sheet, script, facts={}, reason="undone")


def _discarded(work: Work, case: DeskCase, before: dict[str, Any]) -> None:
    assert case.receipt_id is not None
    page, sheet = _page(work, case), _sheet(work, case)
    if page is not None and sheet is not None and not page.evidence.get("second"):
        standing = work.page_of(sheet.id, page.side or 0)
        if standing is not None and standing is not page:
            raise Conflict(
                "another scan stands for this side now.", where=f"case {case.id}", remedy="Nothing is lost: the frame is kept, discarded."
            )
    receipt = work.receipt(case.receipt_id)
    receipt.state, receipt.reason = ReceiptState.WAITING, str(before.get("reason", ""))
    if page is not None:
        _stand_again(work, page, PageState.DOUBTFUL)
        if sheet is not None:
            enter_sheet(work, sheet)


def _taken(work: Work, case: DeskCase, before: dict[str, Any]) -> None:
    if case.kind == "candidate_twice":
        give_card_back(work, case, before)
        return
    page, sheet = _page(work, case), _sheet(work, case)
    assert page is not None
    assert sheet is not None
    page.evidence = page.evidence | {"second": True}
    # What the newer scan asked on its own goes with it.
    for other_case in work.open_cases(DeskCase.page_id == page.id, DeskCase.id != case.id):
        other_case.state, other_case.version = CaseState.WITHDRAWN, other_case.version + 1
        other_case.resolution = {"action": "withdrawn", "reason": f"case {case.id} was undone"}
    other = work.session.get(Page, before["other"]) if before.get("other") is not None else None
    if other is not None:
        _stand_again(work, other, PageState.DOUBTFUL)
        receipt = work.receipt(other.receipt_id)
        receipt.state, receipt.reason = ReceiptState.READ, ""
    with work.as_readers():
        identify(work, sheet)


def _kept(work: Work, case: DeskCase, before: dict[str, Any]) -> None:
    page = _page(work, case)
    assert page is not None
    receipt = work.receipt(page.receipt_id)
    receipt.state, receipt.reason, receipt.duplicate_of = ReceiptState.WAITING, "", None
    _stand_again(work, page, PageState.DOUBTFUL)


def _placed(work: Work, case: DeskCase, before: dict[str, Any]) -> None:
    """The frame was read again as a side: that reading goes, and the frame waits for another decision."""
    assert case.receipt_id is not None
    receipt = work.receipt(case.receipt_id)
    if receipt.state in (ReceiptState.RECEIVED, ReceiptState.QUEUED):
        raise Conflict("the frame is being read again just now.", where=f"case {case.id}", remedy="Try again in a moment.")
    query = select(Page).where(Page.receipt_id == receipt.id, Page.state != PageState.SUPERSEDED)
    for page in work.session.scalars(query).all():
        _take_away(work, page)
    for later in work.open_cases(DeskCase.receipt_id == receipt.id, DeskCase.id != case.id):
        later.state, later.version = CaseState.WITHDRAWN, later.version + 1
        later.resolution = {"action": "withdrawn", "reason": f"case {case.id} was undone"}
    receipt.state, receipt.reason, receipt.duplicate_of = ReceiptState.WAITING, str(case.evidence.get("reason", "")), None
    if before.get("page") is not None:
        first = work.session.get(Page, before["page"])
        if first is not None:
            _stand_again(work, first, PageState.DOUBTFUL)


def _take_away(work: Work, page: Page) -> None:
    page.state = PageState.SUPERSEDED
    work.touched.discard(page.id)
    if page.sheet_id is None:
        return
    sheet = work.sheet(page.sheet_id)
    if sheet.script_id is not None and is_confirmed(sheet):
        void_page(work, page, work.script(sheet.script_id))


def _stand_again(work: Work, page: Page, state: PageState) -> None:
    page.state = state
    work.touched.add(page.id)
    work.remember(page)


def _page(work: Work, case: DeskCase) -> Page | None:
    return work.session.get(Page, case.page_id) if case.page_id is not None else None


def _sheet(work: Work, case: DeskCase) -> Sheet | None:
    return work.session.get(Sheet, case.sheet_id) if case.sheet_id is not None else None


_PUT_BACK: dict[str, Callable[[Work, DeskCase, dict[str, Any]], None]] = {
    "set_answer": _answers,
    "accept": _answers,
    "set_candidate": _candidate,
    "discard": _discarded,
    "take_this": _taken,
    "keep_other": _kept,
    "merge": part_cards,
    "set_page": _placed,
}
