"""Five machines start at once, and the database is made once; a program never works on a database of another version."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

from core import db
from core.errors import Unavailable
from core.migrating import Form, await_current, form_of, require_current
from tests.parts.bucket import free_port


def upgrade(url: str, version: str) -> None:
    database, config = db.Database(url), Config()
    config.set_main_option("script_location", str(db.MIGRATIONS))
    config.attributes["engine"] = database._writer
    command.upgrade(config, version)
    database.close()


def form(url: str) -> Form:
    database = db.Database(url)
    try:
        return form_of(database)
    finally:
        database.close()


def run(url: str, *arguments: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": os.getcwd(), "MARKHALL_DATABASE_URL": url, "MARKHALL_REDIS_URL": "unix:///nowhere"}
    return subprocess.Popen([sys.executable, "-m", "api.cli", *arguments], env=environment, stdout=-1, stderr=-1, text=True)


TOGETHER = """
import os, sys, time
from alembic import command, config
from core.db import migrate

begin = time.monotonic() + 0.5
children = []
for _ in range(5):
    child = os.fork()
    if child == 0:
        time.sleep(begin - time.monotonic())
        migrate(sys.argv[1])
        os._exit(0)
    children.append(child)
sys.exit(sum(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0 for child in children))
"""


def test_five_machines_that_start_at_once_migrate_once(empty: str) -> None:
    upgrade(empty, "0001")
    run = [sys.executable, "-c", TOGETHER, empty]
    done = subprocess.run(run, env={**os.environ, "PYTHONPATH": os.getcwd()}, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert form(empty) is Form.CURRENT


def test_the_command_makes_the_tables_and_may_be_repeated(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'new.sqlite'}"
    for _ in range(2):
        process = run(url, "migrate")
        assert process.communicate(timeout=60)[0] == "the database has this version's form\n"
    assert form(url) is Form.CURRENT


def test_a_form_is_told_by_its_version(empty: str) -> None:
    assert form(empty) is Form.EMPTY
    upgrade(empty, "0002")
    assert form(empty) is Form.OLDER
    db.migrate(empty)
    assert form(empty) is Form.CURRENT
    engine = create_engine(empty.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    assert form(empty) is Form.NEWER
    with pytest.raises(Unavailable, match="newer version"):
        db.migrate(empty)


@pytest.mark.parametrize("command", ["serve", "worker"])
def test_a_process_refuses_an_older_database_in_one_sentence(tmp_path: Path, command: str) -> None:
    url = f"sqlite:///{tmp_path / 'old.sqlite'}"
    upgrade(url, "0002")
    process = run(url, command)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 5
    assert said.splitlines()[-1].startswith("markhall: MARKHALL_DATABASE_URL: the database is of an older version.")
    assert "markhall migrate" in said
    assert form(url) is Form.OLDER


def test_a_database_that_is_away_is_waited_for() -> None:
    said: list[str] = []
    database = db.Database(f"postgresql://nobody@127.0.0.1:{free_port()}/none?connect_timeout=1")
    with pytest.raises(OperationalError):
        await_current(database, said.append, seconds=3)
    database.close()
    assert len(said) == 1
    assert "does not answer" in said[0]


def test_an_empty_database_is_said_to_be(tmp_path: Path) -> None:
    database = db.Database(f"sqlite:///{tmp_path / 'new.sqlite'}")
    with pytest.raises(Unavailable, match="no tables"):
        require_current(database)
    database.close()
