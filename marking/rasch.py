"""The many-facet Rasch model of one item's marks, fitted by marginal maximum likelihood: what `marking.severity` rests on.

Qualities of responses are normal, and integrated out over a grid that is finer than what two marks tell of a quality. EM
comes near the top of the likelihood; steps by the outer products of the responses' scores (Berndt, Hall, Hall and Hausman,
1974) climb the rest, where EM would creep. The covariance is the sandwich of White (1982), with the information by Louis
(1982): marks are never quite Rasch, and where noise, carelessness or drift add to it the intervals must be wider.

Parameters: a severity a marker, k-1 steps of mean zero, and the spread of the qualities. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

Floats = np.ndarray[Any, np.dtype[np.float64]]
Ints = np.ndarray[Any, np.dtype[np.int64]]

WARM_UP = 12  # rounds of EM before the steeper steps
ROUNDS = 80
SETTLED = 1e-3  # logits: no parameter moved more in the last round; a fiftieth of a usual standard error
REACH = 4.5  # standard deviations of the qualities that the grid covers
APART = 0.7  # logits between its points
FEWEST, MOST = 31, 121  # points
CHUNK = 4000  # responses at a time


@dataclass(frozen=True)
class Data:
    which: Ints  # (n,) response
    who: Ints  # (n,) marker
    category: Ints  # (n,)
    markers: int
    categories: int
    responses: int

    @cached_property
    def order(self) -> Ints:
        """The marks, response by response."""
        return np.argsort(self.which, kind="stable")

    @cached_property
    def starts(self) -> Ints:
        """Where each response begins in `order`; every response has a mark."""
        return np.searchsorted(self.which[self.order], np.arange(self.responses + 1)).astype(np.int64)


@dataclass(slots=True)
class Fit:
    severity: Floats  # (m,)
    steps: Floats  # (k-1,), mean zero
    spread: float

    @classmethod
    def first(cls, data: Data) -> Fit:
        often = np.bincount(data.category, minlength=data.categories) + 0.5
        steps = np.log(often[:-1] / often[1:])
        return cls(np.zeros(data.markers), steps - steps.mean(), 1.0)

    def settle(self, data: Data) -> tuple[int, bool]:
        """Climb to the top of the likelihood; after how many rounds, and whether it was reached."""
        for _ in range(WARM_UP):
            self._improve(data)
        height = self._look(data).height
        for rounds in range(WARM_UP + 1, ROUNDS + 1):
            moved, height = self._climb(data, height)
            if moved < SETTLED:
                return rounds, True
        return ROUNDS, False

    def centred(self, data: Data) -> tuple[Floats, Floats]:
        """Severities above the mean marker, and their standard errors."""
        look = self._look(data)
        scores = self._scores(data, look)
        outer = scores.T @ scores
        bread = np.linalg.pinv(self._information(data, look, outer), hermitian=True)
        covariance = (bread @ outer @ bread)[: data.markers, : data.markers]
        contrast = np.eye(data.markers) - 1.0 / data.markers
        covariance = contrast @ covariance @ contrast.T
        return self.severity - self.severity.mean(), np.sqrt(np.maximum(np.diag(covariance), 0.0))

    def slope(self, worth: Floats) -> float:
        """Marks a logit, at the average response and the mean marker. `worth`: marks of each category."""
        middle = Fit(np.array([self.severity.mean()]), self.steps, self.spread)
        nodes, weights = self._nodes()
        chances, mean, _ = middle._chances(nodes)
        by_node = chances[0] @ (np.arange(len(worth)) * worth) - mean[0] * (chances[0] @ worth)
        return float(weights @ by_node)

    def _nodes(self) -> tuple[Floats, Floats]:
        count = int(np.clip(np.ceil(2 * REACH * self.spread / APART), FEWEST, MOST)) | 1
        points = np.linspace(-REACH, REACH, count)
        weights = np.exp(-0.5 * points**2)
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

    def _look(self, data: Data) -> _Look:
        nodes, weights = self._nodes()
        chances, mean, variance = self._chances(nodes)
        by_category = np.log(np.maximum(chances, 1e-300)).transpose(0, 2, 1)  # (m, k, q)
        total = np.empty((data.responses, len(nodes)))
        for first in range(0, data.responses, CHUNK):
            last = min(first + CHUNK, data.responses)
            marks = data.order[data.starts[first] : data.starts[last]]
            likelihood = by_category[data.who[marks], data.category[marks]]
            total[first:last] = np.add.reduceat(likelihood, data.starts[first:last] - data.starts[first], axis=0)
        total += np.log(weights)
        top = total.max(axis=1, keepdims=True)
        np.exp(total - top, out=total)
        sums = total.sum(axis=1, keepdims=True)
        total /= sums
        return _Look(nodes, total, chances, mean, variance, float((np.log(sums) + top).sum()))

    def _improve(self, data: Data) -> None:
        """One round of EM, the M-step by one Newton step."""
        look = self._look(data)
        met = look.met(data)
        given = np.bincount(data.who, weights=data.category.astype(np.float64), minlength=data.markers)
        gradient = (met * look.mean).sum(axis=1) - given  # of the log-likelihood by the severity: expected less given
        self.severity = self.severity + np.clip(gradient / np.maximum((met * look.variance).sum(axis=1), 1e-9), -1.0, 1.0)
        reached = np.bincount(data.category, minlength=data.categories)[::-1].cumsum()[::-1][1:]
        move = np.linalg.solve(
            _by_steps(met, look.above) + 1e-6 * np.eye(len(self.steps)), np.einsum("mq,mqj->j", met, look.above) - reached
        )
        self.steps = self.steps + np.clip(move, -1.0, 1.0)
        # The population's mean is zero by the steps' free level: it goes into the severities.
        quality = look.posterior @ look.nodes
        self.severity = self.severity - float(quality.mean())
        self.spread = float(np.sqrt(max((look.posterior @ look.nodes**2).mean() - quality.mean() ** 2, 1e-4)))
        self._centre()

    def _centre(self) -> None:
        level = float(self.steps.mean())
        self.steps = self.steps - level
        self.severity = self.severity + level

    def _climb(self, data: Data, height: float) -> tuple[float, float]:
        """One steep step, halved until it does not go down. The largest move, and how high it came."""
        scores = self._scores(data, self._look(data))
        move = np.linalg.lstsq(scores.T @ scores, scores.sum(axis=0), rcond=None)[0]
        move = move * min(1.0, 1.5 / max(float(np.abs(move).max()), 1e-12))
        m = data.markers
        for _ in range(8):
            tried = Fit(self.severity + move[:m], self.steps.copy(), max(self.spread + float(move[-1]), 0.02))
            tried.steps[:-1] += move[m:-1]
            tried._centre()
            reached = tried._look(data).height
            if reached >= height:
                break
            move = move / 2
        else:
            return 0.0, height
        moved = max(float(np.abs(tried.severity - self.severity).max()), float(np.abs(tried.steps - self.steps).max()))
        self.severity, self.steps, self.spread = tried.severity, tried.steps, tried.spread
        return moved, reached

    def _scores(self, data: Data, look: _Look) -> Floats:
        """(responses, m + k - 1): by the severities, the steps but the last (it is given by the others and the level), the spread."""
        m, k = data.markers, data.categories
        scores = np.zeros((data.responses, m + k - 1))
        for first in range(0, data.responses, CHUNK):
            last = min(first + CHUNK, data.responses)
            marks = data.order[data.starts[first] : data.starts[last]]
            row, who, category = data.which[marks], data.who[marks], data.category[marks]
            seen = look.posterior[row]
            np.add.at(scores, (row, who), np.einsum("nq,nq->n", seen, look.mean[who]) - category)
            by_step = np.einsum("nq,nqj->nj", seen, look.above[who]) - (category[:, None] >= np.arange(1, k))
            scores[first:last, m : m + k - 2] = np.add.reduceat(by_step, data.starts[first:last] - data.starts[first], axis=0)[:, :-1]
        scores[:, -1] = ((look.posterior @ look.nodes**2) / self.spread**2 - 1.0) / self.spread
        return scores

    def _information(self, data: Data, look: _Look, outer: Floats) -> Floats:
        """The observed information (Louis): what it would be were the qualities known, less what is not known of them."""
        m, k = data.markers, data.categories
        met = look.met(data)
        whole = np.zeros((m + k - 1, m + k - 1))
        whole[np.arange(m), np.arange(m)] = (met * look.variance).sum(axis=1)
        category = np.arange(k, dtype=np.float64)
        reached = np.arange(1, k)[None, :] <= np.arange(k)[:, None]  # (k, j): category k has passed step j
        with_step = np.einsum("mqk,kj->mqj", look.chances * category, reached.astype(np.float64)) - look.mean[..., None] * look.above
        whole[:m, m:-1] = np.einsum("mq,mqj->mj", met, with_step)[:, :-1]
        whole[m:-1, :m] = whole[:m, m:-1].T
        whole[m:-1, m:-1] = _by_steps(met, look.above)[:-1, :-1]
        whole[-1, -1] = float((look.posterior @ (3 * look.nodes**2 / self.spread**4 - 1 / self.spread**2)).sum())
        found: Floats = whole - self._second_moments(data, look) + outer
        return found

    def _second_moments(self, data: Data, look: _Look) -> Floats:
        """The sum over responses of E[s s'], s being the scores were the quality known, over the posterior of the quality."""
        m, k = data.markers, data.categories
        total = np.zeros((m + k - 1, m + k - 1))
        by_spread = (look.nodes**2 / self.spread**2 - 1.0) / self.spread
        passed = (np.arange(k)[:, None] >= np.arange(1, k)).astype(np.float64)
        for count in np.unique(np.diff(data.starts)):  # responses with as many marks together
            rows = np.flatnonzero(np.diff(data.starts) == count)
            size = max(1, CHUNK // int(count) // 4)
            for start in range(0, len(rows), size):
                part = rows[start : start + size]
                marks = data.order[data.starts[part][:, None] + np.arange(count)]  # (r, c)
                who, category = data.who[marks], data.category[marks]
                own = look.mean[who] - category[..., None]  # (r, c, q)
                common = np.empty((len(part), k - 1, len(look.nodes)))
                common[:, :-1] = (look.above[who] - passed[category][:, :, None, :]).sum(axis=1).transpose(0, 2, 1)[:, :-1]
                common[:, -1] = by_spread
                weighted = own * look.posterior[part][:, None, :]
                np.add.at(total, (who[:, :, None], who[:, None, :]), weighted @ own.transpose(0, 2, 1))
                crossed = weighted @ common.transpose(0, 2, 1)  # (r, c, common)
                np.add.at(total[:m, m:], who, crossed)
                total[m:, m:] += np.einsum("riq,rjq->ij", common * look.posterior[part][:, None, :], common)
        total[m:, :m] = total[:m, m:].T
        return total


@dataclass(frozen=True)
class _Look:
    """The model and the responses as they are seen from where a fit stands."""

    nodes: Floats  # (q,)
    posterior: Floats  # (r, q)
    chances: Floats  # (m, q, k)
    mean: Floats  # (m, q)
    variance: Floats  # (m, q)
    height: float  # the log-likelihood

    @cached_property
    def above(self) -> Floats:
        """P(category >= j), (m, q, k-1)."""
        found: Floats = np.cumsum(self.chances[..., ::-1], axis=-1)[..., ::-1][..., 1:]
        return found

    def met(self, data: Data) -> Floats:
        """(m, q): how often each marker met a response of each quality, in expectation."""
        found = np.zeros((data.markers, len(self.nodes)))
        order = np.argsort(data.who, kind="stable")
        starts = np.searchsorted(data.who[order], np.arange(data.markers))
        for first in range(data.markers):
            mine = order[starts[first] : starts[first + 1] if first + 1 < data.markers else len(order)]
            found[first] = self.posterior[data.which[mine]].sum(axis=0)
        return found


def _by_steps(met: Floats, above: Floats) -> Floats:
    """What the marks tell of the steps, were the qualities known: the covariance of having passed step i and step j."""
    found: Floats = np.einsum("mq,mqi,mqj->ij", met, -above, above)
    count = above.shape[-1]
    passed = np.einsum("mq,mqj->j", met, above)
    found += passed[np.maximum.outer(np.arange(count), np.arange(count))]
    return found
