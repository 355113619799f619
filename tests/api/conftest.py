"""A web process in the test's own process, on real parts, with a loaded exam and people."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from api.auth import add_user, grant_role
from api.cli.exam import laid_out
from core.db import migrate
from core.definition import load_definition, load_roster
from core.loading import load_exam
from core.settings import Settings
from core.site import Site, open_site

PASSWORD = "a good long password"


@pytest.fixture
def site(tmp_path: Path, database_url: str, redis_url: str, root: Path) -> Iterator[Site]:
    settings = Settings.at(tmp_path / "site", database_url=database_url, redis_url=redis_url)
    migrate(database_url)
    opened = open_site(settings)
    definition = load_definition(root / "examples" / "demo-exam" / "exam.yaml")
    roster = load_roster(root / "examples" / "demo-exam" / "roster.csv")[:3]
    templates, sheets = laid_out(definition, roster)
    load_exam(opened, definition, roster, templates, sheets, by="test")
    for login, role in (("wang", "marker"), ("li", "office"), ("zhao", "clerk")):
        add_user(opened, login, login, PASSWORD)
        grant_role(opened, login, role, "DEMO")
    yield opened
    opened.close()


@pytest.fixture
def client(site: Site, built_client: None) -> Iterator[TestClient]:
    with TestClient(create_app(site, sweep=False)) as opened:
        yield opened


def sign_in(client: TestClient, login: str) -> dict[str, str]:
    """Headers of a signed-in person."""
    reply = client.post("/api/session", json={"login": login, "password": PASSWORD})
    assert reply.status_code == 200, reply.text
    client.cookies.clear()
    return {"Authorization": f"Bearer {reply.json()['token']}"}
