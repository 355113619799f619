"""Measures and alarms over HTTP: who leads a group sees its markers, by name; nobody else sees that there is such a thing."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from openpyxl import load_workbook
from sqlalchemy import select

from api.app import create_app
from api.auth import add_user, grant_role
from core.tables import User
from marking.live import Live
from tests.api.conftest import PASSWORD, sign_in
from tests.marking.conftest import opener
from tests.marking.exams import Hall
from tests.marking.test_alarms import pairs, with_alarms
from tests.marking.watched_exam import make_responses, write_marks

MEASURES = "/api/measures/T"
HERE = f"{MEASURES}/groups/M/W21"
PEOPLE = (
    ("wang", "marker", ""),
    ("zhou", "marker", ""),
    ("li", "leader", "M/W21"),
    ("qian", "chief", "M"),
    ("sun", "leader", "M/W9"),
    ("zhao", "clerk", ""),
    ("wu", "office", ""),
)


@pytest.fixture
def hall(tmp_path: Path, sqlite_url: str, redis_url: str) -> Iterator[Hall]:
    halls: list[Hall] = []
    made = opener(tmp_path, sqlite_url, redis_url, halls)(with_alarms('{when: "exact < 0.5", over: 4}'), sweep=False)
    add_user(made.site, "first", "First", PASSWORD)
    with made.site.database.write() as session:  # a password's hash is slow on purpose: all have the first one's
        hashed = session.scalars(select(User.password_hash)).one()
        people = [User(login=login, name=f"=Name of {login}", password_hash=hashed, made_at=made.clock()) for login, _, _ in PEOPLE]
        session.add_all(people)
    for login, role, scope in PEOPLE:
        grant_role(made.site, login, role, "T", scope)
    yield made
    made.site.close()


@pytest.fixture
def web(hall: Hall, built_client: None) -> Iterator[TestClient]:
    with TestClient(create_app(hall.site, sweep=False)) as client:
        yield client


def people(hall: Hall) -> dict[str, int]:
    with hall.site.database.read() as session:
        return {user.login: user.id for user in session.scalars(select(User))}


def marked(hall: Hall) -> None:
    who = people(hall)
    write_marks(hall, pairs(make_responses(hall, 6), who["wang"], who["zhou"], 200, seconds=20))
    followed = Live(hall.site)
    followed.read()
    followed.publish()


def test_a_leader_sees_the_markers_of_the_own_group_with_names_and_alarms(web: TestClient, hall: Hall) -> None:
    leader, who = sign_in(web, "li"), people(hall)
    (group,) = web.get(MEASURES, headers=leader).json()["groups"]
    assert (group["group"], group["marks"], group["alarms"]) == ("W21", 0, 0)
    assert web.get(HERE, headers=leader).json()["measures"] is None
    marked(hall)
    (group,) = web.get(MEASURES, headers=leader).json()["groups"]
    assert (group["marks"], group["markers"], group["alarms"]) == (12, 2, 2)
    seen = web.get(HERE, headers=leader).json()
    at = seen["measures"]["markers"].index(who["wang"])
    assert seen["measures"]["items"]["21"]["markers"]["exact"][at] == 0.0
    assert seen["measures"]["whole"]["markers"]["seconds"][at] == 20.0
    assert seen["names"][str(who["wang"])] == {"login": "wang", "name": "=Name of wang"}
    assert {(a["rule"], a["when"], a["marker"], a["state"]) for a in seen["alarms"]} == {
        ("exact", "exact < 0.5", who[m], "open") for m in ("wang", "zhou")
    }


def test_only_who_leads_a_group_sees_it(web: TestClient, hall: Hall) -> None:
    marked(hall)
    user = people(hall)["wang"]
    number = web.get(HERE, headers=sign_in(web, "wu")).json()["alarms"][0]["id"]
    for login, status in (("wang", 403), ("sun", 403), ("zhao", 403), ("li", 200), ("qian", 200)):
        asks = sign_in(web, login)
        for path in (HERE, f"{HERE}/markers/{user}", f"{HERE}/table.csv", f"{HERE}/table.xlsx"):
            assert web.get(path, headers=asks).status_code == status, (login, path)
        see = web.post(f"{MEASURES}/alarms/{number}/seen", headers=asks)
        assert see.status_code == (404 if login == "sun" else status), login


def test_there_is_no_group_or_marker_that_is_not(web: TestClient, hall: Hall) -> None:
    leader = sign_in(web, "wu")
    assert web.get(f"{MEASURES}/groups/M/W99", headers=leader).json()["code"] == "not-found"
    assert web.get(f"{HERE}/markers/99999", headers=leader).json()["code"] == "not-found"
    assert web.get(f"{HERE}/table.csv", headers=leader).json()["remedy"].startswith("Wait for the first marks")
    assert web.post(f"{MEASURES}/alarms/77/seen", headers=leader).status_code == 404


def test_a_markers_hours_are_shown_with_the_name(web: TestClient, hall: Hall) -> None:
    marked(hall)
    shown = web.get(f"{HERE}/markers/{people(hall)['zhou']}", headers=sign_in(web, "li")).json()
    assert (shown["marker"]["login"], len(shown["hours"]), sum(shown["spread"]["21"])) == ("zhou", 1, 6)


def test_a_person_says_that_an_alarm_is_seen(web: TestClient, hall: Hall) -> None:
    marked(hall)
    leader = sign_in(web, "li")
    first = web.get(HERE, headers=leader).json()["alarms"][0]
    said = web.post(f"{MEASURES}/alarms/{first['id']}/seen", headers=leader).json()
    assert (said["state"], said["by"]) == ("seen", f"user:{people(hall)['li']}")
    (group,) = web.get(MEASURES, headers=leader).json()["groups"]
    assert (group["alarms"], group["seen"]) == (1, 1)


def test_the_table_can_be_taken_away_in_both_languages_and_no_name_is_a_formula(web: TestClient, hall: Hall) -> None:
    marked(hall)
    leader = sign_in(web, "li")
    reply = web.get(f"{HERE}/table.csv", headers=leader)
    assert reply.headers["content-disposition"] == 'attachment; filename="T-M-W21-markers.csv"'
    heading, *rows = csv.reader(io.StringIO(reply.content.decode("utf-8-sig")))
    assert heading[:6] == ["账号", "姓名", "已阅份数", "每小时份数", "平均用时（秒）", "三评率"]
    assert [row[:3] for row in rows] == [["wang", "'=Name of wang", "6"], ["zhou", "'=Name of zhou", "6"]]
    book = load_workbook(io.BytesIO(web.get(f"{HERE}/table.xlsx?lang=en", headers=leader).content))
    (sheet,) = book.worksheets
    assert [cell.value for cell in sheet[1]][:4] == ["Account", "Name", "Marks", "Marks an hour"]
    assert (sheet["B2"].value, sheet["B2"].data_type) == ("=Name of wang", "s")
