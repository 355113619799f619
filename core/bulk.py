"""Many rows of one table in one statement, however many they are.

PostgreSQL gets them as one JSON value that it takes apart itself: a statement with a thousand parameters costs both
sides several times as much. SQLite runs one prepared statement over them, which costs it least.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any

from sqlalchemy import TextClause, insert, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from core.tables import Table

Row = Mapping[str, Any]


def insert_rows(session: Session, table: type[Table], rows: Sequence[Row], *, unless_there: bool = False) -> None:
    """All rows name the same columns; a column that they do not name gets its default.

    `unless_there`: a row whose key is there already is left as it is.
    """
    if not rows:
        return
    connection = session.connection()
    if connection.dialect.name == "postgresql":
        whole = _with_defaults(table, rows)
        connection.execute(_statement(table, tuple(whole[0]), unless_there=unless_there), {"rows": _as_json(whole)})
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
        made = connection.execute(_statement(table, tuple(whole[0]), key=key), {"rows": _as_json(whole)})
    else:
        columns = table.__table__.c
        made = connection.execute(insert(table).returning(columns[key], columns["id"]), [dict(row) for row in rows])
    return dict(made.all())


def _with_defaults(table: type[Table], rows: Sequence[Row]) -> Sequence[Row]:
    missing = {name: value for name, value in _defaults(table).items() if name not in rows[0]}
    return [{**missing, **row} for row in rows] if missing else rows


@cache
def _defaults(table: type[Table]) -> dict[str, Any]:
    """What a row gets that does not say otherwise: plain values only, as every table here has."""
    return {c.name: c.default.arg for c in table.__table__.c if c.default is not None and c.default.is_scalar}


@cache
def _statement(table: type[Table], names: tuple[str, ...], *, key: str = "", unless_there: bool = False) -> TextClause:
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]  # its __init__ has no types
    quoted = dialect.identifier_preparer.quote
    columns = table.__table__.c
    typed = ", ".join(f"{quoted(name)} {columns[name].type.compile(dialect)}" for name in names)
    listed = ", ".join(map(quoted, names))
    back = " ON CONFLICT DO NOTHING" if unless_there else f" RETURNING {quoted(key)}, id" if key else ""
    into = quoted(table.__tablename__)
    return text(f"INSERT INTO {into} ({listed}) SELECT {listed} FROM json_to_recordset(CAST(:rows AS json)) AS given ({typed}){back}")


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
