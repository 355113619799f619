"""A small finished exam: three candidates, one of them absent; everything is marked and agreed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.scoring.hall import Hall, open_hall, scan

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
    return hall


@pytest.fixture
def hall(database_url: str, tmp_path: Path) -> Iterator[Hall]:
    opened = open_hall(database_url, tmp_path / "home", numbers=["10000001", "10000002", "10000003"])
    yield finish(opened)
    opened.site.close()


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
