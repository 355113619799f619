from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.marking.exams import Hall, one_group, open_hall, read_all

OpenHall = Callable[..., Hall]


@pytest.fixture
def open_exam(tmp_path: Path, database_url: str, redis_url: str) -> Iterator[OpenHall]:
    """Opens an exam that is ready to be marked: `groups` as YAML, all scripts read and swept."""
    halls: list[Hall] = []

    def opened(groups: str = one_group(), *, sweep: bool = True, **how: Any) -> Hall:
        from marking import intake

        hall = open_hall(tmp_path, database_url, redis_url, groups, **how)
        halls.append(hall)
        if sweep:
            read_all(hall)
            intake.sweep(hall.site, hall.exam_id)
        return hall

    yield opened
    for hall in halls:
        hall.site.close()
