"""Responses whose pictures do not stand any more: a page was scanned again, or its sheet turned out to be another's.

Where nobody has marked, the response is superseded and made anew. Where somebody has, nothing is decided by itself: the
response becomes a problem, and a leader carries the marks over, voids them, or marks. What a leader carried over is
asked about again as soon as something else befalls the pictures.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from redis.exceptions import RedisError
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from core.cuts import are_gone, cut_of
from core.errors import Unavailable
from core.site import Site
from core.states import MarkState, PageState, ResponseState, ScriptState, SheetState, TaskState
from core.tables import Page, Problem, Response, ResponsePicture, Script, Sheet
from marking import handout
from marking.record import Record, ResponseRow, lock_response, save
from marking.settle import void

REASON = "replaced"
LOOKED_AT = (ResponseState.OPEN, ResponseState.AGREED, ResponseState.FINAL)  # a problem waits for its leader as it is
log = logging.getLogger("markhall.marking")


def look(site: Site, exam_id: int, scripts: Sequence[int] | None = None) -> int:
    """Put every such response, of all scripts or of some, right, or before a leader. Returns how many there were."""
    with site.database.read() as session:
        found = undecided(session, exam_id, scripts)
    for response_id in found:
        with site.database.write() as session:
            still = session.scalar(_stale(exam_id).where(Response.id == response_id)) or response_id in _grown(session, exam_id)
            if not still or _is_carried(session, response_id):
                continue
            record = lock_response(session, exam_id, response_id, site.now())
            if record.counted():
                _hold(record)
            else:
                retire(record, "system", "its pictures were replaced")
            save(session, exam_id, [record], record.now)
        try:
            handout.apply(site, exam_id, record.hints)
        except (RedisError, Unavailable):
            log.warning("the queue server could not be told; its tasks are refused when they are handed out")
    return len(found)


def undecided(session: Session, exam_id: int, scripts: Sequence[int] | None = None) -> list[int]:
    """Responses whose pictures do not stand, and nobody has decided what becomes of their marks."""
    mine = () if scripts is None else (Response.script_id.in_(scripts),)
    stale = sorted({*session.scalars(_stale(exam_id).where(*mine)), *_grown(session, exam_id, *mine)})
    return [response_id for response_id in stale if not _is_carried(session, response_id)]


def _stale(exam_id: int) -> Any:
    fallen = (
        select(ResponsePicture.id)
        .join(Page, Page.id == ResponsePicture.page_id)
        .join(Sheet, Sheet.id == Page.sheet_id)
        .where(ResponsePicture.response_id == Response.id)
        .where(or_(are_gone(), Sheet.script_id.is_distinct_from(Response.script_id), Sheet.state != SheetState.ASSIGNED))
    )
    return (
        select(Response.id)
        .join(Script, Script.id == Response.script_id)
        .where(Response.exam_id == exam_id, Response.current, Response.state.in_(LOOKED_AT))
        .where(or_(fallen.exists(), Script.state == ScriptState.ABSENT))
        .order_by(Response.id)
    )


def _grown(session: Session, exam_id: int, *which: Any) -> set[int]:
    """Responses of which an extra sheet has more than they show. There are few extra sheets, and none in most exams."""
    current = (Response.exam_id == exam_id, Response.current, Response.state.in_(LOOKED_AT))
    return {response for response, _ in _not_shown(session, *current, *which)}


def _not_shown(session: Session, *which: Any) -> list[tuple[int, int]]:
    """(response, page) of every read page of a script's extra sheets that has a region for the response and is not in it."""
    query = (
        select(Response.id, Response.group, cut_of(), Page.regions)
        .join(Sheet, Sheet.script_id == Response.script_id)
        .join(Page, Page.sheet_id == Sheet.id)
        .where(Sheet.extra.is_(True), Sheet.state == SheetState.ASSIGNED, Page.state == PageState.READ, *which)
        .order_by(Response.id, Page.id)
    )
    found = [(response, page) for response, group, page, regions in session.execute(query) if any(r["group"] == group for r in regions)]
    if not found:
        return []
    pictures = select(ResponsePicture.response_id, cut_of()).join(Page, Page.id == ResponsePicture.page_id)
    pictures = pictures.where(ResponsePicture.response_id.in_({r for r, _ in found}))
    shown = {(response, page) for response, page in session.execute(pictures)}
    return [pair for pair in found if pair not in shown]


def standing(session: Session, response_id: int) -> str:
    """How the pictures of a response stand: what a leader who carries its marks over has decided upon."""
    query = (
        select(ResponsePicture.ordinal, are_gone(), Sheet.script_id, Sheet.state)
        .join(Page, Page.id == ResponsePicture.page_id)
        .join(Sheet, Sheet.id == Page.sheet_id)
        .where(ResponsePicture.response_id == response_id)
        .order_by(ResponsePicture.ordinal)
    )
    pictures = [f"{n}:{'gone' if gone else 'here'}:{script}:{sheet}" for n, gone, script, sheet in session.execute(query)]
    state = session.scalar(select(Script.state).join(Response, Response.script_id == Script.id).where(Response.id == response_id))
    more = [f"more:{page}" for _, page in _not_shown(session, Response.id == response_id)]
    return " ".join([*pictures, *more, "absent" if state is ScriptState.ABSENT else "present"])


def is_anothers(session: Session, response: ResponseRow) -> bool:
    """Whether a picture is on a sheet that is not this script's any more."""
    query = (
        select(ResponsePicture.id)
        .join(Page, Page.id == ResponsePicture.page_id)
        .join(Sheet, Sheet.id == Page.sheet_id)
        .where(ResponsePicture.response_id == response.id, Sheet.script_id.is_distinct_from(response.script_id))
    )
    return session.scalar(query.limit(1)) is not None


def _is_carried(session: Session, response_id: int) -> bool:
    query = select(Problem.resolution).where(Problem.response_id == response_id, Problem.reason == REASON, Problem.state == "resolved")
    carried = [resolution.get("standing") for resolution in session.scalars(query)]
    return bool(carried) and standing(session, response_id) in carried


def _hold(record: Record) -> None:
    for task in record.open_tasks():
        void(record, task)
    response = record.response
    response.state = ResponseState.PROBLEM
    note = "The page was scanned again, or the sheet belongs to another script, after this was marked."
    found = Problem(
        exam_id=response.exam_id, response_id=response.id, reason=REASON, note=note, key=f"{REASON} {response.id}", at=record.now
    )
    found.resolution = {}
    record.session.add(found)
    record.entries.append({"kind": "problem", "response": response.id, "by": "system", "reason": REASON})


def retire(record: Record, by: str, reason: str) -> None:
    """Supersede a response: its marks are void, its final marks withdrawn, its slots gone."""
    response, entries = record.response, record.entries
    for mark in record.marks:
        if mark.state in (MarkState.COUNTED, MarkState.SURPLUS):
            mark.state = MarkState.VOID
            entries.append({"kind": "mark-state", "mark": mark.id, "state": "void", "reason": reason, "by": by})
    for final in record.finals:
        if final.current:
            final.current = False
            entries.append({"kind": "final-withdrawn", "response": response.id, "item": final.item, "version": final.version})
    for task in record.tasks:
        if task.state is not TaskState.VOID:
            void(record, task)
    response.current, response.state = False, ResponseState.SUPERSEDED
    entries.append({"kind": "response-state", "response": response.id, "state": "superseded", "reason": reason, "by": by})
