"""The job that reads a chunk of a paper again. Its result is rows beside the pages that stand; no record of the exam changes.

Idempotent: a page that has its result, or a rereading that was closed, is left alone. A page that takes its reader down
with it, again and again, is told as failed.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.pictures import keep_rows, picture_bytes
from core.site import Site
from core.states import PageState, RereadingState, RereadState
from core.store import Kept
from core.tables import Batch, Exam, Page, Picture, Receipt, Rereading, RereadPage, Sheet, TemplateVersion
from core.template import Template
from omr.desk.forms import Forms, forms_of
from omr.desk.rereading import end_when_done
from omr.frames import Frame
from omr.jobs import warm_site
from omr.rereading import First, Second, read_beside
from omr.vouched import vouched_of
from scanner.intake import take_turn
from scanner.intake.receive import place_of

log = logging.getLogger(__name__)

MOST_TRIES = 3  # of a page, before its reader is taken to die of it
_REMEMBERED = 24 * 3600  # seconds
T = TypeVar("T")


@dataclass(frozen=True)
class Again:
    """One page of a chunk."""

    row: int
    frame: Frame
    first: First


def read_again(rereading_id: int, first: int, last: int) -> None:
    read_chunk(warm_site(), rereading_id, first, last)


def read_chunk(site: Site, rereading_id: int, first: int, last: int) -> dict[str, int]:
    """Read the pages of rows `first` to `last` that still wait; how many ended in which state."""
    with site.database.read() as session:
        rereading = session.get(Rereading, rereading_id)
        if rereading is None or rereading.state is not RereadingState.RUNNING:
            return {}
        exam_id = rereading.exam_id
        forms, pages = _pages(session, rereading, first, last)
    seconds = [_read(site, rereading_id, forms, one) for one in pages]
    ends = [(one.row, *end) for one, end in zip(pages, _stored(site, seconds), strict=True)]
    return _file(site, exam_id, rereading_id, first, last, ends)


def _pages(session: Session, rereading: Rereading, first: int, last: int) -> tuple[Forms, list[Again]]:
    exam = session.get_one(Exam, rereading.exam_id)
    template = Template.model_validate(session.get_one(TemplateVersion, rereading.template_id).body)
    forms = Forms(forms_of(session, exam).definition, {rereading.paper: (rereading.template_id, template)})
    query = (
        select(RereadPage.id, Page, Sheet.serial, Receipt, Batch, Picture.place)
        .join(Page, Page.id == RereadPage.page_id)
        .join(Sheet, Sheet.id == Page.sheet_id)
        .join(Receipt, Receipt.id == Page.receipt_id)
        .join(Batch, Batch.id == Receipt.batch_id)
        .outerjoin(Picture, Picture.sha256 == Receipt.sha256)
        .where(RereadPage.rereading_id == rereading.id, RereadPage.id.between(first, last), RereadPage.state == RereadState.WAITING)
        .where(Page.state != PageState.SUPERSEDED)
        .order_by(RereadPage.id)
    )
    rows = session.execute(query).all()
    vouched = vouched_of(session, exam.id, [r.Receipt.id for r in rows])
    earlier = _templates(session, {r.Page.template_id for r in rows if r.Page.template_id is not None})
    pages = []
    for row, page, serial, receipt, batch, place in rows:
        where = place_of(batch.station, batch.name, receipt.sequence, receipt.face)
        side = earlier.get(page.template_id or 0, template).side(page.side or 0)
        frame = Frame(receipt.id, receipt.sha256, where, vouched.get(receipt.id), place or "")
        pages.append(Again(row, frame, First(serial, side.side, side, page.fields, page.regions)))
    return forms, pages


def _templates(session: Session, ids: set[int]) -> dict[int, Template]:
    query = select(TemplateVersion.id, TemplateVersion.body).where(TemplateVersion.id.in_(ids))
    return {row: Template.model_validate(body) for row, body in session.execute(query)}


def _read(site: Site, rereading_id: int, forms: Forms, one: Again) -> Second:
    tries = f"markhall:reread:{rereading_id}:{one.row}"
    if site.redis.incr(tries) > MOST_TRIES:
        return Second(RereadState.FAILED, reason=f"the reader did not come back from this page, {MOST_TRIES} times.")
    site.redis.expire(tries, _REMEMBERED)
    try:
        data = site.store.get(one.frame.sha256, one.frame.place)
        return read_beside(data, one.frame, forms, one.first, lambda sha256: picture_bytes(site, sha256))
    except Exception:
        log.exception("reading %s again failed", one.frame.where)
        return Second(RereadState.FAILED, reason="the reader failed on this frame; its log has the details.")
    finally:
        site.redis.delete(tries)


def _stored(site: Site, seconds: Sequence[Second]) -> list[tuple[Second, dict[str, Any], list[Kept]]]:
    """Store all pictures that show a difference as one pack; each page's result, pointing to its own."""
    names = [list(one.read.pictures) if one.read else [] for one in seconds]
    kept = site.store.put_pack([one.read.pictures[n] for one, mine in zip(seconds, names, strict=True) if one.read for n in mine])
    left = iter(kept)
    ends = []
    for one, mine in zip(seconds, names, strict=True):
        own = [next(left) for _ in mine]
        ends.append((one, _result(one, {n: k.sha256 for n, k in zip(mine, own, strict=True)}), own))
    return ends


def _result(one: Second, hashes: dict[str, str]) -> dict[str, Any]:
    if one.read is None:
        return {"reason": one.reason} if one.reason else {}
    result = one.read.with_hashes(hashes)
    shown = {name.removeprefix("first:"): sha for name, sha in hashes.items() if name.startswith("first:")}
    evidence = result.evidence | {"code": str(result.code)}
    return {"fields": result.fields, "regions": result.regions, "evidence": evidence, "cut": one.cut, "first_crops": shown}


def _file(
    site: Site, exam_id: int, rereading_id: int, first: int, last: int, ends: Sequence[tuple[int, Second, dict[str, Any], list[Kept]]]
) -> dict[str, int]:
    with site.database.write() as session:
        take_turn(session, exam_id)
        rereading = session.get_one(Rereading, rereading_id)
        if rereading.state is not RereadingState.RUNNING:
            return {}
        waiting = (RereadPage.id.between(first, last), RereadPage.state == RereadState.WAITING)
        query = select(RereadPage, Page.state).join(Page, Page.id == RereadPage.page_id)
        rows = session.execute(query.where(RereadPage.rereading_id == rereading_id, *waiting).order_by(RereadPage.id)).all()
        done = {row: (second, result, kept) for row, second, result, kept in ends}
        states: list[str] = []
        for row, state in rows:
            if state is PageState.SUPERSEDED:
                row.state = RereadState.OVERTAKEN
            elif row.id in done:
                second, row.result, kept = done[row.id]
                row.state, row.differs = second.state, second.differs
                keep_rows(session, kept, "image/jpeg", site.now())
            else:
                continue
            row.at = site.now()
            states.append(str(row.state))
        session.flush()
        end_when_done(session, rereading, site.now())
    return {state: states.count(state) for state in sorted(set(states))}
