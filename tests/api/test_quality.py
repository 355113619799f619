"""Leaders' and chief examiners' ways over HTTP: the right people, whole bodies, and a stop that is shown first."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select, update

from api.app import create_app
from api.auth import add_user, grant_role
from core.tables import ResponsePicture, User
from marking import intake
from marking.giving import give
from tests.api.conftest import PASSWORD, sign_in
from tests.marking.exams import Hall, open_hall, read_all
from tests.marking.watching_room import watched

RULES = "{rounds: {trial: {responses: 1}}, seeds: {first_of_day: true, stop_after: 2}, back_reading: {share: 0.5}, limits: {a_day: 4}}"
AT = {"paper": "M", "group": "W21"}
PEOPLE = (("wang", "marker"), ("li", "leader"), ("chief", "arbiter"), ("else", "leader"))
JPEG = b"\xff\xd8\xff\xe0 the picture of an answer"


@pytest.fixture
def hall(tmp_path: Path, sqlite_url: str, redis_url: str) -> Iterator[Hall]:
    made = open_hall(tmp_path, sqlite_url, redis_url, watched(RULES, "'1'"), scripts=9, schools=("S1",), durable=False)
    read_all(made)
    intake.sweep(made.site, made.exam_id)
    sha256 = made.site.store.put(JPEG)
    with made.site.database.write() as session:
        session.execute(update(ResponsePicture).values(sha256=sha256))
    for login, role in PEOPLE:
        add_user(made.site, login, login, PASSWORD)
        grant_role(made.site, login, role, "T", "M/W99" if login == "else" else "")
    yield made
    made.site.close()


@pytest.fixture
def client(hall: Hall, built_client: None) -> Iterator[TestClient]:
    with TestClient(create_app(hall.site, sweep=False)) as opened:
        yield opened


@pytest.fixture
def say(hall: Hall, client: TestClient) -> Any:
    """Says something as somebody: status and body."""
    headers = {login: sign_in(client, login) for login, _ in PEOPLE}

    def said(login: str, way: str, body: Any = None, **query: Any) -> tuple[int, Any]:
        path = f"/api/{way}" if way.startswith("marking") else f"/api/quality/T/{way}"
        reply = (
            client.get(path, headers=headers[login], params=query) if body is None else client.post(path, headers=headers[login], json=body)
        )
        kind = reply.headers["content-type"]
        return reply.status_code, reply.json() if "json" in kind else reply.content

    return said


def user(hall: Hall, login: str) -> int:
    with hall.site.database.read() as session:
        found = session.scalar(select(User.id).where(User.login == login))
        assert found is not None
        return found


def seeds(say: Any, use: str, n: int) -> None:
    _, found = say("chief", "seeds/candidates", limit=n, **AT)
    for one in found["responses"]:
        assert say("chief", "seeds", {"response": one["response"], "use": use, "marks": {"21": "5"}, "note": "two lines"})[0] == 200


def mark(say: Any, hall: Hall, value: str) -> int:
    give(hall.site, hall.exam_id)
    status, work = say("wang", "marking/T/next", {})
    if status != 200:
        return int(status)
    body = {"task": work["tasks"][0]["task"], "key": str(uuid4()), "marks": {"21": value}, "seconds": 20}
    return int(say("wang", "marking/T/marks", body)[0])


def test_from_agreed_marks_over_a_trial_and_a_look_to_a_stop(hall: Hall, say: Any) -> None:
    seeds(say, "trial", 1)
    seeds(say, "live", 1)
    assert say("chief", "seeds", **AT)[1]["seeds"][0]["marks"] == {"21": "5"}
    assert mark(say, hall, "7") == 200
    (trial,) = say("wang", "trial")[1]["trials"]
    assert (trial["mine"], trial["agreed"], trial["note"], trial["within"]) == ({"21": "7"}, {"21": "5"}, "two lines", False)
    assert [mark(say, hall, "5") for _ in range(5)] == [200] * 4 + [403]  # the day's four
    (row,) = say("li", "standings", **AT)[1]["standings"]
    assert (row["state"], row["today"], row["seeds"], row["seeds_passed"]) == ("live", 4, 1, 1)
    look = say("li", "looks", AT)[1]["look"]
    assert look["marker"] is None
    assert say("li", look["pictures"][0].removeprefix("/api/quality/T/").partition("?")[0], n=0) == (200, JPEG)
    assert say("li", f"looks/{look['mark']}", {"outcome": "send_back", "note": "read the whole of it"}) == (200, {"outcome": "send_back"})
    assert say("wang", "own")[1]["returned"][0]["note"] == "read the whole of it"
    assert say("li", "rates", **AT)[1]["rates"][0]["sent_back"] == 1
    about = {**AT, "marker": user(hall, "wang"), "since": "today"}
    _, shown = say("li", "stop/preview", about)
    assert (shown["marks"], shown["reopened"]) == (2, 2)
    stop = {**about, "reason": "marks without reading", "newest": shown["newest"], "digest": shown["digest"]}
    done = say("li", "stop", stop)
    assert (done[0], done[1]["put_back"]) == (200, 2)
    assert say("li", "stop", stop) == done  # the answer was lost: the same order is the same stop
    assert say("li", "stop", {**stop, "reason": "another"})[0] == 409
    assert mark(say, hall, "5") == 403
    assert say("wang", "own")[1]["standings"][0]["state"] == "stopped"
    assert say("li", "stop/lift", {**AT, "marker": user(hall, "wang")}) == (200, {"state": "live"})


def test_what_the_leaders_page_asks(hall: Hall, say: Any) -> None:
    seeds(say, "trial", 1)
    seeds(say, "live", 1)
    assert [mark(say, hall, value) for value in ("7", "5", "6", "6")] == [200] * 4
    (group,) = say("li", "groups")[1]["groups"]
    assert (group["paper"], group["group"], group["agrees"], group["rounds"], group["looks"]) == ("M", "W21", False, ["trial"], 2)
    assert group["items"][0] == {"id": "21", "title": None, "full": "10", "step": "1", "steps": []}
    assert say("chief", "groups")[1]["groups"][0]["agrees"] is True
    assert say("wang", "groups") == (200, {"groups": []})
    (person,) = say("li", "people", **AT)[1]["people"]
    assert (person["id"], person["name"], person["state"]) == (user(hall, "wang"), "wang", "live")
    found = {seed["use"]: seed for seed in say("chief", "seeds", **AT)[1]["seeds"]}
    way = found["live"]["pictures"][0].removeprefix("/api/quality/T/").partition("?")[0]
    assert say("chief", way, n=0) == (200, JPEG)
    (fared,) = say("chief", f"seeds/{found['trial']['id']}/marks")[1]["marks"]
    assert (fared["name"], fared["marks"], fared["differences"], fared["within"]) == ("wang", {"21": "7"}, {"21": "+2"}, False)
    about = {**AT, "marker": user(hall, "wang"), "since": "today"}
    _, shown = say("li", "stop/preview", about)
    assert [(hour["marks"], hour["means"]) for hour in shown["hours"]] == [(2, {"21": "6.00"})]
    assert say("li", "stop", {**about, "reason": "why", "newest": shown["newest"], "digest": shown["digest"]})[0] == 200
    (stopped,) = say("li", "stops", **AT)[1]["stops"]
    told = [stopped[name] for name in ("login", "rule", "by", "put_back", "lifted_at")]
    assert told == ["wang", "person", "li", 2, None]


def test_only_those_whose_group_it_is_may(hall: Hall, say: Any) -> None:
    about = {**AT, "marker": user(hall, "wang")}
    for login in ("wang", "else"):
        for way in ("standings", "rates", "people", "stops"):
            assert say(login, way, **AT)[0] == 403, (login, way)
        for way, body in (
            ("looks", AT),
            ("stop/preview", about),
            ("admit", about),
            ("again", {**about, "round": "trial"}),
            ("stop/lift", about),
        ):
            assert say(login, way, body)[0] == 403, (login, way)
    for login in ("wang", "else", "li"):
        assert say(login, "seeds", **AT)[0] == 403
        assert say(login, "seeds/candidates", **AT)[0] == 403
    assert say("li", "seeds/1/marks")[0] == 404
    assert say("li", "looks/1", {"outcome": "confirm"})[0] == 404
    assert say("li", "looks/1/picture")[0] == 404
    assert say("li", "seeds/pictures/1")[0] == 404


@pytest.mark.parametrize(
    ("way", "body"),
    [
        ("looks/1", {"outcome": "correct"}),
        ("looks/1", {"outcome": "confirm", "marks": {"21": "5"}, "key": "a good key"}),
        ("stop/preview", {**AT, "marker": 1, "since": "hours"}),
        ("stop/preview", {**AT, "marker": 1, "hours": 3}),
        ("stop", {**AT, "marker": 1, "reason": "", "newest": 1, "digest": "x" * 32}),
        ("again", {**AT, "marker": 1, "round": "live"}),
        ("seeds", {"response": 1, "use": "all", "marks": {}}),
    ],
)
def test_what_cannot_be_meant_is_refused(say: Any, way: str, body: Any) -> None:
    assert say("li", way, body)[0] == 422
