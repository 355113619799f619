"""Simulated markers: people of known severity, noise, drift, halo and caution, who mark responses of known quality. Pure, seeded.

A response's definitive mark on an item is what the chief examiners would agree. A marker sees it through an error that is
largest in the middle of the scale, shifted by the marker's severity, which drifts over the day, and pulled towards the
impression that the whole script makes (halo). A marker who plays safe now and then gives 71 % of full marks; a careless one
gives many marks that have little to do with the response, and far too fast.

Every number is drawn by a counter (SplitMix64 of seed, marker, response, item; Steele, Lea and Flood, 2014), so the same
marker marks the same response the same way whatever was marked before, one at a time or a hundred thousand at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np

Floats = np.ndarray[Any, np.dtype[np.float64]]
Ints = np.ndarray[Any, np.dtype[np.int64]]
Bits = np.ndarray[Any, np.dtype[np.uint64]]
Kind = Literal["short", "long", "essay", "steps"]

DAY = 600  # marks of a full day: drift is told for a day
SAFE_SHARE = 0.71  # of full marks: what a marker gives who plays safe
REPEAT = 1 << 20  # response numbers of a second look begin here: the same response, drawn anew


@dataclass(frozen=True, slots=True)
class SimulatedItem:
    """An item of an exam as the simulation sees it. Marks are hundredths."""

    id: str
    kind: Kind
    full: int
    step: int
    steps: tuple[int, ...] = ()  # the full marks of its steps
    difficulty: float = 0.0  # of the mean quality: above zero is harder

    @property
    def top(self) -> int:
        """The number of its highest mark, counted in mark steps."""
        return self.full // self.step


SHORT = SimulatedItem("short", "short", 600, 100)
LONG = SimulatedItem("long", "long", 1500, 100, difficulty=0.2)
ESSAY = SimulatedItem("essay", "essay", 6000, 100, difficulty=-0.3)
STEPS = SimulatedItem("steps", "steps", 1200, 100, (200, 400, 600), 0.1)
ITEMS = (SHORT, LONG, ESSAY, STEPS)
_ITEM_SPREAD = {"short": 1.0, "long": 0.9, "essay": 0.55, "steps": 0.9}  # of qualities on the probit scale
_ITEM_NOISE = {"short": 0.085, "long": 0.075, "essay": 0.075, "steps": 0.075}  # of full marks, in the middle of the scale
_ITEM_SECONDS = {"short": 9.0, "long": 22.0, "essay": 75.0, "steps": 26.0}


@dataclass(frozen=True, slots=True)
class Simulated:
    """A marker. Severity and drift are shares of full marks: a severity of 0.05 gives three marks less on an essay of 60."""

    number: int
    severity: float = 0.0
    noise: float = 1.0  # times the usual error
    drift: float = 0.0  # added to the severity over DAY marks
    halo: float = 0.0  # how far the impression of the script pulls, 0 to 1
    safe: float = 0.0  # share of marks at 71 % of full
    careless: float = 0.0  # share of marks that have little to do with the response
    speed: float = 1.0  # times the usual seconds
    seed: int = 0

    def mark(self, response: int, item: SimulatedItem, nth: int = 0) -> tuple[int, float]:
        """The mark in hundredths on the item's mark step, and the seconds it took; `nth` counts the marker's marks of the day."""
        hundredths, seconds = marks([self], np.zeros(1, np.int64), np.array([response]), item, np.array([nth]))
        return int(hundredths[0]), float(seconds[0])

    def steps(self, response: int, item: SimulatedItem, nth: int = 0) -> tuple[int, ...]:
        """The same mark, laid out on the item's steps."""
        return laid_out(self.mark(response, item, nth)[0], item)


def laid_out(total: int, item: SimulatedItem) -> tuple[int, ...]:
    """A total filled into the steps from the first one: a candidate who gets stuck has done the beginning."""
    left, parts = total, []
    for full in item.steps:
        parts.append(min(left, full))
        left -= parts[-1]
    return tuple(parts)


