"""What a page says becomes a script's answers and paper type: versions, never edits, each one in the ledger."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from core.states import AnswerState
from core.tables import AnswerRow, Page, Script
from omr.desk.work import READERS, Work


@dataclass(frozen=True, slots=True)
class Stated:
    """A field of a page as it now counts: by the readers, or by the person who looked at it."""

    value: str
    doubt: bool
    by: str


def stated(work: Work, page: Page) -> dict[str, Stated]:
    said = {name: Stated(f["value"], bool(f["doubt"]), READERS) for name, f in page.fields.items()}
    return said | {name: Stated(value, False, by) for name, (value, by) in work.decided(page.id).items()}


def enter_page(work: Work, page: Page, script: Script) -> None:
    """Give the page's answers and paper type to the script. Entering the same page again changes nothing."""
    assert page.paper is not None
    assert page.side is not None
    work.scripts.add(script.id)
    if (page.id, script.id) in work.entered:
        return
    work.entered.add((page.id, script.id))
    roles = work.forms.roles(page.paper, page.side)
    said = stated(work, page)
    current = work.answers_of(script.id, roles.answers) if roles.answers else {}
    rows: list[dict[str, Any]] = []
    by_readers: dict[str, dict[str, object]] = {}
    for item in roles.answers:
        if item not in said:
            continue
        new = _version(work, page, script, item, said[item], current.get(item))
        if new is None:
            continue
        rows.append(new)
        if said[item].by == READERS:
            how = "doubtful" if said[item].doubt else READERS
            by_readers[item] = {"value": new["value"], "version": new["version"], "how": how}
        else:
            entry = {"kind": "answer", "script": script.secret, "item": item, "value": new["value"], "version": new["version"]}
            work.office(**entry, by=said[item].by, reason=f"page {page.id}")
    work.enter_answers(rows)
    if by_readers:
        work.station(work.station_of(page.receipt_id), kind="answers", script=script.secret, page=page.id, values=by_readers)
    for field in roles.types:
        _enter_type(work, script, said.get(field))


def void_page(work: Work, page: Page, script: Script) -> None:
    """Take the page's answers from the script: the sheet is another's, or the page does not count."""
    work.put_answers()
    query = select(AnswerRow).where(AnswerRow.script_id == script.id, AnswerRow.page_id == page.id, AnswerRow.current)
    values: dict[str, dict[str, object]] = {}
    rows: list[dict[str, Any]] = []
    for row in work.session.scalars(query.order_by(AnswerRow.id)).all():
        if row.state is AnswerState.VOIDED:
            continue
        row.current = False
        rows.append(_row(work, script.id, row.item, row.version + 1, AnswerState.VOIDED, Stated("", False, work.by), page))
        values[row.item] = {"value": "", "version": row.version + 1, "how": "voided"}
    work.entered.discard((page.id, script.id))
    work.enter_answers(rows)
    if values:
        work.station(work.station_of(page.receipt_id), kind="answers", script=script.secret, page=page.id, values=values)
    if page.paper is not None and page.side is not None and work.forms.roles(page.paper, page.side).types:
        _set_type(work, script, None, work.by)
    work.scripts.add(script.id)


def _version(work: Work, page: Page, script: Script, item: str, said: Stated, old: AnswerRow | None) -> dict[str, Any] | None:
    state = AnswerState.PERSON if said.by != READERS else AnswerState.DOUBTFUL if said.doubt else AnswerState.READERS
    if old is not None:
        if (old.page_id, old.value, old.state, old.by) == (page.id, said.value, state, said.by):
            return None
        old.current = False
    return _row(work, script.id, item, old.version + 1 if old else 1, state, said, page)


def _row(work: Work, script_id: int, item: str, version: int, state: AnswerState, said: Stated, page: Page) -> dict[str, Any]:
    reading = page.fields.get(item, {})
    return {
        "exam_id": work.exam.id,
        "script_id": script_id,
        "item": item,
        "version": version,
        "current": True,
        "state": state,
        "value": said.value,
        "first": reading.get("first", ""),
        "second": reading.get("second", ""),
        "p_wrong": float(reading.get("p_wrong", 0.0)) if state in (AnswerState.READERS, AnswerState.DOUBTFUL) else 0.0,
        "page_id": page.id,
        "by": said.by,
        "at": work.now,
    }


def _enter_type(work: Work, script: Script, said: Stated | None) -> None:
    types = work.forms.definition.paper(script.paper).types
    good = said is not None and not said.doubt and said.value in types
    _set_type(work, script, said.value if good and said else None, said.by if said else work.by)


def _set_type(work: Work, script: Script, value: str | None, by: str) -> None:
    if script.paper_type != value:
        script.paper_type = value
        work.office(kind="type", script=script.secret, value=value, by=by)
