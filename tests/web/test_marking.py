"""What the marking page does with keys and clicks, counted at a server that lives in memory."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.web.at_the_bench import arrived, box, given, mark_page, settled
from tests.web.conftest import Opener
from tests.web.hall import Hall


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
