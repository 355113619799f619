"""What a marker's page says: what may I mark, give me tasks, here is a mark (and the next tasks come with the reply)."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field
from redis.exceptions import RedisError

from api.asking import AskingDep, PersonDep, SiteDep
from api.routes.guarded import Guarded, Number
from core.errors import MarkhallError, NotFound
from core.pictures import picture_bytes
from marking import own, problems, submit, work
from marking.serving import TaskView

router = APIRouter(prefix="/api/marking", tags=["marking"], route_class=Guarded)
MOST_HELD = 5
Hold = Annotated[int, Field(ge=1, le=MOST_HELD)]
Token = Annotated[str, Field(min_length=1, max_length=40)]
Key = Annotated[str, Field(min_length=8, max_length=64)]
Marks = dict[str, str | dict[str, str]]


class Next(BaseModel):
    group: str | None = Field(default=None, max_length=40)
    hold: Hold = 1


class NewMark(BaseModel):
    task: Token
    key: Key
    marks: Marks
    seconds: float = Field(default=0.0, ge=0, le=86_400)
    group: str | None = Field(default=None, max_length=40)
    hold: Hold = 1


class Revision(BaseModel):
    task: Token
    key: Key
    marks: Marks


class Resolution(BaseModel):
    action: Literal["back", "mark", "void"]
    key: Key
    marks: Marks | None = None
    note: str = Field(default="", max_length=1000)


class NewProblem(BaseModel):
    task: Token
    key: Key
    reason: str = Field(max_length=24)
    note: str = Field(default="", max_length=1000)
    group: str | None = Field(default=None, max_length=40)
    hold: Hold = 1


def _task(view: TaskView) -> dict[str, Any]:
    body = {
        "task": view.task,
        "paper": view.paper,
        "group": view.group,
        "title": view.title,
        "pictures": [{"url": f"/api/marking/pictures/{p.token}", "width": p.width, "height": p.height} for p in view.pictures],
        "items": [asdict(item) for item in view.items],
        "lease_seconds": view.lease_seconds,
        "level": view.level,
    }
    return body if view.shown is None else body | {"shown": [asdict(one) for one in view.shown]}


def _next(asking: AskingDep, group: str | None, hold: int) -> dict[str, Any]:
    found = work.next_tasks(asking.site, asking.exam_id, asking.person.id, group, hold)
    return {"tasks": [_task(t) for t in found.tasks], "open": found.open}


def _next_if_any(asking: AskingDep, group: str | None, hold: int) -> dict[str, Any]:
    """After something was saved: a reply that said no would have it sent again, or taken for lost."""
    try:
        return _next(asking, group, hold)
    except (RedisError, MarkhallError):
        return {"tasks": [], "open": 0}


@router.get("/pictures/{token}")
def picture(token: str, site: SiteDep, person: PersonDep) -> Response:
    data = picture_bytes(site, work.picture(site, person.id, token))
    return Response(data, media_type="image/jpeg", headers={"Cache-Control": "private, no-store"})


@router.get("/{exam}/work")
def groups(asking: AskingDep) -> dict[str, Any]:
    return {"groups": [asdict(g) for g in work.groups_for(asking.site, asking.exam_id, asking.person.id)]}


@router.post("/{exam}/next")
def next_tasks(body: Next, asking: AskingDep) -> dict[str, Any]:
    return _next(asking, body.group, body.hold)


@router.post("/{exam}/marks")
def mark(body: NewMark, asking: AskingDep) -> dict[str, Any]:
    saved = submit.submit(asking.site, asking.exam_id, asking.person.id, body.task, body.key, body.marks, body.seconds)
    return {"saved": {"task": saved.task, "outcome": saved.outcome}, **_next_if_any(asking, body.group, body.hold)}


@router.post("/{exam}/revise")
def revise(body: Revision, asking: AskingDep) -> dict[str, Any]:
    saved = submit.revise(asking.site, asking.exam_id, asking.person.id, body.task, body.key, body.marks)
    return {"saved": {"task": saved.task, "outcome": saved.outcome}}


@router.post("/{exam}/problem")
def problem(body: NewProblem, asking: AskingDep) -> dict[str, Any]:
    problems.problem(asking.site, asking.exam_id, asking.person.id, body.task, body.key, body.reason, body.note)
    return _next_if_any(asking, body.group, body.hold)


@router.get("/{exam}/problems")
def open_problems(asking: AskingDep) -> dict[str, Any]:
    """What waits for this leader, each with the pictures to look at."""
    found = problems.open_problems(asking.site, asking.exam_id, asking.person.id)
    path = f"/api/marking/{asking.exam.code}/problems"
    return {
        "problems": [
            {**asdict(p), "pictures": [f"{path}/{p.id}/pictures/{n}" for n in range(len(p.pictures))]}  # a hash never leaves
            for p in found
        ]
    }


@router.get("/{exam}/problems/{problem_id}/pictures/{n}")
def problem_picture(problem_id: Number, n: Number, asking: AskingDep) -> Response:
    for found in problems.open_problems(asking.site, asking.exam_id, asking.person.id):
        if found.id == problem_id and 0 <= n < len(found.pictures):
            return Response(picture_bytes(asking.site, found.pictures[n]), media_type="image/jpeg")
    raise NotFound("there is no such picture.", where=f"problem {problem_id}")


@router.post("/{exam}/problems/{problem_id}/resolve")
def resolve_problem(problem_id: Number, body: Resolution, asking: AskingDep) -> dict[str, bool]:
    problems.resolve_problem(
        asking.site, asking.exam_id, asking.person.id, problem_id, body.action, key=body.key, values=body.marks, note=body.note
    )
    return {"resolved": True}


@router.post("/{exam}/release")
def release(asking: AskingDep) -> dict[str, int]:
    return {"released": work.release(asking.site, asking.exam_id, asking.person.id)}


@router.get("/{exam}/mine")
def mine(asking: AskingDep, limit: Annotated[int, Query(ge=1, le=200)] = 20) -> dict[str, Any]:
    return {"marks": [asdict(m) for m in own.mine(asking.site, asking.exam_id, asking.person.id, limit)]}
