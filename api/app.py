"""The web process: routes, the built client, the sweeper. Knows no pixels (a test holds it to that)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path

from fastapi import FastAPI, Request, Response
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles

from api import problems
from api.routes import desk, intake, marking, office, session
from api.sweeper import Sweeper
from core.errors import NotInstalled
from core.settings import Settings
from core.site import Site, open_site

POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' blob: data:",
        "connect-src 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "form-action 'self'",
    )
)


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

    app = FastAPI(title="Markhall", version="0.1.0", docs_url="/api/docs", openapi_url="/api/openapi.json", lifespan=lifespan)
    app.state.site = site
    problems.install(app)
    app.middleware("http")(_with_headers)
    for part in (session, intake, desk, marking, office):
        app.include_router(part.router)
    _serve_client(app)
    return app


async def _with_headers(request: Request, forward: Callable[[Request], Awaitable[Response]]) -> Response:
    response = await forward(request)
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Referrer-Policy", "no-referrer")
    if not request.url.path.startswith("/api/docs"):
        response.headers.setdefault("Content-Security-Policy", POLICY)
    if request.url.path.startswith("/api/"):
        response.headers.setdefault("Cache-Control", "no-store")
    return response


def client_folder() -> Path:
    folder = Path(str(files("web"))) / "static"
    if not (folder / "index.html").exists():
        raise NotInstalled("the web client is not built.", where=str(folder), remedy="Run `make client`, or install the wheel.")
    return folder


def _serve_client(app: FastAPI) -> None:
    folder = client_folder()
    app.mount("/assets", StaticFiles(directory=folder / "assets"), name="assets")

    @app.get("/", include_in_schema=False)
    def index() -> FileResponse:
        return FileResponse(folder / "index.html", headers={"Cache-Control": "no-cache"})
