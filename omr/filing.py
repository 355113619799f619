"""Filing a chunk: what readers made of frames becomes pages, sheets, scripts, answers and cases. No pixel is seen here.

Called inside one transaction, in which the exam's turn is held and the attempt's fence was checked.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import func, select

from core.ids import PageCode
from core.states import CaseState, PageState, ReceiptState
from core.tables import Candidate, DeskCase, Page, Receipt, Script, Sheet
from omr.desk.cases import open_case
from omr.desk.pages import is_same_reading, set_aside, stand, supersede
from omr.desk.rescans import asked_for
from omr.desk.scripts import BLANK_INK, finish
from omr.desk.work import Work

UNPLACED = ("unreadable", "registration", "blank")  # frames that were not read
GUESSED = (*UNPLACED, "code_unknown")


@dataclass(frozen=True)
class FrameResult:
    """What one frame turned out to be. Pictures are stored already; these are their hashes."""

    receipt_id: int
    kind: str = ""  # why it cannot be used as it is: unreadable, registration, blank, foreign, code_unknown; empty: it can
    reason: str = ""
    code: PageCode | None = None
    paper: str | None = None
    template_id: int | None = None
    side: int | None = None
    fields: dict[str, dict[str, Any]] = field(default_factory=dict)
    regions: list[dict[str, Any]] = field(default_factory=list)
    evidence: dict[str, Any] = field(default_factory=dict)


def file_chunk(work: Work, attempt_id: str, results: Sequence[FrameResult]) -> dict[str, int]:
    """File all results that still are this attempt's; how many frames ended in which state."""
    receipts = _ours(work, attempt_id, results)
    sheets = _sheets(work, results)
    _bring_numbers(work, results)
    filed = [
        (result, receipts[result.receipt_id]) for result in sorted(results, key=lambda r: r.receipt_id) if result.receipt_id in receipts
    ]
    pages = _add_pages(work, attempt_id, filed, sheets)
    for result, receipt in filed:
        _file(work, receipt, result, sheets, pages.get(receipt.id))
        if receipt.tries > 1:
            receipt.tries = 1  # it came through: what readers died of was something else
    for result, receipt in filed:
        if result.kind in GUESSED:
            _guess_place(work, receipt)
    finish(work)
    states = [str(receipt.state) for _, receipt in filed]
    return {state: states.count(state) for state in sorted(set(states))}


def _ours(work: Work, attempt_id: str, results: Iterable[FrameResult]) -> dict[int, Receipt]:
    """The fence: receipts that were given to another attempt meanwhile are left alone."""
    query = select(Receipt).where(
        Receipt.id.in_([r.receipt_id for r in results]), Receipt.attempt_id == attempt_id, Receipt.state == ReceiptState.QUEUED
    )
    receipts = {r.id: r for r in work.session.scalars(query.with_for_update())}
    work.keep(receipts.values())
    work.load_stations(receipts)
    return receipts


def _sheets(work: Work, results: Iterable[FrameResult]) -> dict[str, Sheet]:
    serials = {r.code.serial for r in results if r.code is not None}
    found = work.session.scalars(select(Sheet).where(Sheet.exam_id == work.exam.id, Sheet.serial.in_(serials)).order_by(Sheet.id))
    sheets = {s.serial: s for s in found}
    work.load_pages(s.id for s in sheets.values())
    scripts = {s.script_id for s in sheets.values() if s.script_id is not None}
    people = {s.printed_for for s in sheets.values() if s.printed_for is not None}
    work.keep(sheets.values())
    work.keep(work.session.scalars(select(Script).where(Script.id.in_(scripts))).all())
    work.keep(work.session.scalars(select(Candidate).where(Candidate.id.in_(people))).all())
    work.load_cards(scripts)
    work.load_answers(scripts)
    work.look_for_cases({s.id for s in sheets.values()}, scripts)
    return sheets


def _bring_numbers(work: Work, results: Iterable[FrameResult]) -> None:
    """All candidate numbers of the chunk in one query."""
    numbers: set[str] = set()
    for result in results:
        if result.paper is not None and result.side is not None and result.fields:
            roles = work.forms.roles(result.paper, result.side)
            numbers |= {str(result.fields[f]["value"]) for f in (*roles.barcodes, *roles.numbers) if f in result.fields}
    work.load_numbers(numbers)


def _is_foreign(work: Work, result: FrameResult, sheet: Sheet | None) -> bool:
    if result.kind == "foreign" or result.code is None:
        return result.kind == "foreign"
    return sheet is None or result.side not in work.forms.sides_of(sheet) or sheet.paper != result.code.paper


def _file(work: Work, receipt: Receipt, result: FrameResult, sheets: dict[str, Sheet], page: Page | None) -> None:
    sheet = sheets.get(result.code.serial) if result.code is not None else None
    if page is None:
        foreign = _is_foreign(work, result, sheet)
        reason = result.reason or ("the page code names a sheet that was not printed for this exam" if foreign else "")
        _wait(work, receipt, "foreign" if foreign else result.kind, reason, result, None if foreign else sheet)
        return
    work.touched.add(page.id)
    work.remember(page)
    if sheet is None:
        _wait(work, receipt, "code_unknown", result.reason, result, None, page)
    else:
        _file_page(work, page, sheet, receipt)