def population(seed: int, count: int = 500, careless: int = 3) -> tuple[Simulated, ...]:
    """`count` markers, of whom `careless` (spread over the numbers) do not look."""
    rng = np.random.default_rng(seed)
    severity = rng.normal(0.0, 0.025, count)
    noise = np.exp(rng.normal(0.0, 0.2, count))
    drift, halo = rng.normal(0.0, 0.012, count), rng.uniform(0.0, 0.15, count)
    safe = np.where(rng.random(count) < 0.1, rng.uniform(0.02, 0.10, count), 0.0)
    speed = np.exp(rng.normal(0.0, 0.25, count))
    lost = set(rng.choice(count, careless, replace=False).tolist())
    return tuple(
        Simulated(
            n,
            float(severity[n]),
            float(noise[n]),
            float(drift[n]),
            float(halo[n]),
            0.10 if n in lost else float(safe[n]),
            0.45 if n in lost else 0.0,
            0.15 if n in lost else float(speed[n]),
            seed,
        )
        for n in range(count)
    )


def leader(number: int, seed: int = 0) -> Simulated:
    """Whoever decides, seeing the others' marks: no severity, and a third of the usual error."""
    return Simulated(number, noise=1 / 3, seed=seed)


def definitive(seed: int, responses: Ints | Sequence[int], item: SimulatedItem) -> Ints:
    """What the chief examiners would agree on each response, in hundredths on the mark step."""
    which = np.asarray(responses, np.int64)
    able = _impression(seed, which)
    own, _ = _normals(_key(seed, 0, which, item, 1))
    quality = _phi(_ITEM_SPREAD[item.kind] * (0.7 * able + np.sqrt(1 - 0.49) * own) - item.difficulty)
    hundredths: Ints = np.clip(np.rint(quality * item.top), 0, item.top).astype(np.int64) * item.step
    return hundredths


def marks(people: Sequence[Simulated], who: Ints, responses: Ints, item: SimulatedItem, nth: Ints | None = None) -> tuple[Ints, Floats]:
    """Many marks at once: (n,) places in `people`, (n,) responses, (n,) marks of the day so far. Hundredths and seconds."""
    crew = _Crew(tuple(people))
    seed = people[0].seed
    number, which = crew.number[who], np.asarray(responses, np.int64)
    day = np.zeros(len(who)) if nth is None else np.asarray(nth) / DAY
    truth = definitive(seed, which % REPEAT, item) / item.full
    impression = _phi(_ITEM_SPREAD[item.kind] * _impression(seed, which % REPEAT) - item.difficulty)
    error, pace = _normals(_key(seed, 1 + number, which, item, 2))
    chance, other = _uniforms(_key(seed, 1 + number, which, item, 3))
    seen = truth + crew.halo[who] * (impression - truth) - crew.severity[who] - crew.drift[who] * day
    seen = seen + error * crew.noise[who] * error_at(truth, item)
    guess = np.clip(0.62 + 0.14 * error, 0.0, 1.0)
    lost = chance < crew.careless[who]
    safe = ~lost & (chance < crew.careless[who] + crew.safe[who])
    share = np.where(lost, guess, np.where(safe, SAFE_SHARE, seen))
    steps = np.clip(np.rint(share * item.top), 0, item.top)
    seconds = _ITEM_SECONDS[item.kind] * crew.speed[who] * np.exp(0.35 * pace) * np.where(lost, 0.5 + other, 1.0)
    return steps.astype(np.int64) * item.step, seconds


def error_at(truth: Floats, item: SimulatedItem) -> Floats:
    """The standard deviation of an ordinary marker's error, of full marks: four times as large in the middle as at the ends."""
    size: Floats = _ITEM_NOISE[item.kind] * (0.25 + 0.75 * 4 * truth * (1 - truth))
    return size


