"""What extra marks buy: for the same number of marks, how many more final marks are definitive than by the plain scheme.

Simulated markers, whose severities, errors and carelessness are estimated from the marks and seeds alone, as in an exam.
Two markings are compared over the very same responses, markers and budget, marks of leaders and arbiters included: the plain
scheme on all of them, and a cheaper one whose saved marks are spent where the probability says.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np

from api.rehearsal.markers import ESSAY, LONG, SHORT, STEPS, Simulated, SimulatedItem, definitive, leader, marks, population
from benchmarks.harness import Row
from core.exam import Scheme, WrittenItem
from core.states import TaskLevel
from marking.adjudicate import Agreed, Given, OneMore, adjudicate
from marking.risk import Decided, Goal, odds, plan, reliability
from marking.scatter import Ints, Marked, Scale, fit
from marking.severity import severities

SEEDS = 5
RESPONSES, MARKERS, CARELESS = 3000, 60, 2
KNOWN, SHARE_OF_SEEDS = 40, 0.5  # definitive responses, and the share of the markers who marked each of them
T_FOUR = 2.776  # of Student's distribution with four degrees of freedom, 95 %


@dataclass(frozen=True)
class Case:
    item: SimulatedItem
    tolerance: str
    plain: str
    cheap: str
    exact: bool


CASES = (
    Case(SHORT, "0", "1+1", "1", True),
    Case(SHORT, "1", "1+1", "1", True),
    Case(LONG, "1", "1+1", "1", True),
    Case(STEPS, "1", "1+1", "1", True),
    Case(ESSAY, "6", "1+1", "1", False),
    Case(LONG, "1", "2+1+1", "1", True),
    Case(ESSAY, "6", "2+1+1", "1", False),
    Case(ESSAY, "6", "2+1+1", "1", True),
)


def rows() -> list[Row]:
    found: list[Row] = []
    for case in CASES:
        found += _compared(case)
    found += _planned()
    return found


@dataclass
class World:
    """One seed's markers and responses: the same for every scheme. Marks are drawn when a slot asks for them."""

    case: Case
    seed: int
    people: Sequence[Simulated] = field(init=False)
    who: Ints = field(init=False)  # (responses, 8): who would mark next
    marks: Ints = field(init=False)
    expert: Ints = field(init=False)
    truth: Ints = field(init=False)

    def __post_init__(self) -> None:
        item, rng = self.case.item, np.random.default_rng(self.seed)
        self.people = population(self.seed, MARKERS, CARELESS)
        self.who = rng.permuted(np.tile(np.arange(MARKERS), (RESPONSES, 1)), axis=1)[:, :8]
        which, day = np.arange(RESPONSES), rng.integers(0, 400, (RESPONSES, 8))
        self.marks = np.stack([marks(self.people, self.who[:, k], which, item, day[:, k])[0] for k in range(8)], axis=1)
        nobody = np.zeros(RESPONSES, np.int64)
        self.expert = marks([leader(MARKERS, self.seed)], nobody, which, item)[0]
        self.truth = definitive(self.seed, which, item)

    def known(self) -> tuple[Marked, dict[int, int]]:
        """Definitive responses as the markers marked them, apart from those that are compared."""
        rng = np.random.default_rng(self.seed + 1)
        which = np.repeat(np.arange(RESPONSES, RESPONSES + KNOWN), MARKERS)
        who = np.tile(np.arange(MARKERS), KNOWN)
        some = rng.random(len(which)) < SHARE_OF_SEEDS
        given = marks(self.people, who[some], which[some], self.case.item)[0]
        numbers = np.arange(RESPONSES, RESPONSES + KNOWN)
        return Marked.of(which[some], who[some], given), dict(
            zip(numbers.tolist(), definitive(self.seed, numbers, self.case.item).tolist(), strict=True)
        )


