"""The state of scripts: what is here, what is missing, who was absent. Looked at again after every change.

A script is complete when every side of each of its sheets has a page, its sheets are confirmed and no case about it
is open. Nothing here reads a picture: ink is a number that the reader wrote down.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import or_, select, update
from sqlalchemy.orm.attributes import set_committed_value

from core.states import CaseState, PageState, ReceiptState, ScriptState
from core.tables import DeskCase, Page, Receipt, Script, Sheet
from omr.desk.answers import Stated, stated
from omr.desk.cases import close_case, open_case, withdraw
from omr.desk.extras import FIELD, bubbles_of, file_regions, is_open
from omr.desk.sheets import is_confirmed
from omr.desk.work import READERS, Work

CALLED_ABSENT = "a person called this candidate absent before the pages came."
BLANK_INK = 0.004  # a region with less ink than this share may be empty: empty regions of worn sheets have up to 0.002
Field = tuple[Page, Stated]


@dataclass(frozen=True)
class Held:
    """What is here of one script."""

    script: Script
    sheets: list[Sheet]  # confirmed
    pages: list[Page]
    lacking: list[tuple[Sheet | None, int]]  # sides without a page; no sheet: none of the script's sheets has it
    fields: dict[str, Field]

    @property
    def ink(self) -> float:
        return max((float(r["ink"]) for p in self.pages for r in p.regions), default=0.0)


def settle_scripts(work: Work, script_ids: Iterable[int]) -> None:
    """Bring the states of these scripts up to date, opening the cases that only a whole script can show."""
    ids = sorted(set(script_ids))
    if not ids:
        return
    work.session.flush()
    work.load_cards(ids)
    work.load_pages(s.id for i in ids for s in work.cards_of(i))
    work.load_scripts(ids)
    for script_id in ids:
        _settle(work, work.script(script_id), work.cards_of(script_id))


def refresh_pages(work: Work) -> None:
    """A page with an open case is doubtful and its frame waits; without one it is read. For all touched pages."""
    while work.touched:
        ids = sorted(work.touched)
        work.touched.clear()
        work.session.flush()
        read: list[Receipt] = []
        waiting = {case.page_id for case in work.open_cases(DeskCase.page_id.in_(ids))}
        for page in work.pages_by_id(ids):
            if page.state is PageState.SUPERSEDED:
                continue
            doubtful = page.id in waiting
            page.state = PageState.DOUBTFUL if doubtful else PageState.READ
            receipt = work.receipt(page.receipt_id)
            if doubtful:
                receipt.state, receipt.reason = ReceiptState.WAITING, ""
            elif (receipt.state, receipt.reason) != (ReceiptState.READ, ""):
                read.append(receipt)
        _are_read(work, read)


def _are_read(work: Work, receipts: Iterable[Receipt]) -> None:
    """Nearly all frames of a chunk end here: in one statement, and not one each."""
    ids = []
    for receipt in receipts:
        ids.append(receipt.id)
        set_committed_value(receipt, "state", ReceiptState.READ)
        set_committed_value(receipt, "reason", "")
    if ids:
        read = update(Receipt).where(Receipt.id.in_(ids)).values(state=ReceiptState.READ, reason="")
        work.session.execute(read.execution_options(synchronize_session=False))


def finish(work: Work) -> None:
    """What ends every transaction of readers and desk: scripts, then pages, then the ledger."""
    while work.scripts:
        ids = set(work.scripts)
        work.scripts.clear()
        settle_scripts(work, ids)
        work.scripts -= ids  # what settling itself closed or opened is in the states already
    refresh_pages(work)
    work.session.flush()
    work.write_ledger()


def _settle(work: Work, script: Script, sheets: list[Sheet]) -> None:
    if script.state is ScriptState.WITHHELD:
        return
    held = held_of(work, script, sheets)
    arrived = any(work.pages(s.id) for s in sheets)
    _join_extras(work, held)
    quiet = not work.may_have_cases(sheets=[s.id for s in sheets], scripts=[script.id])
    if arrived and not quiet:
        _close_script_missing(work, script)
    if held.pages and not held.lacking:
        state = _whole(work, held, quiet)
    else:
        # A sheet that nobody but its printer gave to this script is not here yet: nothing of it may be marked.
        decided = None if quiet else _decided_missing(work, script, arrived)
        state = decided or (ScriptState.PRESENT if held.pages else ScriptState.EXPECTED)
    if script.state is not state:
        script.state = state
        entry = {"kind": "script", "script": script.secret, "candidate": work.pseudonym(script.candidate_id), "paper": script.paper}
        work.office(**entry, state=str(state), by=work.by)
        work.event("script", script=script.id, state=str(state))


def _join_extras(work: Work, held: Held) -> None:
    """The answers that go on on extra sheets; which question, is a case where the bubbles do not name one."""
    for sheet in (s for s in held.sheets if s.extra):
        found = bubbles_of(work, sheet)
        if found is None:
            continue
        page, said = found
        if is_open(work, sheet, said):
            _open_on(work, held, page, "choice", FIELD)
        else:
            file_regions(work, sheet, said)


def held_of(work: Work, script: Script, sheets: list[Sheet]) -> Held:
    sheets = [s for s in sheets if is_confirmed(s)]
    lacking: list[tuple[Sheet | None, int]] = []
    pages: list[Page] = []
    for sheet in sheets:
        for side in sorted(work.forms.sides_of(sheet)):
            page = work.page_of(sheet.id, side)
            if page is None:
                lacking.append((sheet, side))
            else:
                pages.append(page)
    covered = {side for sheet in sheets for side in work.forms.sides_of(sheet)}
    lacking += [(_printed(work, script, side), side) for side in sorted(work.forms.needed(script.paper) - covered)]
    fields = {name: (page, said) for page in pages for name, said in stated(work, page).items()}
    return Held(script, sheets, pages, lacking, fields)


def _printed(work: Work, script: Script, side: int) -> Sheet | None:
    """The sheet that was printed for this candidate and has this side, whether or not it is confirmed."""
    mine = (s for s in work.cards_of(script.id) if s.printed_for == script.candidate_id and side in work.forms.sides_of(s))
    known = next(mine, None)
    if known is not None:
        return known
    query = select(Sheet).where(Sheet.exam_id == work.exam.id, Sheet.paper == script.paper, Sheet.printed_for == script.candidate_id)
    return next((s for s in work.session.scalars(query.order_by(Sheet.index)) if side in work.forms.sides_of(s)), None)


def open_about(work: Work, script: Script, sheets: Iterable[Sheet]) -> list[DeskCase]:
    about = [DeskCase.script_id == script.id, DeskCase.sheet_id.in_([s.id for s in sheets])]
    return work.open_cases(or_(*about))


def _whole(work: Work, held: Held, quiet: bool) -> ScriptState:
    """The state of a script whose sides are all here; `quiet`: there never was a case about it."""
    if not quiet:
        withdraw(work, "the side is here", DeskCase.script_id == held.script.id, DeskCase.kind == "page_missing")
        if open_about(work, held.script, held.sheets):
            return ScriptState.PRESENT
    answered = _is_answered(work, held)
    called_absent = not quiet and _latest(work, held.script, ("script_missing",), ("mark_absent", "accept")) == "mark_absent"
    absent = called_absent or _absent(work, held)
    verdict = None if quiet else _said_by_person(work, held.script)
    if verdict == "mark_absent" or (verdict != "mark_present" and absent and not answered):
        return ScriptState.ABSENT
    if verdict is None and (absent or not answered):
        kind = "absent_but_answered" if absent else "blank_but_present"
        page = next((p for p in held.pages if _fields(work, p, "absent")), held.pages[0])
        _open_on(work, held, page, kind, reason=CALLED_ABSENT if called_absent else "")
        return ScriptState.PRESENT
    if _type_is_open(work, held) | _choice_is_open(work, held):
        return ScriptState.PRESENT
    return ScriptState.COMPLETE


def _is_answered(work: Work, held: Held) -> bool:
    answers = (f for p in held.pages for f in _fields(work, p, "answers"))
    return held.ink >= BLANK_INK or any(held.fields[name][1].value for name in answers if name in held.fields)


def _absent(work: Work, held: Held) -> bool:
    return any(held.fields[f][1].value for p in held.pages for f in _fields(work, p, "absent") if f in held.fields)


def _fields(work: Work, page: Page, role: str) -> tuple[str, ...]:
    assert page.side is not None
    roles = work.forms.roles(page.paper or "", page.side)
    found: tuple[str, ...] = getattr(roles, role)
    return found


def _type_is_open(work: Work, held: Held) -> bool:
    """A paper with types needs one plain type on each script."""
    types = work.forms.definition.paper(held.script.paper).types
    if not types or held.script.paper_type in types:
        return False
    page, name = next(((p, f) for p in held.pages for f in _fields(work, p, "types")), (held.pages[0], ""))
    if not name:
        return False
    _open_on(work, held, page, "paper_type", name)
    return True


def _choice_is_open(work: Work, held: Held) -> bool:
    """Write down which optional groups were chosen; a choice that its bubble and its ink do not settle is a case."""
    chosen: dict[str, str] = {}
    is_open = False
    for choice in work.forms.definition.paper(held.script.paper).choices:
        if choice.id not in held.fields:
            continue
        page, said = held.fields[choice.id]
        inked = {r["group"] for p in held.pages for r in p.regions if r["group"] in choice.among and float(r["ink"]) >= BLANK_INK}
        by_person = said.by != READERS
        if said.value in choice.among and (by_person or said.value in inked or not inked):
            chosen[choice.id] = said.value
        elif not said.value and (by_person or not inked):
            chosen[choice.id] = ""
        else:
            _open_on(work, held, page, "choice", choice.id)
            is_open = True
    if not is_open and held.script.chosen != chosen:
        held.script.chosen = chosen
        work.office(kind="chosen", script=held.script.secret, values=chosen, by=work.by)
    return is_open


def _open_on(work: Work, held: Held, page: Page, kind: str, field: str = "", reason: str = "") -> None:
    sheet = next(s for s in held.sheets if s.id == page.sheet_id)
    items = [field_item(work, page, field)] if field else []
    evidence: dict[str, object] = {"ink": round(held.ink, 5)} | ({"reason": reason} if reason else {})
    receipt = work.receipt(page.receipt_id)
    open_case(work, kind, receipt=receipt, page=page, sheet=sheet, script=held.script, side=page.side, items=items, evidence=evidence)


def field_item(work: Work, page: Page, field: str) -> dict[str, object]:
    """What a clerk must see of a field, as it is kept in a case."""
    reading = page.fields.get(field, {})
    options = work.forms.roles(page.paper or "", page.side or 0).options.get(field, ())
    crop = page.evidence.get("crops", {}).get(field)
    kept = {key: reading.get(key, "") for key in ("value", "first", "second", "why")}
    return {"item": field, **kept, "p_wrong": reading.get("p_wrong", 1.0), "options": list(options), "picture": crop}


def _close_script_missing(work: Work, script: Script) -> None:
    for case in work.open_cases(DeskCase.script_id == script.id, DeskCase.kind == "script_missing"):
        close_case(work, case, CaseState.WITHDRAWN, {"action": "withdrawn", "reason": "pages of the script are here"})


def _said_by_person(work: Work, script: Script) -> str | None:
    """What a person said about a script that is here: `mark_absent`, `mark_present`, or nothing yet."""
    kinds = ("absent_but_answered", "blank_but_present")
    return _latest(work, script, kinds, ("mark_absent", "mark_present"))


def _decided_missing(work: Work, script: Script, present: bool) -> ScriptState | None:
    """What a person said about a script, or sides of it, that are not here. Who was absent sent no page."""
    if present:
        return ScriptState.INCOMPLETE if _latest(work, script, ("page_missing",), ("accept",)) else None
    said = _latest(work, script, ("script_missing",), ("mark_absent", "accept"))
    return {"mark_absent": ScriptState.ABSENT, "accept": ScriptState.INCOMPLETE}.get(said or "")


def _latest(work: Work, script: Script, kinds: tuple[str, ...], actions: tuple[str, ...]) -> str | None:
    query = select(DeskCase.resolution).where(
        DeskCase.script_id == script.id, DeskCase.kind.in_(kinds), DeskCase.state == CaseState.RESOLVED
    )
    said = [r.get("action") for r in work.session.scalars(query.order_by(DeskCase.resolved_at, DeskCase.id))]
    return next((str(action) for action in reversed(said) if action in actions), None)