def known_severity(people: Sequence[Simulated], item: SimulatedItem, nth: float = 0.0, *, sample: int = 1500) -> Floats:
    """What each marker gives above the mean marker, in marks, over the usual responses: what a fitted severity must find.

    By the expectation of each mark, so that the ends of the scale, halo, caution and carelessness are in it.
    """
    crew = _Crew(tuple(people))
    which = np.arange(sample)
    truth = definitive(people[0].seed, which, item) / item.full
    impression = _phi(_ITEM_SPREAD[item.kind] * _impression(people[0].seed, which) - item.difficulty)
    points, weights = np.polynomial.hermite_e.hermegauss(21)
    weights = weights / weights.sum()
    guess = float((np.rint(np.clip(0.62 + 0.14 * points, 0, 1) * item.top) * weights).sum())
    safe = float(np.rint(SAFE_SHARE * item.top))
    given = np.empty(len(people))
    for n in range(len(people)):
        centre = truth + crew.halo[n] * (impression - truth) - crew.severity[n] - crew.drift[n] * nth / DAY
        seen = centre[:, None] + points * crew.noise[n] * error_at(truth, item)[:, None]
        mean = float((np.clip(np.rint(seen * item.top), 0, item.top) @ weights).mean())
        given[n] = (1 - crew.careless[n] - crew.safe[n]) * mean + crew.careless[n] * guess + crew.safe[n] * safe
    above: Floats = (given - given.mean()) * item.step / 100
    return above


@dataclass(frozen=True)
class _Crew:
    """The people as columns."""

    people: tuple[Simulated, ...]

    @cached_property
    def number(self) -> Ints:
        return np.array([p.number for p in self.people], np.int64)

    @cached_property
    def severity(self) -> Floats:
        return np.array([p.severity for p in self.people])

    @cached_property
    def noise(self) -> Floats:
        return np.array([p.noise for p in self.people])

    @cached_property
    def drift(self) -> Floats:
        return np.array([p.drift for p in self.people])

    @cached_property
    def halo(self) -> Floats:
        return np.array([p.halo for p in self.people])

    @cached_property
    def safe(self) -> Floats:
        return np.array([p.safe for p in self.people])

    @cached_property
    def careless(self) -> Floats:
        return np.array([p.careless for p in self.people])

    @cached_property
    def speed(self) -> Floats:
        return np.array([p.speed for p in self.people])


def _impression(seed: int, which: Ints) -> Floats:
    """How good each script is as a whole, standard normal."""
    return _normals(_key(seed, 0, which, None, 0))[0]


def _key(seed: int, who: int | Ints, which: Ints, item: SimulatedItem | None, what: int) -> Bits:
    place = 0 if item is None else int.from_bytes(item.id.encode()[:7], "big")
    start = _mixed(np.asarray(seed & 0xFFFFFFFF, np.uint64) + np.asarray(what << 40, np.uint64))
    mixed = _mixed(start ^ np.asarray(place, np.uint64))
    mixed = _mixed(mixed ^ np.asarray(who).astype(np.uint64))
    return _mixed(mixed ^ which.astype(np.uint64))


def _mixed(bits: Bits) -> Bits:
    """The finalizer of SplitMix64."""
    with np.errstate(over="ignore"):
        mixed = np.asarray(bits, np.uint64) + np.uint64(0x9E3779B97F4A7C15)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        found: Bits = mixed ^ (mixed >> np.uint64(31))
    return found


def _uniforms(key: Bits) -> tuple[Floats, Floats]:
    """Two numbers in (0, 1) of each key."""
    with np.errstate(over="ignore"):
        second = _mixed(key + np.uint64(1))
    return _share(key), _share(second)


def _share(bits: Bits) -> Floats:
    return ((bits >> np.uint64(11)).astype(np.float64) + 0.5) / 2.0**53


def _normals(key: Bits) -> tuple[Floats, Floats]:
    """Two standard normal numbers of each key (Box and Muller, 1958)."""
    first, second = _uniforms(key)
    radius = np.sqrt(-2.0 * np.log(first))
    return radius * np.cos(2 * np.pi * second), radius * np.sin(2 * np.pi * second)


def _phi(x: Floats) -> Floats:
    """The normal distribution function, to 8e-8 (Abramowitz and Stegun 1964, 26.2.17)."""
    t = 1.0 / (1.0 + 0.2316419 * np.abs(x))
    tail = np.exp(-0.5 * x * x) / np.sqrt(2 * np.pi)
    tail = tail * t * (0.319381530 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))))
    share: Floats = np.where(x >= 0, 1.0 - tail, tail)
    return share
