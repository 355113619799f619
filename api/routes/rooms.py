"""What the office's page on rooms says: a paper is scanned, who is missing where, this room balances."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from api.asking import Asking, AskingDep
from api.names import give_names, names_of
from api.routes.guarded import Guarded
from omr.desk import rooms as reconciliation
from omr.desk.rooms_book import by_school, write_book
from omr.desk.rooms_closing import close_room, open_room
from omr.desk.rooms_seats import seats, unsettled
from scanner import intake

router = APIRouter(prefix="/api/office/{exam}", tags=["rooms"], route_class=Guarded)
OFFICE = ("office", "chief")
LOOKERS = (*OFFICE, "clerk", "auditor")
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
Code = Annotated[str, Query(max_length=80)]


class Place(BaseModel):
    paper: str = Field(max_length=4)
    school: str = Field(max_length=80)
    room: str = Field(max_length=80)
    reason: str = Field(default="", max_length=2000)


class Word(BaseModel):
    over: bool = True
    reason: str = Field(default="", max_length=2000)


@router.post("/papers/{paper}/scanned")
def scanned(paper: str, body: Word, asking: AskingDep) -> dict[str, Any]:
    """A person's word that all of a paper has been scanned, or that it goes on."""
    asking.require(*OFFICE)
    said = intake.say_scanned(asking.site, asking.exam_id, [paper], by=asking.person.actor, over=body.over, reason=body.reason)
    scanned = [asdict(s) for s in said]
    give_names(asking.site, scanned)
    return {"scanned": scanned}


@router.get("/rooms")
def rooms(asking: AskingDep, paper: Code = "", school: Code | None = None) -> dict[str, Any]:
    """The sums by paper; of one paper, by school; of one school, by room. Always with the total of what is shown."""
    asking.require(*LOOKERS)
    with asking.site.database.read() as session:
        found = reconciliation.rooms(session, asking.exam_id, paper=paper, school=school)
    total = sum((r.counts for r in found), reconciliation.Counts())
    if paper and school is not None:
        return {"level": "room", "rows": _rooms(asking, found), "total": _counts(total)}
    sums: dict[tuple[str, ...], dict[str, Any]] = {}
    for (code, school_code), (name, counts, count, closed) in by_school(found).items():
        key = (code, school_code) if paper else (code,)
        row = sums.setdefault(key, {"paper": code, "counts": reconciliation.Counts(), "rooms": 0, "closed": 0})
        row["counts"], row["rooms"], row["closed"] = row["counts"] + counts, row["rooms"] + count, row["closed"] + closed
        if paper:
            row |= {"school": school_code, "name": name}
    rows = [{**row, "counts": _counts(row["counts"])} for row in sums.values()]
    return {"level": "school" if paper else "paper", "rows": rows, "total": _counts(total)}


@router.get("/rooms/seats")
def seats_of(asking: AskingDep, paper: Code, school: Code, room: Code) -> dict[str, Any]:
    asking.require(*LOOKERS)
    with asking.site.database.read() as session:
        return {"seats": [asdict(s) for s in seats(session, asking.exam_id, paper, school, room)]}


@router.get("/rooms.xlsx")
def rooms_book(asking: AskingDep, lang: Literal["zh", "en"] = "zh") -> Response:
    asking.require(*OFFICE, "auditor")
    with TemporaryDirectory() as folder, asking.site.database.read() as session:
        path = Path(folder) / "rooms.xlsx"
        found = reconciliation.rooms(session, asking.exam_id)
        name = names_of(session, (room.closing.by for room in found if room.closing))
        named = [replace(room, closing=replace(room.closing, by=name(room.closing.by))) if room.closing else room for room in found]
        write_book(path, lang, named, unsettled(session, asking.exam_id))
        headers = {"Content-Disposition": f'attachment; filename="{asking.exam.code}-rooms.xlsx"'}
        return Response(path.read_bytes(), media_type=XLSX, headers=headers)


@router.post("/rooms/close")
def close(body: Place, asking: AskingDep) -> dict[str, Any]:
    """A room that balances; the exam office may close another with a reason."""
    asking.require(*OFFICE, "clerk")
    office = asking.person.may(asking.exam_id, *OFFICE)
    place = (body.paper, body.school, body.room)
    (row,) = _rooms(asking, [close_room(asking.site, asking.exam_id, *place, by=asking.person.actor, reason=body.reason, office=office)])
    return row


@router.post("/rooms/open")
def open_again(body: Place, asking: AskingDep) -> dict[str, Any]:
    asking.require(*OFFICE)
    place = (body.paper, body.school, body.room)
    (row,) = _rooms(asking, [open_room(asking.site, asking.exam_id, *place, by=asking.person.actor, reason=body.reason)])
    return row


def _rooms(asking: Asking, found: Sequence[reconciliation.Room]) -> list[dict[str, Any]]:
    rows = [_room(room) for room in found]
    give_names(asking.site, (row["closing"] for row in rows if row["closing"]))
    return rows


def _room(room: reconciliation.Room) -> dict[str, Any]:
    place = {"paper": room.paper, "school": room.school, "name": room.name, "room": room.room}
    return {
        **place,
        "counts": _counts(room.counts),
        "closed": room.closed,
        "changed": room.changed,
        "closing": asdict(room.closing) if room.closing else None,
    }


def _counts(counts: reconciliation.Counts) -> dict[str, Any]:
    return {**counts.as_json(), "present": counts.present, "absent": counts.absent, "balances": counts.balances}
