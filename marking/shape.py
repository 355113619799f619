"""What an item group's marks look like as columns of numbers, and how near two of them must be."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from core.exam import ItemGroup
from core.scheme import Tolerance
from marking.schemes import first_slots


class Shape:
    """A column for each item; where steps are judged one by one, also one for each step of each item."""

    def __init__(self, group: ItemGroup) -> None:
        self.items = group.items
        self.names = [item.id for item in group.items]
        self.full = np.array([item.marks for item in group.items], np.int64)
        self.step = np.array([item.step for item in group.items], np.int64)
        tolerance = group.scheme.tolerance
        by_step = tolerance.scope == "step"
        self.steps = [(k, step) for k, item in enumerate(group.items) for step in item.steps] if by_step else []
        judged = [(k, k, item.marks) for k, item in enumerate(group.items) if not (by_step and item.steps)]
        judged += [(len(self.names) + at, k, step.marks) for at, (k, step) in enumerate(self.steps)]
        self.judged = np.array([column for column, _, _ in judged], np.int64)
        self.reach = np.array([reach(tolerance, full) for _, _, full in judged], np.int64)
        self.item_reach = [reach(tolerance, item.marks) for item in group.items]
        self.by_outcome = [bool(by_step and item.steps) for item in group.items]
        self.first = max(2, first_slots(group.scheme))

    @property
    def columns(self) -> int:
        return len(self.names) + len(self.steps)

    def row(self, values: Mapping[str, Any]) -> tuple[int, ...]:
        """A mark's values as a row of columns."""
        items = (total(values[name]) for name in self.names)
        return (*items, *(values[self.names[k]][step.id] for k, step in self.steps))


def total(value: int | Mapping[str, int]) -> int:
    return value if isinstance(value, int) else sum(value.values())


def reach(tolerance: Tolerance, full: int) -> int:
    """The largest difference in hundredths that is accepted."""
    limit = tolerance.of(full)
    return max(0, math.floor(limit) if tolerance.inclusive else math.ceil(limit) - 1)
