"""What leaders and chief examiners say of markers: agreed marks, looks, stops, rounds; and what a marker is told of himself."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field, model_validator

from api.asking import Asking, AskingDep
from api.routes.guarded import LARGEST_NUMBER, Guarded, Number
from core.pictures import picture_bytes
from core.quality import PutBack, Round
from marking import back_rates, backreading, leading, qualify, seeds, stopping

router = APIRouter(prefix="/api/quality/{exam}", tags=["quality"], route_class=Guarded)
PaperCode = Annotated[str, Field(min_length=1, max_length=4)]
GroupId = Annotated[str, Field(min_length=1, max_length=24)]
Id = Annotated[int, Field(ge=0, le=LARGEST_NUMBER)]
Key = Annotated[str, Field(min_length=8, max_length=64)]
Marks = dict[str, str | dict[str, str]]
Note = Annotated[str, Field(max_length=2000)]
AskedPaper = Annotated[str, Query(min_length=1, max_length=4)]
AskedGroup = Annotated[str, Query(min_length=1, max_length=24)]
AskedMarker = Annotated[int | None, Query(ge=0, le=LARGEST_NUMBER)]
PictureNumber = Annotated[int, Query(ge=0, le=1000)]


class OfGroup(BaseModel):
    paper: PaperCode
    group: GroupId


class NewSeed(BaseModel):
    response: Id
    use: Literal["trial", "first", "second", "live"]
    marks: Marks
    note: Note = ""


class AskLook(OfGroup):
    marker: Id | None = None


class Looked(BaseModel):
    outcome: Literal["confirm", "correct", "send_back"]
    note: Annotated[str, Field(max_length=1000)] = ""
    key: Key | None = None
    marks: Marks | None = None

    @model_validator(mode="after")
    def _whole(self) -> Looked:
        if (self.outcome == "correct") != (self.key is not None and self.marks is not None):
            raise ValueError("a correction, and only that, has `marks` and a `key`")
        return self


class OfMarker(OfGroup):
    marker: Id


class AskStop(OfMarker):
    since: Literal["last_passed_seed", "hours", "today", "never"] = "last_passed_seed"
    hours: Annotated[int, Field(ge=1, le=10_000)] | None = None

    @property
    def choose(self) -> PutBack:
        return PutBack(since=self.since, hours=self.hours)

    @model_validator(mode="after")
    def _sound(self) -> AskStop:
        if (self.since == "hours") != (self.hours is not None):
            raise ValueError("`hours` goes with `since: hours`")
        return self


class NewStop(AskStop):
    reason: Annotated[str, Field(min_length=1, max_length=1000)]
    newest: Id
    digest: Annotated[str, Field(min_length=32, max_length=32)]


class Lift(OfMarker):
    to: Literal["live", "trial", "first", "second"] = "live"


class Again(OfMarker):
    round: Round


@router.get("/own")
def own(asking: AskingDep) -> dict[str, Any]:
    """For a marker: where he stands, his trials beside the agreed marks, what leaders sent back."""
    who = asking.site, asking.exam_id, asking.person.id
    return {
        "standings": [asdict(one) for one in qualify.own(*who)],
        "trials": [asdict(one) for one in qualify.trials(*who)],
        "returned": [asdict(one) for one in backreading.returned(*who)],
    }


@router.get("/trial")
def trial(asking: AskingDep) -> dict[str, Any]:
    return {"trials": [asdict(one) for one in qualify.trials(asking.site, asking.exam_id, asking.person.id)]}


@router.get("/groups")
def groups(asking: AskingDep) -> dict[str, Any]:
    """The item groups that this person leads, with what is asked in them and what waits."""
    return {"groups": [asdict(one) for one in leading.led(asking.site, asking.exam_id, asking.person.id)]}


@router.get("/people")
def people(asking: AskingDep, paper: AskedPaper, group: AskedGroup, marker: AskedMarker = None) -> dict[str, Any]:
    """Who may mark an item group, and where each stands; `marker` too, who may not any more."""
    found = leading.people(asking.site, asking.exam_id, asking.person.id, paper, group, marker)
    return {"people": [asdict(one) for one in found]}


@router.get("/stops")
def stops(asking: AskingDep, paper: AskedPaper, group: AskedGroup) -> dict[str, Any]:
    """The stops of an item group, those that stand first."""
    return {"stops": [asdict(one) for one in leading.stops(asking.site, asking.exam_id, asking.person.id, paper, group)]}


@router.get("/seeds")
def listed(asking: AskingDep, paper: AskedPaper, group: AskedGroup) -> dict[str, Any]:
    found = seeds.listed(asking.site, asking.exam_id, asking.person.id, paper, group)
    return {"seeds": [{**asdict(one), "pictures": _seed_pictures(asking, one.response, one.pictures)} for one in found]}


@router.get("/seeds/{seed}/marks")
def fared(seed: Number, asking: AskingDep) -> dict[str, Any]:
    """How markers marked a seed."""
    return {"marks": [asdict(one) for one in seeds.fared(asking.site, asking.exam_id, asking.person.id, seed)]}


@router.get("/seeds/candidates")
def candidates(asking: AskingDep, paper: AskedPaper, group: AskedGroup, limit: Annotated[int, Query(ge=1, le=50)] = 10) -> dict[str, Any]:
    """Responses that nobody has marked, each with the pictures to agree upon."""
    found = seeds.candidates(asking.site, asking.exam_id, asking.person.id, paper, group, limit)
    return {"responses": [{"response": c.response, "pictures": _seed_pictures(asking, c.response, c.pictures)} for c in found]}


@router.get("/seeds/pictures/{response}")
def seed_picture(response: Number, asking: AskingDep, n: PictureNumber = 0) -> Response:
    found = seeds.picture(asking.site, asking.exam_id, asking.person.id, response, n)
    return _picture(picture_bytes(asking.site, found))


@router.post("/seeds")
def propose(body: NewSeed, asking: AskingDep) -> dict[str, int]:
    return {"seed": seeds.propose(asking.site, asking.exam_id, asking.person.id, body.response, body.use, body.marks, body.note)}


@router.post("/seeds/{seed}/withdraw")
def withdraw(seed: Number, asking: AskingDep) -> dict[str, bool]:
    seeds.withdraw(asking.site, asking.exam_id, asking.person.id, seed)
    return {"withdrawn": True}


@router.post("/looks")
def next_look(body: AskLook, asking: AskingDep) -> dict[str, Any]:
    """The next mark to look at. A POST: what a leader was shown is written down."""
    found = backreading.next_look(asking.site, asking.exam_id, asking.person.id, body.paper, body.group, body.marker)
    if found is None:
        return {"look": None}
    path = f"/api/quality/{asking.exam.code}/looks/{found.mark}/picture"
    return {"look": {**asdict(found), "pictures": [f"{path}?n={n}" for n in range(found.pictures)]}}


@router.get("/looks/{mark}/picture")
def look_picture(mark: Number, asking: AskingDep, n: PictureNumber = 0) -> Response:
    found = backreading.picture(asking.site, asking.exam_id, asking.person.id, mark, n)
    return _picture(picture_bytes(asking.site, found))


@router.post("/looks/{mark}")
def looked(mark: Number, body: Looked, asking: AskingDep) -> dict[str, str]:
    who = asking.site, asking.exam_id, asking.person.id
    if body.outcome == "confirm":
        backreading.confirm(*who, mark, body.note)
    elif body.outcome == "send_back":
        backreading.send_back(*who, mark, body.note)
    else:
        backreading.correct(*who, mark, body.key or "", body.marks, body.note)
    return {"outcome": body.outcome}


@router.get("/rates")
def rates(asking: AskingDep, paper: AskedPaper, group: AskedGroup) -> dict[str, Any]:
    found = back_rates.rates(asking.site, asking.exam_id, asking.person.id, paper, group)
    return {"rates": [asdict(one) for one in found]}


@router.get("/standings")
def standings(asking: AskingDep, paper: AskedPaper, group: AskedGroup) -> dict[str, Any]:
    found = qualify.table(asking.site, asking.exam_id, asking.person.id, paper, group)
    return {"standings": [asdict(one) for one in found]}


@router.post("/admit")
def admit(body: OfMarker, asking: AskingDep) -> dict[str, bool]:
    qualify.admit(asking.site, asking.exam_id, asking.person.id, body.marker, body.paper, body.group)
    return {"admitted": True}


@router.post("/again")
def again(body: Again, asking: AskingDep) -> dict[str, str]:
    qualify.again(asking.site, asking.exam_id, asking.person.id, body.marker, body.paper, body.group, body.round)
    return {"round": body.round}


@router.post("/stop/preview")
def what_would_happen(body: AskStop, asking: AskingDep) -> dict[str, Any]:
    """What a stop would put back. Changes nothing; `newest` and `digest` go with the stop."""
    found = stopping.what_would_happen(asking.site, asking.exam_id, asking.person.id, body.marker, body.paper, body.group, body.choose)
    return asdict(found)


@router.post("/stop")
def stop(body: NewStop, asking: AskingDep) -> dict[str, Any]:
    done = stopping.stop_as_shown(
        asking.site,
        asking.exam_id,
        asking.person.id,
        body.marker,
        body.paper,
        body.group,
        body.choose,
        body.reason,
        (body.newest, body.digest),
    )
    return asdict(done)


@router.post("/stop/lift")
def lift(body: Lift, asking: AskingDep) -> dict[str, str]:
    stopping.lift(asking.site, asking.exam_id, asking.person.id, body.marker, body.paper, body.group, body.to)
    return {"state": body.to}


def _seed_pictures(asking: Asking, response: int, count: int) -> list[str]:
    return [f"/api/quality/{asking.exam.code}/seeds/pictures/{response}?n={n}" for n in range(count)]


def _picture(data: bytes) -> Response:
    return Response(data, media_type="image/jpeg", headers={"Cache-Control": "private, no-store"})
