"""Many rows of one table in one statement, however many they are.

PostgreSQL gets them as one JSON value that it takes apart itself: a statement with a thousand parameters costs both
sides several times as much. SQLite runs one prepared statement over them, which costs it least.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from functools import cache, partial
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, Integer, String, any_, bindparam, func, insert, literal, select, text, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import InstrumentedAttribute, Session
from sqlalchemy.sql import Select

from core.db import LAST
from core.questions import Among, Asked, Question, Rows, ask, speaking
from core.tables import Table

Row = Mapping[str, Any]
_CURSOR = "bulk: the cursor of what is sent in one go"


@contextmanager
def in_one_go(session: Session, *, last: bool = False) -> Iterator[None]:
    """On PostgreSQL the rows that are written within are sent one after the other, and waited for once, at the end.

    Of the database nothing may be asked within but by `core.questions.ask`, which waits for what was written before.
    `last`: nothing comes after them, and the commit of `Database.write` goes with them.
    """
    if _CURSOR in session.info:  # part of what is under way
        yield
        return
    session.flush()
    connection = session.connection()
    if connection.dialect.name != "postgresql":
        yield
        return
    driver: Any = connection.connection.driver_connection
    with ExitStack() as sending:
        sending.callback(session.info.pop, _CURSOR, None)
        sending.enter_context(speaking(connection.dialect))
        sending.enter_context(driver.pipeline())
        session.info[_CURSOR] = sending.enter_context(driver.cursor())
        yield
        if last:
            session.info[LAST] = partial(_end, sending.pop_all(), driver)


def _end(sending: ExitStack, driver: Any, *, commit: bool) -> None:
    if commit:
        with sending:
            driver.commit()
    else:
        with suppress(DBAPIError):  # what went wrong was said already
            sending.close()


def _send(session: Session, statement: str, rows: Sequence[Row]) -> None:
    cursor = session.info.get(_CURSOR)
    if cursor is None:
        session.connection().execute(text(statement), {"rows": _as_json(rows)})
    else:
        cursor.execute(statement.replace(":rows", "%(rows)s"), {"rows": _as_json(rows)})


def insert_rows(session: Session, table: type[Table], rows: Sequence[Row], *, unless_there: bool = False) -> None:
    """All rows name the same columns; a column that they do not name gets its default.

    `unless_there`: a row whose key is there already is left as it is.
    """
    if not rows:
        return
    connection = session.connection()
    if connection.dialect.name == "postgresql":
        whole = _with_defaults(table, rows)
        _send(session, _statement(table, tuple(whole[0]), unless_there=unless_there), whole)
    else:
        statement = sqlite.insert(table).on_conflict_do_nothing() if unless_there else insert(table)
        connection.execute(statement, [dict(row) for row in rows])


def insert_keyed(session: Session, table: type[Table], rows: Sequence[Row], key: str) -> dict[Any, int]:
    """The same; the new rows' numbers by the value of a column that is another in each row."""
    if not rows:
        return {}
    connection = session.connection()
    if connection.dialect.name == "postgresql":
        whole = _with_defaults(table, rows)
        made = connection.execute(text(_statement(table, tuple(whole[0]), key=key)), {"rows": _as_json(whole)})
    else:
        columns = table.__table__.c
        made = connection.execute(insert(table).returning(columns[key], columns["id"]), [dict(row) for row in rows])
    return dict(made.all())


def update_rows(session: Session, table: type[Table], rows: Sequence[Row]) -> None:
    """Write the named columns of each row anew; `id` says which row it is. All rows name the same columns."""
    if not rows:
        return
    connection = session.connection()
    names = tuple(name for name in rows[0] if name != "id")
    if connection.dialect.name == "postgresql":
        _send(session, _updating(table, names), rows)
        return
    columns = table.__table__.c
    statement = update(table).where(columns.id == bindparam("its_id")).values({columns[name]: bindparam(f"new_{name}") for name in names})
    connection.execute(statement, [{"its_id": row["id"], **{f"new_{name}": row[name] for name in names}} for row in rows])


def among(session: Session, column: InstrumentedAttribute[Any], values: Sequence[Any]) -> ColumnElement[bool]:
    """Whether a column holds one of these values. PostgreSQL keeps one plan for it, however many there are."""
    if session.get_bind().dialect.name != "postgresql":
        return column.in_(values)
    return column == any_(literal(list(values), ARRAY(column.type)))


