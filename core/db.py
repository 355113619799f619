"""The database: opening it so that a commit is durable, transactions that read or write, migrations.

SQLite runs in WAL with synchronous=FULL, PostgreSQL with synchronous_commit on: when `write()` returns, the
commit is on the disk (law 4). Nothing else in the house opens a connection.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.orm import Session
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection

from core.errors import Unavailable

MIGRATIONS = Path(__file__).parent / "migrations"
NEWER = "It is of a newer version than this program, or of another program: install the newer one."
_WRITES = "markhall_writes"
LAST = "what ends the transaction together with the last rows, where something does"  # in a session's info
_USED = "used"  # when a connection was given back
IDLE_SECONDS = 1.0
BY_INDEX = " -c enable_seqscan=off -c jit=off"  # where a plan costs as much as it may, compiling it would seem worth while
_MIGRATING = 0x4D61726B68616C6C  # of an advisory lock: any number that is always the same


class Database:
    """Sessions on one database. Each statement of a `read()` sees what is committed by then; `write()` commits durably or not at all."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.engine = _engine(url, by_index=True)
        self._reader = self.engine if self.is_sqlite else _engine(url)
        self._writer = self.engine.execution_options(**{_WRITES: True})
        self._looker = self.engine if self.is_sqlite else self.engine.execution_options(isolation_level="AUTOCOMMIT")
        # SQLite lets writers wait by sleeping; threads of one process queue here instead and lose no time.
        self._turn: AbstractContextManager[Any] = threading.Lock() if self.is_sqlite else nullcontext()

    @property
    def is_sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def read(self) -> Iterator[Session]:
        with Session(self._reader, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def glance(self) -> Iterator[Session]:
        """For statements that only read and each stand alone: nothing is said to the database but they."""
        with Session(self._looker, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def look(self) -> Iterator[Connection]:
        """For a single statement that only reads: nothing is said to the database before it or after it."""
        with self._looker.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Session]:
        with self._turn, Session(self._writer, expire_on_commit=False) as session, session.begin():
            try:
                yield session
                _end(session, commit=True)
            except BaseException:
                _end(session, commit=False)
                raise

    def close(self) -> None:
        self.engine.dispose()
        self._reader.dispose()


def _end(session: Session, *, commit: bool) -> None:
    """What was sent last and is not waited for yet is, with its commit."""
    end: Callable[..., None] | None = session.info.pop(LAST, None)
    if end is not None:
        end(commit=commit)


def _engine(url: str, *, by_index: bool = False) -> Engine:
    """`by_index`: for statements about a few rows each. On PostgreSQL they never read a whole table that has an index for them:
    a plan that was made while a table was empty is kept, and would be a bad one until the table is counted."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        if parsed.database:
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(parsed, connect_args={"check_same_thread": False, "timeout": 60}, pool_size=20, max_overflow=40)
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    if parsed.get_backend_name() == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
        options = "-c synchronous_commit=on -c timezone=UTC" + (BY_INDEX if by_index else "")
        engine = create_engine(parsed, connect_args={"options": options}, pool_size=20, max_overflow=40, pool_use_lifo=True)
        _look_after_idle(engine)
        return engine
    raise Unavailable(
        f"the database {parsed.get_backend_name()} is not supported.",
        where="MARKHALL_DATABASE_URL",
        remedy="Use sqlite:///... or postgresql://...",
    )


def _look_after_idle(engine: Engine) -> None:
    """A connection that lay idle may have ended meanwhile and is asked; one that was used a moment ago is not, each time."""

    def note_use(connection: Any, record: ConnectionPoolEntry) -> None:
        record.info[_USED] = time.monotonic()

    def ask(connection: Any, record: ConnectionPoolEntry, proxy: PoolProxiedConnection) -> None:
        if time.monotonic() - record.info.get(_USED, math.inf) > IDLE_SECONDS:
            try:
                engine.dialect.do_ping(connection)
            except engine.dialect.loaded_dbapi.Error as e:
                raise InvalidatePoolError from e

    event.listen(engine, "checkin", note_use)
    event.listen(engine, "checkout", ask)


def _prepare_sqlite(connection: Any, record: Any) -> None:
    connection.isolation_level = None  # transactions are begun by _begin_sqlite, not behind our back
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=60000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # A writer takes its lock at once: a reader that turns writer half way would fail with SQLITE_BUSY.
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def migrate(url: str) -> None:
    """Bring the database at `url` to the newest form, from empty or from any released version. Safe when machines start together."""
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    database = Database(url)
    try:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["engine"] = database._writer
        with _one_at_a_time(database):
            command.upgrade(config, "head")
    except CommandError as e:
        raise Unavailable(f"the database cannot be migrated ({e}).", where="MARKHALL_DATABASE_URL", remedy=NEWER) from e
    finally:
        database.close()


@contextmanager
def _one_at_a_time(database: Database) -> Iterator[None]:
    """SQLite's own lock does it: a migration is one transaction that begins as a writer. PostgreSQL is asked for one."""
    if database.is_sqlite:
        yield
        return
    with database.engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATING})
        yield
