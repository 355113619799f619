"""From the rows of a page to its fields: both readers, row by row, joined to values.

A field is doubtful when its first reader doubts, or when the two readers do not say the same.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.template import Line
from omr.decide import PRIOR, Decision, Hand, Measures, decide_row, learn_hand
from omr.fill import Fill, Rows
from omr.second import second_reading

Grey = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class FieldReading:
    value: str  # marked values joined with "|", in the template's order; "" is blank
    first: str
    second: str
    doubt: bool
    p_wrong: float
    why: str


@dataclass(frozen=True, slots=True)
class Read:
    fields: dict[str, FieldReading]
    hand: Hand

    @classmethod
    def empty(cls) -> Read:
        return cls({}, PRIOR)


def read_fields(pixels: Grey, rows: Rows, fill: Fill, *, thin: bool) -> Read:
    measures = [_row(fill, line, int(rows.starts[i])) for i, line in enumerate(rows.lines)]
    hand = learn_hand(measures, thin=thin)
    first = [decide_row(m, hand) for m in measures]
    second = second_reading(pixels, rows.lines, rows.starts, rows.centres, rows.axes, rows.halves)
    fields: dict[str, FieldReading] = {}
    for name, at in _by_field(rows.lines).items():
        lines = [rows.lines[i] for i in at]
        fields[name] = _field(lines, [first[i] for i in at], [second[i] for i in at])
    return Read(fields, hand)


def _row(fill: Fill, line: Line, start: int) -> Measures:
    at = slice(start, start + len(line.bubbles))
    return Measures(
        tone=fill.tone[at],
        cover=fill.cover[at],
        stroke=fill.stroke[at],
        spill=fill.spill[at],
        diagonals=fill.diagonals[at],
        arms=fill.arms[at],
        streak=fill.streak[at],
        seen=fill.seen[at],
        known=fill.known[at],
        multiple=line.grid.multiple,
        counted=line.grid.role not in ("absent", "text"),
    )


def _by_field(lines: tuple[Line, ...]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for i, line in enumerate(lines):
        found.setdefault(line.field, []).append(i)
    return found


def _field(lines: list[Line], first: list[Decision], second: list[tuple[int, ...] | None]) -> FieldReading:
    joined = lines[0].grid.joined
    one = _text(lines, [d.marked for d in first])
    two = "" if any(s is None for s in second) else _text(lines, [s or () for s in second])
    whys = [d.why for d in first if d.why]
    agree = [d.marked == s for d, s in zip(first, second, strict=True)]
    if not all(agree) and not whys:
        whys.append("the two readers do not agree")
    if joined and not whys and any(len(d.marked) > 1 for d in first):
        whys.append("a column has two marks")
    wrong = float(1 - np.prod([1 - d.p_wrong for d in first]))
    return FieldReading(one, one, two, bool(whys), max(wrong, 0.3) if not all(agree) else wrong, whys[0] if whys else "")


def _text(lines: list[Line], marked: list[tuple[int, ...]]) -> str:
    """One value, or the digits of a joined field: a blank digit is a space, one with two marks a question mark."""
    if not lines[0].grid.joined:
        return "|".join(lines[0].grid.values[i] for i in marked[0])
    letters = (" " if not m else line.grid.values[m[0]] if len(m) == 1 else "?" for line, m in zip(lines, marked, strict=True))
    return "".join(letters).strip()
