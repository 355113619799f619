"""The real thing: a marker in a real Chromium marks real answers on a real server, and the office finds each mark once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.parts.exam_server import ExamServer

SETTLED_MS = 200
GIVEN = ("7", "10", "0", "3", "8", "5", "9", "1", "6", "4")


@pytest.fixture
def page(browser: Browser, exam_server: ExamServer) -> Iterator[Page]:
    """The marking page of question 21, signed in through the door."""
    errors: list[str] = []
    context = browser.new_context(locale="zh-CN", viewport={"width": 1366, "height": 768})
    context.set_default_timeout(20_000)
    page = context.new_page()
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda said: errors.append(said.text) if "Content Security Policy" in said.text else None)
    page.goto(exam_server.url)
    page.get_by_label("账号").fill(exam_server.accounts["marker"])
    page.get_by_label("密码").fill(exam_server.password)
    page.keyboard.press("Enter")
    page.get_by_role("link", name="第21题").click()
    yield page
    context.close()
    assert errors == []


def give(page: Page, mark: str) -> None:
    expect(page.locator(".stage img").first).to_be_visible()
    page.wait_for_timeout(SETTLED_MS)
    page.keyboard.type(mark)
    page.keyboard.press("Enter")


def marks_at_the_office(server: ExamServer) -> list[dict[str, Any]]:
    body = {"login": server.accounts["office"], "password": server.password}
    token = httpx.post(f"{server.url}/api/session", json=body).json()["token"]
    reply = httpx.get(f"{server.url}/api/office/{server.exam}/marks", headers={"Authorization": f"Bearer {token}"})
    found: list[dict[str, Any]] = reply.json()["marks"]
    return found


def test_ten_answers_are_marked_and_the_last_one_is_taken_back_and_changed(page: Page, exam_server: ExamServer) -> None:
    for count, mark in enumerate(GIVEN, 1):
        give(page, mark)
        expect(page.locator("[data-today]")).to_have_text(str(count))
    page.keyboard.press("u")
    give(page, "2")
    expect(page.get_by_text("已改为 2 分")).to_be_visible()
    page.get_by_role("button", name="退出").click()
    expect(page.get_by_label("密码")).to_be_visible()
    marks = marks_at_the_office(exam_server)
    standing = [one["marks"] for one in marks if one["state"] == "counted"]
    assert standing == [{"21": mark} for mark in (*GIVEN[:-1], "2")]
    assert [one["marks"] for one in marks if one["state"] == "revised"] == [{"21": GIVEN[-1]}]
    assert len({one["task"] for one in marks}) == len(GIVEN)
    assert len({one["key"] for one in marks}) == len(GIVEN) + 1
