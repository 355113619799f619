"""Whose a sheet is, as records: facts gathered from its pages, versions of its assignment, answers moved with it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from core.states import SheetState
from core.tables import Page, Script, Sheet, SheetAssignment
from omr.desk.answers import enter_page, void_page
from omr.desk.cases import open_case
from omr.desk.identity import Fact, Verdict, decide
from omr.desk.work import Work


def is_confirmed(sheet: Sheet) -> bool:
    """Two facts or a person stand behind its script; what the printer wrote is only the first fact (Z3)."""
    printed = 1 if sheet.printed_for is not None and not sheet.extra else 0
    return sheet.state is SheetState.ASSIGNED and sheet.assignment > printed


def identify(work: Work, sheet: Sheet) -> None:
    """Decide whose the sheet is once the side that names the candidate is here; a doubt becomes a case."""
    front = next((p for p in work.pages(sheet.id) if _names_candidate(work, p)), None)
    if front is None or (is_confirmed(sheet) and _by_person(work, sheet)):
        enter_sheet(work, sheet)
        return
    verdict = decide(facts_of(work, sheet))
    script = _script_for(work, sheet, verdict.candidate) if verdict.candidate is not None else None
    doubt = str(verdict.doubt) or ("candidate_twice" if script and is_taken(work, sheet, script) else "")
    if doubt or script is None:
        _set_in_doubt(work, sheet, front, doubt or "not_in_roster", verdict)
    elif not (is_confirmed(sheet) and sheet.script_id == script.id):
        work.matched.add(sheet.id)
        assign(work, sheet, script, facts=_as_json(work, verdict), reason="")
    else:
        enter_sheet(work, sheet)


def assign(work: Work, sheet: Sheet, script: Script | None, *, facts: dict[str, Any], reason: str) -> None:
    """A new version of the sheet's assignment. Answers leave the old script and are entered in the new one."""
    old = work.script(sheet.script_id) if sheet.script_id is not None else None
    if old is not None and (script is None or old.id != script.id):
        for page in work.pages(sheet.id):
            void_page(work, page, old)
        work.scripts.add(old.id)
    sheet.assignment += 1
    sheet.script_id = script.id if script else None
    sheet.state = SheetState.ASSIGNED if script else SheetState.UNASSIGNED
    work.add_assignment(
        sheet_id=sheet.id,
        version=sheet.assignment,
        script_id=sheet.script_id,
        facts=facts,
        by=work.by,
        reason=reason,
        at=work.now,
    )
    secret = script.secret if script else None
    entry = {"kind": "sheet", "sheet": sheet.serial, "script": secret, "version": sheet.assignment, "facts": sorted(facts)}
    work.office(**entry, by=work.by, reason=reason)
    if script is not None:
        work.add_card(script.id, sheet)
        work.scripts.add(script.id)
        enter_sheet(work, sheet)


def enter_sheet(work: Work, sheet: Sheet) -> None:
    """Enter all current pages of a sheet that is confirmed."""
    if sheet.script_id is None:
        return
    script = work.script(sheet.script_id)
    work.scripts.add(script.id)
    if is_confirmed(sheet):
        for page in work.pages(sheet.id):
            if not page.evidence.get("second"):
                enter_page(work, page, script)


def facts_of(work: Work, sheet: Sheet) -> list[Fact]:
    """Every fact that the sheet's pages and its serial give. What a reader doubted is no fact."""
    facts: list[Fact] = []
    if sheet.printed_for is not None:
        facts.append(Fact("printed", "", sheet.printed_for))
    digits = work.forms.definition.paper(sheet.paper).sheet.number.digits
    for page in work.pages(sheet.id):
        if page.evidence.get("second") or page.side is None:
            continue
        roles = work.forms.roles(sheet.paper, page.side)
        barcodes = [_sure(page, name) for name in roles.barcodes]
        numbers = [n for n in (_sure(page, name) for name in roles.numbers) if len(n) == digits and n.isdigit()]
        facts += [Fact("barcode", text, work.candidate_of(text)) for text in barcodes if text]
        facts += [Fact("bubbled", text, work.candidate_of(text)) for text in numbers]
    return facts


def script_of(work: Work, paper: str, candidate_id: int) -> Script | None:
    query = select(Script).where(Script.exam_id == work.exam.id, Script.paper == paper, Script.candidate_id == candidate_id)
    return work.session.scalar(query)


def _script_for(work: Work, sheet: Sheet, candidate_id: int) -> Script | None:
    """Nearly always the script that the sheet was printed for."""
    printed = work.script(sheet.script_id) if sheet.script_id is not None else None
    return printed if printed is not None and printed.candidate_id == candidate_id else script_of(work, sheet.paper, candidate_id)


def _names_candidate(work: Work, page: Page) -> bool:
    if page.paper is None or page.side is None or page.evidence.get("second"):
        return False
    return work.forms.roles(page.paper, page.side).names_candidate


def _by_person(work: Work, sheet: Sheet) -> bool:
    if sheet.id in work.matched:
        return False
    work.put_assignments()
    query = select(SheetAssignment.by).where(SheetAssignment.sheet_id == sheet.id, SheetAssignment.version == sheet.assignment)
    return (work.session.scalar(query) or "").startswith("user:")


def _sure(page: Page, field: str) -> str:
    reading = page.fields.get(field)
    return str(reading["value"]) if reading and not reading["doubt"] else ""


def is_taken(work: Work, sheet: Sheet, script: Script) -> bool:
    """Has the script another sheet with the same number among its sheets, and with pages?"""
    if sheet.extra:
        return False
    same = (s for s in work.cards_of(script.id) if s.index == sheet.index and not s.extra and s.id != sheet.id)
    return any(is_confirmed(other) and work.pages(other.id) for other in same)


def _set_in_doubt(work: Work, sheet: Sheet, front: Page, doubt: str, verdict: Verdict) -> None:
    expected = script_of(work, sheet.paper, sheet.printed_for) if sheet.printed_for is not None else None
    if sheet.script_id is not None:
        assign(work, sheet, None, facts=_as_json(work, verdict), reason=doubt)
    said = {f.source: f.said or "" for f in verdict.facts}
    open_case(
        work,
        doubt,
        receipt=work.receipt(front.receipt_id),
        page=front,
        sheet=sheet,
        script=expected,
        side=front.side,
        evidence={"facts": said},
    )


def _as_json(work: Work, verdict: Verdict) -> dict[str, Any]:
    """Facts by pseudonym: candidates' numbers stay in the one table that can be erased."""
    return {f.source: work.pseudonym(f.candidate) if f.candidate is not None else None for f in verdict.facts}
