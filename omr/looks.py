"""Which rows of a table of answers a person must look at, so that no more wrong answers than allowed are expected.

The same promise as `omr.desk.budget` makes for an exam, for a table without a database. Collects the chances while
pages are read; puts the rows it chooses under `review` at the end.
"""

from __future__ import annotations

import csv
import os
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

WHY = "the budget of wrong answers asks for a look"
_NEGLIGIBLE = 1e-9  # chances below are counted in the sum and not kept one by one
Chance = tuple[str, float]  # a column and the probability that it is wrong


@dataclass
class Looks:
    """The chances of a whole run."""

    expected: float = 0.0
    _kept: list[tuple[float, int, str]] = field(default_factory=list)

    def note(self, row: int, chances: Sequence[Chance]) -> None:
        for column, chance in chances:
            self.expected += chance
            if chance > _NEGLIGIBLE:
                self._kept.append((chance, row, column))

    def choose(self, allowed: float) -> dict[int, list[str]]:
        """The columns to look at, by row: the likeliest mistakes first, until `allowed` holds for the others."""
        from omr.desk.budget import looks_needed

        self._kept.sort(key=lambda kept: (-kept[0], kept[1], kept[2]))
        looks = looks_needed((chance for chance, _, _ in self._kept), self.expected, allowed)
        chosen: dict[int, list[str]] = defaultdict(list)
        for chance, row, column in self._kept[:looks]:
            chosen[row].append(column)
            self.expected -= chance
        return dict(chosen)


def put_under_review(table: Path, chosen: dict[int, list[str]]) -> int:
    """Rewrite a table with the chosen rows (from 1) under `review`, their columns among the doubts; how many were `ok`."""
    if not chosen:
        return 0
    moved = 0
    part = table.with_name(f"{table.name}.looks")
    with table.open(encoding="utf-8", newline="") as source, part.open("w", encoding="utf-8", newline="") as sink:
        out = csv.writer(sink)
        for number, row in enumerate(csv.reader(source)):
            columns = chosen.get(number, [])
            if columns:
                *rest, doubt, reason = row
                moved += rest[2] == "ok"
                rest[2] = "review"
                row = [*rest, " ".join(dict.fromkeys([*doubt.split(), *columns])), reason or f"{', '.join(columns)}: {WHY}"]
            out.writerow(row)
    os.replace(part, table)
    return moved
