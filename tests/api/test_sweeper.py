"""Of several web processes one sweeps: another when it has ended, and each where nobody can be asked."""

from __future__ import annotations

import time

import pytest
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from api.sweeper import Sweeper
from core.site import Site

EVERY = 0.02


@pytest.fixture
def swept(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the threads that swept, a turn each."""
    import threading

    turns: list[str] = []

    def exams(site: Site) -> list[int]:
        turns.append(threading.current_thread().name)
        return []

    monkeypatch.setattr("api.sweeper._exams", exams)
    return turns


def pair(site: Site) -> tuple[Sweeper, Sweeper]:
    sweepers = Sweeper(site, EVERY), Sweeper(site, EVERY)
    for name, sweeper in zip(("first", "second"), sweepers, strict=True):
        sweeper._thread.name = name
    return sweepers


def wait_for_turns(turns: list[str], name: str) -> None:
    end = time.monotonic() + 10
    while turns.count(name) < 3:
        assert time.monotonic() < end, turns
        time.sleep(EVERY)


def test_the_second_sweeps_when_the_first_has_ended(site: Site, swept: list[str]) -> None:
    first, second = pair(site)
    first.start()
    wait_for_turns(swept, "first")
    second.start()
    seen = len(swept)
    while len(swept) < seen + 5:
        time.sleep(EVERY)
    assert set(swept) == {"first"}
    first.stop()
    wait_for_turns(swept, "second")
    second.stop()
    assert site.redis.get("markhall:sweeping") is None


def test_a_process_that_dies_holds_nobody_up_for_long(site: Site, swept: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.sweeper._HELD", 100)
    site.redis.set("markhall:sweeping", "of a dead process", px=100)
    _, second = pair(site)
    second.start()
    wait_for_turns(swept, "second")
    second.stop()


def test_each_sweeps_where_the_queue_server_is_away(site: Site, swept: list[str]) -> None:
    site.redis.close()
    site.__dict__["redis"] = Redis(unix_socket_path="/nowhere/at/all.sock", retry=Retry(NoBackoff(), 0))
    sweepers = pair(site)
    for sweeper in sweepers:
        sweeper.start()
    for name in ("first", "second"):
        wait_for_turns(swept, name)
    for sweeper in sweepers:
        sweeper.stop()
