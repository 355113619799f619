"""Every page, in both languages and both lights, has nothing that axe-core finds wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Page, expect

from tests.web.conftest import Opener
from tests.web.hall import Hall, doubtful_case, unknown_page
from web import build_client

RUN = (
    "axe.run(document, {resultTypes: ['violations']}).then(r => r.violations.map(v => v.id + ': ' + v.nodes.map(n => n.html).join(' | ')))"
)


@pytest.fixture(scope="module")
def axe() -> str:
    build_client.install_parts(*build_client.find_node(), everything=True)
    return Path(build_client.CLIENT, "node_modules/axe-core/axe.min.js").read_text("utf-8")


def faults(page: Page, axe: str) -> Any:
    # Through the debugger's door: the page's own policy lets no script of another origin in.
    page.evaluate(axe)
    return page.evaluate(RUN)


@pytest.mark.parametrize(("locale", "scheme"), [("zh-CN", "light"), ("en-GB", "dark")])
def test_no_page_shuts_anyone_out(open_page: Opener, hall: Hall, axe: str, locale: str, scheme: Literal["light", "dark"]) -> None:
    hall.cases = [doubtful_case(11), unknown_page(13)]
    door = open_page(signed_in=False, locale=locale, color_scheme=scheme)
    expect(door.locator("input[name=login]")).to_be_visible()
    found = {"sign in": faults(door, axe)}
    page = open_page("DEMO/work", locale=locale, color_scheme=scheme)
    expect(page.locator("main li").first).to_be_visible()
    found["work"] = faults(page, axe)
    page.keyboard.press("3")
    expect(page.locator(".stage img").first).to_be_visible()
    page.wait_for_timeout(200)
    page.keyboard.press("9")
    page.keyboard.press("Enter")
    found["marking"] = faults(page, axe)
    page.keyboard.press("p")
    found["problem"] = faults(page, axe)
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    found["keys"] = faults(page, axe)
    for case in (11, 13):
        desk = open_page(f"DEMO/desk/{case}", locale=locale, color_scheme=scheme)
        expect(desk.locator(".stage img").first).to_be_visible()
        found[f"desk {case}"] = faults(desk, axe)
    office = open_page("DEMO/office", locale=locale, color_scheme=scheme)
    office.locator("section button.main").first.click()
    expect(office.locator("[data-law]").first).to_be_visible()
    found["office"] = faults(office, axe)
    assert {name: list(wrong) for name, wrong in found.items() if wrong} == {}


@pytest.mark.parametrize(("locale", "scheme"), [("zh-CN", "light"), ("en-GB", "dark")])
def test_no_page_of_the_scan_hall_shuts_anyone_out(open_scanned: Opener, axe: str, locale: str, scheme: Literal["light", "dark"]) -> None:
    page = open_scanned("T1/hall", locale=locale, color_scheme=scheme)
    expect(page.locator("[data-alarm]").first).to_be_visible()
    found = {"hall": faults(page, axe)}
    for name, path, shown in (
        ("papers", "T1/rooms", "[data-paper=P]"),
        ("schools", "T1/rooms/-P", "table a"),
        ("rooms", "T1/rooms/-P/-S", "table a"),
        ("seats", "T1/rooms/-P/-S/-R1", "[data-seat='5']"),
    ):
        page.evaluate("path => location.hash = path", f"#/{path}")
        expect(page.locator(shown).first).to_be_visible()
        found[name] = faults(page, axe)
    page.locator("form button.main").click()  # a room that does not balance: the refusal is a page too
    expect(page.get_by_role("alert")).to_be_visible()
    found["refused"] = faults(page, axe)
    assert {name: list(wrong) for name, wrong in found.items() if wrong} == {}
