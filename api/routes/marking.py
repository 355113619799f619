"""What a marker's page says: what may I mark, give me tasks, here is a mark (and the next tasks come with the reply)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated, Any, Literal, TypeVar

from fastapi import APIRouter, Query, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, Field, ValidationError
from redis.exceptions import RedisError
from starlette.requests import cookie_parser

from api.asking import COOKIE, AskingDep, exam_named, session_token
from api.glimpses import Glimpses
from api.plain import Asked, Ways
from api.routes.guarded import LARGEST_JSON, Guarded, Number, check
from api.submissions import HandIn, Submissions, work_json
from core.errors import BadInput, MarkhallError, NotFound
from core.pictures import picture_bytes
from marking import own, problems, submit, work

router = APIRouter(prefix="/api/marking", tags=["marking"], route_class=Guarded)
ways = Ways(router)
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


EXAM = {"name": "exam", "in": "path", "required": True, "schema": {"type": "string"}}


def _described(body: type[BaseModel], said: str) -> dict[str, Any]:
    schema = body.model_json_schema(ref_template="#/components/schemas/{model}")
    return {
        "parameters": [EXAM],
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema}}},
        "responses": {"200": {"description": said}, "422": {"description": "What was sent cannot be used; it says why."}},
    }


Body = TypeVar("Body", bound=BaseModel)


async def _read(asked: Asked, form: type[Body]) -> Body:
    data = await asked.body(LARGEST_JSON, lambda: BadInput(f"the request is larger than {LARGEST_JSON // 1024} KiB.", where=asked.path))
    try:
        body = form.model_validate_json(data)
    except ValidationError as e:
        first = e.errors()[0]
        place = ".".join(["body", *map(str, first["loc"])])
        raise BadInput(f"{first['msg']}.", where=place, remedy="See /api/openapi.json for the form of the request.") from None
    if b"\\u" in data:  # no other way leads a NUL or half a surrogate pair past the parser, and numbers have bounds here
        check(body.model_dump(), "body")
    return body


def _session(asked: Asked, method: str) -> str:
    cookies = cookie_parser(asked.header(b"cookie") or "")
    return session_token(method, asked.header(b"authorization"), cookies.get(COOKIE), asked.header(b"x-markhall"))


async def _hand_in(asked: Asked, what: Callable[[str, int], HandIn]) -> Response:
    """Kept and served together with what others hand in at the same time."""
    token = _session(asked, "POST")
    exam = asked.places["exam"]
    if exam not in asked.app.state.exams:
        await run_in_threadpool(exam_named, asked.app, asked.app.state.site, exam)
    submissions: Submissions = asked.app.state.submissions
    return await submissions.hand_in(what(token, exam_named(asked.app, asked.app.state.site, exam).id))


@ways.add("POST", "/{exam}/next", _described(Next, "Up to so many tasks, those that are held already first."))
async def next_tasks(asked: Asked) -> Response:
    """Tasks for whoever asks."""
    body = await _read(asked, Next)
    return await _hand_in(asked, lambda token, exam_id: HandIn(token, exam_id, body.group, body.hold))


@ways.add("POST", "/{exam}/marks", _described(NewMark, "The mark is kept for good; the next tasks come with the reply."))
async def mark(asked: Asked) -> Response:
    """A mark, and the next tasks."""
    body = await _read(asked, NewMark)
    return await _hand_in(
        asked,
        lambda token, exam_id: HandIn(token, exam_id, body.group, body.hold, body.task, body.key, body.marks, body.seconds),
    )


PICTURE = {
    "parameters": [{"name": "token", "in": "path", "required": True, "schema": {"type": "string"}}],
    "responses": {"200": {"description": "The picture.", "content": {"image/jpeg": {}}}, "404": {"description": "None, or not for you."}},
}


@ways.add("GET", "/pictures/{token}", PICTURE)
async def picture(asked: Asked) -> Response:
    """A picture of a task that the marker holds, or has marked."""
    glimpses: Glimpses = asked.app.state.glimpses
    return await glimpses.show(_session(asked, "GET"), asked.places["token"])


def _next_if_any(asking: AskingDep, group: str | None, hold: int) -> Response:
    """After something was saved: a reply that said no would have it sent again, or taken for lost."""
    try:
        found = work.next_tasks(asking.site, asking.exam_id, asking.person.id, group, hold)
    except (RedisError, MarkhallError):
        found = work.Work((), 0)
    return Response(work_json(found), media_type="application/json")


@router.get("/{exam}/work")
def groups(asking: AskingDep) -> dict[str, Any]:
    return {"groups": [asdict(g) for g in work.groups_for(asking.site, asking.exam_id, asking.person.id)]}


@router.post("/{exam}/revise")
def revise(body: Revision, asking: AskingDep) -> dict[str, Any]:
    saved = submit.revise(asking.site, asking.exam_id, asking.person.id, body.task, body.key, body.marks)
    return {"saved": {"task": saved.task, "outcome": saved.outcome}}


@router.post("/{exam}/problem", response_class=Response)
def problem(body: NewProblem, asking: AskingDep) -> Response:
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
