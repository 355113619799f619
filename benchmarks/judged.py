"""How a set of real scans was read."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Judged:
    pages: int
    to_a_person: int
    cells: int
    wrong: list[str]  # a sentence each
