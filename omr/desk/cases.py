"""Cases: opening what a person must settle, once each, and closing what came by itself. docs/records.md lists the kinds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from core.states import CaseState
from core.tables import DeskCase, Page, Receipt, Script, Sheet
from omr.desk.work import Work

_FRAME = ("rescan", "discard")
_FIELD = ("set_answer", "accept", "rescan", "discard")
_IDENTITY = ("set_candidate", "rescan", "discard")
_ABSENCE = ("mark_absent", "mark_present", "rescan")

ACTIONS: Mapping[str, tuple[str, ...]] = {
    "unreadable": _FRAME,  # the bytes are no picture, or readers die of it
    "registration": _FRAME,  # a picture, and no side that can be laid over the template
    "blank": ("discard", "rescan"),
    "foreign": ("discard", "set_page"),
    "code_unknown": ("set_page", *_FRAME),
    "page_twice": ("take_this", "keep_other"),
    "doubt": _FIELD,
    "paper_type": _FIELD,
    "choice": _FIELD,
    "absent_box": _FIELD,
    "facts_disagree": _IDENTITY,
    "candidate_unknown": _IDENTITY,
    "not_in_roster": _IDENTITY,
    "candidate_twice": ("take_this", "merge", *_IDENTITY),  # two sheets that are the same sheet of one candidate
    "absent_but_answered": _ABSENCE,
    "blank_but_present": _ABSENCE,
    "page_missing": ("rescan", "accept"),
    "script_missing": ("mark_absent", "rescan", "accept"),
}
# A clean scan of the same side settles these without being asked for.
REPLACEABLE = ("unreadable", "registration", "blank", "code_unknown", "page_missing")


def open_case(
    work: Work,
    kind: str,
    *,
    receipt: Receipt | None = None,
    page: Page | None = None,
    sheet: Sheet | None = None,
    script: Script | None = None,
    side: int | None = None,
    items: Sequence[Mapping[str, Any]] = (),
    evidence: Mapping[str, Any] | None = None,
) -> DeskCase:
    """A new case, or the open one of this kind about the same thing."""
    assert kind in ACTIONS, kind
    same = {
        "receipt_id": receipt.id if receipt else None,
        "page_id": page.id if page else None,
        "sheet_id": sheet.id if sheet else None,
        "script_id": script.id if script else None,
        "side": side,
    }
    work.note_case(sheet.id if sheet else None, script.id if script else None)
    known = work.open_cases(DeskCase.kind == kind, *(getattr(DeskCase, name) == value for name, value in same.items()))
    if known:
        return known[0]
    case = DeskCase(
        exam_id=work.exam.id,
        kind=kind,
        state=CaseState.OPEN,
        version=1,
        items=[dict(i) for i in items],
        evidence=dict(evidence or {}),
        resolution={},
        opened_at=work.now,
        **same,
    )
    work.session.add(case)
    work.session.flush()
    work.event("case", case=case.id, case_kind=kind, state="open")
    if page is not None:
        work.touched.add(page.id)
    if script is not None:
        work.scripts.add(script.id)
    return case


def close_case(work: Work, case: DeskCase, state: CaseState, resolution: Mapping[str, Any]) -> None:
    """Close an open case, in the ledger too."""
    case.state, case.version = state, case.version + 1
    case.resolution, case.resolved_by, case.resolved_at = dict(resolution), work.by, work.now
    work.forget_decisions(case.page_id)
    if case.page_id is not None:
        work.touched.add(case.page_id)
    if case.script_id is not None:
        work.scripts.add(case.script_id)
    log_case(work, case, str(resolution.get("action", state)), str(resolution.get("reason", "")))


def log_case(work: Work, case: DeskCase, action: str, reason: str) -> None:
    work.office(kind="case", case=case.id, kind_of=case.kind, action=action, by=work.by, reason=reason)
    work.event("case", case=case.id, case_kind=case.kind, state=str(case.state), action=action)


def withdraw(work: Work, reason: str, *conditions: Any, but: int | None = None) -> list[DeskCase]:
    """Close open cases that something else has settled; those that were closed."""
    closed = [case for case in work.open_cases(*conditions) if case.id != but]
    for case in closed:
        close_case(work, case, CaseState.WITHDRAWN, {"action": "withdrawn", "reason": reason})
    return closed
