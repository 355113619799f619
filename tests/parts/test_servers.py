"""The servers that tests get are real, private, empty, and end with the process that started them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import redis
from playwright.sync_api import Browser
from sqlalchemy import create_engine, text

from tests.parts.postgres import PostgresServer


def test_postgres_keeps_fsync_on_and_listens_to_nobody_outside(postgres_server: PostgresServer) -> None:
    engine = create_engine(postgres_server.url("postgres"))
    with engine.connect() as connection:
        assert connection.execute(text("SHOW fsync")).scalar_one() == "on"
        assert connection.execute(text("SHOW listen_addresses")).scalar_one() == ""
    engine.dispose()


def test_a_new_database_does_not_see_what_another_holds(postgres_server: PostgresServer) -> None:
    first, second = postgres_server.create(), postgres_server.create()
    for name in (first, second):
        engine = create_engine(postgres_server.url(name))
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE only_here (id integer)"))
        engine.dispose()
    postgres_server.drop(first)
    postgres_server.drop(second)


@pytest.mark.parametrize("_round", [1, 2])
def test_each_test_finds_redis_empty(redis_url: str, _round: int) -> None:
    with redis.Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0
        client.set("left", "behind")


def test_the_migrated_database_has_tables_and_no_exam(database_url: str) -> None:
    engine = create_engine(database_url)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM alembic_version")).scalar_one() == 1
    engine.dispose()


def test_chromium_shows_chinese_and_english(browser: Browser) -> None:
    page = browser.new_page()
    page.set_content("<h1>阅卷 Markhall</h1>")
    assert page.inner_text("h1") == "阅卷 Markhall"
    page.close()


def test_a_server_ends_when_its_test_run_is_killed(root: Path, tmp_path: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; from tests.parts import children\n"
        "print(children.start(['sleep', '600'], Path(sys.argv[1])).pid, flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", script, str(tmp_path / "log")], cwd=root, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        server = int(run.stdout.readline())
        assert _comes(lambda: Path(f"/proc/{server}/comm").read_text() == "sleep\n")
        run.send_signal(signal.SIGKILL)
    assert _comes(lambda: not _lives(server))


def _comes(true: Callable[[], bool]) -> bool:
    end = time.monotonic() + 20
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def _lives(pid: int) -> bool:
    """A zombie that nobody has waited for yet does not count."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False
