"""Signing in, finding one's rooms, and the exam office."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.web.conftest import Opener
from tests.web.hall import Hall


def test_a_wrong_password_is_told_and_a_right_one_opens_the_room(open_page: Opener, hall: Hall) -> None:
    page = open_page(signed_in=False)
    page.get_by_label("Account").fill("marker01")
    page.get_by_label("Password").fill("wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("the login or the password is wrong")
    page.get_by_label("Password").fill("right")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Work open to you")).to_be_visible()


def test_rooms_are_those_of_ones_roles(open_page: Opener, hall: Hall) -> None:
    hall.roles = ("clerk",)
    page = open_page("DEMO/office")
    expect(page.get_by_role("heading", name="No open case")).to_be_visible()
    assert page.get_by_role("navigation", name="Rooms").inner_text() == "Exceptions"


def test_the_work_list_counts_and_opens_by_a_digit(open_page: Opener, hall: Hall) -> None:
    hall.open["W22"] = hall.open["W22"][:5]
    page = open_page("DEMO/work")
    expect(page.get_by_role("link", name="Question 22")).to_contain_text("5")
    page.keyboard.press("2")
    expect(page.get_by_role("heading", name="Question 22")).to_be_visible()


def test_the_laws_are_checked_on_request(open_page: Opener) -> None:
    page = open_page("DEMO/office")
    page.get_by_role("button", name="Verify").click()
    expect(page.locator("[data-law=Z1]")).to_contain_text("does not hold")
    expect(page.locator("[data-law=Z8]")).to_contain_text("holds")
    expect(page.get_by_text("a release would be refused")).to_be_visible()


def test_a_release_is_published_only_after_two_signatures(open_page: Opener, hall: Hall) -> None:
    page = open_page("DEMO/office")
    page.get_by_role("button", name="Draft a release").click()
    publish = page.get_by_role("button", name="Publish")
    sign(page, "wrong")
    expect(page.get_by_role("alert")).to_contain_text("the password is wrong")
    sign(page, "right")
    expect(page.get_by_text("signed by signer 1")).to_be_visible()
    expect(publish).to_be_disabled()
    expect(page.get_by_text("cannot be published yet")).to_be_visible()
    sign(page, "right")
    expect(page.get_by_text("cannot be published yet")).to_have_count(0)
    publish.click()
    expect(page.locator("[data-state=released]")).to_be_visible()
    expect(page.get_by_role("link", name="reports.zip")).to_have_attribute("href", "/api/office/DEMO/release/1/reports.zip")


def sign(page: Page, password: str) -> None:
    page.get_by_label("Your password again").fill(password)
    page.get_by_role("button", name="Sign", exact=True).click()


def test_a_server_that_is_away_is_told_and_asked_again(open_page: Opener) -> None:
    page = open_page("DEMO/work")
    expect(page.get_by_role("link", name="Question 22")).to_be_visible()
    page.context.set_offline(True)
    page.get_by_role("link", name="Exam office").click()
    expect(page.get_by_role("alert").first).to_contain_text("The server cannot be reached")
    page.context.set_offline(False)
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("heading", name="Frames")).to_be_visible()
