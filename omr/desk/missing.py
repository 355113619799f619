"""What is not here: a case for each side whose sheet is here, and, once a paper is scanned, for all that never came."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import select

from core.site import Site
from core.states import CaseState, PageState, ScriptState, SheetState
from core.tables import Batch, DeskCase, Page, Receipt, Script, Sheet
from omr.desk.cases import open_case
from omr.desk.scripts import finish, held_of, open_about, settle_scripts
from omr.desk.work import MOST_NAMED, Work, begin_work
from scanner.intake import take_turn
from scanner.intake.missing import QUIET, batches_to_search, papers_to_ask, unexplained

_UNSETTLED = (ScriptState.EXPECTED, ScriptState.PRESENT)
_AT_ONCE = 200  # scripts of one transaction: the exam's turn is not kept from readers for long


def look_for_missing(site: Site, exam_id: int, quiet: timedelta = QUIET) -> int:
    """Ask for what is missing, where it is time; for how many sides, sheets without a name, and scripts."""
    with site.database.write() as session:
        work = begin_work(session, take_turn(session, exam_id), "system", site.now())
        found = _search(work, batches_to_search(session, exam_id, site.now() - quiet))
        finish(work)
    after: int | None = 0
    while after is not None:
        with site.database.write() as session:
            work = begin_work(session, take_turn(session, exam_id), "system", site.now())
            papers = papers_to_ask(session, exam_id, site.now() - quiet)
            asked, after = _ask_for_scripts(work, papers, after)
            found += asked + (_find_nameless(work, papers) if after is None else 0)
            finish(work)
    return found


def _search(work: Work, batches: Sequence[int]) -> int:
    """Sheets of which one side is in these batches and another nowhere. A batch is done when the desk has all of them."""
    if not batches:
        return 0
    standing = select(Receipt.batch_id, Page.sheet_id).join(Receipt, Receipt.id == Page.receipt_id)
    pairs = standing.where(Receipt.batch_id.in_(batches), Page.state != PageState.SUPERSEDED, Page.sheet_id.is_not(None)).distinct()
    batches_of: dict[int, set[int]] = {}
    for batch, sheet_id in work.session.execute(pairs):
        batches_of.setdefault(sheet_id or 0, set()).add(batch)
    work.load_pages(batches_of)
    named, lacking = sorted(batches_of), list[Sheet]()
    for start in range(0, len(named), MOST_NAMED):
        query = select(Sheet).where(Sheet.id.in_(named[start : start + MOST_NAMED])).order_by(Sheet.id)
        lacking += [sheet for sheet in work.session.scalars(query) if _sides_missing(work, sheet)]
    settle_scripts(work, (s.script_id for s in lacking if s.script_id is not None))
    found, later = 0, set[int]()
    for sheet in lacking:
        asked = _ask_for_sides(work, sheet)
        found += asked or 0
        if asked is None:
            later |= batches_of[sheet.id]
    for batch in set(batches) - later:
        work.session.get_one(Batch, batch).searched = True
    return found


def _sides_missing(work: Work, sheet: Sheet) -> list[int]:
    if sheet.state in (SheetState.FOREIGN, SheetState.VOID):
        return []
    return [side for side in sorted(work.forms.sides_of(sheet)) if work.page_of(sheet.id, side) is None]


def _ask_for_sides(work: Work, sheet: Sheet) -> int | None:
    """How many sides were asked for; None: another case about the sheet must be settled first."""
    script = work.script(sheet.script_id) if sheet.script_id is not None else None
    if script is not None and script.state not in _UNSETTLED:
        return 0
    about = work.open_cases(DeskCase.sheet_id == sheet.id) if script is None else open_about(work, script, work.cards_of(script.id))
    if about:
        return 0 if all(c.kind == "page_missing" for c in about) else None
    if script is None:
        return _ask_for_name(work, sheet)
    sides = _sides_missing(work, sheet)
    for side in sides:
        open_case(work, "page_missing", script=script, sheet=sheet, side=side)
    return len(sides)


def _ask_for_name(work: Work, sheet: Sheet) -> int:
    """A sheet of nobody whose side with the number never came: its other side must not lie there unseen."""
    page = next((p for p in work.pages(sheet.id) if p.state is PageState.READ), None)
    if page is None:
        return 0
    open_case(work, "candidate_unknown", receipt=work.receipt(page.receipt_id), page=page, sheet=sheet, side=page.side)
    return 1


def _ask_for_scripts(work: Work, papers: Sequence[str], after: int) -> tuple[int, int | None]:
    """Ask about some scripts of scanned papers that nothing explains; how many, and the last of them if there are more."""
    query = unexplained(work.exam.id, papers).where(Script.id > after).order_by(Script.id).limit(_AT_ONCE)
    ids = list(work.session.scalars(query)) if papers else []
    settle_scripts(work, ids)
    scripts = work.session.scalars(select(Script).where(Script.id.in_(ids), Script.state.in_(_UNSETTLED)).order_by(Script.id)).all()
    found = sum(_ask_for_script(work, script) for script in scripts if not open_about(work, script, work.cards_of(script.id)))
    return found, ids[-1] if len(ids) == _AT_ONCE else None


def _ask_for_script(work: Work, script: Script) -> int:
    sheets = work.cards_of(script.id)
    if not any(work.pages(s.id) for s in sheets):
        open_case(work, "script_missing", script=script)
        return 1
    lacking = held_of(work, script, sheets).lacking or [(s, side) for s in sheets for side in _sides_missing(work, s)]
    for sheet, side in lacking:
        open_case(work, "page_missing", script=script, sheet=sheet, side=side)
    return len(lacking)


def _find_nameless(work: Work, papers: Sequence[str]) -> int:
    about = select(DeskCase.sheet_id).where(
        DeskCase.exam_id == work.exam.id, DeskCase.state == CaseState.OPEN, DeskCase.sheet_id.is_not(None)
    )
    query = select(Sheet).where(Sheet.exam_id == work.exam.id, Sheet.state == SheetState.UNASSIGNED, Sheet.id.not_in(about))
    read = select(Page.sheet_id).where(Page.exam_id == work.exam.id, Page.state == PageState.READ, Page.sheet_id.is_not(None))
    mine = query.where(Sheet.paper.in_(papers), Sheet.id.in_(read)).order_by(Sheet.id)
    return sum(_ask_for_name(work, sheet) for sheet in work.session.scalars(mine).all()) if papers else 0