class Marking:
    """A scheme at work on a world: each response is marked until the real truth table has decided it."""

    def __init__(self, world: World, name: str) -> None:
        self.world, item = world, world.case.item
        self.scheme = Scheme.model_validate(
            {
                "name": name,
                "reading": "either",
                "tolerance": {"marks": world.case.tolerance},
                "extra": {"share": "1", "to": "leader", "most": 3},
            }
        )
        self.item = WrittenItem.model_validate({"id": item.id, "marks": item.full / 100, "step": item.step / 100})
        self.given: list[list[Given]] = [[] for _ in range(RESPONSES)]
        self.extra = [0] * RESPONSES
        self.agreed: list[Agreed] = [self.decide(n) for n in range(RESPONSES)]
        self.marks_so_far = sum(map(len, self.given))

    def decide(self, n: int) -> Agreed:
        while isinstance(verdict := adjudicate(self.scheme, self.item, self.given[n], extra=self.extra[n]), OneMore):
            by_marker = verdict.level is TaskLevel.MARKER
            mark = self.world.marks[n, self.markers(n)] if by_marker else self.world.expert[n]
            self.given[n].append(Given(verdict.level, (int(mark),)))
        return verdict

    def markers(self, n: int) -> int:
        return sum(given.level is TaskLevel.MARKER for given in self.given[n])

    @property
    def experts(self) -> int:
        return sum(len(given) - self.markers(n) for n, given in enumerate(self.given))

    def ask(self, n: int) -> None:
        before = len(self.given[n])
        self.extra[n] += 1
        self.agreed[n] = self.decide(n)
        self.marks_so_far += len(self.given[n]) - before

    def may_be_asked(self, n: int) -> bool:
        return self.extra[n] < 3 and len(self.given[n]) == self.markers(n)

    def hits(self, goal: Goal) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Which final marks are definitive."""
        scale = Scale.of(self.world.case.item.full, self.world.case.item.step)
        place = scale.place(self.world.truth)
        seen: dict[Fraction, Any] = {}
        for agreed in self.agreed:
            if agreed.mark not in seen:
                seen[agreed.mark] = goal.hits(agreed.mark, scale)
        return np.array([bool(seen[a.mark][place[n]]) for n, a in enumerate(self.agreed)], np.bool_)

    def marked(self, numbers: Sequence[int]) -> Marked:
        """The markers' marks on these responses."""
        cells = [(n, k) for n in numbers for k in range(self.markers(n))]
        at, k = np.array([n for n, _ in cells], np.int64), np.array([k for _, k in cells], np.int64)
        return Marked.of(at, self.world.who[at, k], self.world.marks[at, k])

    def goal(self) -> Goal:
        goal = Goal.of(self.scheme, self.item)
        return goal if goal.exact == self.world.case.exact else goal.other()


ROUNDS = 6  # a budget is spent in so many parts, each planned with the marks that came before


def spend_at_random(marking: Marking, budget: int) -> None:
    """The same budget, on responses that nobody chose."""
    for turn in range(ROUNDS):
        for n in np.random.default_rng(turn).permutation(RESPONSES).tolist():
            if marking.marks_so_far >= budget - 1:
                return
            if marking.extra[n] == turn and marking.may_be_asked(n):
                marking.ask(n)


def spend(marking: Marking, budget: int) -> float:
    """Ask for extra marks until the budget is spent. The worst error of the chances that were said at first, by tenths."""
    item, (seen, known) = marking.world.case.item, marking.world.known()
    scale = Scale.of(item.full, item.step)
    first = marking.marked(range(RESPONSES))
    together = Marked(*(np.concatenate(pair) for pair in zip(_columns(seen), _columns(first), strict=True)))
    severe = severities(together.responses.tolist(), together.markers.tolist(), together.marks.tolist(), item.full)
    scatter, worst = fit(scale, together, severe, known), math.nan
    for turn in range(ROUNDS):
        may = [n for n in range(RESPONSES) if marking.may_be_asked(n)]
        decided = [Decided(marking.agreed[n].mark, tuple(sorted(marking.given[n][u].total for u in marking.agreed[n].used))) for n in may]
        found = odds(scatter, marking.goal(), marking.marked(may), np.array(may, np.int64), decided)
        if not turn:
            worst = reliability(found.now, marking.hits(marking.goal())[may]).worst
        for place in plan(found.gain, found.marks, (budget - marking.marks_so_far) / (ROUNDS - turn)).tolist():
            if marking.marks_so_far < budget - 1:  # an expert may be asked too
                marking.ask(may[place])
    return worst


