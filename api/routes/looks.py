"""What a clerk's quick page says: give me doubtful answers, this is what I see (and the next ones come with the reply)."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from api.asking import Asking, AskingDep
from api.routes.desk import CLERKS, Short
from api.routes.guarded import LARGEST_NUMBER, Guarded, Number
from core.errors import MarkhallError
from omr import desk

router = APIRouter(prefix="/api/desk/{exam}/looks", tags=["desk"], route_class=Guarded)
MOST_HELD = 12
CaseId = Annotated[int, Field(ge=0, le=LARGEST_NUMBER)]
Hold = Annotated[int, Field(ge=1, le=MOST_HELD)]
OnTheirWay = Annotated[list[CaseId], Field(max_length=1000)]


class Next(BaseModel):
    hold: Hold = 4
    done: OnTheirWay = []


class NewLook(BaseModel):
    case: CaseId
    version: int
    values: dict[Short, Short]
    key: Annotated[str, Field(min_length=8, max_length=64)]
    hold: Hold = 4
    done: OnTheirWay = []


def _look(asking: Asking, view: desk.LookView) -> dict[str, Any]:
    """A case that was cut into no pictures is looked at whole."""
    path = f"/api/desk/{asking.exam.code}/cases/{view.case}"
    body = asdict(view)
    for item in body["items"]:
        item["picture"] = f"{path}/items/{item['item']}/picture" if item["picture"] else f"{path}/picture"
    return body


def _next(asking: Asking, hold: int, done: list[int], *, count: bool) -> dict[str, Any]:
    found = desk.next_looks(asking.site, asking.exam_id, asking.person.id, hold, done, count=count)
    return {"looks": [_look(asking, one) for one in found.looks], "left": found.left}


@router.post("/next")
def next_looks(body: Next, asking: AskingDep) -> dict[str, Any]:
    asking.require(*CLERKS)
    return _next(asking, body.hold, body.done, count=True)


@router.post("")
def answer(body: NewLook, asking: AskingDep) -> dict[str, Any]:
    asking.require(*CLERKS)
    outcome = desk.answer_look(asking.site, asking.exam_id, asking.person.id, body.case, body.values, key=body.key, version=body.version)
    saved = {"saved": {"case": body.case, "outcome": outcome}}
    try:
        return saved | _next(asking, body.hold, body.done, count=False)
    except MarkhallError:  # what was saved is not said no to: it would be sent again, or taken for lost
        return saved | {"looks": [], "left": None}


@router.post("/{case}/take-back")
def take_back(case: Number, asking: AskingDep) -> dict[str, Any]:
    asking.require(*CLERKS)
    return {"look": _look(asking, desk.take_back(asking.site, asking.exam_id, asking.person.id, case))}


@router.post("/give-back")
def give_back(asking: AskingDep) -> dict[str, int]:
    asking.require(*CLERKS)
    return {"given_back": desk.give_back(asking.site, asking.exam_id, asking.person.id)}
