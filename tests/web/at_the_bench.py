"""What tests of the marking page do and wait for."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page, expect

from tests.web.conftest import Opener
from tests.web.hall import Hall

SETTLED_MS = 200


def mark_page(open_page: Opener, group: str = "W21", **options: Any) -> Page:
    page = open_page(f"DEMO/mark/M/{group}", **options)
    settled(page)
    return page


def settled(page: Page) -> None:
    """The picture is before the marker's eyes, and was for longer than an Enter may be an echo."""
    expect(page.locator(".stage img").first).to_be_visible()
    page.wait_for_timeout(SETTLED_MS)


def given(page: Page, count: int) -> None:
    expect(page.locator("[data-today]")).to_have_text(str(count))


def box(page: Page, name: str = "21") -> Any:
    return page.locator(f"[data-field='{name}']")


def arrived(page: Page, hall: Hall, count: int) -> None:
    for _ in range(100):
        if len(hall.by_key) >= count:
            break
        page.wait_for_timeout(50)
    assert len(hall.by_key) == count
