"""Signing in and out, and who I am."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field
from sqlalchemy import select

from api import passwords
from api.asking import COOKIE, PersonDep, SiteDep, TokenDep
from api.auth import SESSION_HOURS, Person, sign_in, sign_out
from api.guesses import Guesses
from api.routes.guarded import Guarded
from core.loading import definition_of
from core.site import Site
from core.tables import Exam
from marking.work import release_everywhere
from omr.desk import give_back_everywhere

router = APIRouter(prefix="/api", tags=["session"], route_class=Guarded)


class SignIn(BaseModel):
    login: str = Field(max_length=80)
    password: str = Field(max_length=200)


def describe(site: Site, person: Person) -> dict[str, Any]:
    with site.database.read() as session:
        exams = {e.id: e.code for e in session.scalars(select(Exam))}
    roles = [{"role": g.role, "exam": exams.get(g.exam_id) if g.exam_id else None, "scope": g.scope} for g in person.grants]
    return {"id": person.id, "login": person.login, "name": person.name, "roles": roles}


@router.post("/session")
async def begin(body: SignIn, site: SiteDep, request: Request, response: Response) -> dict[str, Any]:
    guesses: Guesses = request.app.state.guesses

    def admitted() -> tuple[str, dict[str, Any]]:
        token, person = sign_in(site, body.login, body.password)
        return token, describe(site, person)

    with guesses.counted(body.login):
        token, user = await passwords.in_turn(admitted)
    over_tls = request.url.scheme == "https"  # also behind a proxy, which says so
    response.set_cookie(COOKIE, token, max_age=SESSION_HOURS * 3600, httponly=True, samesite="strict", secure=over_tls)
    return {"token": token, "user": user}


@router.delete("/session", status_code=204)
def end(site: SiteDep, token: TokenDep, person: PersonDep, response: Response) -> None:
    release_everywhere(site, person.id)
    give_back_everywhere(site, person.id)
    sign_out(site, token)
    response.delete_cookie(COOKIE)


@router.get("/health")
def health(site: SiteDep) -> dict[str, bool]:
    with site.database.read() as session:
        session.execute(select(Exam.id).limit(1))
    return {"ok": True}


@router.get("/me")
def me(site: SiteDep, person: PersonDep) -> dict[str, Any]:
    with site.database.read() as session:
        mine = [e for e in session.scalars(select(Exam).order_by(Exam.code)) if any(g.exam_id in (None, e.id) for g in person.grants)]
        exams = [{"code": e.code, "title": definition_of(session, e).title.model_dump()} for e in mine]
    return {"user": describe(site, person), "exams": exams}
