"""Which page stands for a side: a first scan, a second one, a re-scan that was asked for."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from core.states import CaseState, PageState, ReceiptState
from core.tables import DeskCase, Page, Receipt, RescanRequest, Sheet
from omr.desk.cases import REPLACEABLE, close_case, open_case
from omr.desk.forms import Roles
from omr.desk.rescans import asked_for
from omr.desk.scripts import field_item
from omr.desk.sheets import identify
from omr.desk.work import Work

NOTHING: Mapping[str, str] = MappingProxyType({})


def stand(work: Work, page: Page, sheet: Sheet) -> None:
    """Let the page stand for its side: doubts become a case, the sheet is identified, answers are entered."""
    assert page.side is not None
    receipt = work.receipt(page.receipt_id)
    page.evidence = {k: v for k, v in page.evidence.items() if k != "second"}
    work.touched.add(page.id)
    _replace_what_waited(work, page, sheet, receipt)
    open_doubts(work, page, sheet, receipt)
    identify(work, sheet)


def open_doubts(work: Work, page: Page, sheet: Sheet, receipt: Receipt, *, asked: Mapping[str, str] = NOTHING) -> None:
    """One case for all fields of a page that its readers doubt. A doubtful number is no case: identity looks at it.

    `asked`: fields that a person must look at all the same, each with the reason.
    """
    assert page.side is not None
    roles = work.forms.roles(page.paper or "", page.side)
    decided = work.decided(page.id)
    doubtful = [f for f, said in page.fields.items() if (said["doubt"] or f in asked) and f not in decided and roles.kind_of(f)]
    if not doubtful:
        return
    kinds = {roles.kind_of(f) for f in doubtful}
    script = work.script(sheet.script_id) if sheet.script_id is not None else None
    open_case(
        work,
        kinds.pop() if len(kinds) == 1 else "doubt",
        receipt=receipt,
        page=page,
        sheet=sheet,
        script=script,
        side=page.side,
        items=[field_item(work, page, f) | ({"why": asked[f]} if f in asked else {}) for f in doubtful],
    )


def is_same_reading(roles: Roles, first: Page, second: Page, least_ink: float) -> bool:
    """Do two scans of a side say the same, so that the first can stand without a person looking?"""
    names = (*roles.answers, *roles.types, *roles.choices, *roles.absent)
    for name in names:
        one, two = first.fields.get(name), second.fields.get(name)
        if one is None or two is None or one["value"] != two["value"] or (two["doubt"] and not one["doubt"]):
            return False
    inks = ({r["name"]: r["ink"] >= least_ink for r in page.regions} for page in (first, second))
    return next(inks) == next(inks)


def set_aside(work: Work, page: Page, state: ReceiptState, reason: str, *, duplicate_of: int | None = None) -> None:
    """A page that stands for nothing (any more), and its frame."""
    page.state = PageState.SUPERSEDED
    work.touched.discard(page.id)
    receipt = work.receipt(page.receipt_id)
    receipt.state, receipt.reason, receipt.duplicate_of = state, reason, duplicate_of


def supersede(work: Work, page: Page, by: Receipt) -> None:
    """Another scan of the same side is used; what was doubtful about this one no longer matters."""
    for case in work.open_cases(DeskCase.page_id == page.id):
        _close(work, case, by)
    set_aside(work, page, ReceiptState.SUPERSEDED, f"receipt {by.id} is used")


def _replace_what_waited(work: Work, page: Page, sheet: Sheet, receipt: Receipt) -> None:
    """Frames of this side that could not be read, and the case of a missing side, are settled by this page."""
    if not work.may_have_cases(sheets=[sheet.id]):
        return
    settled = work.open_cases(DeskCase.sheet_id == sheet.id, DeskCase.side == page.side, DeskCase.kind.in_(REPLACEABLE))
    for request in asked_for(work, sheet.id, page.side or 0):
        request.state, request.received_at = "received", work.now
        settled += _case_of(work, request)
    for case in {c.id: c for c in settled if c.state is CaseState.OPEN and c.receipt_id != receipt.id}.values():
        _close(work, case, receipt)


def _case_of(work: Work, request: RescanRequest) -> list[DeskCase]:
    """The case that asked, unless it waits for further sides (a whole script closes its own)."""
    case = work.session.get(DeskCase, request.case_id)
    return [case] if case is not None and case.kind != "script_missing" else []


def _close(work: Work, case: DeskCase, by: Receipt) -> None:
    if case.state is not CaseState.OPEN:
        return
    asked = bool(case.evidence.get("rescan"))
    resolution = {"action": "rescan" if asked else "withdrawn", "receipt": by.id, "reason": "another scan of the side was read"}
    close_case(work, case, CaseState.RESOLVED if asked else CaseState.WITHDRAWN, resolution)
    if case.receipt_id is not None and case.receipt_id != by.id:
        old = work.receipt(case.receipt_id)
        if old.state is ReceiptState.WAITING:
            old.state, old.reason = ReceiptState.SUPERSEDED, f"receipt {by.id} is used"
        if case.page_id is not None:
            page = work.session.get(Page, case.page_id)
            if page is not None and page.state is not PageState.SUPERSEDED:
                page.state = PageState.SUPERSEDED
                work.touched.discard(page.id)
