"""The built client on a hall in memory, and a page in a real Chromium that must meet no error of its own."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from playwright.sync_api import Browser, BrowserContext, Page

from api.app import create_app
from api.auth import add_user, grant_role
from core import presence
from tests.omr.hall import Hall as ScannedHall
from tests.omr.hall import open_hall
from tests.web.hall import Hall, hall_app

PASSWORD = "a good long password"


@pytest.fixture
def hall() -> Hall:
    return Hall()


@pytest.fixture
def hall_url(hall: Hall, built_client: None) -> Iterator[str]:
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        port = door.getsockname()[1]
        server = uvicorn.Server(uvicorn.Config(hall_app(hall), log_level="warning", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [door]}, daemon=True)
        thread.start()
        until = time.monotonic() + 10
        while not server.started and time.monotonic() < until:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{port}"
        server.should_exit = True
        thread.join(timeout=10)


Opener = Callable[..., Page]


@pytest.fixture
def open_page(browser: Browser, hall: Hall, hall_url: str) -> Iterator[Opener]:
    """Opens the client; signed in unless told otherwise. Fails the test when the page raised an error."""
    contexts, errors = [], []

    def opened(path: str = "", *, signed_in: bool = True, locale: str = "en-GB", **options: Any) -> Page:
        hall.signed_in = signed_in
        context = browser.new_context(locale=locale, **{"viewport": {"width": 1366, "height": 768}, **options})
        context.set_default_timeout(8_000)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda said: errors.append(said.text) if "Content Security Policy" in said.text else None)
        page.goto(f"{hall_url}/#/{path}")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert errors == []


@pytest.fixture
def scanned_hall(sqlite_url: str, redis_url: str, tmp_path: Path) -> Iterator[ScannedHall]:
    """A real exam of which some cards came, and a station that fell silent."""
    opened = open_hall(sqlite_url, redis_url, tmp_path / "site", candidates=6)
    for login, role in (("li", "office"), ("zhao", "clerk")):
        add_user(opened.site, login, login, PASSWORD)
        grant_role(opened.site, login, role, "T1")
    opened.scan((0, None), (1, None))
    opened.send(opened.reading(2, 1))
    opened.read()
    opened.clock.pass_seconds(400)
    presence.tell(opened.site.redis, "reader-1:77")
    yield opened
    opened.site.close()


@pytest.fixture
def open_scanned(browser: Browser, scanned_hall: ScannedHall, built_client: None) -> Iterator[Opener]:
    """Opens the client on a real server with that exam."""
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(create_app(scanned_hall.site, sweep=False), log_level="warning"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [door]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        url, errors = f"http://127.0.0.1:{door.getsockname()[1]}", list[str]()
        contexts: list[BrowserContext] = []

        def opened(path: str, *, locale: str = "en-GB", login: str = "li", **options: Any) -> Page:
            context = browser.new_context(locale=locale, viewport={"width": 1366, "height": 900}, **options)
            context.set_default_timeout(10_000)
            contexts.append(context)
            page = context.new_page()
            page.on("pageerror", lambda error: errors.append(str(error)))
            page.goto(f"{url}/#/{path}")
            page.locator("input[name=login]").fill(login)
            page.locator("input[type=password]").fill(PASSWORD)
            page.keyboard.press("Enter")
            return page

        yield opened
        for context in contexts:
            context.close()
        server.should_exit = True
        thread.join(timeout=10)
    assert errors == []
