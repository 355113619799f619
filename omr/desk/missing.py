"""What is not here: a case for each side and each script that nothing explains."""

from __future__ import annotations

from sqlalchemy import select

from core.states import CaseState, PageState, ScriptState, SheetState
from core.tables import DeskCase, Page, Script, Sheet
from omr.desk.cases import open_case
from omr.desk.scripts import held_of, open_about, settle_scripts
from omr.desk.work import Work


def find_missing(work: Work) -> int:
    """Once reading rests: open a case for each side and each script that nothing explains; how many.

    A candidate whose sheet waits on the desk is not missing, so scripts with an open case are left alone.
    """
    waiting = (ScriptState.EXPECTED, ScriptState.PRESENT)
    explained = select(DeskCase.script_id).where(
        DeskCase.exam_id == work.exam.id, DeskCase.state == CaseState.OPEN, DeskCase.script_id.is_not(None)
    )
    query = select(Script.id).where(Script.exam_id == work.exam.id, Script.state.in_(waiting), Script.id.not_in(explained))
    found = 0
    ids = list(work.session.scalars(query.order_by(Script.id)))
    settle_scripts(work, ids)
    for script in work.session.scalars(select(Script).where(Script.id.in_(ids), Script.state.in_(waiting)).order_by(Script.id)).all():
        if open_about(work, script, work.cards_of(script.id)):
            continue
        found += _report_missing(work, script)
    return found + _find_nameless(work)


def _find_nameless(work: Work) -> int:
    """A sheet of nobody whose side with the number never came: its other side must not lie there unseen."""
    about = select(DeskCase.sheet_id).where(
        DeskCase.exam_id == work.exam.id, DeskCase.state == CaseState.OPEN, DeskCase.sheet_id.is_not(None)
    )
    query = select(Sheet).where(Sheet.exam_id == work.exam.id, Sheet.state == SheetState.UNASSIGNED, Sheet.id.not_in(about))
    read = select(Page.sheet_id).where(Page.exam_id == work.exam.id, Page.state == PageState.READ, Page.sheet_id.is_not(None))
    found = 0
    for sheet in work.session.scalars(query.where(Sheet.id.in_(read)).order_by(Sheet.id)).all():
        page = work.pages(sheet.id)[0]
        open_case(work, "candidate_unknown", receipt=work.receipt(page.receipt_id), page=page, sheet=sheet, side=page.side)
        found += 1
    return found


def _report_missing(work: Work, script: Script) -> int:
    sheets = work.cards_of(script.id)
    held = held_of(work, script, sheets)
    here = {s.id: work.pages(s.id) for s in sheets}
    if not any(here.values()):
        open_case(work, "script_missing", script=script)
        return 1
    for sheet, side in held.lacking or [(s, n) for s in sheets for n in sorted(work.forms.sides_of(s)) if not work.page_of(s.id, n)]:
        open_case(work, "page_missing", script=script, sheet=sheet, side=side)
    return len(held.lacking)
