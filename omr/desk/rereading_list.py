"""The differences of a rereading, as a list to accept: what both readings say, what a person had decided, both pictures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from core.errors import NotFound
from core.pictures import picture_bytes
from core.site import Site
from core.states import CaseState, RereadState
from core.tables import Batch, DeskCase, Page, Receipt, RereadPage, Sheet
from omr.desk.rereading import find_rereading
from omr.desk.views import FrameView

REGION = "region:"
Which = Literal["first", "second"]


@dataclass(frozen=True, slots=True)
class Difference:
    """One page that both readings do not agree on. `differs`: field, or region:NAME, to what each says."""

    id: int
    page: int
    sheet: str
    side: int
    frame: FrameView
    state: RereadState
    differs: Mapping[str, list[dict[str, Any]]]
    kept: Mapping[str, dict[str, str]]  # of these fields: what a person decided, and who; it stays, whatever is accepted
    pictures: Mapping[str, list[str]]  # by field: which of `first` and `second` can be shown
    reason: str  # why the second reading failed
    by: str


def differences(
    site: Site, exam_id: int, number: int, *, state: RereadState = RereadState.DIFFERS, field: str = "", after: int = 0, limit: int = 100
) -> list[Difference]:
    """The next `limit` pages behind `after`, in order; with `field`, those that differ in it."""
    with site.database.read() as session:
        find_rereading(session, exam_id, number)
        mine = (RereadPage.rereading_id == number, RereadPage.state == state, RereadPage.id > after)
        ids = list(islice(_that_differ_in(session, field, mine), limit)) if field else []
        query = (
            select(RereadPage, Page, Sheet.serial, Receipt, Batch)
            .join(Page, Page.id == RereadPage.page_id)
            .join(Sheet, Sheet.id == Page.sheet_id)
            .join(Receipt, Receipt.id == Page.receipt_id)
            .join(Batch, Batch.id == Receipt.batch_id)
            .where(*mine, *([RereadPage.id.in_(ids)] if field else []))
        )
        rows = session.execute(query.order_by(RereadPage.id).limit(limit)).all()
        decided = _decided(session, [page.id for _, page, *_ in rows] + [r.new_page_id for r, *_ in rows if r.new_page_id is not None])
        return [_difference(row, page, serial, receipt, batch, decided) for row, page, serial, receipt, batch in rows]


def _that_differ_in(session: Session, field: str, mine: Sequence[ColumnElement[bool]]) -> Iterator[int]:
    """Asked a thousand at a time: whoever wants the next hundred need not wait for the last."""
    query = select(RereadPage.id, RereadPage.differs).where(*mine).order_by(RereadPage.id)
    for row, differs in session.execute(query, execution_options={"yield_per": 1000}):
        if field in differs:
            yield row


def _difference(
    row: RereadPage, page: Page, serial: str, receipt: Receipt, batch: Batch, decided: Mapping[int, Mapping[str, dict[str, str]]]
) -> Difference:
    said = decided.get(row.new_page_id or page.id, {})
    return Difference(
        id=row.id,
        page=page.id,
        sheet=serial,
        side=page.side or 0,
        frame=FrameView(batch.station, batch.name, receipt.sequence, receipt.face, receipt.name),
        state=row.state,
        differs=row.differs,
        kept={name: said[name] for name in row.differs if name in said},
        pictures={name: [which for which in ("first", "second") if _picture(row, page, name, which)] for name in row.differs},
        reason=row.result.get("reason", ""),
        by=row.by,
    )


def _decided(session: Session, pages: list[int]) -> dict[int, dict[str, dict[str, str]]]:
    query = select(DeskCase.page_id, DeskCase.resolution, DeskCase.resolved_by).where(
        DeskCase.page_id.in_(pages), DeskCase.state == CaseState.RESOLVED
    )
    found: dict[int, dict[str, dict[str, str]]] = {}
    for page, resolution, by in session.execute(query.order_by(DeskCase.resolved_at, DeskCase.id)):
        said = {name: {"value": str(value), "by": by} for name, value in resolution.get("values", {}).items()}
        found.setdefault(page or 0, {}).update(said)
    return found


def fields_that_differ(site: Site, exam_id: int, number: int) -> dict[str, int]:
    """How many pages wait for a person, by the field they differ in."""
    with site.database.read() as session:
        find_rereading(session, exam_id, number)
        query = select(RereadPage.differs).where(RereadPage.rereading_id == number, RereadPage.state == RereadState.DIFFERS)
        counts = Counter(name for differs in session.scalars(query.execution_options(yield_per=1000)) for name in differs)
    return dict(sorted(counts.items()))


def difference_picture(site: Site, exam_id: int, number: int, row_id: int, name: str, which: Which) -> tuple[bytes, str]:
    """What a reading saw of a field or region, as a JPEG."""
    with site.database.read() as session:
        find_rereading(session, exam_id, number)
        row = session.get(RereadPage, row_id)
        if row is None or row.rereading_id != number:
            raise NotFound(f"there is no page {row_id}.", where=f"rereading {number}")
        sha256 = _picture(row, session.get_one(Page, row.page_id), name, which)
    if not sha256:
        raise NotFound(f"there is no picture of {name}.", where=f"rereading {number}, page {row_id}")
    return picture_bytes(site, sha256), "image/jpeg"


def _picture(row: RereadPage, page: Page, name: str, which: str) -> str:
    """The hash of what a reading saw; empty where nothing was kept."""
    if name.startswith(REGION):
        regions = page.regions if which == "first" else row.result.get("regions", [])
        return next((str(r["sha256"]) for r in regions if r["name"] == name.removeprefix(REGION)), "")
    shown = row.result.get("first_crops", {}) if which == "first" else row.result.get("evidence", {}).get("crops", {})
    return str(shown.get(name, ""))
