"""The truth tables of adjudication, as data: what is done with the marks on an item, row by row.

A table's rows are read from the top; the first whose condition holds says what happens: a mark is taken, or one
more person is asked. `marking.adjudicate` evaluates them, `marking.explain` writes them into
docs/how-a-mark-is-decided.md. A published table is never edited: a changed rule is a new TABLE_VERSION.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from core.exam import Scheme
from core.states import TaskLevel

TABLE_VERSION = "markhall-adjudication/1"


class When(StrEnum):
    """A condition on the marks of an item. A, B, C are the markers' marks in the order of their slots, L the leader's."""

    NO_A = "no marker's mark yet"
    NO_B = "fewer than two markers' marks"
    A_B_NEAR = "A and B are within tolerance"
    NO_LEADER = "no leader's mark yet"
    L_NEAR_ONE = "L is within tolerance of A or of B"
    NO_C = "no third marker's mark yet"
    C_NEAR_BOTH = "C is within tolerance of A and of B"
    C_NEAR_ONE = "C is within tolerance of one of A and B"
    ARBITER = "there is an arbiter's mark"
    OTHER_THAN_ZERO = "a mark after the agreed zero is not zero"
    FOUR_ZEROS = "at least four marks are zero"
    OTHERWISE = "otherwise"


class Take(StrEnum):
    """Which mark the item gets."""

    A = "A"
    MEAN_A_B = "the mean of A and B"
    MEAN_NEAREST = "the mean of C and the nearer of A and B; when both are as near, by the tie rule"
    MEAN_NEAR = "the mean of C and the one that is within tolerance"
    LEADER = "L"
    ARBITER = "the arbiter's mark"
    ZERO = "zero"


@dataclass(frozen=True, slots=True)
class Ask:
    """One more person marks the whole response. Who marks blind is shown nobody's mark."""

    level: TaskLevel
    blind: bool


@dataclass(frozen=True, slots=True)
class Row:
    when: When
    then: Take | Ask
    rule: str  # the name that a final mark cites; empty where somebody is asked


MARKER = Ask(TaskLevel.MARKER, blind=True)
LEADER_BLIND = Ask(TaskLevel.LEADER, blind=True)
LEADER = Ask(TaskLevel.LEADER, blind=False)
ARBITER = Ask(TaskLevel.ARBITER, blind=False)

_LAST_WORD = Row(When.ARBITER, Take.ARBITER, "arbiter")
_TWO_MARKERS = (
    _LAST_WORD,
    Row(When.NO_B, MARKER, ""),
    Row(When.A_B_NEAR, Take.MEAN_A_B, "pair"),
)
_LEADER_DECIDES = (
    *_TWO_MARKERS,
    Row(When.NO_LEADER, LEADER, ""),
    Row(When.OTHERWISE, Take.LEADER, "leader"),
)

TABLES: dict[str, tuple[Row, ...]] = {
    "1": (
        _LAST_WORD,
        Row(When.NO_A, MARKER, ""),
        Row(When.OTHERWISE, Take.A, "single"),
    ),
    "1+1": _LEADER_DECIDES,
    "2+1": _LEADER_DECIDES,
    "1+1+1": (
        *_TWO_MARKERS,
        Row(When.NO_LEADER, LEADER_BLIND, ""),
        Row(When.L_NEAR_ONE, Take.LEADER, "leader near one"),
        Row(When.OTHERWISE, ARBITER, ""),
    ),
    "2+1+1 both": (
        *_TWO_MARKERS,
        Row(When.NO_C, MARKER, ""),
        Row(When.C_NEAR_BOTH, Take.MEAN_NEAREST, "third near both"),
        Row(When.OTHERWISE, ARBITER, ""),
    ),
    "2+1+1 either": (
        *_TWO_MARKERS,
        Row(When.NO_C, MARKER, ""),
        Row(When.C_NEAR_BOTH, Take.MEAN_NEAREST, "third near both"),
        Row(When.C_NEAR_ONE, Take.MEAN_NEAR, "third near one"),
        Row(When.OTHERWISE, ARBITER, ""),
    ),
}

# Read instead of the scheme's table from the moment that table takes a zero which is not the arbiter's.
ZERO_TABLE: tuple[Row, ...] = (
    _LAST_WORD,
    Row(When.OTHER_THAN_ZERO, ARBITER, ""),
    Row(When.FOUR_ZEROS, Take.ZERO, "four zeros"),
    Row(When.OTHERWISE, MARKER, ""),
)


def table_name(scheme: Scheme) -> str:
    return f"{scheme.name} {scheme.reading}" if scheme.name == "2+1+1" else scheme.name


def rows_of(scheme: Scheme) -> tuple[Row, ...]:
    return TABLES[table_name(scheme)]


def first_slots(scheme: Scheme) -> int:
    """How many markers are asked at once, before any mark is known."""
    return 1 if scheme.name == "1" else 2


def is_blind(scheme: Scheme, level: TaskLevel) -> bool:
    """Whether whom the scheme asks at this level is shown nobody's mark."""
    asked = [row.then.blind for row in (*rows_of(scheme), *ZERO_TABLE) if isinstance(row.then, Ask) and row.then.level == level]
    return all(asked) if asked else level is TaskLevel.MARKER
