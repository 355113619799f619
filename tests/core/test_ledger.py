"""The ledger is the same bytes whoever writes it, is written in few statements, and every change of it is found."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
import rfc8785
from hypothesis import example, given
from hypothesis import strategies as st
from sqlalchemy import event, select, update

from core import ledger
from core.db import Database
from core.tables import Exam, LedgerEntry

NOW = datetime(2026, 6, 8, 9, 0, tzinfo=UTC)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = Database(database_url)
    with opened.write() as session:
        session.add(Exam(id=1, code="T", created_at=NOW))
    yield opened
    opened.close()


def append(database: Database, *entries: dict[str, Any]) -> None:
    with database.write() as session:
        ledger.append(session, 1, ledger.OFFICE, entries, NOW)


def test_an_entry_has_one_form_whatever_the_order_of_its_members() -> None:
    one = {"kind": "x", "b": {"z": 1, "a": [True, None, "数学\n"]}, "€": "\u2028"}
    two = {"€": "\u2028", "b": {"a": [True, None, "数学\n"], "z": 1}, "kind": "x"}
    assert ledger.canonical(one) == ledger.canonical(two)
    assert ledger.canonical(one).decode() == '{"b":{"a":[true,null,"数学\\n"],"z":1},"kind":"x","€":"\u2028"}'


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.text(max_size=8)
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.text(max_size=5), values, max_size=5))
@example({"\x7f": '\x00\x1f\x7f\x80\u2028"\\/', "a": -0.0, "b": 1e21, "c": [True, 1, 1.0]})
@example({"\ufb33": 1, "\U0001f600": 2})  # the second comes first: RFC 8785 sorts by UTF-16 units
def test_the_fast_form_is_the_standards_form(entry: dict[str, Any]) -> None:
    assert ledger.canonical(entry) == rfc8785.dumps(entry)


def test_the_same_entries_in_one_transaction_or_in_several_make_the_same_chain(database: Database) -> None:
    entries = [{"kind": "x", "n": n} for n in range(5)]
    append(database, *entries[:2])
    append(database)
    append(database, *entries[2:])
    with database.read() as session:
        (chain,) = ledger.verify(session, 1)
        assert [e["n"] for e in ledger.entries(session, 1)] == list(range(5))
    previous = ledger.GENESIS
    for n, body in enumerate(entries, 1):
        previous = ledger.link(previous, ledger.canonical({"shard": "office", "sequence": n, "at": NOW.isoformat(), **body}))
    assert (chain.fault, chain.entries, chain.head) == ("", 5, previous)


def test_many_entries_are_one_statement(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    append(database, {"kind": "first"})
    statements: list[str] = []
    execute = psycopg.Cursor.execute

    def note(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        statements.append(statement.split()[0])

    def noted(cursor: Any, statement: Any, *rest: Any, **how: Any) -> Any:  # what is sent in one go passes by the engine
        statements.append(str(statement).split()[0])
        return execute(cursor, statement, *rest, **how)

    if database.is_sqlite:
        event.listen(database.engine, "before_cursor_execute", note)
    else:
        monkeypatch.setattr(psycopg.Cursor, "execute", noted)
    append(database, *({"kind": "x", "n": n} for n in range(200)))
    if database.is_sqlite:
        event.remove(database.engine, "before_cursor_execute", note)
    assert sorted(s for s in statements if s != "BEGIN") == ["INSERT", "SELECT", "UPDATE"]


def test_a_changed_entry_a_missing_one_and_a_cut_end_are_found(database: Database) -> None:
    append(database, *({"kind": "x", "n": n} for n in range(3)))

    def faults() -> list[str]:
        with database.read() as session:
            return [chain.fault for chain in ledger.verify(session, 1)]

    with database.write() as session:
        row = session.scalars(select(LedgerEntry).where(LedgerEntry.sequence == 2)).one()
        kept = row.entry
        row.entry = kept.replace('"n":1', '"n":9')
    assert faults() == ["entry 2 was changed after it was written"]
    with database.write() as session:
        session.execute(update(LedgerEntry).where(LedgerEntry.sequence == 2).values(entry=kept))
        session.delete(session.scalars(select(LedgerEntry).where(LedgerEntry.sequence == 3)).one())
    assert faults() == ["the chain ends at entry 2, its head says 3"]
