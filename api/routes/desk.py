"""What a clerk's page says: which cases are open, show me one, this is how it is settled, take that back."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from api.asking import Asking, AskingDep
from api.names import give_names
from api.routes.guarded import LARGEST_NUMBER, Guarded, Number
from core.errors import MarkhallError
from core.states import CaseState
from omr import desk

router = APIRouter(prefix="/api/desk/{exam}", tags=["desk"], route_class=Guarded)
CLERKS = ("clerk", "office", "chief")
DECIDERS = ("office", "chief")
MOST_AT_ONCE = 500
Short = Annotated[str, Field(max_length=240)]
Filter = Annotated[str, Query(max_length=80)]
Alike = Literal["discard", "mark_absent", "mark_present", "accept", "rescan", "take_this", "keep_other", "undo"]


class Settlement(BaseModel):
    action: str = Field(max_length=24)
    version: int
    reason: str = Field(default="", max_length=2000)
    values: dict[Short, Short] = {}
    candidate: Short = ""
    sheet: Short = ""
    side: int | None = None


class OneOfMany(BaseModel):
    case: Annotated[int, Field(ge=0, le=LARGEST_NUMBER)]
    version: int


class Settlements(BaseModel):
    cases: Annotated[list[OneOfMany], Field(min_length=1, max_length=MOST_AT_ONCE)]
    action: Alike
    reason: str = Field(default="", max_length=2000)


def _cases(asking: Asking, *views: desk.CaseView) -> list[dict[str, Any]]:
    found = [_case(asking, view) for view in views]
    give_names(asking.site, found, "resolved_by")
    return found


def _one(asking: Asking, view: desk.CaseView) -> dict[str, Any]:
    return _cases(asking, view)[0]


def _case(asking: Asking, view: desk.CaseView) -> dict[str, Any]:
    path = f"/api/desk/{asking.exam.code}/cases/{view.id}"
    body = asdict(view)
    for frame in (body["frame"], body["same_bytes"]):
        if frame is not None:
            frame["side"] = frame["face"]
    body["state"] = "differs" if view.words else view.state
    body["picture"] = f"{path}/picture" if view.picture else None
    body["other"] = f"{path}/picture?other=true" if view.other else None
    for item in body["items"]:
        item["picture"] = f"{path}/items/{item['item']}/picture" if item["picture"] else None
    return body


def _decides(asking: Asking) -> bool:
    return asking.person.may(asking.exam_id, *DECIDERS)


@router.get("/cases")
def cases(
    asking: AskingDep,
    state: Literal["open", "differs", "resolved", "withdrawn", "all"] = "open",
    kind: Filter = "",
    paper: Filter = "",
    station: Filter = "",
    room: Filter = "",
    after: Annotated[int, Query(ge=0, le=LARGEST_NUMBER)] = 0,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 500,
    each: Annotated[int | None, Query(ge=1, le=1000)] = None,
) -> dict[str, Any]:
    """The oldest cases first. `each`: at most so many of a kind. `more`: ask again with `after` set to it."""
    asking.require(*(DECIDERS if state == "differs" else CLERKS))
    chosen = "open" if state == "differs" else state
    wanted = desk.Wanted(None if chosen == "all" else CaseState(chosen), kind, paper, station, room, differs=state == "differs")
    found = desk.find_cases(asking.site, asking.exam_id, wanted, after=after, limit=limit, each=each, decider=_decides(asking))
    return {"cases": _cases(asking, *found.cases), "counts": found.counts, "more": found.more}


@router.get("/cases/{case}")
def one(case: Number, asking: AskingDep) -> dict[str, Any]:
    asking.require(*CLERKS)
    return _one(asking, desk.get_case(asking.site, asking.exam_id, case, decider=_decides(asking)))


@router.get("/cases/{case}/picture")
def picture(case: Number, asking: AskingDep, other: bool = False) -> Response:
    asking.require(*CLERKS)
    data, kind = desk.case_picture(asking.site, asking.exam_id, case, other=other)
    return Response(data, media_type=kind, headers={"Cache-Control": "private, no-store"})


@router.get("/cases/{case}/items/{item}/picture")
def item_picture(case: Number, item: str, asking: AskingDep) -> Response:
    asking.require(*CLERKS)
    data, kind = desk.item_picture(asking.site, asking.exam_id, case, item)
    return Response(data, media_type=kind, headers={"Cache-Control": "private, no-store"})


def _resolved(asking: Asking, case: int, decision: desk.Decision, version: int) -> desk.CaseView:
    actor = asking.person.actor
    return desk.resolve(asking.site, asking.exam_id, actor, case, decision, version=version, decides=_decides(asking))


@router.post("/cases/{case}/resolve")
def resolve(case: Number, body: Settlement, asking: AskingDep) -> dict[str, Any]:
    asking.require(*CLERKS)
    view = _resolved(
        asking, case, desk.Decision(body.action, body.reason, body.values, body.candidate, body.sheet, body.side), body.version
    )
    return {"case": _one(asking, view), "state": view.state}


@router.post("/cases/resolve")
def resolve_alike(body: Settlements, asking: AskingDep) -> dict[str, Any]:
    """The same decision for many cases: each is settled or refused on its own, and said so."""
    asking.require(*CLERKS)
    results: list[dict[str, Any]] = []
    for given in body.cases:
        try:
            if body.action == "undo":
                view = desk.undo(asking.site, asking.exam_id, asking.person.actor, given.case)
            else:
                view = _resolved(asking, given.case, desk.Decision(body.action, body.reason), given.version)
            results.append({"case": given.case, "state": view.state, "version": view.version})
        except MarkhallError as e:
            problem = {"code": e.code, "title": e.message, "where": e.where, "remedy": e.remedy, "status": e.http_status}
            results.append({"case": given.case, "problem": problem})
    return {"results": results}


@router.post("/cases/{case}/undo")
def undo(case: Number, asking: AskingDep) -> dict[str, Any]:
    asking.require(*CLERKS)
    view = desk.undo(asking.site, asking.exam_id, asking.person.actor, case)
    return {"case": _one(asking, view), "state": view.state}


@router.get("/rescans")
def rescans(asking: AskingDep) -> dict[str, Any]:
    asking.require(*CLERKS)
    return {"rescans": [asdict(r) for r in desk.rescans(asking.site, asking.exam_id)]}
