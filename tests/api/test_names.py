"""Records say `user:7`; the pages of the exam office and of clerks say who that is."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from openpyxl import load_workbook

from api.app import create_app
from api.auth import add_user, grant_role
from api.names import names_of
from tests.api.conftest import PASSWORD, sign_in
from tests.omr.hall import Hall, open_hall

PLACE = {"paper": "P", "school": "S", "room": "R1"}


@pytest.fixture
def hall(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[Hall]:
    opened = open_hall(database_url, redis_url, tmp_path, candidates=2)
    for login, name, role in (("li", "李老师", "office"), ("zhao", "", "clerk")):
        add_user(opened.site, login, name, PASSWORD)
        grant_role(opened.site, login, role, "T1")
    opened.scan((0, {"Q1": "A?"}))
    yield opened
    opened.site.close()


@pytest.fixture
def web(hall: Hall, built_client: None) -> Iterator[TestClient]:
    with TestClient(create_app(hall.site, sweep=False)) as client:
        yield client


def test_who_scanned_closed_decided_and_read_again_is_told_by_name(web: TestClient, hall: Hall) -> None:
    office, clerk = sign_in(web, "li"), sign_in(web, "zhao")
    (case,) = hall.cases()
    decision = {"action": "set_answer", "version": case.version, "values": {"Q1": "A"}}
    settled = web.post(f"/api/desk/T1/cases/{case.id}/resolve", json=decision, headers=clerk).json()["case"]
    assert (settled["resolved_by"], settled["resolved_by_name"]) == ("user:2", "zhao")  # who has no name has a login
    listed = web.get("/api/desk/T1/cases?state=resolved", headers=office).json()["cases"]
    assert [one["resolved_by_name"] for one in listed] == ["zhao"]
    web.post("/api/office/T1/papers/P/scanned", json={}, headers=office)
    closed = web.post("/api/office/T1/rooms/close", json=PLACE | {"reason": "half came"}, headers=office).json()
    rows = web.get("/api/office/T1/rooms?paper=P&school=S", headers=clerk).json()["rows"]
    assert [row["closing"]["by_name"] for row in (closed, *rows)] == ["李老师"] * 2
    begun = web.post("/api/rereading/T1", json={"paper": "P"}, headers=office).json()
    scanned: list[Any] = [web.get(path, headers=office).json()["scanned"][0] for path in ("/api/hall/T1", "/api/office/T1/status")]
    assert {one["by_name"] for one in (begun, *scanned)} == {"李老师"}
    book = load_workbook(io.BytesIO(web.get("/api/office/T1/rooms.xlsx?lang=en", headers=office).content))
    assert "李老师" in [cell.value for cell in book["Rooms"][2]]


def test_several_people_are_named_apart_and_who_is_no_user_is_called_as_it_is(hall: Hall) -> None:
    with hall.site.database.read() as session:
        name = names_of(session, ["user:1+user:2", "readers", "user:99"])
    assert [name(actor) for actor in ("user:1+user:2", "readers", "user:99", "")] == ["李老师, zhao", "readers", "user:99", ""]
