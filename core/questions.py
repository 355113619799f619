"""Questions to the database that are made once, and asked together: one journey for several of them.

What a small statement costs is mostly the way there and back, and finding out again how to put it. A question is put into
the words of its database once; PostgreSQL gets all that are asked together one behind the other and is waited for once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, Dialect, any_, bindparam
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import InstrumentedAttribute, Session
from sqlalchemy.sql import Select
from sqlalchemy.types import TypeEngine

Rows = list[tuple[Any, ...]]
Among = Callable[[InstrumentedAttribute[Any], str], ColumnElement[bool]]
Form = Callable[[Any], Any]


@dataclass(slots=True)
class _Put:
    """A question in the words of PostgreSQL."""

    words: str
    fixed: Mapping[str, Any]  # parameters whose values the statement itself holds
    types: Sequence[TypeEngine[Any]]  # of the columns
    forms: Sequence[tuple[int, Form]] | None = None  # of the columns that are not what the driver gives; known with the first answer


@dataclass(frozen=True, slots=True)
class Asked:
    question: Question
    values: Mapping[str, Any]


class Question:
    """A statement that only reads or locks. It is made for one kind of database at a time: `made` is handed
    `among(column, name)`, whether a column holds one of the values that are given under a name. Other parameters are
    `bindparam`s. Calling it with values for all of them is asking it."""

    def __init__(self, made: Callable[[Among], Select[*tuple[Any, ...]]]) -> None:
        self._made = made
        self._kept: dict[str, Select[*tuple[Any, ...]]] = {}
        self._put: _Put | None = None

    def __call__(self, **values: Any) -> Asked:
        return Asked(self, values)

    def statement(self, dialect: Dialect) -> Select[*tuple[Any, ...]]:
        if dialect.name not in self._kept:
            self._kept[dialect.name] = self._made(_any_of if dialect.name == "postgresql" else _in)
        return self._kept[dialect.name]

    def put(self, dialect: Dialect) -> _Put:
        if self._put is None:
            self._put = _in_words(self.statement(dialect), dialect)
        return self._put


def _any_of(column: InstrumentedAttribute[Any], name: str) -> ColumnElement[bool]:
    return column == any_(bindparam(name, type_=ARRAY(column.type)))  # one plan, however many values there are


def _in(column: InstrumentedAttribute[Any], name: str) -> ColumnElement[bool]:
    return column.in_(bindparam(name, expanding=True))


def _in_words(statement: Select[*tuple[Any, ...]], dialect: Dialect) -> _Put:
    compiled = statement.compile(dialect=dialect)
    if any(bound.expanding for bound in compiled.binds.values()):
        raise ValueError("a question holds a list: name its values with `among`")
    fixed = {}
    for name, bound in compiled.binds.items():
        if not bound.required:
            form = bound.type.dialect_impl(dialect).bind_processor(dialect)
            fixed[name] = form(bound.value) if form is not None else bound.value
    return _Put(compiled.string, fixed, [column.type.dialect_impl(dialect) for column in statement.selected_columns])


@dataclass(slots=True)
class _Answer:
    cursor: Any
    put: _Put

    def formed(self, dialect: Dialect) -> Rows:
        put = self.put
        rows: Rows = self.cursor.fetchall()
        if put.forms is None:
            found = [kind.result_processor(dialect, of.type_code) for kind, of in zip(put.types, self.cursor.description, strict=True)]
            put.forms = [(n, form) for n, form in enumerate(found) if form is not None]
        self.cursor.close()
        forms = put.forms
        if not forms:
            return rows
        formed = []
        for row in rows:
            values = list(row)
            for n, form in forms:
                values[n] = form(values[n])
            formed.append(tuple(values))
        return formed


def ask(session: Session, *asked: Asked) -> list[Rows]:
    """The answer to each, in order; each sees what the ones before it have locked."""
    connection = session.connection()
    dialect = connection.dialect
    if dialect.name != "postgresql":
        return [[tuple(row) for row in session.execute(one.question.statement(dialect), dict(one.values))] for one in asked]
    driver: Any = connection.connection.driver_connection
    answers = []
    with speaking(dialect):
        with driver.pipeline():
            for one in asked:
                put = one.question.put(dialect)
                answers.append(_Answer(driver.cursor(), put))
                answers[-1].cursor.execute(put.words, {**put.fixed, **one.values})
        return [answer.formed(dialect) for answer in answers]


@contextmanager
def speaking(dialect: Dialect) -> Iterator[None]:
    """With the driver itself: its errors come out as everybody else's do."""
    try:
        yield
    except dialect.loaded_dbapi.Error as e:
        raise DBAPIError.instance(None, None, e, dialect.loaded_dbapi.Error, dialect=dialect) from e
