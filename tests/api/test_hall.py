"""The scan hall and reconciliation as the office meets them: routes, the workbook, the commands."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from openpyxl import load_workbook
from sqlalchemy import event
from typer.testing import CliRunner

from api.app import create_app
from api.auth import add_user, grant_role
from api.cli import app
from core import presence
from scanner import intake
from scoring.verify import verify
from tests.api.conftest import PASSWORD, sign_in
from tests.omr.hall import Hall, open_hall

OFFICE = "/api/office/T1"


@pytest.fixture
def hall(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[Hall]:
    """Two of four candidates are here, one of them with one side."""
    opened = open_hall(database_url, redis_url, tmp_path / "site", candidates=4)
    for login, role in (("li", "office"), ("zhao", "clerk"), ("wang", "marker")):
        add_user(opened.site, login, login, PASSWORD)
        grant_role(opened.site, login, role, "T1")
    opened.scan((0, None))
    opened.send(opened.reading(1, 1))
    opened.close()
    opened.batch = 2
    opened.read()
    yield opened
    opened.site.close()


@pytest.fixture
def web(hall: Hall, built_client: None) -> Iterator[TestClient]:
    with TestClient(create_app(hall.site, sweep=False)) as client:
        yield client


@pytest.fixture
def command(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    for name, value in hall.site.settings.as_environment().items():
        monkeypatch.setenv(name, value)
    return CliRunner()


def test_a_paper_is_called_scanned_by_the_office_and_only_then_are_scripts_missing(web: TestClient, hall: Hall) -> None:
    office, clerk = sign_in(web, "li"), sign_in(web, "zhao")
    said = f"{OFFICE}/papers/P/scanned"
    assert web.post(said, json={"over": True}, headers=clerk).status_code == 403
    assert web.post(f"{OFFICE}/papers/X/scanned", json={"over": True}, headers=office).json()["code"] == "not-found"
    hall.clock.pass_seconds(10)
    from omr import desk

    assert desk.look_for_missing(hall.site, hall.exam_id) == 1
    assert [c.kind for c in hall.cases()] == ["page_missing"]
    law = next(one for one in verify(hall.site, hall.exam_id) if one.law == "Z2")
    assert "nobody has said that all of paper P is scanned" in law.detail.en
    for _ in range(2):
        reply = web.post(said, json={"over": True}, headers=office)
        assert [(s["paper"], s["over"]) for s in reply.json()["scanned"]] == [("P", True)]
    hall.clock.pass_seconds(10)
    assert desk.look_for_missing(hall.site, hall.exam_id) == 2
    assert web.post(said, json={"over": False}, headers=office).status_code == 422
    assert web.post(said, json={"over": False, "reason": "a box was found"}, headers=office).status_code == 200
    assert [(e["paper"], e["over"], e["version"], e["reason"]) for e in hall.entries("scanned")] == [
        ("P", True, 1, ""),
        ("P", False, 2, "a box was found"),
    ]
    status = web.get(f"{OFFICE}/status", headers=office).json()
    assert [(s["paper"], s["over"]) for s in status["scanned"]] == [("P", False)]


def test_the_word_waits_for_what_came_before_it_and_not_for_what_comes_after(web: TestClient, hall: Hall) -> None:
    office = sign_in(web, "li")
    hall.send(hall.reading(2, 1), batch="b2")
    hall.clock.pass_seconds(1)
    web.post(f"{OFFICE}/papers/P/scanned", json={}, headers=office)
    (said,) = web.get(f"{OFFICE}/status", headers=office).json()["scanned"]
    assert said["waits_for"] == {"batches": 1, "frames": 1}
    from omr import desk

    hall.clock.pass_seconds(10)
    desk.look_for_missing(hall.site, hall.exam_id)
    assert {c.kind for c in hall.cases()} == {"page_missing"}
    hall.read()
    hall.close("b2")
    hall.clock.pass_seconds(10)
    hall.send(hall.reading(3, 1), batch="b3")
    desk.look_for_missing(hall.site, hall.exam_id)
    assert [(c.kind, c.candidate) for c in hall.cases()][-1] == ("script_missing", hall.numbers[3])
    hall.read()
    assert "script_missing" not in {c.kind for c in hall.cases()}


def test_rooms_are_shown_by_paper_school_room_and_seat(web: TestClient, hall: Hall) -> None:
    office = sign_in(web, "li")
    whole = web.get(f"{OFFICE}/rooms", headers=office).json()
    assert (whole["level"], [r["paper"] for r in whole["rows"]], whole["total"]["expected"]) == ("paper", ["P"], 4)
    schools = web.get(f"{OFFICE}/rooms?paper=P", headers=office).json()
    assert [(r["school"], r["name"], r["rooms"], r["closed"]) for r in schools["rows"]] == [("S", "School", 1, 0)]
    rooms = web.get(f"{OFFICE}/rooms?paper=P&school=S", headers=office).json()
    (row,) = rooms["rows"]
    assert (row["room"], row["counts"]["complete"], row["counts"]["arriving"], row["counts"]["missing"]) == ("R1", 1, 1, 2)
    assert whole["total"] == schools["total"] == rooms["total"] == row["counts"]
    seats = web.get(f"{OFFICE}/rooms/seats?paper=P&school=S&room=R1", headers=office).json()["seats"]
    assert [s["stand"] for s in seats] == ["complete", "arriving", "missing", "missing"]
    assert web.get(f"{OFFICE}/rooms", headers=sign_in(web, "wang")).status_code == 403


def test_a_room_is_closed_and_opened_over_http(web: TestClient, hall: Hall) -> None:
    office, clerk = sign_in(web, "li"), sign_in(web, "zhao")
    room = {"paper": "P", "school": "S", "room": "R1"}
    refused = web.post(f"{OFFICE}/rooms/close", json={**room, "reason": "tired"}, headers=clerk)
    assert (refused.status_code, "2 missing" in refused.json()["title"]) == (409, True)
    closed = web.post(f"{OFFICE}/rooms/close", json={**room, "reason": "the school's list"}, headers=office).json()
    assert (closed["closed"], closed["changed"], closed["closing"]["reason"]) == (True, False, "the school's list")
    hall.scan((2, None))
    (row,) = web.get(f"{OFFICE}/rooms?paper=P&school=S", headers=office).json()["rows"]
    assert row["changed"]
    assert web.post(f"{OFFICE}/rooms/open", json={**room, "reason": "it came"}, headers=clerk).status_code == 403
    assert not web.post(f"{OFFICE}/rooms/open", json={**room, "reason": "it came"}, headers=office).json()["closed"]


@pytest.mark.parametrize(("lang", "titles", "missing"), [
    ("zh", ["汇总", "考场", "未平座位"], "缺卷"),
    ("en", ["Summary", "Rooms", "Seats that do not balance"], "Missing"),
])  # fmt: skip
def test_the_workbook_has_sums_rooms_and_the_seats_that_do_not_balance(
    web: TestClient, hall: Hall, lang: str, titles: list[str], missing: str
) -> None:
    reply = web.get(f"{OFFICE}/rooms.xlsx?lang={lang}", headers=sign_in(web, "li"))
    book = load_workbook(io.BytesIO(reply.content))
    assert book.sheetnames == titles
    sums, rooms, seats = (list(sheet.iter_rows(values_only=True)) for sheet in book)
    by_name = dict(zip(sums[0], sums[-1], strict=True))
    assert by_name[missing] == 2
    assert [row[3] for row in rooms[1:]] == ["R1"]
    assert [(row[4], row[6]) for row in seats[1:]][1:] == [(hall.numbers[2], missing), (hall.numbers[3], missing)]


def test_the_commands_say_what_is_scanned_and_whether_all_balances(command: CliRunner, hall: Hall, tmp_path: Path) -> None:
    book = tmp_path / "rooms.xlsx"
    found = command.invoke(app, ["reconcile", "--exam", "T1", "-o", str(book)])
    assert (found.exit_code, found.output.splitlines()[1].split()) == (1, ["P", "S", "4", "2", "0", "0", "2", "0", "0", "0", "0/1", "NO"])
    assert load_workbook(book).sheetnames[0] == "汇总"
    assert "P: all is scanned" in command.invoke(app, ["scanned", "--exam", "T1"]).output
    again = command.invoke(app, ["scanned", "--exam", "T1", "--paper", "P", "--not-over", "--reason", "one box more"])
    assert "P: scanning goes on" in again.output
    hall.scan((2, None), (3, None))
    hall.send(hall.reading(1, 2))
    hall.read()
    assert command.invoke(app, ["reconcile", "--exam", "T1"]).exit_code == 0


def test_the_hall_shows_stations_readers_and_alarms(web: TestClient, hall: Hall) -> None:
    office = sign_in(web, "li")
    hall.send(hall.reading(2, 1))
    hall.clock.pass_seconds(600)
    presence.tell(hall.site.redis, "reader-1:77")
    shown = web.get("/api/hall/T1", headers=office).json()
    assert [(s["station"], s["batches"]) for s in shown["stations"]] == [("A", {"open": 1, "complete": 1})]
    assert [(r["machine"], r["process"], r["alive"]) for r in shown["readers"]] == [("reader-1", 77, True)]
    assert {a["kind"] for a in shown["alarms"]} == {"silent", "oldest"}
    assert all(a["sentence"]["zh"] and a["sentence"]["en"] and a["since"] for a in shown["alarms"])
    assert web.get("/api/hall/T1", headers=sign_in(web, "wang")).status_code == 403


def test_a_look_at_the_hall_costs_few_statements_however_many_batches_are_short(web: TestClient, hall: Hall) -> None:
    for n in range(10):
        hall.send(hall.reading(2, 1), batch=f"short{n}", face=2)
        intake.close_batch(hall.site, hall.exam_id, "A", f"short{n}", 40)
    headers, asked = sign_in(web, "li"), list[str]()
    web.get("/api/hall/T1", headers=headers)
    event.listen(hall.site.database.engine, "before_cursor_execute", lambda _c, _cursor, statement, *_: asked.append(statement))
    batches = [b for b in web.get("/api/hall/T1", headers=headers).json()["batches"] if b["batch"].startswith("short")]
    assert [bool(b["missing"]) for b in batches] == [True] * 10
    assert len(asked) <= 25 + 2 * 10
