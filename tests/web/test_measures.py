"""The leaders' room, on a real server with measured marks, in a real browser."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from api.auth import add_user, grant_role
from marking.live import Live
from tests.marking.conftest import opener
from tests.marking.exams import Hall
from tests.marking.tallies import Made
from tests.marking.test_alarms import with_alarms
from tests.marking.watched_exam import make_responses, task_of, write_check, write_marks
from tests.web.conftest import PASSWORD, Opener

NAMES = ("陈晓明", "Zhou Min", "刘洋", "Hu Jing")


@pytest.fixture
def scanned_hall(tmp_path: Path, sqlite_url: str, redis_url: str) -> Iterator[Hall]:
    """What `open_scanned` serves: an exam that four markers mark, one of them carelessly."""
    halls: list[Hall] = []
    rules = ('{name: careless, when: "exact < 20 %", over: 20}', '{when: "third_rate > 30 %", over: 60, of: group}')
    hall = opener(tmp_path, sqlite_url, redis_url, halls)(with_alarms(*rules), sweep=False)
    add_user(hall.site, "li", "Li", PASSWORD)
    grant_role(hall.site, "li", "leader", "T", "M/W21")
    add_user(hall.site, "wang", "Wang", PASSWORD)
    grant_role(hall.site, "wang", "marker", "T")
    people = [add_user(hall.site, f"m{n}", name, PASSWORD) for n, name in enumerate(NAMES)]
    rng, marks = random.Random(3), list[Made]()
    for response in make_responses(hall, 120):
        true = rng.randint(2, 8)
        for slot, at in enumerate(rng.sample(range(4), 2), start=1):
            mark = rng.randint(0, 10) if at == 3 else true + rng.choice((-1, 0, 0, 0, 1))
            purpose = "seed" if rng.random() < 0.05 else "live"
            made = Made(
                len(marks) + 1, response, task_of(response, slot), people[at], {"21": 100 * mark}, purpose, "counted", rng.randint(0, 3)
            )
            marks.append(made)
    write_marks(hall, marks)
    for made in marks:
        if made.purpose == "seed":
            write_check(hall, made, {"21": rng.choice((-100, 0, 100))})
    followed = Live(hall.site)
    followed.read()
    followed.publish()
    assert followed._severing._running is not None
    followed._severing._running[1].result()
    followed.publish()
    followed.publish()
    followed.close()
    yield hall
    hall.site.close()


def test_a_leader_goes_from_the_groups_to_an_alarm_to_a_markers_hours_by_keyboard(open_scanned: Opener) -> None:
    page = open_scanned("T/markers")
    link = page.get_by_role("link", name="M · Question")
    link.focus()
    page.keyboard.press("Enter")
    alarm = page.locator("[data-alarm=careless]")
    expect(alarm).to_contain_text("Hu Jing · Question 21")
    expect(alarm).to_have_attribute("data-state", "open")
    alarm.get_by_role("button", name="I have seen it").focus()
    page.keyboard.press("Enter")
    expect(alarm).to_have_attribute("data-state", "seen")
    row = page.get_by_role("row", name="Hu Jing")
    expect(row).to_contain_text("…")  # severity with its interval
    page.locator("table").get_by_role("link", name="Hu Jing").focus()
    page.keyboard.press("Enter")
    expect(page.locator("[data-hour]")).to_have_count(4)
    expect(page.get_by_role("img", name="Marks given")).to_be_visible()
    page.get_by_role("navigation", name="Item groups").get_by_role("link", name="M · Question").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Export XLSX").click()
    assert download.value.suggested_filename == "T-M-W21-markers.xlsx"


def test_a_marker_is_shown_no_such_room(open_scanned: Opener) -> None:
    page = open_scanned("T/markers", login="wang")
    expect(page.get_by_role("heading", name="Work open to you")).to_be_visible()
    expect(page.get_by_role("link", name="Markers")).to_have_count(0)


def test_the_room_speaks_chinese_first(open_scanned: Opener) -> None:
    page = open_scanned("T/markers/M/W21", locale="zh-CN")
    expect(page.get_by_role("heading", name="报警")).to_be_visible()
    expect(page.get_by_role("columnheader", name="严厉度")).to_be_visible()
    expect(page.get_by_role("row", name="陈晓明")).to_be_visible()


def test_a_markers_row_leads_to_a_stop_that_is_shown_first(open_scanned: Opener) -> None:
    page = open_scanned("T/markers/M/W21")
    page.get_by_role("row", name="Hu Jing").get_by_role("link", name="Stop").click()
    expect(page.get_by_role("heading", name="Stop a marker")).to_be_visible()
    expect(page.locator("select[name=marker] option:checked")).to_have_text("Hu Jing")
    expect(page.locator("[data-back]")).to_be_visible()
