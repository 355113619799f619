"""Whether the database has the form that this program needs. Processes that serve say so and end; only `migrate` changes it."""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import Enum

from sqlalchemy import inspect, text
from sqlalchemy.exc import OperationalError

from core.db import MIGRATIONS, NEWER, Database
from core.errors import Unavailable

_BETWEEN = 2.0  # seconds


class Form(Enum):
    CURRENT = "current"
    EMPTY = "empty"
    OLDER = "older"
    NEWER = "newer"


def form_of(database: Database) -> Form:
    from alembic.script import ScriptDirectory

    versions = ScriptDirectory(str(MIGRATIONS))
    with database.engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return Form.EMPTY
        version = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    if version is None:
        return Form.EMPTY
    if version == versions.get_current_head():
        return Form.CURRENT
    return Form.OLDER if version in {known.revision for known in versions.walk_revisions()} else Form.NEWER


def require_current(database: Database) -> Form:
    form = form_of(database)
    where = "MARKHALL_DATABASE_URL"
    if form is Form.EMPTY:
        raise Unavailable("the database has no tables.", where=where, remedy="Make them with `markhall migrate`.")
    if form is Form.OLDER:
        raise Unavailable("the database is of an older version.", where=where, remedy="Back it up, then run `markhall migrate`.")
    if form is Form.NEWER:
        raise Unavailable("the database is not of this version.", where=where, remedy=NEWER)
    return form


def await_current(database: Database, say: Callable[[str], None], *, seconds: float | None = None) -> None:
    """As `require_current`, but a database that does not answer is waited for: machines start in any order."""
    begun, told = time.monotonic(), False
    while True:
        try:
            require_current(database)
            return
        except OperationalError as e:
            if seconds is not None and time.monotonic() - begun > seconds:
                raise
            if not told:
                first = str(e.orig or e).strip().partition("\n")[0]
                say(f"MARKHALL_DATABASE_URL: the database does not answer ({first}); waiting for it.")
                told = True
            time.sleep(_BETWEEN)
