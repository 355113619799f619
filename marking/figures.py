"""Measures of all markers of an item group at once, made from their counts. The formulas are those of `marking.measures`.

docs/marker-measures.md says what each is, where it is from and what is usual. nan: there is nothing to measure it on.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from marking.shape import Shape
from marking.tally import ITEM, WHOLE, Ints, Tally

Floats = np.ndarray[Any, np.dtype[np.float64]]
WEIGHT, WIDTH = 0.1, 3.0  # of the moving average of drift: what the newest counts for; its limits in standard errors
DEPTH = 64  # marks back from the newest: older ones weigh less than 2 in a thousand together
LEAST_PAIRS = 30  # below, a marker's own level is not known well enough to see it move
SHORTEST_HOUR = 1 / 12  # of a running hour, so that one mark in its first second is no speed of thousands


@dataclass(frozen=True, slots=True)
class Figures:
    """One entry a marker. `whole` is of responses, `items` of each item by its place in the group."""

    whole: Mapping[str, Floats]
    items: tuple[Mapping[str, Floats], ...]


def figures(shape: Shape, whole: Ints, item: Ints, hours: Floats) -> Figures:
    """`whole` (m, 4) and `item` (m, k, 18): counts as `marking.tally` keeps them; `hours` (m,): at work."""
    w = {name: whole[:, at].astype(np.float64) for at, name in enumerate(WHOLE)}
    with np.errstate(all="ignore"):
        responses = {
            "n": w["n"],
            "speed": _share(w["n"], hours),
            "seconds": _share(w["milliseconds"], w["n"]) / 1000,
            "pairs": w["settled"] + w["third"],
            "third_rate": _share(w["third"], w["settled"] + w["third"]),
        }
        of_items = tuple(_item(item[:, k]) for k in range(len(shape.names)))
    return Figures(responses, of_items)


def _item(counts: Ints) -> dict[str, Floats]:
    c = {name: counts[:, at].astype(np.float64) for at, name in enumerate(ITEM)}
    everyone = counts.sum(axis=0).astype(np.float64)
    mean, sd = mean_and_sd(c["n"], c["total"], c["squares"])
    group_mean, group_sd = (float(x) for x in mean_and_sd(everyone[0], everyone[1], everyone[2]))
    pooled = np.sqrt((sd**2 + group_sd**2) / 2)
    by_chance = c["pairs"] * (c["own_squares"] + c["other_squares"]) - 2 * c["own"] * c["other"]
    return {
        "n": c["n"],
        "mean": mean,
        "sd": sd,
        "shift": np.where(pooled > 0, _share(mean - group_mean, pooled), math.nan),
        "play_safe": _share(c["safe"], c["n"]),
        "pairs": c["pairs"],
        "exact": _share(c["exact"], c["pairs"]),
        "adjacent": _share(c["adjacent"], c["pairs"]),
        "kappa": np.where(by_chance > 0, 1 - c["pairs"] * c["apart_squares"] / by_chance, math.nan),
        "selves": c["selves"],
        "self_consistency": _share(c["selves_near"], c["selves"]),
        "seeds": c["seeds"],
        "expert_consistency": _share(c["seeds_near"], c["seeds"]),
        "bias": _share(c["signed"], c["seeds"]) / 100,
        "error": _share(c["absolute"], c["seeds"]) / 100,
    }


def _share(part: Any, of: Any) -> Any:
    return np.where(of > 0, part / np.where(of > 0, of, 1), math.nan)


def mean_and_sd(n: Any, total: Any, squares: Any) -> tuple[Any, Any]:
    """In marks, from counts in hundredths. One mark has standard deviation 0."""
    with np.errstate(all="ignore"):
        mean = _share(total, n) / 100
        about = (n * squares - total**2) / np.where(n > 0, n, 1)
        sd = np.where(n > 1, np.sqrt(np.maximum(about, 0) / np.where(n > 1, n - 1, 1)), np.where(n > 0, 0.0, math.nan))
    return mean, sd / 100


def hours_at_work(tally: Tally, now: float) -> Floats:
    """Hours in which each marker made a mark; of the running hour, what has passed of it. `now`: hours since 1970."""
    hours = tally.worked.all.astype(np.float64)
    running = tally.by_hour.get(math.floor(now))
    if running is not None:
        whole = running[0].all[:, 0]
        hours[: len(whole)] -= (whole > 0) * (1 - max(SHORTEST_HOUR, now - math.floor(now)))
    return hours


def distance(spread: Ints, step: int) -> Floats:
    """How far each marker's distribution lies from the group's, (m, b) counts by mark: in what chance alone would give.

    The distance is the area between the two cumulative distributions (Vallender 1974), in marks. Of n marks drawn at
    random from the group's N it is, in expectation, step * sum sqrt(2/pi * F (1 - F) (1/n - 1/N)).
    """
    n, everyone = spread.sum(axis=1).astype(np.float64), spread.sum(axis=0).astype(np.float64)
    of_all = everyone.sum()
    if not of_all:
        return np.full(len(n), math.nan)
    with np.errstate(all="ignore"):
        below = everyone.cumsum() / of_all
        apart = np.abs(spread.cumsum(axis=1) / n[:, None] - below).sum(axis=1)
        chance = np.sqrt(2 / math.pi * below * (1 - below)).sum() * np.sqrt(1 / n - 1 / of_all)
        found: Floats = np.where(chance > 0, apart / chance, math.nan)
    return found


def drift(tally: Tally) -> tuple[Floats, Floats, Floats]:
    """Each marker's and item's moving average (m, k) of how the differences to co-markers left their own level, the limit, and n.

    A difference is standardised by the marker's own mean and standard deviation of differences: a severe marker does not
    drift by being severe.
    """
    rows = np.full((DEPTH, len(tally.users)), -1, np.int64)
    at = tally.latest.all.astype(np.int64)
    before = tally.before.all
    for depth in range(DEPTH):
        rows[depth] = at
        if not (at >= 0).any():
            break
        at = np.where(at >= 0, before[at], -1) if before.size else at
    if tally.is_late:  # what came late stands in the order of its number
        rows = np.take_along_axis(rows, np.argsort(np.where(rows >= 0, -tally.id.all[rows], 0), axis=0, kind="stable"), axis=0)
    partners = np.where(rows >= 0, tally.partners.all[rows], 0) if before.size else np.zeros_like(rows)
    valid = partners > 0
    weight = np.where(valid, WEIGHT * (1 - WEIGHT) ** (np.cumsum(valid, axis=0) - 1.0), 0.0)
    return _drift(tally, rows, partners, weight)


def _drift(tally: Tally, rows: Ints, partners: Ints, weight: Floats) -> tuple[Floats, Floats, Floats]:
    counts = tally.item.all.astype(np.float64)
    pairs, own, other, apart2 = (counts[:, :, ITEM.index(name)] for name in ("pairs", "own", "other", "apart_squares"))
    with np.errstate(all="ignore"):
        mean = (own - other) / pairs
        sd = np.sqrt(np.maximum(apart2 / pairs - mean**2, 0))
        apart = (
            tally.apart.all[rows] / np.maximum(partners, 1)[:, :, None] if tally.apart.size else np.zeros((*rows.shape, counts.shape[1]))
        )
        average = (weight[:, :, None] * (apart - mean)).sum(axis=0) / sd
        limit = WIDTH * np.sqrt(WEIGHT / (2 - WEIGHT) * (1 - (1 - WEIGHT) ** (2 * pairs)))
    known = (pairs >= LEAST_PAIRS) & (sd > 0)
    return np.where(known, average, math.nan), np.where(known, limit, math.nan), pairs
