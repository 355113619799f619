"""How severe each marker is, with an interval: a many-facet Rasch model of one item's marks, by marginal maximum likelihood.

The odds of category k against k-1, of a response of quality t by a marker of severity s, are exp(t - s - step_k) (Linacre,
Many-Facet Rasch Measurement, 1989; the rating-scale form). Qualities are drawn from a normal distribution and integrated
out: with two marks a response, estimating each quality too (joint maximum likelihood) would be inconsistent, and its
intervals too short. Steps, spread and severities are found by EM with Newton steps; the covariance is the inverse of the
summed outer products of the responses' scores (Berndt, Hall, Hall and Hausman, 1974).

Pure. Severities are relative to the mean marker, in logits and in marks; a higher one gives lower marks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Floats = np.ndarray[Any, np.dtype[np.float64]]
Ints = np.ndarray[Any, np.dtype[np.int64]]

MOST_CATEGORIES = 12  # finer marks are joined: an essay of 60 has too few marks in each
NODES = 31
ROUNDS = 400
SETTLED = 5e-4  # logits: no parameter moved more in the last round; a hundredth of a usual standard error
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
    data = _Data(which, who, category, len(names), len(worth), int(which.max()) + 1)
    fit = _Fit(np.zeros(len(names)), _first_steps(category, len(worth)), 1.0)
    rounds, settled = 0, False
    while rounds < ROUNDS and not settled:
        moved = fit.improve(data)
        rounds, settled = rounds + 1, moved < SETTLED
    logits, errors = fit.centred(data)
    slope = _slope(fit, worth)
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


@dataclass(frozen=True, slots=True)
class _Data:
    which: Ints  # (n,) response
    who: Ints  # (n,) marker
    category: Ints  # (n,)
    markers: int
    categories: int
    responses: int


@dataclass(slots=True)
class _Fit:
    severity: Floats  # (m,)
    steps: Floats  # (k-1,), mean zero
    spread: float

    def improve(self, data: _Data) -> float:
        """One round of EM, the M-step by one Newton step; the largest move in logits."""
        nodes, weights = self._nodes()
        posterior = self._posterior(data, nodes, weights)  # (r, q)
        chances, mean, variance = self._chances(nodes)  # (m, q, k), (m, q), (m, q)
        # How often each marker met a response of each quality, in expectation; and what was given there.
        met = np.zeros((data.markers, len(nodes)))
        np.add.at(met, data.who, posterior[data.which])
        given = np.bincount(data.who, weights=data.category.astype(np.float64), minlength=data.markers)
        gradient = (met * mean).sum(axis=1) - given  # of the log-likelihood by the severity: expected less given
        step = gradient / np.maximum((met * variance).sum(axis=1), 1e-9)
        step = np.clip(step, -1.0, 1.0)
        self.severity = self.severity + step
        moved = float(np.abs(step).max())
        moved = max(moved, self._move_steps(data, met, chances))
        # The population's mean is zero by the steps' free level: it goes into the severities.
        quality = posterior @ nodes
        level = float(quality.mean())
        spread = float(np.sqrt(max((posterior @ nodes**2).mean() - level**2, 1e-4)))
        self.severity = self.severity - level
        moved = max(moved, abs(spread - self.spread))
        self.spread = spread
        return moved

    def _move_steps(self, data: _Data, met: Floats, chances: Floats) -> float:
        above = np.cumsum(chances[..., ::-1], axis=-1)[..., ::-1][..., 1:]  # P(category >= j), (m, q, k-1)
        reached = np.bincount(data.category, minlength=data.categories)[::-1].cumsum()[::-1][1:]
        gradient = np.einsum("mq,mqj->j", met, above) - reached
        information = np.einsum("mq,mqi,mqj->ij", met, -above, above)
        for j in range(len(gradient)):
            for i in range(len(gradient)):
                information[i, j] += float(np.einsum("mq,mq->", met, above[..., max(i, j)]))
        move = np.linalg.solve(information + 1e-6 * np.eye(len(gradient)), gradient)
        move = np.clip(move, -1.0, 1.0)
        level = float((self.steps + move).mean())
        self.steps = self.steps + move - level
        self.severity = self.severity + level
        return float(np.abs(move - move.mean()).max())

    def _nodes(self) -> tuple[Floats, Floats]:
        points, weights = np.polynomial.hermite_e.hermegauss(NODES)
        return points * self.spread, weights / weights.sum()

    def _chances(self, nodes: Floats) -> tuple[Floats, Floats, Floats]:
        """Of each marker at each node: the chances of the categories, their mean and variance."""
        category = np.arange(len(self.steps) + 1)
        passed = np.concatenate([[0.0], np.cumsum(self.steps)])
        logits = (nodes[None, :, None] - self.severity[:, None, None]) * category - passed
        logits -= logits.max(axis=2, keepdims=True)
        chances = np.exp(logits)
        chances /= chances.sum(axis=2, keepdims=True)
        mean = chances @ category.astype(np.float64)
        return chances, mean, chances @ (category**2).astype(np.float64) - mean**2

    def _posterior(self, data: _Data, nodes: Floats, weights: Floats) -> Floats:
        chances, _, _ = self._chances(nodes)
        likelihood = np.log(np.maximum(chances, 1e-300))[data.who, :, data.category]  # (n, q)
        total = np.tile(np.log(weights), (data.responses, 1))
        np.add.at(total, data.which, likelihood)
        total -= total.max(axis=1, keepdims=True)
        posterior = np.exp(total)
        posterior /= posterior.sum(axis=1, keepdims=True)
        whole: Floats = posterior
        return whole

    def centred(self, data: _Data) -> tuple[Floats, Floats]:
        """Severities above the mean marker, and their standard errors."""
        nodes, weights = self._nodes()
        posterior = self._posterior(data, nodes, weights)
        chances, mean, _ = self._chances(nodes)
        m, k = data.markers, data.categories
        # The score of each response: by the severities of its markers, the steps and the spread.
        scores = np.zeros((data.responses, m + k - 1))
        expected = (posterior[data.which] * mean[data.who]).sum(axis=1)
        np.add.at(scores, (data.which, data.who), expected - data.category)
        above = np.cumsum(chances[..., ::-1], axis=-1)[..., ::-1][..., 1:]
        by_step = np.einsum("nq,nqj->nj", posterior[data.which], above[data.who])
        by_step -= data.category[:, None] >= np.arange(1, k)
        np.add.at(scores[:, m : m + k - 1], data.which, by_step)
        spread = ((posterior @ nodes**2) / self.spread**2 - 1.0) / self.spread
        scores = np.column_stack([scores[:, : m + k - 2], spread])  # the last step is given by the others and the level
        information = scores.T @ scores
        covariance = np.linalg.pinv(information)[:m, :m]
        contrast = np.eye(m) - 1.0 / m
        covariance = contrast @ covariance @ contrast.T
        return self.severity - self.severity.mean(), np.sqrt(np.maximum(np.diag(covariance), 0.0))


def _first_steps(category: Ints, count: int) -> Floats:
    often = np.bincount(category, minlength=count) + 0.5
    steps = np.log(often[:-1] / often[1:])
    centred: Floats = steps - steps.mean()
    return centred


def _slope(fit: _Fit, worth: Floats) -> float:
    """Marks a logit, at the average response and the mean marker."""
    middle = _Fit(np.array([fit.severity.mean()]), fit.steps, fit.spread)
    nodes, weights = middle._nodes()
    chances, mean, _ = middle._chances(nodes)
    category = np.arange(len(worth))
    by_node = chances[0] @ (category * worth) - mean[0] * (chances[0] @ worth)
    return float(weights @ by_node)


def _is_connected(data: _Data) -> bool:
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
