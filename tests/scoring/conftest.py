"""A small finished exam: three candidates, one of them absent; everything is marked and agreed. It is made once a
database and copied for each test."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from core.settings import Settings
from core.site import open_site
from tests.parts.postgres import PostgresServer
from tests.scoring.hall import Hall, open_hall, scan

NUMBERS = ["10000001", "10000002", "10000003"]
FULL = {"Q1": "B", "Q2": "D", "Q3": "A", "Q4": "A|B|D", "Q5": "T"}
PART = {"Q1": "B", "Q2": "", "Q3": "C", "Q4": "A|D", "Q5": "F"}


def finish(hall: Hall) -> Hall:
    """10000001 loses nothing; 10000002 is marked apart on both questions; 10000003 is absent."""
    scan(hall, {"10000001": FULL, "10000002": PART}, absent=["10000003"])
    hall.mark("10000001", "W6", ["marker1", "marker2"], [{"6": "10"}, {"6": "10"}])
    hall.mark("10000001", "W7", ["marker1", "marker2"], [{"7": {"7a": "3", "7b": "5"}}] * 2)
    hall.mark("10000002", "W6", ["marker1", "marker2"], [{"6": "4"}, {"6": "5"}])
    far = [("0", "1"), ("3", "4"), ("1", "1"), ("1", "2")]
    hall.mark("10000002", "W7", ["marker3", "marker4", "marker5", "arbiter1"], [{"7": {"7a": a, "7b": b}} for a, b in far])
    hall.site.close()
    return hall


def opened_at(hall: Hall, url: str, home: Path) -> Hall:
    return replace(hall, site=open_site(Settings.at(home, database_url=url)))


@pytest.fixture(scope="session")
def made_in_sqlite(migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Hall, Path]:
    folder = tmp_path_factory.mktemp("finished")
    file = Path(shutil.copy(migrated_sqlite, folder / "markhall.sqlite"))
    return finish(open_hall(f"sqlite:///{file}", folder, numbers=NUMBERS)), file


@pytest.fixture(scope="session")
def made_in_postgres(postgres_server: PostgresServer, migrated_template: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Hall, str]:
    name = postgres_server.create(migrated_template)
    hall = finish(open_hall(postgres_server.url(name), tmp_path_factory.mktemp("finished"), numbers=NUMBERS))
    postgres_server.freeze(name)
    return hall, name


@pytest.fixture
def hall(made_in_sqlite: tuple[Hall, Path], tmp_path: Path) -> Iterator[Hall]:
    made, file = made_in_sqlite
    copy = shutil.copy(file, tmp_path / "markhall.sqlite")
    opened = opened_at(made, f"sqlite:///{copy}", tmp_path / "home")
    yield opened
    opened.site.close()


@pytest.fixture
def hall_in_postgres(postgres_server: PostgresServer, made_in_postgres: tuple[Hall, str], tmp_path: Path) -> Iterator[Hall]:
    made, template = made_in_postgres
    name = postgres_server.create(template)
    opened = opened_at(made, postgres_server.url(name), tmp_path / "home")
    yield opened
    opened.site.close()
    postgres_server.drop(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def everywhere(request: pytest.FixtureRequest) -> Hall:
    """Runs the test on both databases."""
    found = request.getfixturevalue("hall" if request.param == "sqlite" else "hall_in_postgres")
    assert isinstance(found, Hall)
    return found


@pytest.fixture
def open_one(sqlite_url: str, tmp_path: Path) -> Iterator[Callable[..., Hall]]:
    """Opens an exam of another definition, on SQLite."""
    halls: list[Hall] = []

    def make(numbers: list[str], text: str, sides: int = 2) -> Hall:
        halls.append(open_hall(sqlite_url, tmp_path / "home", numbers=numbers, text=text, sides=sides))
        return halls[-1]

    yield make
    for one in halls:
        one.site.close()
