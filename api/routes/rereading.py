"""What the exam office says of reading a paper again: begin, how far, what differs, this stands, that stands, no more."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from api.asking import Asking, AskingDep
from api.names import give_names
from api.routes.guarded import LARGEST_NUMBER, Guarded, Number
from core.states import RereadState
from core.template import parse_template
from omr.desk import rereading, rereading_accept, rereading_list

router = APIRouter(prefix="/api/rereading/{exam}", tags=["rereading"], route_class=Guarded)
OFFICE = ("office", "chief")
AT_MOST = 500  # pages that one request settles: it says how many are left
Row = Annotated[int, Field(ge=1, le=LARGEST_NUMBER)]
Text = Annotated[str, Field(max_length=2000)]
Name = Annotated[str, Field(max_length=240)]


class Start(BaseModel):
    paper: str = Field(max_length=4)
    template: dict[str, Any] | None = None  # a corrected one; else the one that stands
    reason: Text = ""


class Choice(BaseModel):
    """All pages, or those that differ in nothing but `fields`, or the named ones; `expected`: how many of them were seen."""

    expected: Row
    fields: list[Name] = Field(default=[], max_length=1000)
    pages: list[Row] = Field(default=[], max_length=10_000)
    reason: Text = ""


class Word(BaseModel):
    reason: Text = ""


def _views(asking: Asking, *views: rereading.RereadingView) -> list[dict[str, Any]]:
    found = [asdict(view) for view in views]
    give_names(asking.site, found)
    return found


def _view(asking: Asking, view: rereading.RereadingView) -> dict[str, Any]:
    return _views(asking, view)[0]


@router.get("")
def every(asking: AskingDep) -> dict[str, Any]:
    asking.require(*OFFICE, "auditor")
    return {"rereadings": _views(asking, *rereading.list_rereadings(asking.site, asking.exam_id))}


@router.post("", status_code=201)
def start(body: Start, asking: AskingDep) -> dict[str, Any]:
    asking.require(*OFFICE)
    template = parse_template(body.template, where="template") if body.template is not None else None
    begun = rereading.start(asking.site, asking.exam_id, asking.person.actor, body.paper, template=template, reason=body.reason)
    return _view(asking, begun)


@router.get("/{number}")
def one(number: Number, asking: AskingDep) -> dict[str, Any]:
    asking.require(*OFFICE, "auditor")
    view = rereading.get_rereading(asking.site, asking.exam_id, number)
    return _view(asking, view) | {"fields": rereading_list.fields_that_differ(asking.site, asking.exam_id, number)}


@router.get("/{number}/differences")
def differences(
    number: Number,
    asking: AskingDep,
    state: Literal["differs", "accepted", "kept", "failed", "overtaken"] = "differs",
    field: Annotated[str, Query(max_length=240)] = "",
    after: Annotated[int, Query(ge=0, le=LARGEST_NUMBER)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> dict[str, Any]:
    asking.require(*OFFICE, "auditor")
    found = rereading_list.differences(asking.site, asking.exam_id, number, state=RereadState(state), field=field, after=after, limit=limit)
    shown = [_difference(asking, number, d) for d in found]
    give_names(asking.site, [*shown, *(said for one in shown for said in one["kept"].values())])
    return {"differences": shown, "next": found[-1].id if len(found) == limit else None}


def _difference(asking: Asking, number: int, found: rereading_list.Difference) -> dict[str, Any]:
    path = f"/api/rereading/{asking.exam.code}/{number}/differences/{found.id}"
    pictures = {name: {which: f"{path}/picture?which={which}&name={name}" for which in shown} for name, shown in found.pictures.items()}
    return asdict(found) | {"pictures": pictures}


@router.get("/{number}/differences/{n}/picture")
def picture(
    number: Number, n: Number, asking: AskingDep, which: Literal["first", "second"], name: Annotated[str, Query(max_length=240)]
) -> Response:
    asking.require(*OFFICE, "auditor")
    data, kind = rereading_list.difference_picture(asking.site, asking.exam_id, number, n, name, which)
    return Response(data, media_type=kind, headers={"Cache-Control": "private, no-store"})


@router.post("/{number}/accept")
def accept(number: Number, body: Choice, asking: AskingDep) -> dict[str, Any]:
    return _settled(asking, number, body, rereading_accept.accept)


@router.post("/{number}/keep")
def keep(number: Number, body: Choice, asking: AskingDep) -> dict[str, Any]:
    return _settled(asking, number, body, rereading_accept.keep)


@router.post("/{number}/undo")
def take_back(number: Number, body: Choice, asking: AskingDep) -> dict[str, Any]:
    return _settled(asking, number, body, rereading_accept.take_back)


def _settled(asking: Asking, number: int, body: Choice, settle: rereading_accept.Settle) -> dict[str, Any]:
    asking.require(*OFFICE)
    chosen = rereading_accept.Chosen(tuple(body.fields), tuple(body.pages))
    settled = settle(
        asking.site, asking.exam_id, asking.person.actor, number, chosen, expected=body.expected, reason=body.reason, most=AT_MOST
    )
    return asdict(settled)


@router.post("/{number}/adopt")
def adopt(number: Number, body: Word, asking: AskingDep) -> dict[str, Any]:
    """Frames that come from now on are read by the rereading's template."""
    asking.require(*OFFICE)
    frames = rereading_accept.adopt(asking.site, asking.exam_id, asking.person.actor, number, reason=body.reason)
    return _view(asking, rereading.get_rereading(asking.site, asking.exam_id, number)) | {"frames": frames}


@router.post("/{number}/close")
def close(number: Number, body: Word, asking: AskingDep) -> dict[str, Any]:
    asking.require(*OFFICE)
    rereading_accept.close(asking.site, asking.exam_id, asking.person.actor, number, reason=body.reason)
    return _view(asking, rereading.get_rereading(asking.site, asking.exam_id, number))
