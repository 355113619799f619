"""A clerk's decision: one function an action, each with what `undo` needs to put it back. All in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select

from core.errors import BadInput, Conflict, Forbidden
from core.site import Site
from core.states import CaseState, PageState, ReceiptState
from core.tables import CandidateDetails, DeskCase, Page, Sheet
from omr.desk.answers import enter_page, void_page
from omr.desk.cards import merge_cards, take_card
from omr.desk.cases import ACTIONS, close_case, log_case, withdraw
from omr.desk.looks_kept import differ, words_of
from omr.desk.pages import set_aside, stand
from omr.desk.rescans import ask, stop_asking
from omr.desk.scripts import finish
from omr.desk.sheets import assign, is_confirmed, is_taken, script_of
from omr.desk.views import CaseView, find_case, views
from omr.desk.work import Work, begin_work
from scanner.intake import take_turn
from scanner.intake.missing import search_again

WORDS = ("set_answer", "accept")  # of a case with items: its values


@dataclass(frozen=True)
class Decision:
    action: str
    reason: str = ""
    values: Mapping[str, str] = field(default_factory=dict)
    candidate: str = ""
    sheet: str = ""
    side: int | None = None


def resolve(site: Site, exam_id: int, user: str, case_id: int, decision: Decision, *, version: int, decides: bool = False) -> CaseView:
    """Carry a decision out. `version` is the case's as the clerk saw it: of two clerks the second gets Conflict.

    `decides`: the person may settle what two clerks said differently, where the exam wants two.
    """
    with site.database.write() as session:
        exam = take_turn(session, exam_id)
        case = find_case(session, exam_id, case_id)
        _check(case, decision, version)
        work = begin_work(session, exam, user, site.now())
        if decision.action in WORDS and case.items and work.forms.definition.desk.clerks > 1:
            _check_adjudication(work, case, decides)
        carry_out(work, case, decision)
        finish(work)
        return views(session, [case], decider=decides)[0]


def carry_out(work: Work, case: DeskCase, decision: Decision, *, looks: Sequence[int] = ()) -> None:
    """Do what was decided and close the case. `looks`: the users whose words of it agreed."""
    before = _CARRY_OUT[decision.action](work, case, decision)
    if decision.action == "rescan":
        case.version += 1
        log_case(work, case, "rescan", decision.reason)
        return
    stop_asking(work, case.id)
    agreed = {"looks": list(looks)} if looks else {}
    close_case(work, case, CaseState.RESOLVED, _resolution(decision, case, before) | agreed)
    _after(work, case, decision)


def _check_adjudication(work: Work, case: DeskCase, decides: bool) -> None:
    """Where two clerks are wanted, nobody says values alone: only what they said differently is decided, by a third person."""
    where = f"case {case.id}"
    words = words_of(work.session, [case.id]).get(case.id, ())
    if not differ(words):
        raise Conflict(
            "two clerks must say the same of this case, each on their own.",
            where=where,
            remedy="Answer it look by look, as one of the two.",
        )
    if not decides:
        raise Forbidden(
            "two clerks differ on this case, and the exam office decides.", where=where, remedy="Leave it to somebody of the exam office."
        )
    if work.by in {f"user:{word.user}" for word in words}:
        raise Conflict("one of the two words that differ is yours.", where=where, remedy="A third person decides.")


def _check(case: DeskCase, decision: Decision, version: int) -> None:
    where = f"case {case.id}"
    if case.state is not CaseState.OPEN:
        raise Conflict(f"the case is {case.state} already, by {case.resolved_by or 'nobody'}.", where=where, remedy="Load it again.")
    if case.version != version:
        raise Conflict("somebody changed the case meanwhile.", where=where, remedy="Load it again and decide on what it says now.")
    if decision.action not in ACTIONS[case.kind]:
        fitting = ", ".join(ACTIONS[case.kind])
        raise BadInput(f"{decision.action!r} does not fit a case of kind {case.kind}.", where=where, remedy=f"What fits: {fitting}.")


def _resolution(decision: Decision, case: DeskCase, before: dict[str, Any]) -> dict[str, Any]:
    values = dict(decision.values)
    if decision.action == "accept" and case.items:
        values = {i["item"]: i["value"] for i in case.items}
    told = {"candidate": None, "sheet": decision.sheet or None, "side": decision.side}  # a number is personal: the version has the script
    return {"action": decision.action, "reason": decision.reason, "values": values, "before": before} | {k: v for k, v in told.items() if v}


def _after(work: Work, case: DeskCase, decision: Decision) -> None:
    """What can only follow once the decision stands in the case: it is read from there."""
    if decision.action not in ("set_answer", "accept") or case.page_id is None:
        return
    page, sheet = _page(work, case), _sheet(work, case)
    if sheet is not None and is_confirmed(sheet) and sheet.script_id is not None and not page.evidence.get("second"):
        enter_page(work, page, work.script(sheet.script_id))


def _set_answer(work: Work, case: DeskCase, decision: Decision) -> dict[str, Any]:
    check_values(case, decision.values)
    return {}


def check_values(case: DeskCase, values: Mapping[str, str]) -> None:
    """Refuse what is not one value for each item of the case, out of its options."""
    wanted = {i["item"]: i["options"] for i in case.items}
    missing, strange = set(wanted) - set(values), set(values) - set(wanted)
    if missing or strange:
        raise BadInput(
            f"the case asks for {', '.join(sorted(wanted))}; "
            + (f"{sorted(missing)[0]} is not given." if missing else f"{sorted(strange)[0]} is not asked."),
            where=f"case {case.id}",
        )
    for item, value in values.items():
        marked = value.split("|") if value else []
        if any(m not in wanted[item] for m in marked) or marked != [o for o in wanted[item] if o in marked]:
            raise BadInput(
                f"{value!r} is no answer to {item}.",
                where=f"case {case.id}",
                remedy=f"Join options in order by |: {'|'.join(wanted[item])}.",
            )


def _accept(work: Work, case: DeskCase, decision: Decision) -> dict[str, Any]:
    if not case.items and not decision.reason.strip():
        raise BadInput("accepting that something is missing needs a reason.", where=f"case {case.id}")
    return {}


def _set_candidate(work: Work, case: DeskCase, decision: Decision) -> dict[str, Any]:
    sheet = _sheet(work, case)
    assert sheet is not None
    query = select(CandidateDetails.candidate_id).where(
        CandidateDetails.exam_id == work.exam.id, CandidateDetails.number == decision.candidate
    )
    candidate = work.session.scalar(query)
    script = script_of(work, sheet.paper, candidate) if candidate is not None else None
    if script is None:
        raise BadInput(f"nobody of the roster has the number {decision.candidate!r}.", where=f"case {case.id}")
    if is_taken(work, sheet, script):
        raise Conflict(
            f"the candidate {decision.candidate} has this sheet already.", where=f"case {case.id}", remedy="Settle the other sheet first."
        )
    before = {"script": sheet.script_id}
    assign(work, sheet, script, facts={"person": work.pseudonym(script.candidate_id)}, reason=decision.reason or case.kind)
    # The same doubt about the same sheet, seen on another page, is settled with it.
    withdraw(work, f"case {case.id}", DeskCase.sheet_id == sheet.id, DeskCase.kind == case.kind, but=case.id)
    return before


def _set_page(work: Work, case: DeskCase, decision: Decision) -> dict[str, Any]:
    """The frame is read again as this side of this sheet: a person vouches for the page code."""
    sheet = work.session.scalar(select(Sheet).where(Sheet.exam_id == work.exam.id, Sheet.serial == decision.sheet))
    if sheet is None or decision.side not in work.forms.sides_of(sheet):
        raise BadInput(f"there is no sheet {decision.sheet!r} with a side {decision.side}.", where=f"case {case.id}")
    before: dict[str, Any] = {"page": case.page_id, "sheet": case.sheet_id, "side": case.side}
    assert case.receipt_id is not None
    if case.page_id is not None:
        set_aside(work, _page(work, case), ReceiptState.RECEIVED, "")
    receipt = work.receipt(case.receipt_id)
    receipt.state, receipt.reason, receipt.attempt_id = ReceiptState.RECEIVED, "", None
    return before


def _discard(work: Work, case: DeskCase, decision: Decision) -> dict[str, Any]:
    if not decision.reason.strip():
        raise BadInput("a frame is discarded with a reason only.", where=f"case {case.id}", remedy="Write why nobody needs it.")
    assert case.receipt_id is not None
    receipt = work.receipt(case.receipt_id)
    before = {"reason": receipt.reason}
    if case.page_id is not None:
        page, sheet = _page(work, case), _sheet(work, case)
        if sheet is not None and sheet.script_id is not None and not page.evidence.get("second"):
            void_page(work, page, work.script(sheet.script_id))
        set_aside(work, page, ReceiptState.DISCARDED, decision.reason)
    receipt.state, receipt.reason = ReceiptState.DISCARDED, decision.reason
    search_again(work.session, receipt.batch_id)
    closed = withdraw(work, f"case {case.id} discarded the frame", DeskCase.receipt_id == receipt.id, but=case.id)
    return before | {"withdrawn": [c.id for c in closed]}


def _take_this(work: Work, case: DeskCase, decision: Decision) -> dict[str, Any]:
    if case.kind == "candidate_twice":
        return take_card(work, case, decision.reason)
    page, sheet = _page(work, case), _sheet(work, case)
    assert sheet is not None
    other = work.page_of(sheet.id, page.side or 0)
    closed: list[DeskCase] = []
    if other is not None:
        closed = withdraw(work, f"case {case.id} takes another scan", DeskCase.page_id == other.id, but=case.id)
        set_aside(work, other, ReceiptState.SUPERSEDED, f"receipt {page.receipt_id} is used")
    with work.as_readers():
        stand(work, page, sheet)
    return {"other": other.id if other else None, "withdrawn": [c.id for c in closed]}


def _keep_other(work: Work, case: DeskCase, decision: Decision) -> dict[str, Any]:
    set_aside(
        work, _page(work, case), ReceiptState.DUPLICATE, decision.reason or "the other scan stands", duplicate_of=case.evidence["other"]
    )
    return {}


def _merge(work: Work, case: DeskCase, decision: Decision) -> dict[str, Any]:
    return merge_cards(work, case, decision.reason)


def _mark(work: Work, case: DeskCase, decision: Decision) -> dict[str, Any]:
    return {}


def _rescan(work: Work, case: DeskCase, decision: Decision) -> dict[str, Any]:
    """Ask for the case's side. The case stays open and closes when that side arrives and is read."""
    station = work.station_of(case.receipt_id) if case.receipt_id is not None else ""
    if case.kind == "script_missing":
        sheets = work.cards_of(case.script_id or 0)
        wanted = [(sheet, side) for sheet in sheets for side in sorted(work.forms.sides_of(sheet))]
    else:
        sheet = _sheet(work, case)
        side = case.side if sheet is not None and not decision.sheet else decision.side
        if decision.sheet:
            sheet = work.session.scalar(select(Sheet).where(Sheet.exam_id == work.exam.id, Sheet.serial == decision.sheet))
        if sheet is None or side not in work.forms.sides_of(sheet):
            raise BadInput(
                "which side should be scanned again is not known.", where=f"case {case.id}", remedy="Say the sheet and the side."
            )
        wanted = [(sheet, side)]
        case.sheet_id, case.side, case.script_id = sheet.id, side, case.script_id or sheet.script_id
        work.note_case(case.sheet_id, case.script_id)
    if not wanted:
        raise BadInput("no sheet was printed for this script, so none can be scanned again.", where=f"case {case.id}")
    for sheet, side in wanted:
        ask(work, case.id, sheet, side, station)
    case.evidence = case.evidence | {"rescan": True}
    return {}


def _page(work: Work, case: DeskCase) -> Page:
    page = work.session.get(Page, case.page_id) if case.page_id is not None else None
    assert page is not None
    if page.state is PageState.SUPERSEDED:
        raise Conflict("the page does not count any more.", where=f"case {case.id}", remedy="Load the case again.")
    return page


def _sheet(work: Work, case: DeskCase) -> Sheet | None:
    return work.session.get(Sheet, case.sheet_id) if case.sheet_id is not None else None


_CARRY_OUT: dict[str, Callable[[Work, DeskCase, Decision], dict[str, Any]]] = {
    "set_answer": _set_answer,
    "accept": _accept,
    "set_candidate": _set_candidate,
    "set_page": _set_page,
    "discard": _discard,
    "take_this": _take_this,
    "keep_other": _keep_other,
    "merge": _merge,
    "mark_absent": _mark,
    "mark_present": _mark,
    "rescan": _rescan,
}
