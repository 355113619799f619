"""The built client on a hall in memory, and a page in a real Chromium that must meet no error of its own."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import uvicorn
from playwright.sync_api import Browser, Page

from tests.web.hall import Hall, hall_app


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
