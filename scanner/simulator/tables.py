"""The rates as tables for docs/simulator.md: `python -m scanner.simulator.tables` prints them; a test keeps them in step."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from scanner.simulator.rates import AMOUNTS, BATCHES, EVENTS, HANDS, LEVELS, MARKS, SIDES, Chance, Pair, Span, share_for_a_person

CHANCES = (
    ("Events, a card", EVENTS),
    ("Hands, a card", HANDS),
    ("Marks, a mark that was told", MARKS),
    ("Troubles of a side", SIDES),
    ("Troubles of a scanner, a batch", BATCHES),
)
MARKS_A_SHEET = 31
"""Marks on a sheet of the demonstration exam: 8 digits and 20 items, four of them with several answers."""


def tables() -> str:
    return "\n".join(_lines())


def _lines() -> Iterator[str]:
    for title, rows in CHANCES:
        yield from _head(title)
        yield from (_chance(name, row) for name, row in rows.items())
        yield ""
    yield from _head("How much of each, from lowest to highest")
    yield from (_span(name, row) for name, row in AMOUNTS.items())
    yield ""
    shares = ", ".join(f"{level} {100 * share_for_a_person(level, marks_a_sheet=MARKS_A_SHEET):.2f} %" for level in LEVELS)
    yield f"Expected share of sides that truly need a person, for the demonstration exam: {shares}."


def _head(title: str) -> Iterator[str]:
    yield f"### {title}"
    yield ""
    yield "| | none | typical | harsh | why |"
    yield "|---|---|---|---|---|"


def _chance(name: str, row: Chance) -> str:
    cells = " | ".join(f"{100 * value:.5g} %" for value in (row.none, row.typical, row.harsh))
    return f"| `{name}` | {cells} | {row.reason} |"


def _span(name: str, row: Span) -> str:
    def cell(pair: Pair) -> str:
        return f"{pair[0]:g} to {pair[1]:g}"

    return f"| `{name}` | {cell(row.none)} | {cell(row.typical)} | {cell(row.harsh)} | {row.reason} |"


if __name__ == "__main__":
    sys.stdout.write(tables() + "\n")
