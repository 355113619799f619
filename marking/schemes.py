"""The truth tables of adjudication, as data: what is done with the marks on an item, row by row.

A table's rows are read from the top; the first whose condition holds says what happens: a mark is taken, or one
more person is asked. The words are those in which an exam office writes a table of its own (`core.scheme_words`).
`marking.adjudicate` evaluates them, `marking.explain` writes them into docs/how-a-mark-is-decided.md. A published table
is never edited: a changed rule is a new TABLE_VERSION.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from core.scheme import OwnTable, Scheme
from core.scheme_words import Condition, Take, condition, take
from core.states import TaskLevel

TABLE_VERSION = "markhall-adjudication/3"


class Special(StrEnum):
    """What only the tables that are built in say."""

    ARBITER = "there is an arbiter's mark"
    OTHER_THAN_ZERO = "a mark after the agreed zero is not zero"
    FOUR_ZEROS = "at least four marks are zero"
    NO_EXTRA = "no mark X yet (the extra one)"
    EXTRA_NEAR = "X is within tolerance of a mark that was used"


class Last(StrEnum):
    """What is taken without naming a marker's or the leader's mark."""

    ARBITER = "the arbiter's mark"
    ZERO = "zero"
    WITH_EXTRA = "the mean of X and the marks that were used"


@dataclass(frozen=True, slots=True)
class Ask:
    """One more person marks the whole response. Who marks blind is shown nobody's mark."""

    level: TaskLevel
    blind: bool


@dataclass(frozen=True, slots=True)
class Row:
    when: Condition | Special
    then: Take | Last | Ask
    rule: str  # the name that a final mark cites; empty where somebody is asked


MARKER = Ask(TaskLevel.MARKER, blind=True)
LEADER_BLIND = Ask(TaskLevel.LEADER, blind=True)
LEADER = Ask(TaskLevel.LEADER, blind=False)
ARBITER = Ask(TaskLevel.ARBITER, blind=False)
_LAST_WORD = Row(Special.ARBITER, Last.ARBITER, "arbiter")


def _asks(when: str, ask: Ask) -> Row:
    return Row(condition(when), ask, "")


def _takes(when: str, what: str, rule: str) -> Row:
    return Row(condition(when), take(what), rule)


_TWO_MARKERS = (
    _LAST_WORD,
    _asks("no B", MARKER),
    _takes("A near B", "mean(A, B)", "pair"),
)
_LEADER_DECIDES = (
    *_TWO_MARKERS,
    _asks("no L", LEADER),
    _takes("otherwise", "L", "leader"),
)

TABLES: dict[str, tuple[Row, ...]] = {
    "1": (
        _LAST_WORD,
        _asks("no A", MARKER),
        _takes("otherwise", "A", "single"),
    ),
    "1+1": _LEADER_DECIDES,
    "2+1": _LEADER_DECIDES,
    "1+1+1": (
        *_TWO_MARKERS,
        _asks("no L", LEADER_BLIND),
        _takes("L near A or L near B", "L", "leader near one"),
        _asks("otherwise", ARBITER),
    ),
    "2+1+1 both": (
        *_TWO_MARKERS,
        _asks("no C", MARKER),
        _takes("C near A and C near B", "mean(C, nearest(A, B))", "third near both"),
        _asks("otherwise", ARBITER),
    ),
    "2+1+1 either": (
        *_TWO_MARKERS,
        _asks("no C", MARKER),
        _takes("C near A and C near B", "mean(C, nearest(A, B))", "third near both"),
        _takes("C near A", "mean(A, C)", "third near one"),
        _takes("C near B", "mean(B, C)", "third near one"),
        _asks("otherwise", ARBITER),
    ),
}

# Each of these is read instead of the scheme's table, from the moment that table agrees on a mark which is not the arbiter's.
ZERO_TABLE: tuple[Row, ...] = (
    _LAST_WORD,
    Row(Special.OTHER_THAN_ZERO, ARBITER, ""),
    Row(Special.FOUR_ZEROS, Last.ZERO, "four zeros"),
    _asks("otherwise", MARKER),
)