def _drawn(_: Among) -> Select[*tuple[Any, ...]]:
    sequence = (
        select(func.pg_get_serial_sequence(bindparam("table", type_=String), "id").label("name")).offset(0).subquery()
    )  # once, not each
    return select(func.nextval(sequence.c.name)).select_from(sequence, func.generate_series(1, bindparam("n", type_=Integer)).alias())


_DRAWN = Question(_drawn)


class Numbers:
    """New rows' numbers before the rows are written, in blocks: what is written first may be named by what comes after it.

    For one transaction. On SQLite a writer is alone, so the next number is one more than the last.
    """

    def __init__(self, session: Session, block: int = 1) -> None:
        self._session = session
        self._block = max(1, block)
        self._left: dict[type[Table], list[int]] = {}
        self._last: dict[type[Table], int] = {}

    def new(self, table: type[Table]) -> int:
        left = self._left.setdefault(table, [])
        if not left:
            left += self._more(table)[::-1]
        return left.pop()

    def drawing(self, table: type[Table], n: int) -> list[Asked]:
        """What to ask beside other questions, so that `n` numbers are at hand; `keep` takes the answer."""
        at_once = n > 0 and self._session.get_bind().dialect.name == "postgresql"
        return [_DRAWN(table=table.__tablename__, n=n)] if at_once else []

    def keep(self, table: type[Table], drawn: Iterable[Rows]) -> None:
        self._left.setdefault(table, [])[:0] = [number for rows in drawn for (number,) in reversed(rows)]

    def _more(self, table: type[Table]) -> list[int]:
        if self._session.get_bind().dialect.name == "postgresql":
            return [number for (number,) in ask(self._session, _DRAWN(table=table.__tablename__, n=self._block))[0]]
        last = self._last.get(table)
        if last is None:
            last = self._session.scalar(select(func.max(table.__table__.c.id))) or 0
        self._last[table] = last + self._block
        return list(range(last + 1, last + self._block + 1))


def _with_defaults(table: type[Table], rows: Sequence[Row]) -> Sequence[Row]:
    missing = {name: value for name, value in _defaults(table).items() if name not in rows[0]}
    return [{**missing, **row} for row in rows] if missing else rows


@cache
def _defaults(table: type[Table]) -> dict[str, Any]:
    """What a row gets that does not say otherwise: plain values only, as every table here has."""
    return {c.name: c.default.arg for c in table.__table__.c if c.default is not None and c.default.is_scalar}


@cache
def _statement(table: type[Table], names: tuple[str, ...], *, key: str = "", unless_there: bool = False) -> str:
    quoted, typed = _quoting, _typed(table, names)
    listed = ", ".join(map(quoted, names))
    back = " ON CONFLICT DO NOTHING" if unless_there else f" RETURNING {quoted(key)}, id" if key else ""
    into = quoted(table.__tablename__)
    return f"INSERT INTO {into} ({listed}) SELECT {listed} FROM json_to_recordset(CAST(:rows AS json)) AS given ({typed}){back}"


@cache
def _updating(table: type[Table], names: tuple[str, ...]) -> str:
    changes = ", ".join(f"{_quoting(name)} = given.{_quoting(name)}" for name in names)
    into = _quoting(table.__tablename__)
    given = f"json_to_recordset(CAST(:rows AS json)) AS given ({_typed(table, ('id', *names))})"
    return f"UPDATE {into} SET {changes} FROM {given} WHERE {into}.id = given.id"


_dialect = postgresql.dialect()  # type: ignore[no-untyped-call]  # its __init__ has no types
_quoting = _dialect.identifier_preparer.quote


def _typed(table: type[Table], names: Sequence[str]) -> str:
    columns = table.__table__.c
    return ", ".join(f"{_quoting(name)} {columns[name].type.compile(_dialect)}" for name in names)


def _as_json(rows: Sequence[Row]) -> str:
    return json.dumps(rows, ensure_ascii=False, separators=(",", ":"), default=_plain)


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError("a time without a zone reached the database")
        return value.astimezone(UTC).isoformat()
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} cannot be kept in a row")
