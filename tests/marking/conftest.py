from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from marking import intake
from tests.marking.exams import Hall, one_group, open_hall, read_all

OpenHall = Callable[..., Hall]


def opener(home: Path, database_url: str, redis_url: str, halls: list[Hall]) -> OpenHall:
    def opened(groups: str = one_group(), *, sweep: bool = True, **how: Any) -> Hall:
        hall = open_hall(home, database_url, redis_url, groups, durable=False, **how)
        halls.append(hall)
        if sweep:
            read_all(hall)
            intake.sweep(hall.site, hall.exam_id)
        return hall

    return opened


@pytest.fixture
def open_exam(tmp_path: Path, sqlite_url: str, redis_url: str) -> Iterator[OpenHall]:
    """Opens an exam that is ready to be marked: `groups` as YAML, all scripts read and swept."""
    halls: list[Hall] = []
    yield opener(tmp_path, sqlite_url, redis_url, halls)
    for hall in halls:
        hall.site.close()


@pytest.fixture
def open_anywhere(tmp_path: Path, database_url: str, redis_url: str) -> Iterator[OpenHall]:
    """As `open_exam`, on each database: for what depends on its locks and its SQL."""
    halls: list[Hall] = []
    yield opener(tmp_path, database_url, redis_url, halls)
    for hall in halls:
        hall.site.close()
