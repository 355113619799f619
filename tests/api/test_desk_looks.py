"""The desk over HTTP: looks, lists, decisions for many cases at once. What one clerk may see of another's word."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import event

from api.app import create_app
from api.auth import add_user, grant_role
from core.pictures import keep_rows
from tests.api.conftest import PASSWORD, sign_in
from tests.omr.hall import EXAM, Hall, open_hall

PEOPLE = {"zhao": "clerk", "qian": "clerk", "li": "office", "wang": "marker"}
CARDS = 5


@pytest.fixture
def hall(database_url: str, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hall]:
    """Two clerks are wanted; four answers are in doubt, one candidate sent nothing, two frames are strange."""
    monkeypatch.setattr("tests.omr.hall.EXAM", EXAM | {"desk": {"clerks": 2}})
    opened = open_hall(database_url, redis_url, tmp_path, candidates=CARDS)
    for login, role in PEOPLE.items():
        add_user(opened.site, login, login, PASSWORD)
        grant_role(opened.site, login, role, "T1")
    kept = opened.site.store.put_pack([b"cut"])
    with opened.site.database.write() as session:
        keep_rows(session, kept, "image/jpeg", opened.site.now())
    crops = {"crops": {"Q1": kept[0].sha256}}
    for n in range(CARDS - 1):
        opened.send(opened.reading(n, 1, {"Q1": "A?"}, evidence=crops))
        opened.send(opened.reading(n, 2))
    for _ in range(2):
        opened.send({"kind": "foreign", "reason": "another exam"}, batch="b2", data=b"the very same bytes")
    opened.read()
    yield opened
    opened.site.close()


@pytest.fixture
def client(hall: Hall, built_client: None) -> Iterator[TestClient]:
    with TestClient(create_app(hall.site, sweep=False)) as opened:
        opened.headers.clear()
        yield opened


class Clerk:
    def __init__(self, client: TestClient, login: str) -> None:
        self.client, self.headers = client, sign_in(client, login)

    def get(self, path: str, expect: int = 200) -> Any:
        return self._told(self.client.get(f"/api/desk/T1{path}", headers=self.headers), expect)

    def post(self, path: str, body: Any, expect: int = 200) -> Any:
        return self._told(self.client.post(f"/api/desk/T1{path}", json=body, headers=self.headers), expect)

    def say(self, look: dict[str, Any], value: str) -> Any:
        body = {"case": look["case"], "version": look["version"], "values": {"Q1": value}, "key": f"{look['case']} is {value} {id(self)}"}
        return self.post("/looks", body)

    def _told(self, reply: Any, expect: int) -> Any:
        assert reply.status_code == expect, reply.text
        return reply.json()


def test_two_clerks_look_the_office_decides_and_neither_clerk_learns_of_the_other(client: TestClient) -> None:
    zhao, qian, li = (Clerk(client, login) for login in ("zhao", "qian", "li"))
    mine = zhao.post("/looks/next", {"hold": 2})
    assert (len(mine["looks"]), mine["left"]) == (2, 4)
    (item,) = mine["looks"][0]["items"]
    assert client.get(item["picture"], headers=zhao.headers).content == b"cut"
    before = qian.get("/cases"), qian.post("/looks/next", {"hold": 2})
    first, second = mine["looks"]
    replies = [zhao.say(first, "B"), zhao.say(second, "C")]
    assert [r["saved"]["outcome"] for r in replies] == ["kept", "kept"]
    assert (qian.get("/cases"), qian.post("/looks/next", {"hold": 2})) == before
    said = [qian.say(first, "B"), qian.say(second, "D")]  # the same, and another: she is told the same
    assert [r["saved"]["outcome"] for r in said] == ["kept", "kept"]
    assert [c["state"] for c in qian.get("/cases?kind=doubt")["cases"]] == ["open", "open", "open"]
    qian.get("/cases?state=differs", expect=403)
    (shown,) = li.get("/cases?state=differs")["cases"]
    assert (shown["id"], shown["state"], shown["words"]) == (second["case"], "differs", [{"Q1": "C"}, {"Q1": "D"}])
    assert all(c["words"] == [] for c in zhao.get("/cases?state=all")["cases"])
    decision = {"action": "set_answer", "version": shown["version"], "values": {"Q1": "D"}}
    zhao.post(f"/cases/{shown['id']}/resolve", decision, expect=403)
    assert li.post(f"/cases/{shown['id']}/resolve", decision)["state"] == "resolved"


def test_a_word_is_taken_back_and_leases_end_with_the_session(client: TestClient) -> None:
    zhao, qian, li = (Clerk(client, login) for login in ("zhao", "qian", "li"))
    (look,) = zhao.post("/looks/next", {"hold": 1})["looks"]
    zhao.say(look, "B")
    again = zhao.post(f"/looks/{look['case']}/take-back", {})["look"]
    assert again == look
    zhao.post(f"/looks/{look['case']}/take-back", {}, expect=409)
    ids = {one["case"] for one in qian.post("/looks/next", {"hold": 12})["looks"]}
    assert ids == {one["case"] for one in zhao.post("/looks/next", {"hold": 12})["looks"]}
    assert li.post("/looks/next", {"hold": 12})["looks"] == []
    assert zhao.post("/looks/give-back", {})["given_back"] == 4
    client.delete("/api/session", headers=qian.headers)
    assert len(li.post("/looks/next", {"hold": 12})["looks"]) == 4


def test_what_is_left_for_a_clerk_is_what_she_can_still_be_given(client: TestClient) -> None:
    zhao, qian, li = (Clerk(client, login) for login in ("zhao", "qian", "li"))
    first, second, third, _ = zhao.post("/looks/next", {"hold": 4})["looks"]
    for clerk, value in ((zhao, "B"), (qian, "C")):
        clerk.say(first, value)  # two words that differ: a decision settles it, no third word
    zhao.say(second, "B")
    zhao.post(f"/cases/{third['case']}/resolve", {"action": "rescan", "version": third["version"]})
    assert [who.post("/looks/next", {"hold": 12})["left"] for who in (zhao, qian, li)] == [1, 2, 2]
    assert len(li.post("/looks/next", {"hold": 12})["looks"]) <= 2


def test_a_word_and_what_comes_next_cost_few_statements(client: TestClient, hall: Hall) -> None:
    asked: list[str] = []
    zhao, qian = Clerk(client, "zhao"), Clerk(client, "qian")
    (look, *_) = zhao.post("/looks/next", {"hold": 4})["looks"]
    event.listen(hall.site.database._writer, "before_cursor_execute", lambda _c, _cursor, statement, *_: asked.append(statement))
    zhao.say(look, "B")
    kept = len(asked)
    qian.say(look, "B")
    assert (kept <= 18, len(asked) - kept <= 42) == (True, True), (kept, len(asked) - kept)


def test_only_clerks_look_and_what_makes_no_sense_is_refused_in_a_sentence(client: TestClient) -> None:
    zhao, wang = Clerk(client, "zhao"), Clerk(client, "wang")
    for path in ("/looks/next", "/looks/give-back", "/looks/1/take-back"):
        assert wang.post(path, {}, expect=403)["code"] == "forbidden"
    (look,) = zhao.post("/looks/next", {"hold": 1})["looks"]
    request: dict[str, Any] = {"case": look["case"], "version": look["version"], "values": {"Q1": "Z"}, "key": "a fresh key"}
    refusal = zhao.post("/looks", request, expect=422)
    assert (refusal["where"], "Join options" in refusal["remedy"]) == (f"case {look['case']}", True)
    zhao.post("/looks", request | {"case": 99999}, expect=404)
    zhao.post("/looks", request | {"key": "short"}, expect=422)
    zhao.post("/looks/next", {"hold": 99}, expect=422)


def test_the_list_is_paged_counted_and_narrowed_down(client: TestClient, hall: Hall) -> None:
    hall.close("b1")
    zhao = Clerk(client, "zhao")
    whole = zhao.get("/cases")
    assert (whole["counts"]["doubt"], whole["counts"]["foreign"], whole["more"]) == (4, 2, None)
    pages: list[int] = []
    after: int | None = 0
    while after is not None:
        page = zhao.get(f"/cases?limit=2&after={after}")
        pages += [c["id"] for c in page["cases"]]
        after = page["more"]
    assert pages == [c["id"] for c in whole["cases"]]
    few = zhao.get("/cases?each=1")
    assert sorted(c["kind"] for c in few["cases"]) == sorted(whole["counts"])
    assert few["counts"] == whole["counts"]
    assert {c["kind"] for c in zhao.get("/cases?kind=foreign")["cases"]} == {"foreign"}
    assert zhao.get("/cases?station=A&kind=doubt")["counts"]["foreign"] == 2
    assert zhao.get("/cases?station=B")["cases"] == []
    assert [c["kind"] for c in zhao.get("/cases?room=R1")["cases"]] == ["doubt"] * 4
    assert zhao.get("/cases?room=R9")["cases"] == []
    assert len(zhao.get("/cases?paper=P")["cases"]) == 4
    one, two = zhao.get("/cases?kind=foreign")["cases"]
    assert (one["same_bytes"]["sequence"], one["same_bytes"]["side"]) == (two["frame"]["sequence"], two["frame"]["side"])


def test_alike_cases_are_settled_together_each_with_its_own_result(client: TestClient, hall: Hall) -> None:
    zhao = Clerk(client, "zhao")
    strange = zhao.get("/cases?kind=foreign")["cases"]
    doubt = zhao.get("/cases?kind=doubt")["cases"][0]
    cases = [{"case": c["id"], "version": c["version"]} for c in (*strange, doubt)]
    without = zhao.post("/cases/resolve", {"cases": cases[:1], "action": "discard"})["results"]
    assert without[0]["problem"]["title"] == "a frame is discarded with a reason only."
    both = [*cases, {"case": 99999, "version": 1}, cases[0]]
    results = zhao.post("/cases/resolve", {"cases": both, "action": "discard", "reason": "question papers"})["results"]
    assert [r.get("state") or r["problem"]["code"] for r in results] == ["resolved", "resolved", "resolved", "not-found", "conflict"]
    assert [e["reason"] for e in hall.entries("case")] == ["question papers"] * 3
    undone = zhao.post("/cases/resolve", {"cases": cases, "action": "undo"})["results"]
    assert [r["state"] for r in undone] == ["open"] * 3
    zhao.post("/cases/resolve", {"cases": cases, "action": "set_answer"}, expect=422)
    zhao.post("/cases/resolve", {"cases": [], "action": "discard"}, expect=422)
