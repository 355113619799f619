"""`markhall measures` as it runs: it sees a mark within seconds, lets another wait, and ends at once when it is told to."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from marking import snapshot
from tests.marking.conftest import opener
from tests.marking.exams import Hall
from tests.marking.tallies import Made
from tests.marking.watched_exam import make_responses, task_of, write_marks

Start = Callable[[], subprocess.Popen[bytes]]


@pytest.fixture
def hall(tmp_path: Path, sqlite_url: str, redis_url: str) -> Iterator[Hall]:
    halls: list[Hall] = []
    yield opener(tmp_path, sqlite_url, redis_url, halls)(sweep=False)
    halls[0].site.close()


@pytest.fixture
def start(hall: Hall) -> Iterator[Start]:
    started: list[subprocess.Popen[bytes]] = []

    def one() -> subprocess.Popen[bytes]:
        environment = {**os.environ, **hall.site.settings.as_environment()}
        started.append(subprocess.Popen([sys.executable, "-m", "api.cli", "measures"], env=environment))
        return started[-1]

    yield one
    for process in started:
        process.kill()
        process.wait()


def seen(hall: Hall) -> int:
    read = snapshot.read(hall.site.redis, hall.exam_id, "M", "W21")
    return int(read["whole"]["group"]["n"]) if read else 0


def wait_until(hall: Hall, count: int, seconds: float) -> None:
    until = time.monotonic() + seconds
    while seen(hall) < count:
        assert time.monotonic() < until, f"{seen(hall)} of {count} marks were seen"
        time.sleep(0.05)


def test_a_mark_is_seen_within_seconds_and_another_process_takes_over_from_one_that_ended(hall: Hall, start: Start) -> None:
    marker, responses = hall.person("marker"), make_responses(hall, 3)
    marks = [Made(n, response, task_of(response, 1), marker, {"21": 500}) for n, response in enumerate(responses, start=1)]
    first = start()
    write_marks(hall, marks[:1])
    wait_until(hall, 1, 60)  # an interpreter starts meanwhile
    start()
    write_marks(hall, marks[1:2])
    wait_until(hall, 2, 15)
    first.send_signal(signal.SIGTERM)
    assert first.wait(15) == 0
    write_marks(hall, marks[2:])
    wait_until(hall, 3, 30)