def _wait(work: Work, receipt: Receipt, kind: str, reason: str, result: FrameResult, sheet: Sheet | None, page: Page | None = None) -> None:
    receipt.state, receipt.reason = ReceiptState.WAITING, reason
    script = work.script(sheet.script_id) if sheet is not None and sheet.script_id is not None else None
    evidence = result.evidence | {"reason": reason, "code": str(result.code) if result.code else None}
    side = result.side if sheet is not None else None
    open_case(work, kind, receipt=receipt, page=page, sheet=sheet, script=script, side=side, evidence=evidence)


def _add_pages(work: Work, attempt_id: str, filed: Sequence[tuple[FrameResult, Receipt]], sheets: dict[str, Sheet]) -> dict[int, Page]:
    """A page for each frame that was read, by receipt."""
    again = [receipt.id for _, receipt in filed if receipt.tries > 1]
    latest: dict[int, int] = {}
    if again:
        query = select(Page.receipt_id, func.max(Page.version)).where(Page.receipt_id.in_(again)).group_by(Page.receipt_id)
        latest = dict(work.session.execute(query).all())
    pages = {}
    for result, receipt in filed:
        sheet = sheets.get(result.code.serial) if result.code is not None else None
        if result.kind not in UNPLACED and not _is_foreign(work, result, sheet):
            pages[receipt.id] = _page(work, attempt_id, latest.get(receipt.id, 0) + 1, receipt, result, sheet)
    work.add_pages(pages.values())
    return pages


def _page(work: Work, attempt_id: str, version: int, receipt: Receipt, result: FrameResult, sheet: Sheet | None) -> Page:
    return Page(
        exam_id=work.exam.id,
        receipt_id=receipt.id,
        version=version,
        state=PageState.READ,  # until a case about it is open: most never have one
        paper=result.paper,
        sheet_id=sheet.id if sheet else None,
        side=result.side,
        template_id=result.template_id,
        evidence=result.evidence | {"code": str(result.code) if result.code else None},
        fields=result.fields,
        regions=result.regions,
        attempt_id=attempt_id,
        read_at=work.now,
    )


def _file_page(work: Work, page: Page, sheet: Sheet, receipt: Receipt) -> None:
    assert page.side is not None
    standing = next((p for p in work.pages(sheet.id) if p.side == page.side and p is not page and not p.evidence.get("second")), None)
    if standing is None:
        stand(work, page, sheet)
    elif work.may_have_cases(sheets=[sheet.id]) and asked_for(work, sheet.id, page.side):
        supersede(work, standing, receipt)
        stand(work, page, sheet)
    elif is_same_reading(work.forms.roles(sheet.paper, page.side), standing, page, BLANK_INK):
        reason = "a second scan of a side, with the same answers"
        set_aside(work, page, ReceiptState.DUPLICATE, reason, duplicate_of=standing.receipt_id)
    else:
        _ask_which(work, page, standing, sheet, receipt)


def _ask_which(work: Work, page: Page, standing: Page, sheet: Sheet, receipt: Receipt) -> None:
    page.evidence = page.evidence | {"second": True}
    names = sorted(set(page.fields) | set(standing.fields))
    said = {n: [p.fields.get(n, {}).get("value", "") for p in (standing, page)] for n in names}
    evidence = {"other": standing.receipt_id, "differs": {n: pair for n, pair in said.items() if pair[0] != pair[1]}}
    script = work.script(sheet.script_id) if sheet.script_id is not None else None
    open_case(work, "page_twice", receipt=receipt, page=page, sheet=sheet, script=script, side=page.side, evidence=evidence)


def _guess_place(work: Work, receipt: Receipt) -> None:
    """The other face of the same card tells which side a frame without a code should be: for a person to see, no more."""
    mine = work.open_cases(DeskCase.receipt_id == receipt.id, DeskCase.sheet_id.is_(None), DeskCase.kind.in_(GUESSED))
    if not mine:
        return
    query = (
        select(Page)
        .join(Receipt, Receipt.id == Page.receipt_id)
        .where(Receipt.batch_id == receipt.batch_id, Receipt.sequence == receipt.sequence, Receipt.face != receipt.face)
        .where(Page.sheet_id.is_not(None), Page.state != PageState.SUPERSEDED)
    )
    other = work.session.scalars(query.limit(1)).first()
    if other is None or other.sheet_id is None:
        return
    sheet = work.sheet(other.sheet_id)
    sides = sorted(work.forms.sides_of(sheet) - {other.side or 0})
    if len(sides) == 1 and work.page_of(sheet.id, sides[0]) is None:
        for case in mine:
            case.sheet_id, case.side, case.script_id = sheet.id, sides[0], sheet.script_id
            work.note_case(sheet.id, sheet.script_id)
            case.evidence = case.evidence | {"likely": {"sheet": sheet.serial, "side": sides[0]}}
            if sheet.script_id is not None:
                work.scripts.add(sheet.script_id)
    elif not sides and mine[0].kind == "blank":
        _discard_empty_back(work, receipt, mine[0])


def _discard_empty_back(work: Work, receipt: Receipt, case: DeskCase) -> None:
    """The unprinted back of a sheet that has one side: nobody need look at white paper."""
    receipt.state, receipt.reason = ReceiptState.DISCARDED, "the unprinted back of a sheet"
    case.state, case.version, case.resolved_by, case.resolved_at = CaseState.WITHDRAWN, case.version + 1, work.by, work.now
    case.resolution = {"action": "discard", "reason": receipt.reason}
