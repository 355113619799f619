"""A real PostgreSQL of the tests' own: a fresh cluster on a private socket, and a fresh database for each test.

The cluster keeps fsync on, as in production; a migrated database is made once and copied for each test.
"""

import os
import shutil
import signal
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from tests.parts import children
from tools import machine

OWNER = "markhall"
SETTINGS = {"listen_addresses": "", "fsync": "on", "shared_buffers": "32MB", "max_connections": "100", "logging_collector": "off"}


@dataclass(frozen=True)
class PostgresServer:
    """One cluster. A database's URL may be given to any process: access is by the socket's folder."""

    folder: Path
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def url(self, database: str) -> str:
        return f"postgresql+psycopg://{OWNER}@/{database}?host={self.folder}"

    def execute(self, statement: sql.Composed) -> None:
        with psycopg.connect(host=str(self.folder), user=OWNER, dbname="postgres", autocommit=True) as connection:
            connection.execute(statement)

    def create(self, template: str = "template0") -> str:
        """A new database's name: empty, or a copy of `template`."""
        name = f"test_{next(self.numbers)}"
        self.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template)))
        return name

    def drop(self, database: str) -> None:
        self.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(database)))

    def freeze(self, database: str) -> None:
        """Nobody may connect any more, so that it can be copied; what a migration left open is closed."""
        self.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(sql.Identifier(database)))
        self.execute(sql.SQL("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = {}").format(sql.Literal(database)))

    def ready(self) -> bool:
        try:
            self.execute(sql.SQL("SELECT 1").format())
        except psycopg.OperationalError:
            return False
        return True


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    folder = Path(tempfile.mkdtemp(prefix="markhall-pg-", dir="/tmp"))  # short: a socket's path has 107 characters at most
    try:
        with _running(folder) as server:
            yield server
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _running(folder: Path) -> Iterator[PostgresServer]:
    user = children.unprivileged_user()
    if user is not None:
        os.chown(folder, user.pw_uid, user.pw_gid)
    programs = _programs(folder)
    cluster = str(folder / "cluster")
    initdb = [str(programs / "initdb"), "-D", cluster, "-U", OWNER, "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]
    made = subprocess.run([*children.as_user(user), *initdb], capture_output=True, text=True, cwd="/", check=False)
    if made.returncode:
        raise RuntimeError(f"initdb could not make a cluster for the tests: {made.stderr}")
    settings = [f"--{name}={value}" for name, value in {**SETTINGS, "unix_socket_directories": str(folder)}.items()]
    log = folder / "log"
    process = children.start([str(programs / "postgres"), "-D", cluster, *settings], log, user=user, death="QUIT")
    try:
        server = PostgresServer(folder)
        children.wait_until(server.ready, process, log)
        yield server
    finally:
        children.stop(process, signal.SIGQUIT)


def _programs(folder: Path) -> Path:
    found = machine.postgres_bin()
    if found is None:
        raise RuntimeError("No PostgreSQL server here. Run the tests by `make test`, which installs one or says what to type.")
    user = children.unprivileged_user()
    if user is None:
        return found
    trial = subprocess.run([*children.as_user(user), str(found / "initdb"), "--version"], capture_output=True, cwd="/", check=False)
    return found if trial.returncode == 0 else _copy_of_wheel(found, folder / "programs")


def _copy_of_wheel(programs: Path, target: Path) -> Path:
    """Where the unprivileged user can read it: a clone in root's home is closed to him. The libraries lie beside the package."""
    package = programs.parent.parent
    shutil.copytree(package, target / package.name)
    libraries = package.with_name(f"{package.name}.libs")
    shutil.copytree(libraries, target / libraries.name)
    return target / programs.relative_to(package.parent)


@pytest.fixture(scope="session")
def migrated_template(postgres_server: PostgresServer) -> str:
    from core import db

    name = postgres_server.create()
    db.migrate(postgres_server.url(name))
    postgres_server.freeze(name)
    return name


@pytest.fixture
def postgres_url(postgres_server: PostgresServer, migrated_template: str) -> Iterator[str]:
    """A database with all tables and no rows, for one test."""
    name = postgres_server.create(migrated_template)
    yield postgres_server.url(name)
    postgres_server.drop(name)


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from core import db

    file = tmp_path_factory.mktemp("migrated") / "markhall.sqlite"
    db.migrate(f"sqlite:///{file}")
    return file


@pytest.fixture
def sqlite_url(migrated_sqlite: Path, tmp_path: Path) -> str:
    """As postgres_url, in a file."""
    file = tmp_path / "markhall.sqlite"
    source, copy = sqlite3.connect(migrated_sqlite), sqlite3.connect(file)
    source.backup(copy)
    source.close()
    copy.close()
    return f"sqlite:///{file}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """Runs the test twice: what the database must do, it does on both."""
    url = request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url")
    assert isinstance(url, str)
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database without tables, of each kind: what migrations begin with."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'new.sqlite'}"
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    name = server.create()
    yield server.url(name)
    server.drop(name)
