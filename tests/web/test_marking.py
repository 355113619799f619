"""What the marking page does with keys, clicks and a bad network, counted at a server that lives in memory."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

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


def test_digits_and_enter_give_a_mark_and_bring_the_next_answer(open_page: Opener, hall: Hall) -> None:
    page = mark_page(open_page)
    page.keyboard.type("7")
    page.keyboard.press("Enter")
    settled(page)
    page.keyboard.type("10")
    page.keyboard.press("Enter")
    arrived(page, hall, 2)
    assert hall.marks == {"W21-001": [{"21": "7"}], "W21-002": [{"21": "10"}]}
    assert all(body["seconds"] > 0 for body in hall.sent("/marks"))


def test_the_next_answers_picture_is_there_before_it_is_wanted(open_page: Opener, hall: Hall) -> None:
    page = mark_page(open_page)
    page.wait_for_load_state("networkidle")
    page.route("**/api/**", lambda route: route.abort())
    page.keyboard.type("3")
    page.keyboard.press("Enter")
    shown = page.evaluate("new Promise(r => requestAnimationFrame(() => r(document.querySelector('.stage img')?.src)))")
    assert shown.endswith("p-W21-002")
    assert page.evaluate("document.querySelector('.stage img').complete")


def test_an_empty_enter_gives_nothing(open_page: Opener, hall: Hall) -> None:
    page = mark_page(open_page)
    for _ in range(3):
        page.keyboard.press("Enter")
    expect(page.get_by_role("alert").first).to_contain_text("type 0")
    assert hall.sent("/marks") == []


def test_a_double_enter_gives_one_mark(open_page: Opener, hall: Hall) -> None:
    page = mark_page(open_page)
    page.keyboard.type("7")
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    page.wait_for_timeout(400)
    given(page, 1)
    assert list(hall.marks.values()) == [[{"21": "7"}]]


def test_an_enter_that_comes_with_the_next_answer_is_not_taken_for_it(open_page: Opener, hall: Hall) -> None:
    page = mark_page(open_page)
    page.keyboard.type("7")
    page.evaluate(
        """() => {
            for (const key of ['Enter', '5', 'Enter'])
                document.activeElement.dispatchEvent(new KeyboardEvent('keydown', {key, bubbles: true}));
        }"""
    )
    page.wait_for_timeout(400)
    assert list(hall.marks.values()) == [[{"21": "7"}]]
    expect(box(page)).to_have_text("5")


def test_an_enter_just_after_the_next_answer_appeared_is_an_echo(open_page: Opener, hall: Hall) -> None:
    page = mark_page(open_page)
    page.wait_for_load_state("networkidle")
    page.keyboard.type("7")
    page.evaluate(
        """async () => {
            const press = key => document.activeElement.dispatchEvent(new KeyboardEvent('keydown', {key, bubbles: true}));
            const shown = () => document.querySelector('.stage img')?.src;
            const before = shown();
            press('Enter');
            while (!shown() || shown() === before) await new Promise(requestAnimationFrame);
            await new Promise(requestAnimationFrame);
            press('5');
            press('Enter');
        }"""
    )
    page.wait_for_timeout(300)
    given(page, 1)
    page.keyboard.press("Enter")
    given(page, 2)


def test_a_held_enter_gives_one_mark(open_page: Opener, hall: Hall) -> None:
    page = mark_page(open_page)
    page.keyboard.type("7")
    for _ in range(30):
        page.keyboard.down("Enter")
        page.wait_for_timeout(15)
    page.keyboard.up("Enter")
    given(page, 1)
    assert list(hall.marks.values()) == [[{"21": "7"}]]


@pytest.mark.parametrize("key", ["0", "7", "f"])
def test_a_held_key_types_once_and_gives_nothing(open_page: Opener, hall: Hall, key: str) -> None:
    page = mark_page(open_page)
    for _ in range(20):
        page.keyboard.down(key)
    page.keyboard.up(key)
    expect(box(page)).to_have_text({"f": "10"}.get(key, key))
    assert hall.sent("/marks") == []


def test_a_double_click_on_save_gives_one_mark(open_page: Opener, hall: Hall) -> None:
    page = mark_page(open_page)
    page.get_by_role("group", name="Possible marks").get_by_role("button", name="6", exact=True).dblclick()
    page.get_by_role("button", name="Save and next").dblclick()
    page.wait_for_timeout(400)
    given(page, 1)
    assert list(hall.marks.values()) == [[{"21": "6"}]]


def test_a_zero_is_given_only_by_an_explicit_zero(open_page: Opener, hall: Hall) -> None:
    page = mark_page(open_page)
    for wrong in ("00", ".", "-"):
        page.keyboard.press("Escape")
        page.keyboard.type(wrong)
        page.keyboard.press("Enter")
    assert hall.sent("/marks") == []
    page.keyboard.press("Escape")
    page.keyboard.type("0")
    page.keyboard.press("Enter")
    arrived(page, hall, 1)
    assert hall.marks["W21-001"] == [{"21": "0"}]


@pytest.mark.parametrize(
    ("group", "typed", "says"), [("W21", "11", "No more than 10"), ("W21", "7.5", "steps of 1"), ("W22", "7.25", "steps of 0.5")]
)
def test_a_mark_that_the_scheme_does_not_know_is_refused_in_words(open_page: Opener, hall: Hall, group: str, typed: str, says: str) -> None:
    page = mark_page(open_page, group)
    page.keyboard.type(typed)
    page.keyboard.press("Enter")
    expect(page.locator(".told")).to_contain_text(says)
    assert hall.sent("/marks") == []


def test_steps_are_walked_by_enter_and_summed(open_page: Opener, hall: Hall) -> None:
    page = mark_page(open_page, "W23")
    page.keyboard.type("4")
    page.keyboard.press("Enter")
    expect(box(page, "23b")).to_be_focused()
    page.keyboard.type("7")
    expect(page.locator("[data-sum]")).to_have_text("11")
    page.keyboard.press("Shift+Tab")
    page.keyboard.type("5")
    expect(page.locator("[data-sum]")).to_have_text("12")
    page.keyboard.press("Enter")
    arrived(page, hall, 1)
    assert hall.marks["W23-001"] == [{"23": {"23a": "5", "23b": "7"}}]


def test_full_marks_by_one_key_still_want_enter(open_page: Opener, hall: Hall) -> None:
    page = mark_page(open_page, "W23")
    page.keyboard.press("Shift+F")
    expect(page.locator("[data-sum]")).to_have_text("16")
    assert hall.sent("/marks") == []
    page.keyboard.press("Enter")
    arrived(page, hall, 1)
    assert hall.marks["W23-001"] == [{"23": {"23a": "6", "23b": "10"}}]


def test_the_last_one_is_taken_back_and_changed(open_page: Opener, hall: Hall) -> None:
    page = mark_page(open_page)
    page.keyboard.type("7")
    page.keyboard.press("Enter")
    settled(page)
    page.keyboard.type("4")
    page.keyboard.press("Control+z")
    settled(page)
    assert page.locator(".stage img").first.get_attribute("src") == "/api/marking/pictures/p-W21-001"
    expect(box(page)).to_have_text("7")
    page.keyboard.type("8")
    page.keyboard.press("Enter")
    expect(box(page)).to_have_text("4")
    arrived(page, hall, 2)
    assert hall.marks == {"W21-001": [{"21": "8"}]}
    given(page, 1)


def test_a_revision_that_changes_nothing_is_not_sent_and_one_that_is_refused_is_told(open_page: Opener, hall: Hall) -> None:
    hall.refuse_revision = True
    page = mark_page(open_page)
    page.keyboard.type("7")
    page.keyboard.press("Enter")
    settled(page)
    page.keyboard.press("u")
    settled(page)
    page.keyboard.press("Enter")
    settled(page)
    assert hall.sent("/revise") == []
    page.keyboard.press("u")
    settled(page)
    page.keyboard.type("9")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="1 refused").click()
    expect(page.get_by_role("dialog")).to_contain_text("grace period of this mark is over")
    assert hall.marks["W21-001"] == [{"21": "7"}]


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


def test_a_problem_is_reported_by_keyboard_once(open_page: Opener, hall: Hall) -> None:
    page = mark_page(open_page)
    page.keyboard.press("p")
    page.keyboard.press("2")
    page.keyboard.press("Enter")
    settled(page)
    assert [(one["task"], one["reason"]) for one in hall.problems] == [("W21-001", "illegible")]
    assert hall.marks == {}
    assert page.locator(".stage img").first.get_attribute("src") == "/api/marking/pictures/p-W21-002"


def test_arbiters_see_the_marks_before_theirs_and_markers_do_not(open_page: Opener, hall: Hall) -> None:
    assert mark_page(open_page).get_by_text("Marks given before").count() == 0
    hall.level = "arbiter"
    page = mark_page(open_page)
    expect(page.get_by_role("region", name="Marks given before")).to_contain_text("7")


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


def test_keys_zoom_and_move_the_picture(open_page: Opener) -> None:
    page = mark_page(open_page)
    image = page.locator(".stage img").first

    def width() -> float:
        found = image.bounding_box()
        assert found is not None
        return found["width"]

    fitted = width()
    page.keyboard.press("+")
    page.keyboard.press("+")
    assert width() == pytest.approx(fitted * 1.44, rel=0.01)
    before = image.bounding_box()
    page.keyboard.press("ArrowRight")
    after = image.bounding_box()
    assert before is not None
    assert after is not None
    assert after["x"] < before["x"]
    page.keyboard.press("w")
    assert width() == pytest.approx(fitted, rel=0.01)
    page.mouse.move(400, 300)
    page.mouse.wheel(0, -100)
    page.wait_for_timeout(100)
    assert width() > fitted
    expect(box(page)).to_have_text("")


def test_both_languages_are_spoken(open_page: Opener) -> None:
    page = mark_page(open_page, locale="zh-CN")
    expect(page.get_by_role("button", name="保存并继续")).to_be_visible()
    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("button", name="Save and next")).to_be_visible()
    assert page.locator("html").get_attribute("lang") == "en"
    assert re.search("[一-鿿]", page.locator("aside").inner_text()) is None