def _columns(marked: Marked) -> tuple[Ints, Ints, Ints]:
    return marked.responses, marked.markers, marked.marks


def _compared(case: Case) -> list[Row]:
    found: dict[str, list[float]] = {name: [] for name in ("gain", "random", "plain", "spent", "worst", "experts", "plain experts")}
    for seed in range(1, SEEDS + 1):
        world = World(case, seed)
        plain, risky, random = Marking(world, case.plain), Marking(world, case.cheap), Marking(world, case.cheap)
        found["worst"].append(spend(risky, plain.marks_so_far))
        spend_at_random(random, plain.marks_so_far)
        share, chosen, blindly = (float(m.hits(m.goal()).mean()) for m in (plain, risky, random))
        found["plain"].append(share)
        found["gain"].append(chosen - share)
        found["random"].append(blindly - share)
        found["spent"].append(risky.marks_so_far / plain.marks_so_far)
        found["experts"].append(risky.experts / RESPONSES)
        found["plain experts"].append(plain.experts / RESPONSES)
    return _told(case, found)


def _told(case: Case, found: dict[str, list[float]]) -> list[Row]:
    measure = "exact" if case.exact else f"within {case.tolerance}"
    name = f"{case.item.kind} ({measure}), tolerance {case.tolerance}: `{case.cheap}` and extra marks over `{case.plain}`"
    half = T_FOUR * float(np.std(found["gain"], ddof=1)) / math.sqrt(SEEDS)
    told: list[tuple[str, float, str]] = [
        (f"{name}, more that are definitive", 100 * _mean(found["gain"]), "% of finals"),
        ("... give or take (95 %, five seeds)", 100 * half, "% of finals"),
        ("... with the same marks spent at random instead", 100 * _mean(found["random"]), "% of finals"),
        (f"... definitive by `{case.plain}`", 100 * _mean(found["plain"]), "% of finals"),
        ("... marks spent, of the plain scheme's", _mean(found["spent"]), "times"),
        (f"... experts' marks a response, by `{case.plain}`", _mean(found["plain experts"]), "marks"),
        ("... and with extra marks", _mean(found["experts"]), "marks"),
        ("... chances as said, the worst tenth: said and came apart", 100 * _mean(found["worst"]), "%"),
    ]
    return [Row.told(*one) for one in told]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _planned() -> list[Row]:
    """The plan alone, at the size of an exam: chances of 60,000 essays from marks that are there, and the choice."""
    count, rng = 60_000, np.random.default_rng(1)
    people, which = population(1, 500, 3), np.arange(count)
    one = rng.integers(0, 500, count)
    other = (one + rng.integers(1, 500, count)) % 500
    a, b = marks(people, one, which, ESSAY)[0], marks(people, other, which, ESSAY)[0]
    part = Marked.of(np.concatenate([which, which]), np.concatenate([one, other]), np.concatenate([a, b]))
    few = part.responses < 8000
    severe = severities(part.responses[few].tolist(), part.markers[few].tolist(), part.marks[few].tolist(), ESSAY.full)
    started = time.process_time()
    scatter = fit(Scale.of(ESSAY.full, ESSAY.step), part, severe)
    decided = [Decided(Fraction(x + y, 2), (min(x, y), max(x, y))) for x, y in zip(a.tolist(), b.tolist(), strict=True)]
    found = odds(scatter, Goal(ESSAY.step, False, Fraction(600)), part, which, decided)
    plan(found.gain, found.marks, 6000)
    return [Row.judged("planning extra marks on 60,000 essays of 500 markers, CPU", time.process_time() - started, "below", 20, "s")]
