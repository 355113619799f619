"""An exam at its last step, for tests over HTTP: all is marked but one mark, one candidate waits on the desk."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from fastapi.testclient import TestClient
from sqlalchemy import select

from api.auth import add_user, grant_role
from core.settings import Settings
from core.site import Site, open_site
from core.states import CaseState
from core.tables import DeskCase
from scanner import intake
from tests.api.conftest import PASSWORD, sign_in
from tests.scoring.hall import Hall, open_hall, scan

NUMBERS = ("10000001", "10000002")
ANSWERS = {"Q1": "B", "Q2": "D", "Q3": "A", "Q4": "A|B|D", "Q5": "T"}
PEOPLE = {"wang": "marker", "chen": "marker", "zhao": "clerk", "li": "office", "sun": "office"}


@dataclass
class LastStep:
    hall: Hall
    case: int
    station_token: str

    @property
    def site(self) -> Site:
        return self.hall.site

    def headers(self, client: TestClient, login: str) -> dict[str, str]:
        return sign_in(client, login)

    def station(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.station_token}"}


def last_step(home: Path, database_url: str, redis_url: str) -> LastStep:
    hall = open_hall(database_url, home, numbers=NUMBERS)
    hall.site.close()
    hall = replace(hall, site=open_site(Settings.at(home, database_url=database_url, redis_url=redis_url)))
    for login, role in PEOPLE.items():
        hall.users[login] = add_user(hall.site, login, f"Name of {login}", PASSWORD)
        grant_role(hall.site, login, role, hall.exam.code)
    scan(hall, {NUMBERS[0]: ANSWERS})
    hall.mark(NUMBERS[0], "W7", ["marker1", "marker2"], [{"7": {"7a": "3", "7b": "5"}}] * 2)
    hall.mark(NUMBERS[0], "W6", ["marker1"], [{"6": "9"}])
    token = intake.register_station(hall.site, hall.exam.id, "S1")
    return LastStep(hall, _missing(hall, NUMBERS[1]), token)


def _missing(hall: Hall, number: str) -> int:
    with hall.site.database.write() as session:
        case = DeskCase(
            exam_id=hall.exam.id, kind="script_missing", state=CaseState.OPEN, script_id=hall.script(session, number).id,
            items=[], evidence={}, resolution={}, opened_at=hall.site.now(),
        )  # fmt: skip
        session.add(case)
        session.flush()
        return session.scalars(select(DeskCase.id)).one()
