"""How likely a final mark is the definitive one, and which responses one more blind mark helps most. Pure; it decides no score.

The posterior of a response's definitive mark comes from all its marks by `marking.scatter`. The final mark is what the
truth table says. What one more mark would do is looked at one step ahead: every mark that the next marker may give, with its
chance, and what the table's rows on extra marks make of it (docs/extra-marking.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from core.exam import Scheme, WrittenItem
from marking.scatter import Floats, Ints, Marked, Scale, Scatter, phi

Flags = np.ndarray[Any, np.dtype[np.bool_]]
SHORT_SCALE = 20  # mark steps: up to so many, a definitive mark is meant to be hit exactly
EXPERT = 0.5  # times a marker's error: a leader's or an arbiter's, who sees all marks and is not in a hurry


@dataclass(frozen=True, slots=True)
class Goal:
    """When a final mark counts as definitive, and when two marks may stand together. Hundredths.

    `exact`: rounded half up to the mark step, it is the definitive mark. Else: within the scheme's tolerance of it.
    """

    step: int
    exact: bool
    near: Fraction
    inclusive: bool = True

    @classmethod
    def of(cls, scheme: Scheme, item: WrittenItem) -> Goal:
        tolerance = scheme.tolerance
        if tolerance.scope == "step" and item.steps:  # only totals are looked at here: all steps may differ by their own
            near = sum((tolerance.of(step.marks) for step in item.steps), Fraction(0))
        else:
            near = tolerance.of(item.marks)
        return cls(item.step, item.marks <= SHORT_SCALE * item.step, near, tolerance.inclusive)

    def hits(self, final: Fraction, scale: Scale) -> Flags:
        """(top + 1,): for which definitive marks this final mark would be one."""
        truth = np.arange(scale.top + 1) * scale.unit
        if self.exact:
            rounded = (2 * final + self.step) // (2 * self.step) * self.step
            return np.equal(scale.place(np.array([int(rounded)])), np.arange(scale.top + 1))
        return np.array([self.is_near(abs(final - int(t))) for t in truth], np.bool_)

    def is_near(self, difference: Fraction | int) -> bool:
        return difference == 0 or (difference <= self.near if self.inclusive else difference < self.near)

    def other(self) -> Goal:
        """The same item looked at the other way: both are reported."""
        return Goal(self.step, not self.exact, self.near, self.inclusive)


@dataclass(frozen=True, slots=True)
class Decided:
    """A response's agreed mark on an item, and the marks that it was taken from. Hundredths."""

    final: Fraction
    used: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Odds:
    """Of each response: the chance that the final mark is definitive now, and after one more mark; and how many marks that takes."""

    now: Floats
    after: Floats
    marks: Floats  # 1, and the chance that an expert is asked too

    @property
    def gain(self) -> Floats:
        return self.after - self.now

    def joined(self, other: Odds) -> Odds:
        """With another item of the same responses: the marks that are definitive, counted; the expert who is asked by either."""
        return Odds(self.now + other.now, self.after + other.after, 2 - (2 - self.marks) * (2 - other.marks))


def odds(scatter: Scatter, goal: Goal, marked: Marked, responses: Ints, decided: Sequence[Decided]) -> Odds:
    """`marked`: all marks on these responses (sorted, each once); `decided`: what each came to, in the same order."""
    posterior = scatter.posterior(marked, responses)
    kinds = {kind: n for n, kind in enumerate(dict.fromkeys(decided))}
    which = np.array([kinds[d] for d in decided], np.int64)
    ahead = _Ahead(scatter, goal)
    hits, after, marks = (np.stack(rows) for rows in zip(*(ahead.of(kind) for kind in kinds), strict=True))
    return Odds(_dots(posterior, hits, which), _dots(posterior, after, which), _dots(posterior, marks, which))


