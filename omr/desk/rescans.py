"""Requests to scan a side again: asked by the desk, listed for the stations, answered by the frame that comes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from core.site import Site
from core.tables import CandidateDetails, RescanRequest, Sheet
from omr.desk.work import Work


@dataclass(frozen=True, slots=True)
class RescanView:
    """What an operator needs to find the card in its envelope."""

    id: int
    case: int
    paper: str
    sheet: str
    side: int
    station: str
    number: str
    room: str
    seat: str
    asked_at: datetime


def rescans(site: Site, exam_id: int) -> list[RescanView]:
    with site.database.read() as session:
        query = (
            select(RescanRequest, Sheet, CandidateDetails)
            .join(Sheet, Sheet.id == RescanRequest.sheet_id)
            .outerjoin(CandidateDetails, CandidateDetails.candidate_id == Sheet.printed_for)
            .where(RescanRequest.exam_id == exam_id, RescanRequest.state == "asked")
            .order_by(RescanRequest.id)
        )
        return [
            RescanView(
                id=asked.id,
                case=asked.case_id,
                paper=sheet.paper,
                sheet=sheet.serial,
                side=asked.side,
                station=asked.station,
                number=who.number if who else "",
                room=who.room if who else "",
                seat=who.seat if who else "",
                asked_at=asked.asked_at,
            )
            for asked, sheet, who in session.execute(query)
        ]


def asked_for(work: Work, sheet_id: int, side: int) -> list[RescanRequest]:
    query = select(RescanRequest).where(RescanRequest.sheet_id == sheet_id, RescanRequest.side == side, RescanRequest.state == "asked")
    return list(work.session.scalars(query.order_by(RescanRequest.id)))


def ask(work: Work, case_id: int, sheet: Sheet, side: int, station: str) -> None:
    """Ask once for a side, however often the same case asks."""
    if any(r.case_id == case_id for r in asked_for(work, sheet.id, side)):
        return
    request = RescanRequest(
        exam_id=work.exam.id, case_id=case_id, sheet_id=sheet.id, side=side, station=station, state="asked", asked_at=work.now
    )
    work.session.add(request)
    work.event("rescan", case=case_id, sheet=sheet.serial, side=side)


def stop_asking(work: Work, case_id: int) -> None:
    query = select(RescanRequest).where(RescanRequest.case_id == case_id, RescanRequest.state == "asked")
    for request in work.session.scalars(query).all():
        request.state = "withdrawn"
