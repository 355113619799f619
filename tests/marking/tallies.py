"""Marks as a test makes them, and the slow way to measure them: lists, and the plain functions of `marking.measures`."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np

from core.exam import ItemGroup
from marking import measures
from marking.figures import DEPTH, LEAST_PAIRS
from marking.schemes import first_slots
from marking.shape import Shape
from marking.tally import Batch


@dataclass(frozen=True)
class Made:
    id: int
    response: int
    task: int
    marker: int
    values: dict[str, Any]  # hundredths, or steps with their own
    purpose: str = "live"
    state: str = "counted"
    hour: int = 0
    milliseconds: int = 1000

    @property
    def good(self) -> bool:
        return self.state in ("counted", "surplus")


def batch(shape: Shape, marks: Sequence[Made]) -> Batch:
    def column(values: Iterable[int], kind: type = np.int64) -> np.ndarray:
        return np.array(list(values), kind)

    return Batch(
        ids=column(m.id for m in marks),
        responses=column(m.response for m in marks),
        tasks=column(m.task for m in marks),
        markers=column(m.marker for m in marks),
        live=column((m.purpose == "live" for m in marks), np.bool_),
        counted=column((m.state == "counted" for m in marks), np.bool_),
        good=column((m.good for m in marks), np.bool_),
        hours=column(m.hour for m in marks),
        milliseconds=column(m.milliseconds for m in marks),
        values=np.array([shape.row(m.values) for m in marks], np.int64).reshape(len(marks), shape.columns),
    )


def pairs_of(group: ItemGroup, marks: Iterable[Made]) -> list[tuple[Made, Made]]:
    """Each pair of a response's first slots, both ways round."""
    by_response: dict[int, list[Made]] = {}
    for mark in marks:
        if mark.purpose == "live" and mark.state == "counted":
            by_response.setdefault(mark.response, []).append(mark)
    found = []
    for many in by_response.values():
        first = sorted(many, key=lambda m: m.task)[: max(2, first_slots(group.scheme))]
        found += [(a, b) for a in first for b in first if a is not b]
    return found


def slow_item(group: ItemGroup, item: str, marker: int, marks: Sequence[Made], hour: int | None = None) -> dict[str, float]:
    """What `figures` says of a marker and item, by the definitions."""
    of = next(i for i in group.items if i.id == item)
    at = [m for m in marks if hour in (None, m.hour)]
    mine = [m.values[item] for m in at if m.marker == marker and m.purpose == "live" and m.good]
    everyone = [m.values[item] for m in at if m.purpose == "live" and m.good]
    pairs = [(a.values[item], b.values[item]) for a, b in pairs_of(group, marks) if a.marker == marker and hour in (None, a.hour)]
    exact, adjacent = measures.agreement(pairs, of.step)
    spread = measures.spread(mine)
    return {
        "n": len(mine),
        "mean": spread.mean,
        "sd": spread.sd,
        "shift": measures.standardised_difference(mine, everyone),
        "play_safe": measures.play_safe(mine, of.marks),
        "pairs": len(pairs),
        "exact": exact,
        "adjacent": adjacent,
        "kappa": measures.weighted_kappa(pairs),
    }


def slow_third(group: ItemGroup, marker: int, marks: Sequence[Made]) -> float:
    """Of schemes with two first slots: the share of this marker's pairs that were beyond tolerance in an item."""
    counts = Counter(
        all(measures.within_tolerance([(a.values[i.id], b.values[i.id])], group.scheme.tolerance, i.marks) == 1 for i in group.items)
        for a, b in pairs_of(group, marks)
        if a.marker == marker
    )
    return measures.third_marking_rate(counts[True], counts[False])


def slow_drift(group: ItemGroup, item: str, marker: int, marks: Sequence[Made]) -> tuple[float, float]:
    pairs = sorted(((a, b) for a, b in pairs_of(group, marks) if a.marker == marker), key=lambda p: p[0].id)
    apart = [a.values[item] - b.values[item] for a, b in pairs]
    if len(apart) < LEAST_PAIRS or len(set(apart)) == 1:
        return math.nan, math.nan
    mean = Fraction(sum(apart), len(apart))
    sd = math.sqrt(sum((x - mean) ** 2 for x in apart) / len(apart))
    found = measures.drift([float(x - mean) / sd for x in apart[-DEPTH:]])
    return found.average, measures.drift([0.0] * len(apart)).limit


def same(a: float, b: float) -> bool:
    return (math.isnan(a) and math.isnan(b)) or math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-9)


def with_state(mark: Made, state: str) -> Made:
    return replace(mark, state=state)
