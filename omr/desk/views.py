"""What a clerk sees of a case: the frame's place, whose sheet, the doubtful items, which actions fit. No hash leaves here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session, aliased

from core.errors import NotFound
from core.exam import ExamDefinition
from core.pictures import picture_bytes
from core.site import Site
from core.states import CaseState
from core.tables import Batch, CandidateDetails, DeskCase, Exam, Page, Picture, Receipt, Script, Sheet
from omr.desk.cases import ACTIONS
from omr.desk.forms import definition_in_use
from omr.desk.looks_kept import differ, words_of

_KEPT_BACK = {"preview", "crops"}
_UNSAID = {"before", "looks"}
_SHOWN = ("image/jpeg", "image/png")  # what a browser can show


@dataclass(frozen=True, slots=True)
class FrameView:
    station: str
    batch: str
    sequence: int
    face: int
    name: str


@dataclass(frozen=True, slots=True)
class _Owner:
    paper: str | None
    number: str | None
    room: str


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
    multiple: bool  # the question asks for one or more options


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
    room: str = ""  # of the candidate whose sheet it is, or for whom it was printed
    extra: bool = False  # the sheet is an extra one
    same_bytes: FrameView | None = None  # another frame that came with the very same bytes
    words: tuple[Mapping[str, str], ...] = ()  # what two clerks said differently; only who decides sees it


def get_case(site: Site, exam_id: int, case_id: int, *, decider: bool = False) -> CaseView:
    with site.database.read() as session:
        return views(session, [find_case(session, exam_id, case_id)], decider=decider)[0]


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


def views(session: Session, cases: Sequence[DeskCase], *, decider: bool = False) -> list[CaseView]:
    """All of them with a few queries, however many they are. `decider`: for somebody who may see what two clerks said."""
    if not cases:
        return []
    receipts = [c.receipt_id for c in cases if c.receipt_id is not None]
    frames, twins = _frames(session, receipts), _same_bytes(session, cases[0].exam_id, receipts)
    sheets = {s.id: s for s in session.scalars(select(Sheet).where(Sheet.id.in_({c.sheet_id for c in cases})))}
    owners, shown = _owners(session, cases, sheets), _shown(session, cases)
    definition = definition_in_use(session, session.get_one(Exam, cases[0].exam_id))
    words = words_of(session, [c.id for c in cases if c.state is CaseState.OPEN and c.items]) if definition.desk.clerks > 1 else {}
    found: list[CaseView] = []
    for c in cases:
        owner = owners[c.id]
        told = words.get(c.id, ()) if decider and differ(words.get(c.id, ())) else ()
        sheet = sheets.get(c.sheet_id or 0)
        found.append(
            CaseView(
                id=c.id,
                kind=c.kind,
                state=c.state,
                version=c.version,
                opened_at=c.opened_at,
                frame=frames.get(c.receipt_id or 0),
                sheet=sheet.serial if sheet else None,
                candidate=owner.number,
                side=c.side,
                paper=owner.paper,
                evidence={k: v for k, v in c.evidence.items() if k not in _KEPT_BACK},
                resolution={k: v for k, v in c.resolution.items() if k not in _UNSAID},
                resolved_by=c.resolved_by,
                actions=_actions(c, alone=definition.desk.clerks == 1 or bool(told)),
                items=item_views(definition, owner.paper, c.items),
                picture=c.id in shown,
                other="other" in c.evidence,
                room=owner.room,
                extra=sheet is not None and sheet.extra,
                same_bytes=twins.get(c.receipt_id or 0),
                words=tuple(word.values for word in told),
            )
        )
    return found


def _actions(case: DeskCase, *, alone: bool) -> tuple[str, ...]:
    """What fits now. Where two clerks are wanted nobody says values alone, unless these two differ and this person decides."""
    if case.state is not CaseState.OPEN:
        return ("undo",) if _can_undo(case) else ()
    fitting = ACTIONS[case.kind]
    if case.evidence.get("rescan"):
        fitting = (*fitting, "undo")
    return fitting if alone or not case.items else tuple(a for a in fitting if a not in ("set_answer", "accept"))


def _can_undo(case: DeskCase) -> bool:
    return case.state is CaseState.RESOLVED and case.resolved_by.startswith("user:")


def _frames(session: Session, receipts: Sequence[int]) -> dict[int, FrameView]:
    query = select(Receipt, Batch).join(Batch, Batch.id == Receipt.batch_id).where(Receipt.id.in_(receipts))
    return {r.id: _frame(r, b) for r, b in session.execute(query)}


def _frame(receipt: Receipt, batch: Batch) -> FrameView:
    return FrameView(batch.station, batch.name, receipt.sequence, receipt.face, receipt.name)


def _same_bytes(session: Session, exam_id: int, receipts: Sequence[int]) -> dict[int, FrameView]:
    """For each frame one other that came with the same bytes: sent twice, or two blank sides."""
    other = aliased(Receipt)
    query = (
        select(Receipt.id, other, Batch)
        .join(other, other.sha256 == Receipt.sha256)
        .join(Batch, Batch.id == other.batch_id)
        .where(Receipt.id.in_(receipts), other.exam_id == exam_id, other.id != Receipt.id)
        .order_by(other.id.desc())
    )
    return {receipt: _frame(twin, batch) for receipt, twin, batch in session.execute(query)}


def _owners(session: Session, cases: Sequence[DeskCase], sheets: Mapping[int, Sheet]) -> dict[int, _Owner]:
    """Paper, candidate number and room of each case, as far as its script or sheet says."""
    query = (
        select(Script.id, Script.paper, CandidateDetails.number, CandidateDetails.room)
        .outerjoin(CandidateDetails, CandidateDetails.candidate_id == Script.candidate_id)
        .where(Script.id.in_({c.script_id for c in cases} | {s.script_id for s in sheets.values()}))
    )
    scripts = {script: _Owner(paper, number, room or "") for script, paper, number, room in session.execute(query)}
    found: dict[int, _Owner] = {}
    for case in cases:
        sheet = sheets.get(case.sheet_id or 0)
        unknown = _Owner(sheet.paper if sheet else None, None, "")
        found[case.id] = scripts.get(case.script_id or (sheet.script_id if sheet else 0) or 0, unknown)
    return found


def item_views(definition: ExamDefinition, paper: str | None, items: Sequence[Mapping[str, Any]]) -> tuple[ItemView, ...]:
    asked = next((p for p in definition.papers if p.code == paper), None)
    several = {i.id for i in asked.objective if i.type == "multiple"} if asked else set()
    return tuple(
        ItemView(
            item=item["item"],
            value=item["value"],
            first=item["first"],
            second=item["second"],
            options=tuple(item["options"]),
            p_wrong=float(item["p_wrong"]),
            why=item["why"],
            picture=bool(item.get("picture")),
            multiple=item["item"] in several,
        )
        for item in items
    )


def _shown(session: Session, cases: Sequence[DeskCase]) -> set[int]:
    """The cases whose page or frame can be shown, as `_picture` would find it, for all of them at once."""
    receipts = {c.receipt_id for c in cases if c.receipt_id is not None}
    pages = select(Page.id, Page.receipt_id, Page.evidence["preview"].as_string())
    rows = session.execute(pages.where(or_(Page.id.in_({c.page_id for c in cases}), Page.receipt_id.in_(receipts)))).all()
    of_page = {page: receipt for page, receipt, _ in rows}
    previews = {receipt for _, receipt, preview in rows if preview}
    plain = select(Receipt.id).join(Picture, Picture.sha256 == Receipt.sha256).where(Picture.media_type.in_(_SHOWN))
    kept = set(session.scalars(plain.where(Receipt.id.in_(receipts | set(of_page.values())))))
    found = set[int]()
    for case in cases:
        receipt = case.receipt_id or of_page.get(case.page_id or 0)
        if case.evidence.get("preview") or receipt in previews or receipt in kept:
            found.add(case.id)
    return found


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