def expert_chances(scatter: Scatter, goal: Goal, marked: Marked, responses: Ints) -> Floats:
    """The chance that an expert's mark on each response is definitive."""
    found: Floats = scatter.posterior(marked, responses) @ _expert_hits(scatter, goal, EXPERT)
    return found


def _dots(posterior: Floats, rows: Floats, which: Ints) -> Floats:
    found: Floats = np.einsum("nq,nq->n", posterior, rows[which])
    return found


class _Ahead:
    """One step ahead of a decided response, for every state that it may be in."""

    def __init__(self, scatter: Scatter, goal: Goal, expert: float = EXPERT) -> None:
        self.scale, self.goal, self.next, self.truth = scatter.scale, goal, scatter.next, scatter.truth
        self.expert = _expert_hits(scatter, goal, expert)
        self._hits: dict[Fraction, Floats] = {}

    def of(self, decided: Decided) -> tuple[Floats, Floats, Floats]:
        """(states,) each: is it definitive now, the chance that it is after one more mark, and how many marks that takes."""
        after, asked = np.zeros(len(self.truth)), np.zeros(len(self.truth))
        for place in range(self.scale.top + 1):
            mark = place * self.scale.unit
            if any(self.goal.is_near(abs(mark - one)) for one in decided.used):
                final = Fraction(sum(decided.used) + mark, len(decided.used) + 1)
                after += self.next[:, place] * self.hits(final)
            else:
                asked += self.next[:, place]
        return self.hits(decided.final), after + asked * self.expert, 1 + asked

    def hits(self, final: Fraction) -> Floats:
        found = self._hits.get(final)
        if found is None:
            found = self._hits[final] = self.goal.hits(final, self.scale).astype(np.float64)[self.truth]
        return found


def _expert_hits(scatter: Scatter, goal: Goal, expert: float) -> Floats:
    """(states,): the chance that an expert's mark is definitive."""
    miss = 0.5 if goal.exact else float(goal.near) / scatter.scale.unit + 0.5
    found: Floats = 2 * phi(miss / (expert * scatter.error[scatter.truth])) - 1
    return found


def plan(gain: Floats, marks: Floats, budget: float, *, at_most: int | None = None, weight: Floats | None = None, seed: int = 0) -> Ints:
    """The places of the responses that get one more mark, those that gain most for each mark first.

    `budget` is in marks, experts' included, as far as they are expected; `at_most` bounds the responses. `weight` says how
    much a definitive mark is worth on each response (`near_boundary`); default: all the same. Ties fall by the seed. Takes
    O(n log n).
    """
    worth = np.round((gain if weight is None else gain * weight) / marks, 12)
    ties = np.random.default_rng(seed).permutation(len(worth))
    order = np.lexsort((ties, -worth))
    order = order[worth[order] > 0]
    order = order[np.cumsum(marks[order]) <= budget + 1e-9]
    chosen: Ints = order if at_most is None else order[:at_most]
    return chosen


def near_boundary(totals: Floats, error: float, boundaries: Sequence[float]) -> Floats:
    """A weight for `plan`: how near each total is to a grade boundary, 1 on it, by the usual error of a total."""
    apart = np.abs(np.asarray(totals)[:, None] - np.asarray(boundaries)[None, :]).min(axis=1)
    weight: Floats = np.exp(-0.5 * (apart / error) ** 2)
    return weight


@dataclass(frozen=True, slots=True)
class Reliability:
    """How far the chances that were said are from what came: in each tenth of the responses, and in all (Brier, 1950)."""

    said: Floats
    came: Floats
    brier: float

    @property
    def worst(self) -> float:
        return float(np.abs(self.said - self.came).max())


def reliability(said: Floats, came: Flags, parts: int = 10) -> Reliability:
    order = np.argsort(said, kind="stable")
    groups = np.array_split(order, parts)
    came_in, said_in = ([float(of[group].mean()) for group in groups] for of in (came, said))
    return Reliability(np.array(said_in), np.array(came_in), float(((said - came) ** 2).mean()))
