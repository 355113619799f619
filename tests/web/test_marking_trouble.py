"""The marking page when the network, a picture, the session or a lease is away: no mark is lost, none is given twice."""

from __future__ import annotations

from playwright.sync_api import Route, expect

from tests.web.at_the_bench import SETTLED_MS, arrived, box, mark_page, settled
from tests.web.conftest import Opener
from tests.web.hall import Hall


def test_marks_given_without_a_network_arrive_once_it_is_back(open_page: Opener, hall: Hall) -> None:
    page = mark_page(open_page)
    page.wait_for_load_state("networkidle")
    page.context.set_offline(True)
    for mark in ("1", "2", "3"):
        page.keyboard.type(mark)
        page.keyboard.press("Enter")
        page.wait_for_timeout(SETTLED_MS)
    expect(page.locator("[data-unsent]")).to_have_attribute("data-unsent", "3")
    assert hall.marks == {}
    page.context.set_offline(False)
    arrived(page, hall, 3)
    expect(page.locator("[data-unsent]")).to_have_count(0)
    assert hall.marks == {"W21-001": [{"21": "1"}], "W21-002": [{"21": "2"}], "W21-003": [{"21": "3"}]}
    settled(page)
    assert page.locator(".stage img").first.get_attribute("src") == "/api/marking/pictures/p-W21-004"


def test_unsent_marks_outlive_the_page(open_page: Opener, hall: Hall) -> None:
    page = mark_page(open_page)
    page.route("**/marks", lambda route: route.abort())
    page.keyboard.type("9")
    page.keyboard.press("Enter")
    expect(page.locator("[data-unsent]")).to_have_attribute("data-unsent", "1")
    page.on("dialog", lambda dialog: dialog.accept())
    page.unroute("**/marks")
    page.reload()
    arrived(page, hall, 1)
    assert hall.marks == {"W21-001": [{"21": "9"}]}
    settled(page)
    assert page.locator(".stage img").first.get_attribute("src") != "/api/marking/pictures/p-W21-001"


def test_a_reply_that_is_lost_does_not_give_the_mark_twice(open_page: Opener, hall: Hall) -> None:
    page = mark_page(open_page)
    lost: list[str] = []

    def lose_the_first(route: Route) -> None:
        if lost:
            route.continue_()
            return
        lost.append(route.request.url)
        route.fetch()
        route.abort()

    page.route("**/marks", lose_the_first)
    page.keyboard.type("6")
    page.keyboard.press("Enter")
    expect(page.locator("[data-unsent]")).to_have_count(1)
    expect(page.locator("[data-unsent]")).to_have_count(0)
    sent = hall.sent("/marks")
    assert len(sent) == 2
    assert len({body["key"] for body in sent}) == 1
    assert hall.marks == {"W21-001": [{"21": "6"}]}


def test_no_mark_can_be_given_before_the_picture_is_seen(open_page: Opener, hall: Hall) -> None:
    waiting: list[Route] = []
    page = open_page("DEMO/work")
    page.route("**/pictures/**", lambda route: waiting.append(route))
    expect(page.get_by_role("link", name="Question 21")).to_be_visible()
    page.keyboard.press("1")
    expect(box(page)).to_be_focused()
    page.keyboard.type("7")
    page.keyboard.press("Enter")
    page.wait_for_timeout(300)
    assert hall.sent("/marks") == []
    for route in waiting:
        route.continue_()
    settled(page)
    page.keyboard.press("Enter")
    arrived(page, hall, 1)


def test_a_picture_that_does_not_come_is_told_and_can_be_fetched_again(open_page: Opener, hall: Hall) -> None:
    page = open_page("DEMO/work")
    page.route("**/pictures/**", lambda route: route.abort())
    expect(page.get_by_role("link", name="Question 21")).to_be_visible()
    page.keyboard.press("1")
    expect(page.get_by_text("The picture did not load")).to_be_visible()
    page.unroute("**/pictures/**")
    page.get_by_role("button", name="Try again").click()
    settled(page)


def test_signing_out_gives_the_leases_back(open_page: Opener, hall: Hall) -> None:
    page = mark_page(open_page)
    assert len(hall.leased) == 3
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("Password")).to_be_visible()
    assert hall.leased == []


def test_leaving_for_the_list_gives_the_leases_back(open_page: Opener, hall: Hall) -> None:
    page = mark_page(open_page)
    page.get_by_role("link", name="Marking").click()
    expect(page.get_by_role("heading", name="Work open to you")).to_be_visible()
    page.wait_for_timeout(200)
    assert hall.leased == []


def test_what_one_group_gives_back_is_back_before_the_next_group_takes(open_page: Opener, hall: Hall) -> None:
    page = mark_page(open_page)

    def slowly(route: Route) -> None:
        page.wait_for_timeout(300)
        route.continue_()

    page.route("**/release", slowly)
    page.evaluate("location.hash = '#/DEMO/mark/M/W22'")
    expect(page.get_by_role("heading", name="Question 22")).to_be_visible()
    settled(page)
    assert hall.leased == ["W22-001", "W22-002", "W22-003"]


def test_an_answer_that_was_taken_back_makes_room_for_the_next(open_page: Opener, hall: Hall) -> None:
    page = open_page("DEMO/work")
    expect(page.get_by_role("link", name="Question 21")).to_be_visible()
    page.route("**/pictures/**", lambda route: route.abort())
    page.keyboard.press("1")
    expect(page.get_by_text("The picture did not load")).to_be_visible()
    hall.leased.remove("W21-001")
    page.unroute("**/pictures/**")
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_text("no longer kept for you")).to_be_visible()


def test_an_ended_session_keeps_the_mark_and_goes_on_after_signing_in(open_page: Opener, hall: Hall) -> None:
    page = mark_page(open_page)
    hall.signed_in = False
    page.keyboard.type("5")
    page.keyboard.press("Enter")
    page.get_by_label("Password").fill("right")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_have_count(0)
    arrived(page, hall, 1)
    assert hall.marks == {"W21-001": [{"21": "5"}]}
