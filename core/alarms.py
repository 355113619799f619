"""Alarms as an exam office writes them: a condition on a marker's measures, how many marks it rests on, what follows.

    when   seconds < 4, exact < 40 %, third_rate > 0.25      a measure against a number; shares also in percent
           bias beyond 0.5, severity beyond 1.5              above it or below its negative
           drift beyond limits                               the average's own control limits
           terms joined by `and`

A rule is checked when the definition is loaded: the measure exists, and the condition neither always nor never holds.
`marking.alarms` evaluates the rules; docs/marker-measures.md says what each measure is.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal, cast

from pydantic import AfterValidator, Field, model_validator

from core.parts import ItemId, Part

Rests = Literal["marks", "pairs", "seeds", "selves"]  # what a measure is counted over
Comparison = Literal["<", "<=", ">", ">=", "beyond"]
_LEAST: dict[Rests, int] = {"marks": 30, "pairs": 30, "seeds": 10, "selves": 10}
_TERM = re.compile(r"([a-z_]+) (<=|>=|<|>|beyond) (limits|-?\d+(?:\.\d+)?(?: ?%)?)")
_TAKEN = frozenset({"person", "seeds"})  # what else a stop may be said to come from


@dataclass(frozen=True, slots=True)
class Measure:
    """What is known of a measure before any mark: its range, what it is counted over, and whether each item has its own."""

    rests: Rests
    low: float
    high: float
    by_item: bool = True


MEASURES: Mapping[str, Measure] = {
    "speed": Measure("marks", 0, math.inf, by_item=False),  # marks an hour
    "seconds": Measure("marks", 0, math.inf, by_item=False),  # mean, a response
    "third_rate": Measure("pairs", 0, 1, by_item=False),
    "mean": Measure("marks", 0, math.inf),  # marks
    "sd": Measure("marks", 0, math.inf),
    "shift": Measure("marks", -math.inf, math.inf),  # the mean less the group's, in standard deviations
    "distance": Measure("marks", 0, math.inf),  # of the distribution from the group's, in what chance gives
    "play_safe": Measure("marks", 0, 1),
    "exact": Measure("pairs", 0, 1),
    "adjacent": Measure("pairs", 0, 1),
    "kappa": Measure("pairs", -math.inf, 1),  # a marker who contradicts the others falls below -1 where marks hardly vary
    "drift": Measure("pairs", -math.inf, math.inf),  # standard deviations
    "self_consistency": Measure("selves", 0, 1),
    "expert_consistency": Measure("seeds", 0, 1),
    "bias": Measure("seeds", -math.inf, math.inf),  # marks
    "error": Measure("seeds", 0, math.inf),  # marks
    "severity": Measure("pairs", -math.inf, math.inf),  # logits
}


@dataclass(frozen=True, slots=True)
class Term:
    measure: str
    comparison: Comparison
    limit: float | None  # none: the measure's own limits

    def holds(self, value: float, limit: float) -> bool:
        match self.comparison:
            case "<":
                return value < limit
            case "<=":
                return value <= limit
            case ">":
                return value > limit
            case ">=":
                return value >= limit
            case "beyond":
                return abs(value) > limit


def condition(text: str) -> tuple[Term, ...]:
    """What `when` says: all of its terms must hold. ValueError in one sentence where it says nothing."""
    return tuple(_term(part.strip(), text) for part in " ".join(text.split()).split(" and "))


def _term(part: str, text: str) -> Term:
    found = _TERM.fullmatch(re.sub(r" ?(<=|>=|<|>) ?", r" \1 ", part))
    if found is None:
        raise ValueError(f"{text!r} is no condition; write such as `seconds < 4`, `exact < 40 %` or `drift beyond limits`")
    name, comparison, limit = found[1], cast(Comparison, found[2]), found[3]
    if name not in MEASURES:
        raise ValueError(f"there is no measure {name!r}; there are {', '.join(MEASURES)}")
    if limit == "limits":
        if (name, comparison) != ("drift", "beyond"):
            raise ValueError(f"{text!r}: only `drift` has limits of its own, as `drift beyond limits`; write a number")
        return Term(name, "beyond", None)
    number = float(limit.removesuffix("%")) / (100 if limit.endswith("%") else 1)
    term = Term(name, comparison, number)
    _may_hold_and_may_not(term, text)
    if limit.endswith("%") and MEASURES[name].high != 1:
        raise ValueError(f"{text!r}: {name} is no share; write a plain number")
    return term


def _may_hold_and_may_not(term: Term, text: str) -> None:
    """Refuses what every value of the measure fulfils, and what none does."""
    measure, limit = MEASURES[term.measure], term.limit or 0.0
    within = (
        f"{term.measure} lies between {measure.low:g} and {measure.high:g}"
        if measure.high < math.inf
        else f"{term.measure} is never below 0"
    )
    if term.comparison == "beyond":
        if limit <= 0 or measure.low == 0:
            raise ValueError(f"{text!r}: `beyond` takes a number above 0, of a measure that goes both ways; write `>` or `<` instead")
        return
    possible = [term.holds(v, limit) for v in (measure.low, measure.high, limit) if measure.low <= v <= measure.high]
    if all(possible) or not any(possible):
        raise ValueError(f"{text!r} {'always' if all(possible) else 'never'} holds: {within}")


class AlarmRule(Part):
    """One rule: when it holds of a marker (or of the whole group), over so many marks, it is told or the marker is stopped."""

    name: Annotated[ItemId, Field(description="default: the first measure that `when` speaks of")]
    when: Annotated[str, Field(max_length=200)]
    over: Annotated[int, Field(ge=1, le=100_000)] | None = Field(default=None, description="marks, pairs or checks it rests on at least")
    hours: Annotated[int, Field(ge=1, le=1000)] | None = Field(default=None, description="only the last so many hours; default: all")
    of: Literal["marker", "group"] = "marker"
    then: Literal["tell", "stop"] = "tell"

    @model_validator(mode="before")
    @classmethod
    def _named(cls, value: object) -> object:
        if not isinstance(value, dict) or "name" in value or not isinstance(value.get("when"), str):
            return value
        return {**value, "name": condition(value["when"])[0].measure}

    @model_validator(mode="after")
    def _sound(self) -> AlarmRule:
        terms = condition(self.when)
        if self.name in _TAKEN:
            raise ValueError(f"the name {self.name} is taken by stops that no alarm makes; choose another")
        if self.of == "group" and self.then == "stop":
            raise ValueError(f"the alarm {self.name} is of a whole group, which is not stopped; write `then: tell`")
        alike = [t.measure for t in terms if t.measure in ("drift", "severity", "shift", "distance")]
        if alike and self.of == "group":
            raise ValueError(f"the alarm {self.name}: {alike[0]} is a marker's within a group, not a group's")
        whole = [t.measure for t in terms if t.measure in ("drift", "severity", "distance")]
        if whole and self.hours is not None:
            raise ValueError(f"the alarm {self.name}: {whole[0]} rests on the latest marks or on all; leave out `hours`")
        return self

    @property
    def terms(self) -> tuple[Term, ...]:
        return condition(self.when)

    @property
    def by_item(self) -> bool:
        """Each item of the group is looked at by itself; else the responses as a whole."""
        return any(MEASURES[t.measure].by_item for t in self.terms)

    def least(self, term: Term) -> int:
        """How many marks, pairs or checks the measure of a term must rest on."""
        return self.over if self.over is not None else _LEAST[MEASURES[term.measure].rests]


def _each_once(rules: tuple[AlarmRule, ...]) -> tuple[AlarmRule, ...]:
    names = [rule.name for rule in rules]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"the alarm {twice[0]} stands twice; give one of them another `name`")
    return rules


Alarms = Annotated[tuple[AlarmRule, ...], AfterValidator(_each_once)]
