"""The pages of the scan hall and of reconciliation, on a real server with a real exam, in a real browser."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.omr.hall import Hall
from tests.web.conftest import Opener


@pytest.fixture
def open_page(open_scanned: Opener) -> Opener:
    return open_scanned


def test_the_hall_shows_stations_readers_and_alarms_and_follows_what_comes(open_page: Opener, scanned_hall: Hall) -> None:
    page = open_page("T1/hall")
    expect(page.locator("[data-alarm=silent]")).to_contain_text("Station A has sent nothing for 6 minutes")
    expect(page.get_by_text("reader-1")).to_be_visible()
    scanned_hall.send(scanned_hall.reading(2, 2))
    expect(page.locator("[data-alarm=silent]")).to_have_count(0)
    expect(page.get_by_role("row", name="A 1 0.6")).to_be_visible()
    expect(page.get_by_text("Nothing needs you now.")).to_be_visible()


def test_reconciliation_goes_down_to_the_seat_by_keyboard_and_a_room_is_closed(open_page: Opener, scanned_hall: Hall) -> None:
    page = open_page("T1/rooms")
    expect(page.get_by_text("P is still being scanned")).to_be_visible()
    for name in ("P", "School (S)", "R1"):
        link = page.locator("table").get_by_role("link", name=name, exact=True)
        link.focus()
        page.keyboard.press("Enter")
    expect(page.locator("[data-seat='0']")).to_contain_text("Complete")
    expect(page.locator("[data-seat='2']")).to_contain_text("Sides to come")
    expect(page.locator("[data-seat='5']")).to_contain_text("Missing")
    page.get_by_role("button", name="Close the room").click()
    expect(page.get_by_role("alert")).to_contain_text("the room does not balance: 3 missing")
    page.get_by_label("Reason").fill("the school's own list")
    page.get_by_role("button", name="Close the room").click()
    expect(page.get_by_text("the school's own list")).to_be_visible()
    expect(page.get_by_text("closed by li")).to_be_visible()
    scanned_hall.send(scanned_hall.reading(2, 2))
    scanned_hall.read()
    page.reload()
    expect(page.get_by_text("Changed since closing")).to_be_visible()
    page.get_by_label("Reason").fill("a side came")
    page.get_by_role("button", name="Open again").click()
    expect(page.get_by_role("button", name="Close the room")).to_be_visible()
    assert [(e["closed"], e["reason"]) for e in scanned_hall.entries("room")] == [(True, "the school's own list"), (False, "a side came")]


def test_the_office_says_that_a_paper_is_scanned(open_page: Opener, scanned_hall: Hall) -> None:
    page = open_page("T1/rooms", locale="zh-CN")
    page.get_by_role("button", name="确认全部扫描完毕").click()
    expect(page.locator("[data-paper=P]")).to_contain_text("P 科已全部扫描")
    expect(page.locator("[data-paper=P]")).to_contain_text("还需等待：1 个未齐的批次")
    assert [e["over"] for e in scanned_hall.entries("scanned")] == [True]


@pytest.mark.parametrize(("locale", "words"), [("zh-CN", ("扫描大厅", "应到", "缺卷")), ("en-GB", ("Scan hall", "Expected", "Missing"))])
def test_the_pages_speak_both_languages(open_page: Opener, locale: str, words: tuple[str, str, str], tmp_path: Path) -> None:
    page = open_page("T1/hall", locale=locale)
    expect(page.get_by_role("heading", name=words[0])).to_be_visible()
    expect(page.locator("[data-alarm]").first).to_be_visible()
    page.screenshot(path=tmp_path / f"hall-{locale}.png", full_page=True)
    page.goto(page.url.replace("T1/hall", "T1/rooms/-P/-S"))
    for word in words[1:]:
        expect(page.get_by_role("columnheader", name=word)).to_be_visible()
    page.screenshot(path=tmp_path / f"rooms-{locale}.png", full_page=True)
    page.goto(page.url + "/-R1")
    expect(page.locator("[data-seat='5']")).to_be_visible()
    page.screenshot(path=tmp_path / f"seats-{locale}.png", full_page=True)


def test_a_clerk_is_not_shown_the_offices_rooms(open_page: Opener) -> None:
    page = open_page("T1/rooms", login="zhao")
    expect(page.get_by_role("navigation", name="Rooms")).to_be_visible()
    assert page.get_by_role("navigation", name="Rooms").inner_text() == "Exceptions"
