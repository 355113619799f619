"""The table of a count: what was seen at a level, its bounds, and the goals."""

from __future__ import annotations

from benchmarks.bounds import upper_bound
from benchmarks.harness import Row
from benchmarks.judging import Tally
from scanner.simulator.rates import LevelName

MOST_FOR_MARKS: dict[str, float] = {"typical": 0.5, "harsh": 8.0}
"""Percent of the sheets that may go to a person for marks alone."""
NAMES = {"hundred": "100-item sheet", "demo": "demonstration sheet"}


def rows_of(level: LevelName, tallies: dict[str, Tally]) -> list[Row]:
    both = Tally()
    for tally in tallies.values():
        both.add(tally)
    told, judged = Row.told, Row.judged
    rows = [
        told(f"{level}: bubbles read without a doubt", both.positions, "bubbles"),
        judged(f"{level}: bubbles wrong in silence", both.wrong_positions, "below", 0, "bubbles"),
        told(f"{level}: ... a bubble, upper bound (95 %)", 1e6 * upper_bound(both.wrong_positions, both.positions), "in a million"),
        told(f"{level}: sheets", both.sides, "sheets"),
        judged(f"{level}: sheets with an answer wrong in silence", both.wrong_sides, "below", 0, "sheets"),
        told(f"{level}: ... a sheet, upper bound (95 %)", 1e6 * upper_bound(both.wrong_sides, both.sides), "in a million"),
        judged(f"{level}: wrong candidates", both.wrong_candidates, "below", 0, "sheets"),
        judged(f"{level}: clean sheets to a person", both.clean_to_a_person, "below", 0, "sheets"),
        told(f"{level}: answers without one meaning", both.ambiguous, "answers"),
        told(f"{level}: ... of these read without a doubt", both.ambiguous_read, "answers"),
        told(f"{level}: ... of these unlike what was told", both.ambiguous_wrong, "answers"),
        told(f"{level}: reading a sheet", 1000 * both.seconds / max(both.sides, 1), "ms CPU"),
    ]
    for sheet, tally in sorted(tallies.items()):
        rows += _for_marks(f"{level}, {NAMES[sheet]}", tally, MOST_FOR_MARKS[level])
    return rows


def _for_marks(name: str, tally: Tally, most: float) -> list[Row]:
    share = 100 / max(tally.sides, 1)
    return [
        Row.judged(f"{name}: to a person for marks alone", share * tally.for_marks, "below", most, "% of sheets"),
        Row.told(f"{name}: ... ink has no one meaning", share * tally.for_marks_ambiguous, "% of sheets"),
    ]


def alone_rows(trouble: str, tally: Tally) -> list[Row]:
    share = 100 / max(tally.sides, 1)
    return [
        Row.judged(f"{trouble} alone, {tally.sides} sheets: answers wrong in silence", len(tally.silent), "below", 0, "answers"),
        Row.told(f"{trouble} alone: to a person for marks", share * tally.for_marks, "% of sheets"),
    ]
