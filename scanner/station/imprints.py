"""The numbers that a scanner's imprinter puts on cards: taken from names of files, counted, and looked over for gaps and repeats.

A card has one number on both its faces. Numbers run on when they differ only in their last digits.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from core.errors import BadInput

NUMBER = "n"
MOST = 40  # characters
_RUNNING = re.compile(r"(.*?)(\d{1,18})(\D*)")
_LONGEST_LIST = 5


@dataclass(frozen=True, slots=True)
class Runs:
    """What the numbers of a batch look like."""

    first: str = ""
    last: str = ""
    gaps: tuple[str, ...] = ()  # such as "000123 to 000125"
    repeats: tuple[str, ...] = ()  # numbers that two cards have

    @property
    def sentence(self) -> str:
        parts = []
        if self.gaps:
            parts.append(f"imprinter numbers are missing: {_listed(self.gaps)}")
        if self.repeats:
            parts.append(f"imprinter numbers came twice: {_listed(self.repeats)}")
        return "; ".join(parts)


def pattern_of(text: str) -> re.Pattern[str] | None:
    """The pattern that `--imprint` gives; it has to name its group."""
    if not text:
        return None
    try:
        pattern = re.compile(text)
    except re.error as e:
        raise BadInput(f"{text} is no pattern ({e}).", where="--imprint", remedy=r"Write one like '(?P<n>\d+)[AB]?\.jpg'.") from e
    if NUMBER not in pattern.groupindex:
        raise BadInput("the pattern does not say which part is the number.", where="--imprint", remedy=r"Write it like '(?P<n>\d+)'.")
    return pattern


def imprint_of(name: str, pattern: re.Pattern[str] | None) -> str:
    found = pattern.search(name) if pattern else None
    return (found[NUMBER] or "")[:MOST] if found else ""


def runs(cards: Iterable[tuple[int, str]]) -> Runs:
    """Look over the numbers of cards, (sequence in the batch, number), in the order in which they were scanned."""
    numbers = dict(cards)  # both faces of a card say the same
    known = [number for _, number in sorted(numbers.items()) if number]
    if not known:
        return Runs()
    repeats = tuple(number for number, times in Counter(known).items() if times > 1)
    series: dict[tuple[str, str, int], set[int]] = {}
    for number in known:
        found = _RUNNING.fullmatch(number)
        if found:
            series.setdefault((found[1], found[3], len(found[2])), set()).add(int(found[2]))
    gaps = tuple(gap for (before, after, width), values in series.items() for gap in _gaps(sorted(values), before, after, width))
    return Runs(known[0], known[-1], gaps, repeats)


def _gaps(values: list[int], before: str, after: str, width: int) -> Iterable[str]:
    for low, high in pairwise(values):
        first, last = (f"{before}{value:0{width}d}{after}" for value in (low + 1, high - 1))
        if high - low == 2:
            yield first
        elif high - low > 2:
            yield f"{first} to {last}"


def _listed(items: tuple[str, ...]) -> str:
    rest = len(items) - _LONGEST_LIST
    return ", ".join(items[:_LONGEST_LIST]) + (f" and {rest} more" if rest > 0 else "")
