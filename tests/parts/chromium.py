"""A real Chromium without a window, driven by Playwright."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tools import machine

# A test's browser asks nobody for updates, translations or safe-browsing lists.
QUIET = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--no-first-run",
)


@pytest.fixture(scope="session")
def chromium_path() -> Path:
    found = machine.chromium_path()
    if found is None:
        raise RuntimeError("No Chromium here. Run the tests by `make test`, which installs one or says what to type.")
    return found


@pytest.fixture(scope="module")
def browser(chromium_path: Path) -> Iterator[Browser]:
    """For one file of tests: while Playwright's loop runs in this thread, no test can run an asyncio loop of its own."""
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium_path, args=list(QUIET))
        yield launched
        launched.close()
