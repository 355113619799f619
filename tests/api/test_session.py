"""Signing in: who gets in, what a session is good for, what another site's page cannot do with it."""

from __future__ import annotations

import contextlib
from datetime import timedelta
from typing import cast

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from api import auth
from api.guesses import FREE, Guesses
from core.errors import Conflict, NotSignedIn, TooMany
from core.site import Site
from tests.api.conftest import PASSWORD, sign_in


def test_a_wrong_password_and_an_unknown_login_are_refused_alike(client: TestClient) -> None:
    wrong = client.post("/api/session", json={"login": "wang", "password": "no"})
    unknown = client.post("/api/session", json={"login": "nobody", "password": "no"})
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.json() == unknown.json()
    assert wrong.headers["content-type"] == "application/problem+json"


def test_a_session_says_who_and_which_exams(client: TestClient) -> None:
    me = client.get("/api/me", headers=sign_in(client, "wang")).json()
    assert me["user"]["roles"] == [{"role": "marker", "exam": "DEMO", "scope": ""}]
    assert me["exams"] == [{"code": "DEMO", "title": {"zh": "示范考试", "en": "Demonstration exam"}}]


def test_a_cookie_alone_cannot_change_anything(client: TestClient) -> None:
    client.post("/api/session", json={"login": "wang", "password": PASSWORD})
    assert client.get("/api/me").status_code == 200
    assert client.post("/api/marking/DEMO/release").status_code == 403
    assert client.post("/api/marking/DEMO/release", headers={"X-Markhall": "1"}).status_code == 200


def test_signing_out_ends_the_session(client: TestClient) -> None:
    headers = sign_in(client, "wang")
    assert client.delete("/api/session", headers=headers).status_code == 204
    assert client.get("/api/me", headers=headers).status_code == 401


def test_a_session_ends_by_itself(site: Site) -> None:
    token, _ = auth.sign_in(site, "wang", PASSWORD)
    later = Site(site.settings, site.database, site.store, lambda: site.now() + timedelta(hours=auth.SESSION_HOURS, minutes=1))
    with pytest.raises(NotSignedIn):
        auth.person_of(later, token)


def test_tokens_and_passwords_are_not_in_the_database(site: Site) -> None:
    token, _ = auth.sign_in(site, "wang", PASSWORD)
    with site.database.read() as session:
        kept = [str(row) for table in ("users", "sessions") for row in session.connection().exec_driver_sql(f"select * from {table}")]
    assert kept
    assert not any(token in row or PASSWORD in row for row in kept)


def test_a_login_is_given_once(site: Site) -> None:
    with pytest.raises(Conflict):
        auth.add_user(site, "wang", "another", PASSWORD)


@pytest.mark.parametrize(
    ("method", "path", "login"),
    [
        ("GET", "/api/office/DEMO/status", "wang"),
        ("POST", "/api/office/DEMO/verify", "zhao"),
        ("POST", "/api/office/DEMO/release/draft", "wang"),
        ("GET", "/api/office/DEMO/tasks", "wang"),
        ("GET", "/api/office/DEMO/marks", "zhao"),
        ("GET", "/api/desk/DEMO/cases", "wang"),
        ("POST", "/api/marking/DEMO/next", "zhao"),
    ],
)
def test_each_page_is_for_its_role(client: TestClient, method: str, path: str, login: str) -> None:
    reply = client.request(method, path, headers=sign_in(client, login), json={} if method == "POST" else None)
    assert reply.status_code == 403, reply.text
    assert reply.json()["code"] == "forbidden"


def test_an_unknown_exam_is_a_clear_problem(client: TestClient) -> None:
    reply = client.get("/api/office/NONE/status", headers=sign_in(client, "li"))
    assert reply.status_code == 404
    assert "no exam NONE" in reply.json()["title"]


def test_pages_forbid_foreign_scripts(client: TestClient) -> None:
    page = client.get("/")
    assert page.status_code == 200
    assert "script-src 'self'" in page.headers["content-security-policy"]
    assert page.headers["x-content-type-options"] == "nosniff"


def test_a_cookie_travels_over_tls_alone_where_there_is_tls(client: TestClient) -> None:
    body = {"login": "wang", "password": PASSWORD}
    assert "secure" in client.post("https://testserver/api/session", json=body).headers["set-cookie"].lower()
    assert "secure" not in client.post("http://testserver/api/session", json=body).headers["set-cookie"].lower()


def test_wrong_passwords_in_a_row_make_the_next_guess_wait(client: TestClient) -> None:
    clock = Clock()
    cast(FastAPI, client.app).state.guesses = Guesses(clock=clock)
    for login in ("wang", "nobody"):
        replies = [client.post("/api/session", json={"login": login, "password": "no"}) for _ in range(FREE + 1)]
        assert [reply.status_code for reply in replies] == [401] * FREE + [429]
        assert replies[-1].headers["retry-after"] == "2"
    right = client.post("/api/session", json={"login": "wang", "password": PASSWORD})
    assert right.status_code == 429
    clock.now += 2
    assert client.post("/api/session", json={"login": "wang", "password": PASSWORD}).status_code == 200
    assert client.post("/api/session", json={"login": "li", "password": PASSWORD}).status_code == 200


def test_the_wait_doubles_ends_and_is_forgotten_by_a_right_password() -> None:
    clock = Clock()
    guesses = Guesses(clock=clock)
    waits = []
    for _ in range(FREE + 4):
        with pytest.raises(NotSignedIn), guesses.counted("wang"):
            raise NotSignedIn("wrong")
        with contextlib.suppress(TooMany), guesses.counted("somebody else"):
            pass
        try:
            with guesses.counted("wang"):
                raise LookupError
        except TooMany as e:
            waits.append(round(e.retry_after))
            clock.now += e.retry_after
        except LookupError:
            pass
    assert waits == [2, 4, 8, 16, 32]
    with guesses.counted("wang"):
        pass
    with pytest.raises(NotSignedIn), guesses.counted("wang"):
        raise NotSignedIn("wrong")
    with guesses.counted("wang"):
        pass


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now
