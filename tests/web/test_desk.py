"""The exceptions desk: an item is decided by a person, by keyboard, and a case is settled once."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.web.conftest import Opener
from tests.web.hall import Hall, doubtful_case, page_twice, unknown_page

SETTLED_MS = 450


@pytest.fixture
def desk(open_page: Opener, hall: Hall) -> Page:
    hall.cases = [doubtful_case(11), doubtful_case(12, ("Q9",)), unknown_page(13)]
    page = open_page("DEMO/desk/11")
    expect(page.locator("[data-item='Q3']")).to_be_visible()
    page.wait_for_timeout(SETTLED_MS)
    return page


def test_letters_toggle_space_is_blank_and_enter_settles_the_case_and_brings_the_next(desk: Page, hall: Hall) -> None:
    desk.keyboard.type("db")
    desk.keyboard.press("Enter")
    desk.keyboard.press(" ")
    desk.keyboard.press("Enter")
    expect(desk.locator("[data-item='Q9']")).to_be_visible()
    resolved = hall.resolved[0]
    assert (resolved["action"], resolved["values"], resolved["version"]) == ("set_answer", {"Q3": "B|D", "Q7": ""}, 1)


def test_what_the_readers_said_is_never_taken_by_an_enter_alone(desk: Page, hall: Hall) -> None:
    for _ in range(3):
        desk.keyboard.press("Enter")
    expect(desk.get_by_role("alert")).to_contain_text("Decide this item first")
    assert hall.resolved == []


def test_a_held_enter_settles_one_case(desk: Page, hall: Hall) -> None:
    desk.keyboard.type("a")
    desk.keyboard.press("Enter")
    desk.keyboard.type("c")
    for _ in range(20):
        desk.keyboard.down("Enter")
        desk.wait_for_timeout(15)
    desk.keyboard.up("Enter")
    expect(desk.locator("[data-open]")).to_have_text("2")
    assert len(hall.resolved) == 1


def test_a_double_click_settles_one_case(desk: Page, hall: Hall) -> None:
    desk.get_by_role("button", name="Accept").click(click_count=2, delay=60)
    expect(desk.locator("[data-open]")).to_have_text("2")
    desk.wait_for_timeout(SETTLED_MS)
    assert [one["action"] for one in hall.resolved] == ["accept"]


def test_the_last_case_is_taken_back(desk: Page, hall: Hall) -> None:
    desk.get_by_role("button", name="Accept").click()
    expect(desk.locator("[data-open]")).to_have_text("2")
    desk.keyboard.press("Control+z")
    expect(desk.locator("[data-open]")).to_have_text("3")
    expect(desk.locator("[data-item='Q3']")).to_be_visible()
    assert hall.resolved == []


def test_a_page_is_named_by_its_printed_number(desk: Page, hall: Hall) -> None:
    desk.get_by_role("link", name="00017-1.jpg").click()
    desk.wait_for_timeout(SETTLED_MS)
    desk.get_by_label("Sheet").fill("204518833")
    desk.get_by_label("Side", exact=True).fill("2")
    desk.get_by_role("button", name="Set page").click()
    expect(desk.locator("[data-open]")).to_have_text("2")
    resolved = hall.resolved[0]
    assert (resolved["action"], resolved["sheet"], resolved["side"]) == ("set_page", "204518833", 2)


def test_discarding_takes_a_reason(desk: Page, hall: Hall) -> None:
    discard = desk.get_by_role("button", name="Discard")
    expect(discard).to_be_disabled()
    desk.get_by_label("Why it is discarded").fill("a sheet of scrap paper")
    discard.click()
    expect(desk.locator("[data-open]")).to_have_text("2")
    assert hall.resolved[0]["reason"] == "a sheet of scrap paper"


def test_a_case_that_another_clerk_settled_is_told_with_its_remedy(desk: Page, hall: Hall) -> None:
    hall.cases[0]["version"] = 2
    desk.get_by_role("button", name="Ask for a rescan").click()
    notice = desk.get_by_role("alert").filter(has_text="another clerk")
    expect(notice).to_contain_text("case 11")
    expect(notice).to_contain_text("Take the next one.")


def test_letters_typed_into_a_field_decide_nothing(desk: Page, hall: Hall) -> None:
    desk.get_by_label("Why it is discarded").press_sequentially("abcd")
    expect(desk.locator("[data-item='Q3'] [aria-pressed=true]")).to_have_count(0)


def test_a_rescan_that_is_asked_for_leaves_the_case_open(desk: Page, hall: Hall) -> None:
    desk.get_by_role("button", name="Ask for a rescan").click()
    expect(desk.locator("[data-item='Q9']")).to_be_visible()
    expect(desk.locator("[data-open]")).to_have_text("3")
    desk.get_by_role("link", name="26010417 Q3 Q7").click()
    desk.wait_for_timeout(SETTLED_MS)
    desk.get_by_role("button", name="Accept").click()
    expect(desk.locator("[data-open]")).to_have_text("2")
    assert hall.rescans == [11]
    assert hall.resolved[0]["version"] == 2


def test_two_scans_of_a_side_are_compared_by_a_key(open_page: Opener, hall: Hall) -> None:
    hall.cases = [page_twice(14)]
    page = open_page("DEMO/desk")
    image = page.locator(".stage img").first
    expect(image).to_have_attribute("src", "/api/desk/DEMO/cases/14/picture")
    page.keyboard.press("o")
    expect(image).to_have_attribute("src", "/api/desk/DEMO/cases/14/picture?other=true")
    page.keyboard.press("o")
    expect(image).to_have_attribute("src", "/api/desk/DEMO/cases/14/picture")
    page.wait_for_timeout(SETTLED_MS)
    page.get_by_role("button", name="Keep the other").click()
    expect(page.get_by_role("heading", name="No open case")).to_be_visible()
