"""How marks scatter round the definitive mark: of each marker and each definitive mark, the chances of the marks given.

The definitive mark is what the chief examiners would agree; it is a whole number of mark steps, as every mark is. A marker's
mark is normal round it, rounded to the scale, cut off at its ends (the ordered probit: McKelvey and Zavoina, 1975), with
a shift for severity and an error that is largest in the middle of the scale; now and then it has nothing to do with the
response (Dawid and Skene, 1979, for readers of unlike reliability). The severities and their errors come from
`marking.severity`. Everything else is found from the marks, and from definitive marks where some are known (seeds), by
maximum likelihood and EM; how reliable a marker is, as weights of a few types. Pure; it decides no score.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from marking.severity import Severities

Floats = np.ndarray[Any, np.dtype[np.float64]]
Ints = np.ndarray[Any, np.dtype[np.int64]]

MOST_STEPS = 100  # a finer scale is joined to about so many marks
ERRORS = (0.6, 0.8, 1.0, 1.25, 1.6)  # a marker's error, times the usual one
STRAYS = (0.004, 0.06, 0.4)  # shares of a marker's marks that have nothing to do with the response
TYPES = tuple((error, stray) for error in ERRORS for stray in STRAYS)
USUAL_ERROR, USUAL_FLOOR = 0.08, 0.4  # of full marks in the middle; at the ends, of the middle: where nothing shows them
USUAL_SHARED = 0.15  # of a marker's own error, is shared by all
FEW, FEW_KNOWN = 30, 8  # marks, known responses: with fewer the usual figures are taken
SAMPLE = 2500  # responses that the error is fitted on
ROUNDS = 8
SHARED = ((-(3**0.5), 1 / 6), (0.0, 2 / 3), (3**0.5, 1 / 6))  # a normal number by three points (Gauss and Hermite), with their weights
CHUNK = 4000  # rows at a time, so that an essay's scale does not need gigabytes


@dataclass(frozen=True, slots=True)
class Scale:
    """An item's marks as numbers 0 to `top`. `unit` is what one of them is worth, in hundredths."""

    full: int
    unit: int

    @classmethod
    def of(cls, full: int, step: int) -> Scale:
        return cls(full, step * max(1, -(-full // (step * MOST_STEPS))))

    @property
    def top(self) -> int:
        return max(1, self.full // self.unit)

    def place(self, hundredths: Ints) -> Ints:
        return np.clip((2 * hundredths + self.unit) // (2 * self.unit), 0, self.top)


@dataclass(frozen=True, slots=True)
class Marked:
    """The marks that markers gave blind, one entry each: which response, whose, and the hundredths."""

    responses: Ints
    markers: Ints
    marks: Ints

    @classmethod
    def of(cls, responses: Sequence[int] | Ints, markers: Sequence[int] | Ints, marks: Sequence[int] | Ints) -> Marked:
        return cls(np.asarray(responses, np.int64), np.asarray(markers, np.int64), np.asarray(marks, np.int64))


@dataclass(frozen=True, slots=True)
class Scatter:
    """Of each marker the chances of a mark, and how common each definitive mark is.

    A state is a definitive mark together with what all markers see alike in a response though it is not so (the impression of
    the whole script): their errors are not quite independent, and agreement proves less than it seems to.
    """

    scale: Scale
    markers: Ints  # sorted
    truth: Ints  # (states,) the definitive mark
    chances: Floats  # (markers, states, top + 1)
    prior: Floats  # (states,)
    error: Floats  # (top + 1,) the usual marker's own error, in marks of the scale
    shared: float  # the error that all share, of a marker's own
    types: Floats  # (markers, types) how likely each marker is of each type
    fitted: bool  # False: nothing showed how large the error is; the usual one of the field is taken

    @property
    def next(self) -> Floats:
        """The chances of whoever comes next, which is any of the markers."""
        mean: Floats = self.chances.mean(axis=0)
        return mean

    def posterior(self, marked: Marked, responses: Ints) -> Floats:
        """(responses, states): how likely each state is after all marks on the response. `responses` is sorted."""
        row = np.searchsorted(responses, marked.responses)
        who = np.searchsorted(self.markers, marked.markers)
        total = np.tile(np.log(self.prior), (len(responses), 1))
        _add_likelihoods(total, self.chances, row, who, self.scale.place(marked.marks))
        return _normalised(total)


def fit(scale: Scale, marked: Marked, severities: Severities, known: Mapping[int, int] | None = None) -> Scatter:
    """`known`: the definitive marks of some of the responses, in hundredths."""
    names, who = np.unique(marked.markers, return_inverse=True)
    responses, row = np.unique(marked.responses, return_inverse=True)
    data = _Data(scale, row, who, scale.place(marked.marks), len(names), _places(scale, responses, known or {}))
    shift, doubt = _shifts(scale, names, severities)
    shift = shift + _bias(data, shift)
    stray = np.bincount(data.mark, minlength=scale.top + 1) + 0.5
    error, fitted = _error(data, shift, doubt, stray / stray.sum())
    tables = _Tables(shift, doubt, error, stray / stray.sum())
    prior, types = _improve(data, tables)
    shared = _shared(data, shift, error)
    states = [_Tables(shift, doubt, error, stray / stray.sum(), moved=by * shared).mixed(types) for by, _ in SHARED]
    truth = np.tile(np.arange(scale.top + 1), len(SHARED))
    weights = np.concatenate([weight * prior for _, weight in SHARED])
    return Scatter(scale, names, truth, np.concatenate(states, axis=1), weights, error, shared, types, fitted)


@dataclass(frozen=True, slots=True)
class _Data:
    scale: Scale
    row: Ints  # (n,) response
    who: Ints  # (n,) marker
    mark: Ints  # (n,)
    markers: int
    truth: Ints  # (responses,) the definitive mark where it is known, else -1


class _Tables:
    """The chances of a mark given the definitive one, of each type of marker, for severities that are nearly the same together."""

    def __init__(
        self,
        shift: Floats,
        doubt: float,
        error: Floats,
        stray: Floats,
        types: Sequence[tuple[float, float]] = TYPES,
        *,
        moved: float = 0.0,  # of the error: by how much all marks on a response are too high
    ) -> None:
        width = max(0.1, float(error.max()) / 8)
        places = np.rint(shift / width).astype(np.int64)
        bins, self.bin = np.unique(places, return_inverse=True)
        self.of = np.empty((len(bins), len(types), len(error), len(error)))
        for t, (times, share) in enumerate(types):
            spread: Floats = np.hypot(times * error, doubt)
            self.of[:, t] = (1 - share) * _rounded(np.asarray(bins * width, np.float64), moved * error, spread) + share * stray

    def mixed(self, types: Floats) -> Floats:
        """(markers, T, mark): each marker by the weights of the types."""
        found = np.empty((len(types), *self.of.shape[2:]))
        for m in range(len(types)):
            found[m] = np.tensordot(types[m], self.of[self.bin[m]], axes=1)
        return found


def _rounded(shifts: Floats, moved: Floats, spread: Floats) -> Floats:
    """(shifts, T, mark): the chances of each mark, normal round T plus both shifts, rounded and cut off at the ends."""
    count = len(spread)
    edges = np.arange(count - 1) + 0.5
    centre = (np.arange(count) + moved)[None, :, None] + shifts[:, None, None]
    below = phi((edges - centre) / spread[None, :, None])
    ends = np.zeros((len(shifts), count, 1)), np.ones((len(shifts), count, 1))
    chances: Floats = np.maximum(np.diff(np.concatenate([ends[0], below, ends[1]], axis=2), axis=2), 1e-12)
    return chances


def _places(scale: Scale, responses: Ints, known: Mapping[int, int]) -> Ints:
    truth = np.full(len(responses), -1, np.int64)
    if known:
        keys = np.array(sorted(known), np.int64)
        at = np.searchsorted(responses, keys)
        there = (at < len(responses)) & (responses[np.minimum(at, len(responses) - 1)] == keys)
        truth[at[there]] = scale.place(np.array([known[int(k)] for k in keys[there]], np.int64))
    return truth


def _shifts(scale: Scale, names: Ints, severities: Severities) -> tuple[Floats, float]:
    """What each marker gives above the mean marker, drawn towards it as far as its error says, and the doubt that is left."""
    found = [severities.markers.get(int(name)) for name in names]
    given = np.array([s.marks if s else 0.0 for s in found]) * 100 / scale.unit
    errors = np.array([s.marks_error if s else np.nan for s in found]) * 100 / scale.unit
    if np.isnan(errors).all():
        return np.zeros(len(names)), 0.0
    sure = ~np.isnan(errors)
    spread = max(float(given[sure].var() - (errors[sure] ** 2).mean()), 1e-6)
    weight = np.where(sure, spread / (spread + np.nan_to_num(errors) ** 2), 0.0)
    return given * weight, float(np.sqrt((spread * (1 - weight)).mean()))


def _inner(data: _Data) -> Ints:
    """Marks on responses whose definitive mark is known and is not at an end of the scale, where marks are cut off."""
    truth, top = data.truth[data.row], data.scale.top
    return np.flatnonzero((truth >= 0.2 * top) & (truth <= 0.8 * top))


def _bias(data: _Data, shift: Floats) -> float:
    """What the mean marker gives above the definitive mark. Without known ones the mean marker is taken to be right."""
    told = _inner(data)
    if len(told) < FEW:
        return 0.0
    return float((data.mark[told] - data.truth[data.row[told]] - shift[data.who[told]]).mean())


def _shared(data: _Data, shift: Floats, error: Floats) -> float:
    """The error that all markers share on a response, of a marker's own: what known responses' mean marks show beyond chance."""
    told = _inner(data)
    truth = data.truth[data.row[told]]
    apart = (data.mark[told] - truth - shift[data.who[told]]) / error[truth]
    row, place, counts = np.unique(data.row[told], return_inverse=True, return_counts=True)
    if len(row) < FEW_KNOWN or counts.min() < 2:
        return USUAL_SHARED
    means = np.bincount(place, weights=apart) / counts
    within = np.bincount(place, weights=(apart - means[place]) ** 2) / (counts - 1)
    return float(np.sqrt(max((means**2 - within / counts).mean(), 0.0)))


def _error(data: _Data, shift: Floats, doubt: float, stray: Floats) -> tuple[Floats, bool]:
    """The usual marker's error at each definitive mark: the likeliest size in the middle and share of it at the ends."""
    scale, times = data.scale, np.bincount(data.row, minlength=len(data.truth))
    telling = np.flatnonzero((times > 1) | (data.truth >= 0))
    if len(telling) < FEW:
        return _error_curve(scale, USUAL_ERROR, USUAL_FLOOR), False
    chosen = telling[:: max(1, len(telling) // SAMPLE)]
    keep = np.isin(data.row, chosen)
    row = np.searchsorted(chosen, data.row[keep])
    prior = np.log(_first_prior(data))
    best, found = -np.inf, _error_curve(scale, USUAL_ERROR, USUAL_FLOOR)
    for size in USUAL_ERROR * np.geomspace(0.25, 4.0, 17):
        for floor in (0.15, 0.3, 0.5, 0.75, 1.0):
            error = _error_curve(scale, float(size), floor)
            tables = _Tables(shift, doubt, error, stray, ((1.0, 0.02),))
            total = np.tile(prior, (len(chosen), 1))
            _pin(total, data.truth[chosen])
            _add_likelihoods(total, tables.of[:, 0], row, tables.bin[data.who[keep]], data.mark[keep])
            likelihood = float(np.logaddexp.reduce(total, axis=1).sum())
            if likelihood > best:
                best, found = likelihood, error
    return found, True


def _error_curve(scale: Scale, size: float, floor: float) -> Floats:
    share = np.arange(scale.top + 1) / scale.top
    curve: Floats = np.maximum(size * scale.top * (floor + (1 - floor) * 4 * share * (1 - share)), 0.15)
    return curve


def _first_prior(data: _Data) -> Floats:
    """Where the responses' mean marks lie: the definitive marks lie nearly so."""
    count = np.maximum(np.bincount(data.row), 1)
    mean = np.rint(np.bincount(data.row, weights=data.mark) / count).astype(np.int64)
    return _smoothed(np.bincount(mean, minlength=data.scale.top + 1).astype(np.float64))


def _smoothed(weights: Floats) -> Floats:
    """Of a long scale the inner marks are smoothed with their neighbours (Silverman and others, 1990); none is impossible."""
    found = weights + 1e-3 * weights.sum() / len(weights)
    if len(found) > 5:
        inner = found[1:-1]
        padded = np.concatenate([inner[:1], inner, inner[-1:]])
        found[1:-1] = 0.25 * padded[:-2] + 0.5 * inner + 0.25 * padded[2:]
    share: Floats = found / found.sum()
    return share


def _improve(data: _Data, tables: _Tables) -> tuple[Floats, Floats]:
    """EM: where definitive marks lie, and of which type each marker is."""
    prior = _first_prior(data)
    weights = np.outer(np.array([0.1, 0.2, 0.4, 0.2, 0.1]), np.array([0.9, 0.09, 0.01])).ravel()
    types = np.tile(weights, (data.markers, 1))
    for n in range(ROUNDS):
        chances = tables.mixed(types)
        total = np.tile(np.log(prior), (len(data.truth), 1))
        _pin(total, data.truth)
        _add_likelihoods(total, chances, data.row, data.who, data.mark)
        posterior = _normalised(total)
        prior = _smoothed(posterior[data.truth < 0].sum(axis=0)) if (data.truth < 0).any() else prior
        if n < ROUNDS // 2:
            types = _typed(data, tables, chances, posterior, weights)
            weights = (types.sum(axis=0) + 0.02) / (data.markers + 0.02 * len(weights))
    return prior, types


def _typed(data: _Data, tables: _Tables, chances: Floats, posterior: Floats, weights: Floats) -> Floats:
    """Of which type each marker is, each mark held against what the response's other marks say."""
    total = np.tile(np.log(weights), (data.markers, 1))
    order = np.argsort(data.who, kind="stable")
    bounds = np.searchsorted(data.who[order], np.arange(data.markers + 1))
    for m in range(data.markers):
        for start in range(int(bounds[m]), int(bounds[m + 1]), CHUNK):
            mine = order[start : min(start + CHUNK, int(bounds[m + 1]))]
            others = posterior[data.row[mine]] / chances[m][:, data.mark[mine]].T
            others /= others.sum(axis=1, keepdims=True)
            likelihood = np.einsum("nq,tqn->nt", others, tables.of[tables.bin[m]][:, :, data.mark[mine]])
            total[m] += np.log(np.maximum(likelihood, 1e-300)).sum(axis=0)
    return _normalised(total)


def _pin(total: Floats, truth: Ints) -> None:
    """Where the definitive mark is known, no other is possible."""
    told = np.flatnonzero(truth >= 0)
    kept = total[told, truth[told]]
    total[told] = -1e9
    total[told, truth[told]] = kept


def _add_likelihoods(total: Floats, chances: Floats, row: Ints, who: Ints, mark: Ints) -> None:
    """Add each mark's log-likelihood, for every definitive mark, to its response's row."""
    by_mark = np.log(chances).transpose(0, 2, 1)  # (m, mark, T): a mark's row lies together
    order = np.argsort(row, kind="stable")
    for start in range(0, len(order), CHUNK):
        part = order[start : start + CHUNK]
        rows, first = np.unique(row[part], return_index=True)
        total[rows] += np.add.reduceat(by_mark[who[part], mark[part]], first, axis=0)


def _normalised(total: Floats) -> Floats:
    total -= total.max(axis=1, keepdims=True)
    np.exp(total, out=total)
    total /= total.sum(axis=1, keepdims=True)
    return total


def phi(x: Floats) -> Floats:
    """The normal distribution function, to 8e-8 (Abramowitz and Stegun 1964, 26.2.17)."""
    t = 1.0 / (1.0 + 0.2316419 * np.abs(x))
    tail = np.exp(-0.5 * x * x) / np.sqrt(2 * np.pi)
    tail = tail * t * (0.319381530 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))))
    share: Floats = np.where(x >= 0, 1.0 - tail, tail)
    return share
