"""How severe each marker is, with an interval: a many-facet Rasch model of one item's marks, by marginal maximum likelihood.

The odds of category k against k-1, of a response of quality t by a marker of severity s, are exp(t - s - step_k) (Linacre,
Many-Facet Rasch Measurement, 1989; the rating-scale form). Qualities are drawn from a normal distribution and integrated
out: with two marks a response, estimating each quality too (joint maximum likelihood) would be inconsistent, and its
intervals too short. `marking.rasch` finds steps, spread and severities, and their errors.

Pure. Severities are relative to the mean marker, in logits and in marks; a higher one gives lower marks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from marking.rasch import Data, Fit, Floats, Ints

MOST_CATEGORIES = 12  # finer marks are joined: an essay of 60 has too few marks in each
Z95 = 1.959963984540054


@dataclass(frozen=True, slots=True)
class Severity:
    marker: int
    logits: float  # above the mean marker
    error: float  # standard error, logits
    marks: float  # what this marker gives above the mean marker, at the average response: negative is severe
    marks_error: float
    n: int

    @property
    def interval(self) -> tuple[float, float]:
        """95 %, in logits."""
        return self.logits - Z95 * self.error, self.logits + Z95 * self.error


@dataclass(frozen=True, slots=True)
class Severities:
    markers: dict[int, Severity]
    steps: tuple[float, ...]
    spread: float  # standard deviation of the responses' qualities, logits
    rounds: int
    settled: bool
    connected: bool  # False: some markers share no response with the others, and are compared by the average response only


def severities(responses: Sequence[int], markers: Sequence[int], marks: Sequence[int], full: int) -> Severities:
    """The severities of all markers of one item.

    Parameters
    ----------
    responses, markers, marks : (n,) one entry a mark: which response, whose, and the mark in hundredths
    full : the item's full marks in hundredths

    Returns nothing for an item with fewer than two markers or two categories in use.
    """
    names, who = np.unique(np.asarray(markers, np.int64), return_inverse=True)
    _, which = np.unique(np.asarray(responses, np.int64), return_inverse=True)
    category, worth = categories(np.asarray(marks, np.int64), full)
    if len(names) < 2 or len(worth) < 2:
        return Severities({}, (), 0.0, 0, False, False)
    data = Data(which, who, category, len(names), len(worth), int(which.max()) + 1)
    fit = Fit.first(data)
    rounds, settled = fit.settle(data)
    logits, errors = fit.centred(data)
    slope = fit.slope(worth)
    counts = np.bincount(who, minlength=len(names))
    found = {
        int(name): Severity(int(name), float(s), float(e), float(-slope * s), float(slope * e), int(n))
        for name, s, e, n in zip(names, logits, errors, counts, strict=True)
    }
    return Severities(found, tuple(map(float, fit.steps)), float(fit.spread), rounds, settled, _is_connected(data))


def categories(marks: Ints, full: int) -> tuple[Ints, Floats]:
    """Each mark's category, 0 to k-1 without a gap, and what a category is worth in marks (its mean).

    Marks that differ keep their own category while there are at most MOST_CATEGORIES of them; else equal parts of the
    range are joined. A category that nobody used is none.
    """
    values = np.unique(marks)
    if len(values) > MOST_CATEGORIES:
        parts = np.clip(marks * MOST_CATEGORIES // max(full + 1, 1), 0, MOST_CATEGORIES - 1)
    else:
        parts = np.searchsorted(values, marks)
    used, category = np.unique(parts, return_inverse=True)
    sums = np.bincount(category, weights=marks / 100.0, minlength=len(used))
    return category.astype(np.int64), sums / np.bincount(category, minlength=len(used))


def _is_connected(data: Data) -> bool:
    """Whether every marker is tied to every other by responses that both marked."""
    root = list(range(data.markers))

    def find(i: int) -> int:
        while root[i] != i:
            root[i] = root[root[i]]
            i = root[i]
        return i

    order = np.argsort(data.which, kind="stable")
    which, who = data.which[order], data.who[order]
    for a, b in zip(np.flatnonzero(which[1:] == which[:-1]), np.flatnonzero(which[1:] == which[:-1]) + 1, strict=True):
        root[find(int(who[a]))] = find(int(who[b]))
    return len({find(i) for i in range(data.markers)}) == 1
