"""Signing in: who gets in, what a session is good for, what another site's page cannot do with it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from fastapi.testclient import TestClient

from api import auth
from core.errors import Conflict, NotSignedIn
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
