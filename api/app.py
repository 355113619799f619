"""The web process: routes, the built client, the sweeper. Knows no pixels (a test holds it to that)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Response
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles
from starlette.types import ASGIApp

from api import problems
from api.gatehouse import Gatehouse
from api.glimpses import Glimpses
from api.guesses import Guesses
from api.heading import Heading
from api.plain import Ahead
from api.routes import desk, hall, intake, looks, marking, measures, office, quality, rereading, rooms, session
from api.submissions import Submissions
from api.sweeper import Sweeper
from core.errors import NotInstalled
from core.settings import Settings
from core.site import Site, open_site
from web import CACHE_FOR_EVER, HEADERS, STATIC

WAYS = (*intake.ways, *marking.ways)


def served() -> ASGIApp:
    """What `markhall serve` runs: a request that has a way ahead of FastAPI passes none of its layers."""
    app = create_app()
    return Heading(Ahead(app, WAYS, of=app), headers=HEADERS)


def create_app(site: Site | None = None, *, sweep: bool = True) -> FastAPI:
    site = site or open_site(Settings.from_environment())

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        sweeper = Sweeper(site)
        if sweep:
            sweeper.start()
        yield
        if sweep:
            sweeper.stop()

    app = FastAPI(title="Markhall", version="0.1.0", docs_url=None, redoc_url=None, openapi_url="/api/openapi.json", lifespan=lifespan)
    app.state.site = site
    app.state.exams = {}
    app.state.gatehouse = Gatehouse(site)
    app.state.guesses = Guesses()
    app.state.submissions = Submissions(site)
    app.state.glimpses = Glimpses(site)
    problems.install(app)
    app.add_middleware(Ahead, ways=WAYS)
    app.add_middleware(Heading, headers=HEADERS)  # the outermost: every answer carries them
    for part in (intake, session, desk, looks, marking, quality, measures, office, rereading, rooms, hall):
        app.include_router(part.router)
    _serve_client(app)
    return app


class _Assets(StaticFiles):
    """Files whose names change with their content."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers["Cache-Control"] = CACHE_FOR_EVER
        return response


def client_folder() -> Path:
    if not (STATIC / "index.html").exists():
        raise NotInstalled(
            "the web client is not built.", where=str(STATIC), remedy="Run `python -m web.build_client`, or install the wheel."
        )
    return STATIC


def _serve_client(app: FastAPI) -> None:
    folder = client_folder()
    app.mount("/assets", _Assets(directory=folder / "assets"), name="assets")

    @app.get("/", include_in_schema=False)
    def index() -> FileResponse:
        return FileResponse(folder / "index.html", headers={"Cache-Control": "no-cache"})