class Review(StrEnum):
    """Why an agreed mark goes on, in the order in which the reasons are looked at; one of them at most is followed."""

    ZERO = "zero"
    FULL = "full marks"
    OUTLIER = "outlier"


@cache
def review_table(review: Review, expert: TaskLevel) -> tuple[Row, ...]:
    """What is read when a mark is agreed and a rule of the scheme sends it on."""
    if review is Review.ZERO:
        return ZERO_TABLE
    if expert is TaskLevel.ARBITER:
        return (_LAST_WORD, _asks("otherwise", ARBITER))
    return (_LAST_WORD, _asks("no L", LEADER), _takes("otherwise", "L", f"{review}, leader"))


@cache
def extra_table(expert: TaskLevel) -> tuple[Row, ...]:
    """What is read when a mark is agreed and one more was asked for, to make it surer. X is the first marker's mark after that.

    Of the rules that were simulated (benchmarks.bench_risk) the plain mean gives the most definitive marks for each mark spent.
    """
    rows = (_LAST_WORD, Row(Special.NO_EXTRA, MARKER, ""), Row(Special.EXTRA_NEAR, Last.WITH_EXTRA, "extra"))
    if expert is TaskLevel.ARBITER:
        return (*rows, _asks("otherwise", ARBITER))
    return (*rows, _asks("no L", LEADER), _takes("otherwise", "L", "extra, leader"))


def table_name(scheme: Scheme) -> str:
    return f"{scheme.name} {scheme.reading}" if scheme.name == "2+1+1" else scheme.name


def rows_of(scheme: Scheme) -> tuple[Row, ...]:
    return TABLES[table_name(scheme)] if scheme.table is None else own_rows(scheme.table)


@cache
def own_rows(table: OwnTable) -> tuple[Row, ...]:
    """An exam office's table, with the last word of an arbiter that every table has."""
    rows = [_LAST_WORD]
    for row in table.rows:
        if row.ask is not None:
            rows.append(Row(row.holds_when, Ask(TaskLevel(row.ask), row.blind), ""))
        else:
            rows.append(Row(row.holds_when, row.taken, row.rule or " ".join((row.take or "").split())))
    return tuple(rows)


def experts(scheme: Scheme) -> dict[Review, TaskLevel]:
    """Which reviews a scheme has, and who makes them."""
    found = {Review.ZERO: TaskLevel.MARKER} if scheme.zeros else {}
    if scheme.full != "none":
        found[Review.FULL] = TaskLevel(scheme.full)
    if scheme.outliers is not None:
        found[Review.OUTLIER] = TaskLevel(scheme.outliers.to)
    return found


def first_slots(scheme: Scheme) -> int:
    """How many markers are asked at once, before any mark is known."""
    return scheme.table.first if scheme.table is not None else 1 if scheme.name == "1" else 2


def all_rows(scheme: Scheme) -> Sequence[Row]:
    """Of the scheme's own table, of its extra marks and of all its reviews."""
    extra = extra_table(TaskLevel(scheme.extra.to)) if scheme.extra is not None else ()
    reviews = [row for review, expert in experts(scheme).items() for row in review_table(review, expert)]
    return (*rows_of(scheme), *extra, *reviews)


def is_blind(scheme: Scheme, level: TaskLevel) -> bool:
    """Whether whom the scheme asks at this level is shown nobody's mark.

    A level is asked in one way: a leader who is blind in the scheme's table is blind in its reviews too.
    """
    asked = [row.then.blind for row in rows_of(scheme) if isinstance(row.then, Ask) and row.then.level == level]
    asked = asked or [row.then.blind for row in all_rows(scheme) if isinstance(row.then, Ask) and row.then.level == level]
    return all(asked) if asked else level is TaskLevel.MARKER
