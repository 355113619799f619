"""What a clerk's page says: which cases are open, show me one, this is how it is settled, take that back."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from api.asking import AskingDep
from api.routes.guarded import Guarded, Number
from core.states import CaseState
from omr import desk

router = APIRouter(prefix="/api/desk/{exam}", tags=["desk"], route_class=Guarded)
CLERKS = ("clerk", "office", "chief")
Short = Annotated[str, Field(max_length=240)]


class Settlement(BaseModel):
    action: str = Field(max_length=24)
    version: int
    reason: str = Field(default="", max_length=2000)
    values: dict[Short, Short] = {}
    candidate: Short = ""
    sheet: Short = ""
    side: int | None = None


def _case(exam: str, view: desk.CaseView) -> dict[str, Any]:
    path = f"/api/desk/{exam}/cases/{view.id}"
    body = asdict(view)
    if view.frame is not None:
        body["frame"]["side"] = view.frame.face
    body["picture"] = f"{path}/picture" if view.picture else None
    body["other"] = f"{path}/picture?other=true" if view.other else None
    for item in body["items"]:
        item["picture"] = f"{path}/items/{item['item']}/picture" if item["picture"] else None
    return body


@router.get("/cases")
def cases(
    asking: AskingDep, state: Literal["open", "resolved", "withdrawn", "all"] = "open", limit: Annotated[int, Query(ge=1, le=10_000)] = 500
) -> dict[str, Any]:
    asking.require(*CLERKS)
    wanted = None if state == "all" else CaseState(state)
    return {"cases": [_case(asking.exam.code, c) for c in desk.list_cases(asking.site, asking.exam_id, state=wanted, limit=limit)]}


@router.get("/cases/{case}")
def one(case: Number, asking: AskingDep) -> dict[str, Any]:
    asking.require(*CLERKS)
    return _case(asking.exam.code, desk.get_case(asking.site, asking.exam_id, case))


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


@router.post("/cases/{case}/resolve")
def resolve(case: Number, body: Settlement, asking: AskingDep) -> dict[str, Any]:
    asking.require(*CLERKS)
    decision = desk.Decision(body.action, body.reason, body.values, body.candidate, body.sheet, body.side)
    view = desk.resolve(asking.site, asking.exam_id, asking.person.actor, case, decision, version=body.version)
    return {"case": _case(asking.exam.code, view), "state": view.state}


@router.post("/cases/{case}/undo")
def undo(case: Number, asking: AskingDep) -> dict[str, Any]:
    asking.require(*CLERKS)
    view = desk.undo(asking.site, asking.exam_id, asking.person.actor, case)
    return {"case": _case(asking.exam.code, view), "state": view.state}


@router.get("/rescans")
def rescans(asking: AskingDep) -> dict[str, Any]:
    asking.require(*CLERKS)
    return {"rescans": [asdict(r) for r in desk.rescans(asking.site, asking.exam_id)]}
