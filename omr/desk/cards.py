"""Two cards that are the same sheet of one candidate: one takes the other's place, or they are merged side by side.

A script has each side once (law Z2). So merging gives the script, for each side, the card that has something on it; where
both have, a person must say which card counts. What is not used is set aside with the reason, and undo puts it back.
"""

from __future__ import annotations

from typing import Any

from core.errors import BadInput, Conflict
from core.states import PageState, ReceiptState, SheetState
from core.tables import DeskCase, Page, Script, Sheet
from omr.desk.answers import enter_page, stated, void_page
from omr.desk.cases import withdraw
from omr.desk.identity import decide
from omr.desk.pages import set_aside
from omr.desk.scripts import BLANK_INK
from omr.desk.sheets import assign, facts_of, is_confirmed, script_of
from omr.desk.work import Work


def take_card(work: Work, case: DeskCase, reason: str) -> dict[str, Any]:
    """This card is the candidate's; the other one and its pages stand for nothing any more."""
    sheet, other, script = _both(work, case)
    why = reason or f"sheet {sheet.serial} is used"
    closed = withdraw(work, f"case {case.id} takes another card", DeskCase.sheet_id == other.id, but=case.id)
    pages = work.pages(other.id)
    before = {"card": other.id, "of": script.id, "aside": [p.id for p in pages], "withdrawn": [c.id for c in closed]}
    assign(work, other, None, facts={}, reason=why)
    other.state = SheetState.VOID
    for page in pages:
        set_aside(work, page, ReceiptState.DISCARDED, why)
    assign(work, sheet, script, facts={"person": work.pseudonym(script.candidate_id)}, reason=reason or case.kind)
    return before


def give_card_back(work: Work, case: DeskCase, before: dict[str, Any]) -> None:
    sheet, other, script = work.sheet(case.sheet_id or 0), work.sheet(before["card"]), work.script(before["of"])
    if sheet.script_id is not None:
        assign(work, sheet, None, facts={}, reason="undone")
    _stand_again(work, before["aside"])
    assign(work, other, script, facts={}, reason="undone")


def merge_cards(work: Work, case: DeskCase, reason: str) -> dict[str, Any]:
    """The sides of this card on which the other has nothing go to the other card; this card is void."""
    sheet, other, script = _both(work, case)
    pairs = [(page, work.page_of(other.id, page.side or 0)) for page in work.pages(sheet.id) if not page.evidence.get("second")]
    for page, theirs in pairs:
        if theirs is not None and _has_content(work, page) and _has_content(work, theirs):
            raise Conflict(
                f"both cards have something on side {page.side}.",
                where=f"case {case.id}",
                remedy="Take one of the two cards, or say whose this one is.",
            )
    why = reason or f"sheets {other.serial} and {sheet.serial} are one"
    assign(work, sheet, None, facts={}, reason=why)
    sheet.state = SheetState.VOID
    before: dict[str, Any] = {"card": other.id, "of": script.id, "aside": [], "moved": [], "withdrawn": []}
    for page, theirs in pairs:
        useless = page if theirs is not None and not _has_content(work, page) else theirs
        if useless is not None:
            if useless is theirs:
                void_page(work, theirs, script)
            closed = withdraw(work, f"case {case.id} merges two cards", DeskCase.page_id == useless.id, but=case.id)
            before["withdrawn"] += [c.id for c in closed]
            before["aside"].append(useless.id)
            set_aside(work, useless, ReceiptState.DISCARDED, why)
        if useless is not page:
            _move(work, case, page, other, script.id)
            before["moved"].append(page.id)
            enter_page(work, page, script)
    work.scripts.add(script.id)
    return before


def part_cards(work: Work, case: DeskCase, before: dict[str, Any]) -> None:
    sheet, script = work.sheet(case.sheet_id or 0), work.script(before["of"])
    for page in work.pages(before["card"]):
        if page.id in before["moved"]:
            void_page(work, page, script)
            _move(work, case, page, sheet, None)
    assign(work, sheet, None, facts={}, reason="undone")
    for page in _stand_again(work, before["aside"]):
        if page.sheet_id == before["card"]:
            enter_page(work, page, script)
    work.scripts.add(script.id)


def _both(work: Work, case: DeskCase) -> tuple[Sheet, Sheet, Script]:
    """The card of the case, the one that the candidate has already, and the script of both."""
    sheet = work.sheet(case.sheet_id or 0)
    candidate = decide(facts_of(work, sheet)).candidate
    script = script_of(work, sheet.paper, candidate) if candidate is not None else None
    same = [s for s in work.cards_of(script.id) if s.index == sheet.index and not s.extra and s.id != sheet.id] if script else []
    other = next((s for s in same if is_confirmed(s) and work.pages(s.id)), None)
    if script is None or other is None:
        raise BadInput("the candidate has no other such card now.", where=f"case {case.id}", remedy="Set the candidate instead.")
    return sheet, other, script


def _has_content(work: Work, page: Page) -> bool:
    roles, said = work.forms.roles(page.paper or "", page.side or 0), stated(work, page)
    return any(said[f].value for f in roles.answers if f in said) or any(float(r["ink"]) >= BLANK_INK for r in page.regions)


def _move(work: Work, case: DeskCase, page: Page, sheet: Sheet, script_id: int | None) -> None:
    """The page stands for its side of another card, and what is open about it is about that card."""
    work.move(page, sheet.id)
    for one in work.open_cases(DeskCase.page_id == page.id, DeskCase.id != case.id):
        one.sheet_id, one.script_id = sheet.id, script_id
        work.note_case(one.sheet_id, one.script_id)


def _stand_again(work: Work, page_ids: list[int]) -> list[Page]:
    pages = work.pages_by_id(page_ids)
    for page in pages:
        receipt = work.receipt(page.receipt_id)
        receipt.state, receipt.reason = ReceiptState.READ, ""
        page.state = PageState.DOUBTFUL
        work.touched.add(page.id)
        work.remember(page)
    return pages
