"""The quality room, on a real server: a leader looks, corrects, sends back, stops and lets back in, and the database says so."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Page, Route, expect
from sqlalchemy import select

from core.states import MarkState, ResponseState, TaskLevel
from core.tables import Check, Mark, Problem, Response, Seed, Standing, Stop
from marking import backreading
from tests.marking.exams import Hall
from tests.marking.laws import check_rows
from tests.web.at_the_bench import settled
from tests.web.conftest import Opener
from tests.web.lead_hall import PLACE, lead_hall, person
from tests.web.test_access import faults
from web import build_client


@pytest.fixture
def scanned_hall(tmp_path: Path, sqlite_url: str, redis_url: str) -> Iterator[Hall]:
    """What `open_scanned` serves."""
    made = lead_hall(tmp_path, sqlite_url, redis_url)
    yield made
    made.site.close()


def rows(hall: Hall, query: Any) -> list[Any]:
    with hall.site.database.read() as session:
        return list(session.scalars(query))


def looks(hall: Hall) -> list[Check]:
    return rows(hall, select(Check).where(Check.kind == "back").order_by(Check.id))


def looked(page: Page, count: int) -> None:
    """So many were looked at, and the next one lies there."""
    expect(page.locator("[data-done]")).to_have_text(str(count))
    settled(page)


def test_a_leader_confirms_corrects_and_sends_back_by_keyboard_alone(open_scanned: Opener, scanned_hall: Hall) -> None:
    page = open_scanned("T/lead")
    expect(page.get_by_role("link", name="Question 21")).to_contain_text("7")  # looks until the share is reached
    page.keyboard.press("1")
    expect(page.get_by_role("row", name="陈晓明")).to_be_visible()
    page.keyboard.press("Enter")
    settled(page)
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")  # meant for the one before, which is gone
    looked(page, 1)
    expect(page.locator("[data-missing]")).to_contain_text("6 missing")
    page.keyboard.type("12")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert").filter(has_text="No more than 10")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("3")
    expect(page.get_by_role("button", name="Correct to 3")).to_be_visible()
    page.keyboard.press("n")
    page.keyboard.type("see line 2")
    page.keyboard.press("Enter")  # ends the note, and says nothing of the mark
    expect(page.locator("[data-done]")).to_have_text("1")
    page.keyboard.press("Enter")
    looked(page, 2)
    page.keyboard.press("s")
    page.keyboard.press("Escape")
    page.keyboard.press("s")
    page.keyboard.type("read the whole of it")
    page.keyboard.press("Enter")
    looked(page, 3)
    confirmed, corrected, sent_back = looks(scanned_hall)
    assert [one.outcome for one in (confirmed, corrected, sent_back)] == ["confirmed", "corrected", "sent_back"]
    assert (corrected.note, sent_back.note) == ("see line 2", "read the whole of it")
    (own,) = rows(scanned_hall, select(Mark).where(Mark.id == corrected.against))
    assert (own.marker_id, own.level, own.state, own.values) == (
        person(scanned_hall, "li"),
        TaskLevel.ARBITER,
        MarkState.COUNTED,
        {"21": 300},
    )
    (void,) = rows(scanned_hall, select(Mark).where(Mark.id == sent_back.mark_id))
    assert void.state is MarkState.VOID
    check_rows(scanned_hall)
    page.keyboard.press("Escape")
    expect(page.get_by_role("heading", name="Looks")).to_be_visible()


def test_one_markers_marks_are_looked_at_until_none_is_left_or_another_leader_was_quicker(open_scanned: Opener, scanned_hall: Hall) -> None:
    site, exam, chief, hu = scanned_hall.site, scanned_hall.exam_id, person(scanned_hall, "zhang"), person(scanned_hall, "hu")
    page = open_scanned("T/lead/M/W21/looks")
    page.get_by_role("link", name="Look at this one's Hu Jing").click()
    expect(page.get_by_role("heading", name="Looking at Hu Jing")).to_be_visible()
    settled(page)
    page.keyboard.press("Enter")
    looked(page, 1)
    while (look := backreading.next_look(site, exam, chief, *PLACE, hu)) is not None:
        backreading.confirm(site, exam, chief, look.mark)
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert").filter(has_text="another leader")).to_be_visible()
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("heading", name="Nothing to look at")).to_be_visible()
    assert {(one.user_id, one.outcome) for one in looks(scanned_hall)} == {(hu, "confirmed")}


def test_nothing_is_said_of_what_was_not_seen_and_again_when_no_answer_came(open_scanned: Opener, scanned_hall: Hall) -> None:
    page = open_scanned("T/lead/M/W21/looks")
    expect(page.get_by_role("row", name="Hu Jing")).to_be_visible()
    held: list[Route] = []
    page.route("**/picture?n=0", lambda route: held.append(route))
    page.keyboard.press("Enter")
    expect(page.locator("[data-given]")).to_be_visible()
    page.keyboard.press("Enter")  # the picture has not come
    page.wait_for_timeout(300)
    assert looks(scanned_hall) == []
    held[0].continue_()
    page.unroute("**/picture?n=0")
    settled(page)
    page.route("**/looks/*", lambda route: (route.fetch(), route.abort()))  # it arrives, and nobody hears of it
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert").filter(has_text="cannot be reached")).to_be_visible()
    page.unroute("**/looks/*")
    page.get_by_role("button", name="Try again").click()
    looked(page, 1)
    assert [one.outcome for one in looks(scanned_hall)] == ["confirmed"]


def test_a_marker_does_a_round_again_is_admitted_is_stopped_as_it_was_shown_and_let_back_in(
    open_scanned: Opener, scanned_hall: Hall
) -> None:
    page, zhou, hu = open_scanned("T/lead/M/W21/standings"), person(scanned_hall, "zhou"), person(scanned_hall, "hu")
    row = page.locator(f"[data-marker='{hu}']")
    row.get_by_role("combobox").select_option("trial")
    expect(row).to_have_attribute("data-state", "trial")
    assert rows(scanned_hall, select(Standing.state).where(Standing.user_id == hu)) == ["trial"]
    row.get_by_role("button", name="Admit").focus()
    page.keyboard.press("Enter")
    expect(row).to_have_attribute("data-state", "live")
    page.locator(f"[data-marker='{zhou}']").get_by_role("link", name="Stop…").focus()
    page.keyboard.press("Enter")
    expect(page.locator("[data-back]")).to_have_text("3")  # those after the seed that was passed, as the exam has it
    page.get_by_role("radio", name="None").focus()
    page.keyboard.press("Space")
    expect(page.locator("[data-back]")).to_have_text("0")
    page.keyboard.press("ArrowUp")
    expect(page.get_by_role("radio", name="Those of today")).to_be_checked()
    expect(page.locator("[data-back]")).to_have_text("3")
    expect(page.locator("[data-hour]")).to_have_count(1)
    expect(page.get_by_role("button", name="Stop, and put 3 back")).to_be_disabled()
    page.get_by_label("Reason").focus()
    page.keyboard.type("marks without reading")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").filter(has_text="Zhou Min is stopped; 3 marks went back.")).to_be_visible()
    (stop,) = rows(scanned_hall, select(Stop))
    assert (stop.user_id, stop.reason, len(stop.put_back), stop.rule) == (zhou, "marks without reading", 3, "person")
    assert {m.state for m in rows(scanned_hall, select(Mark).where(Mark.id.in_(stop.put_back)))} == {MarkState.VOID}
    assert rows(scanned_hall, select(Standing.state).where(Standing.user_id == zhou)) == ["suspended"]
    check_rows(scanned_hall)
    row = page.locator(f"[data-stop='{zhou}']")
    expect(row).to_contain_text("Li Na")
    row.get_by_role("button", name="Let back in").focus()
    page.keyboard.press("Enter")
    expect(row).to_contain_text("Let back in · Li Na")
    assert rows(scanned_hall, select(Standing.state).where(Standing.user_id == zhou)) == ["live"]


def test_nobody_is_stopped_when_what_would_happen_has_changed(open_scanned: Opener, scanned_hall: Hall) -> None:
    chen = person(scanned_hall, "chen")
    page = open_scanned(f"T/lead/M/W21/stops/{chen}")
    expect(page.locator("[data-back]")).to_have_text("4")
    look = backreading.next_look(scanned_hall.site, scanned_hall.exam_id, person(scanned_hall, "zhang"), *PLACE, chen)
    assert look is not None
    backreading.confirm(scanned_hall.site, scanned_hall.exam_id, person(scanned_hall, "zhang"), look.mark)
    page.get_by_label("Reason").fill("too fast")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert").filter(has_text="changed meanwhile")).to_be_visible()
    expect(page.locator("[data-back]")).to_have_text("3")
    assert rows(scanned_hall, select(Stop)) == []


def test_an_arbiter_agrees_definitive_marks_sees_how_they_were_met_and_retires_one(open_scanned: Opener, scanned_hall: Hall) -> None:
    page = open_scanned("T/lead/M/W21/seeds/new", login="zhang")
    settled(page)
    page.keyboard.press("l")
    page.keyboard.press("7")
    page.keyboard.press("n")
    page.keyboard.type("three of four")
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").filter(has_text="Agreed: Live, 7")).to_be_visible()
    new = rows(scanned_hall, select(Seed).order_by(Seed.id))[-1]
    assert (new.use, new.values, new.note, new.active) == ("live", {"21": 700}, "three of four", True)
    (response,) = rows(scanned_hall, select(Response).where(Response.id == new.response_id))
    assert response.state is ResponseState.AGREED
    page.keyboard.press("Escape")
    page.locator("[data-seed='1']").get_by_role("link").click()
    settled(page)
    expect(page.locator(f"[data-fared='{person(scanned_hall, 'hu')}']")).to_contain_text("+4")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").filter(has_text="Nothing is changed.")).to_be_visible()
    page.get_by_role("button", name="Retire").click()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Use it again")).to_be_visible()
    assert rows(scanned_hall, select(Seed.active).where(Seed.id == 1)) == [False]
    check_rows(scanned_hall)


def test_a_problem_is_decided_by_a_typed_mark_or_goes_back_by_a_key(open_scanned: Opener, scanned_hall: Hall) -> None:
    page = open_scanned("T/lead/M/W21/problems")
    settled(page)
    expect(page.locator("[data-left]")).to_have_text("2 waiting")
    expect(page.locator("[data-problem='1']")).to_contain_text("Answered in the wrong place")
    page.keyboard.press("x")
    expect(page.locator("[data-problem='2']")).to_contain_text("Cannot be read")
    page.keyboard.press("x")
    expect(page.locator("[data-problem='1']")).to_be_visible()
    settled(page)
    page.keyboard.press("8")
    page.keyboard.press("Enter")
    expect(page.locator("[data-problem='2']")).to_be_visible()
    settled(page)
    page.keyboard.press("b")
    expect(page.get_by_role("heading", name="No problem waits")).to_be_visible()
    expect(page.locator("[data-part=problems] [data-waits]")).to_have_count(0)
    decided, returned = rows(scanned_hall, select(Problem).order_by(Problem.id))
    (mark,) = rows(scanned_hall, select(Mark).where(Mark.response_id == decided.response_id))
    assert (decided.state, decided.resolved_by, mark.values) == ("resolved", f"user:{person(scanned_hall, 'li')}", {"21": 800})
    (response,) = rows(scanned_hall, select(Response).where(Response.id == returned.response_id))
    assert (returned.resolution["action"], response.state) == ("back", ResponseState.OPEN)
    check_rows(scanned_hall)


def test_who_leads_nothing_sees_no_such_room_and_a_leader_no_seeds(open_scanned: Opener) -> None:
    page = open_scanned("T/lead", login="chen")
    expect(page.get_by_role("heading", name="Work open to you")).to_be_visible()
    expect(page.get_by_role("link", name="Quality")).to_have_count(0)
    page = open_scanned("T/lead/M/W21/seeds")
    expect(page.get_by_role("heading", name="Looks")).to_be_visible()
    expect(page.get_by_role("link", name="Seeds")).to_have_count(0)


@pytest.fixture(scope="module")
def script() -> str:
    build_client.install_parts(*build_client.find_node(), everything=True)
    return Path(build_client.CLIENT, "node_modules/axe-core/axe.min.js").read_text("utf-8")


@pytest.mark.parametrize(("locale", "scheme"), [("zh-CN", "light"), ("en-GB", "dark")])
def test_no_page_of_the_room_shuts_anyone_out(
    open_scanned: Opener, scanned_hall: Hall, script: str, locale: str, scheme: Literal["light", "dark"]
) -> None:
    page = open_scanned("T/lead", login="zhang", locale=locale, color_scheme=scheme)
    found: dict[str, list[str]] = {}
    for way, shown in (
        ("", "main li .count"),
        ("/M/W21/looks", "tbody td"),
        ("/M/W21/looks/any", ".stage img"),
        ("/M/W21/standings", "tbody td"),
        (f"/M/W21/stops/{person(scanned_hall, 'chen')}", "[data-hour]"),
        ("/M/W21/seeds", "tbody td"),
        ("/M/W21/seeds/1", "[data-fared]"),
        ("/M/W21/seeds/new", ".stage img"),
        ("/M/W23/seeds/new", ".stage img"),
        ("/M/W21/problems", "[data-problem]"),
    ):
        page.evaluate("way => location.hash = way", f"#/T/lead{way}")
        expect(page.locator(shown).first).to_be_visible()
        found[way] = faults(page, script)
    page.keyboard.press("v")
    found["sure"] = faults(page, script)
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    found["keys"] = faults(page, script)
    assert {way: wrong for way, wrong in found.items() if wrong} == {}
