"""What a clerk sees of a case: the frame's place, whose sheet, the doubtful items, which actions fit. No hash leaves here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.errors import NotFound
from core.pictures import picture_bytes
from core.site import Site
from core.states import CaseState
from core.tables import Batch, CandidateDetails, DeskCase, Page, Picture, Receipt, Script, Sheet
from omr.desk.cases import ACTIONS

_KEPT_BACK = {"preview", "crops"}
_SHOWN = ("image/jpeg", "image/png")  # what a browser can show


@dataclass(frozen=True, slots=True)
class FrameView:
    station: str
    batch: str
    sequence: int
    face: int
    name: str


@dataclass(frozen=True, slots=True)
class ItemView:
    item: str
    value: str
    first: str
    second: str
    options: tuple[str, ...]
    p_wrong: float
    why: str
    picture: bool


@dataclass(frozen=True, slots=True)
class CaseView:
    id: int
    kind: str
    state: CaseState
    version: int
    opened_at: datetime
    frame: FrameView | None
    sheet: str | None
    candidate: str | None
    side: int | None
    paper: str | None
    evidence: Mapping[str, Any]
    resolution: Mapping[str, Any]
    resolved_by: str
    actions: tuple[str, ...]
    items: tuple[ItemView, ...]
    picture: bool
    other: bool  # there is a second picture to compare with


def list_cases(site: Site, exam_id: int, *, state: CaseState | None = CaseState.OPEN, limit: int = 500) -> list[CaseView]:
    with site.database.read() as session:
        query = select(DeskCase).where(DeskCase.exam_id == exam_id)
        if state is not None:
            query = query.where(DeskCase.state == state)
        return views(session, session.scalars(query.order_by(DeskCase.id).limit(limit)).all())


def get_case(site: Site, exam_id: int, case_id: int) -> CaseView:
    with site.database.read() as session:
        return views(session, [find_case(session, exam_id, case_id)])[0]


def case_picture(site: Site, exam_id: int, case_id: int, *, other: bool = False) -> tuple[bytes, str]:
    """The whole frame of a case (or the frame that it is compared with), as bytes that a browser can show."""
    with site.database.read() as session:
        sha256, kind = _picture(session, find_case(session, exam_id, case_id), other)
    if not sha256:
        raise NotFound("the case has no picture that can be shown.", where=f"case {case_id}")
    return picture_bytes(site, sha256), kind


def item_picture(site: Site, exam_id: int, case_id: int, item: str) -> tuple[bytes, str]:
    with site.database.read() as session:
        case = find_case(session, exam_id, case_id)
        sha256 = next((i.get("picture") for i in case.items if i["item"] == item), None)
    if not sha256:
        raise NotFound("the item has no picture.", where=f"case {case_id}, item {item}")
    return picture_bytes(site, sha256), "image/jpeg"


def find_case(session: Session, exam_id: int, case_id: int) -> DeskCase:
    case = session.get(DeskCase, case_id)
    if case is None or case.exam_id != exam_id:
        raise NotFound(f"there is no case {case_id}.", where="exceptions desk")
    return case


def views(session: Session, cases: Sequence[DeskCase]) -> list[CaseView]:
    """All of them with a few queries, however many they are."""
    frames = _frames(session, [c.receipt_id for c in cases if c.receipt_id is not None])
    sheets = {s.id: s for s in session.scalars(select(Sheet).where(Sheet.id.in_({c.sheet_id for c in cases})))}
    papers, numbers = _people(session, cases, sheets)
    shown = {c.id: bool(_picture(session, c, False)[0]) for c in cases}
    return [
        CaseView(
            id=c.id,
            kind=c.kind,
            state=c.state,
            version=c.version,
            opened_at=c.opened_at,
            frame=frames.get(c.receipt_id or 0),
            sheet=sheets[c.sheet_id].serial if c.sheet_id in sheets else None,
            candidate=numbers.get(c.id),
            side=c.side,
            paper=papers.get(c.id),
            evidence={k: v for k, v in c.evidence.items() if k not in _KEPT_BACK},
            resolution={k: v for k, v in c.resolution.items() if k != "before"},
            resolved_by=c.resolved_by,
            actions=ACTIONS[c.kind] if c.state is CaseState.OPEN else ("undo",) if _can_undo(c) else (),
            items=tuple(_item(i) for i in c.items),
            picture=shown[c.id],
            other="other" in c.evidence,
        )
        for c in cases
    ]


def _can_undo(case: DeskCase) -> bool:
    return case.state is CaseState.RESOLVED and case.resolved_by.startswith("user:")


def _frames(session: Session, receipts: list[int]) -> dict[int, FrameView]:
    query = select(Receipt, Batch).join(Batch, Batch.id == Receipt.batch_id).where(Receipt.id.in_(receipts))
    return {r.id: FrameView(b.station, b.name, r.sequence, r.face, r.name) for r, b in session.execute(query)}


def _people(session: Session, cases: Sequence[DeskCase], sheets: Mapping[int, Sheet]) -> tuple[dict[int, str], dict[int, str]]:
    query = (
        select(Script.id, Script.paper, CandidateDetails.number)
        .outerjoin(CandidateDetails, CandidateDetails.candidate_id == Script.candidate_id)
        .where(Script.id.in_({c.script_id for c in cases} | {s.script_id for s in sheets.values()}))
    )
    scripts = {script: (paper, number) for script, paper, number in session.execute(query)}
    papers: dict[int, str] = {}
    numbers: dict[int, str] = {}
    for case in cases:
        sheet = sheets.get(case.sheet_id or 0)
        paper, number = scripts.get(case.script_id or (sheet.script_id if sheet else 0) or 0, (sheet.paper if sheet else None, None))
        if paper:
            papers[case.id] = paper
        if number:
            numbers[case.id] = number
    return papers, numbers


def _item(item: Mapping[str, Any]) -> ItemView:
    return ItemView(
        item=item["item"],
        value=item["value"],
        first=item["first"],
        second=item["second"],
        options=tuple(item["options"]),
        p_wrong=float(item["p_wrong"]),
        why=item["why"],
        picture=bool(item.get("picture")),
    )


def _picture(session: Session, case: DeskCase, other: bool) -> tuple[str, str]:
    """Hash and media type: a preview that a reader made, else the frame itself where a browser can show it."""
    receipt_id = case.evidence.get("other") if other else case.receipt_id
    page = session.get(Page, case.page_id) if case.page_id is not None and not other else None
    if page is None and receipt_id is not None:
        page = session.scalars(select(Page).where(Page.receipt_id == receipt_id).order_by(Page.version.desc()).limit(1)).first()
    preview = (case.evidence.get("preview") if not other else None) or (page.evidence.get("preview") if page else None)
    if preview:
        return str(preview), "image/jpeg"
    query = select(Receipt.sha256, Picture.media_type).join(Picture, Picture.sha256 == Receipt.sha256)
    row = session.execute(query.where(Receipt.id == (receipt_id or (page.receipt_id if page else 0)))).one_or_none()
    return (row.sha256, row.media_type) if row is not None and row.media_type in _SHOWN else ("", "")
