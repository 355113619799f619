"""A response's final marks, derived again from the marks that count, through its scheme's truth table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.exam import ItemGroup
from core.states import TaskLevel
from marking.adjudicate import Agreed, ResponseMark, adjudicate_response
from marking.objective import kept

Ratio = tuple[int, int]  # numerator, denominator: hundredths of a mark


@dataclass(frozen=True, slots=True)
class CountedMark:
    id: int
    level: str
    ordinal: int  # of its slot
    values: Mapping[str, Any]


def derived_finals(group: ItemGroup, marks: Sequence[CountedMark], objective: str = "", extra: int = 0) -> dict[str, Ratio]:
    """The agreed items only. Marks that do not fit the group's items agree on nothing. `objective`, `extra`: as the response has them."""
    given = [ResponseMark(m.id, TaskLevel(m.level), m.values) for m in sorted(marks, key=lambda m: (m.ordinal, m.id))]
    try:
        verdict = adjudicate_response(group.scheme, group.items, given, objective=kept(objective), extra=extra)
    except (KeyError, TypeError, ValueError):
        return {}
    agreed = ((item, v) for item, v in verdict.items.items() if isinstance(v, Agreed))
    return {item: (v.mark.numerator, v.mark.denominator) for item, v in agreed}
