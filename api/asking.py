"""What a route knows of who is asking and about which exam: FastAPI dependencies, nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Cookie, Depends, FastAPI, Header, Request
from fastapi.concurrency import run_in_threadpool

from api.auth import Person, person_of
from api.gatehouse import Gatehouse
from core.errors import Forbidden, NotSignedIn
from core.loading import exam_by_code
from core.site import Site
from scanner.intake import StationView

COOKIE = "markhall"
SAFE = {"GET", "HEAD", "OPTIONS"}


# Whatever only looks at the request is async: it costs no thread. What asks the database is one call a request.
async def site_of(request: Request) -> Site:
    site: Site = request.app.state.site
    return site


SiteDep = Annotated[Site, Depends(site_of)]


def bearer(authorization: str | None) -> str | None:
    scheme, _, token = (authorization or "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else None


async def token_of(
    request: Request,
    authorization: Annotated[str | None, Header()] = None,
    markhall: Annotated[str | None, Cookie()] = None,
    x_markhall: Annotated[str | None, Header()] = None,
) -> str:
    return session_token(request.method, authorization, markhall, x_markhall)


def session_token(method: str, authorization: str | None, cookie: str | None, x_markhall: str | None) -> str:
    """The session token: from a bearer header, or from the cookie, which another site's page cannot use to change anything."""
    token = bearer(authorization)
    if token is not None:
        return token
    if cookie is None:
        raise NotSignedIn("nobody is signed in.", remedy="Sign in first.")
    if method not in SAFE and x_markhall is None:
        raise Forbidden("the request does not come from the Markhall page.", where="header X-Markhall")
    return cookie


TokenDep = Annotated[str, Depends(token_of)]


def person(site: SiteDep, token: TokenDep) -> Person:
    return person_of(site, token)


PersonDep = Annotated[Person, Depends(person)]


@dataclass(frozen=True, slots=True)
class ExamName:
    """What never changes about an exam once it is loaded."""

    id: int
    code: str


def exam_named(app: FastAPI, site: Site, code: str) -> ExamName:
    known: dict[str, ExamName] = app.state.exams
    if code not in known:
        with site.database.read() as session:
            found = exam_by_code(session, code)
        known[code] = ExamName(found.id, found.code)
    return known[code]


@dataclass(frozen=True, slots=True)
class Asking:
    """One signed-in person, in one exam."""

    site: Site
    person: Person
    exam: ExamName

    @property
    def exam_id(self) -> int:
        return self.exam.id

    def require(self, *roles: str) -> None:
        self.person.require(self.exam.id, *roles)


def asking(request: Request, site: SiteDep, token: TokenDep, exam: str) -> Asking:
    return Asking(site, person_of(site, token), exam_named(request.app, site, exam))


AskingDep = Annotated[Asking, Depends(asking)]


@dataclass(frozen=True, slots=True)
class StationAsking:
    site: Site
    station: StationView
    exam: ExamName


async def station_asking(app: FastAPI, exam: str, authorization: str | None) -> StationAsking:
    """Costs no thread and no query for a token and an exam that were met a moment ago."""
    house, site = gatehouse_of(app), app.state.site
    token = bearer(authorization)
    station = None
    if token is not None:
        station = house.stations.known(token) or await run_in_threadpool(house.stations.look_up, token)
    if station is None:
        raise NotSignedIn(
            "the station's token is missing or unknown.", where="header Authorization", remedy="Make one with `markhall user station`."
        )
    if exam not in app.state.exams:
        await run_in_threadpool(exam_named, app, site, exam)
    found = exam_named(app, site, exam)
    if station.exam_id != found.id:
        raise Forbidden(f"the station {station.name} does not belong to {exam}.", where="station")
    return StationAsking(site, station, found)


async def station_admitted(request: Request, exam: str, authorization: Annotated[str | None, Header()] = None) -> StationAsking:
    asking = await station_asking(request.app, exam, authorization)
    gatehouse_of(request.app).admit(asking.station)
    return asking


def gatehouse_of(app: FastAPI) -> Gatehouse:
    house: Gatehouse = app.state.gatehouse
    return house


StationDep = Annotated[StationAsking, Depends(station_admitted)]
