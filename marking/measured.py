"""All that is known of an item group's markers at one moment: figures, drift, distance, severities. Pure.

`marking.alarms` holds rules against it, `marking.snapshot` writes it down for the web.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from marking import figures as measures
from marking.figures import Figures, Floats
from marking.severity import Severities, severities
from marking.shape import Shape
from marking.tally import Ints, Tally

LATEST = 6000  # marks of an item that severities are estimated from: the newest ones


@dataclass(frozen=True, slots=True)
class Severe:
    """The severities of an item group when they were last estimated: by item, by marker."""

    at: float  # seconds since 1970
    marks: int
    items: Mapping[str, Severities]


@dataclass(frozen=True, slots=True)
class Measured:
    shape: Shape
    users: tuple[int, ...]
    markers: Figures  # one entry a marker
    group: Figures  # one entry: all of them as one
    spread: tuple[list[int], ...] = field(default=())  # of each item: how often each mark was given in the group


def measure(tally: Tally, now: float, severe: Severe | None = None, *, hours: int | None = None) -> Measured:
    """`now`: seconds since 1970. `hours`: only the running hour and those before it, so many in all."""
    at = now / 3600
    if hours is None:
        whole, item, worked = tally.whole.all, tally.item.all, measures.hours_at_work(tally, at)
    else:
        first = math.floor(at) - hours + 1
        whole, item = tally.since(first)
        worked = _worked(tally, first, at)
    of_group = measures.figures(tally.shape, whole.sum(axis=0)[None], item.sum(axis=0)[None], np.array([worked.sum()]))
    found = measures.figures(tally.shape, whole, item, worked)
    spread: tuple[list[int], ...] = ()
    if hours is None:
        found = Figures(found.whole, tuple(_more(tally, found, severe)))
        spread = tuple(column.all.sum(axis=0).tolist() for column in tally.spread)
    return Measured(tally.shape, tuple(tally.users), found, of_group, spread)


def _more(tally: Tally, found: Figures, severe: Severe | None) -> list[Mapping[str, Floats]]:
    """What rests on all marks, or on the latest, whatever the hour."""
    average, limit, _ = measures.drift(tally)
    items: list[Mapping[str, Floats]] = []
    for k, name in enumerate(tally.shape.names):
        more = {
            "distance": measures.distance(tally.spread[k].all, int(tally.shape.step[k])),
            "drift": average[:, k],
            "drift_limit": limit[:, k],
            **_severity(tally.users, severe.items.get(name) if severe else None),
        }
        items.append({**found.items[k], **more})
    return items


def _severity(users: list[int], of: Severities | None) -> dict[str, Floats]:
    rows = np.full((5, len(users)), math.nan)
    rows[4] = 0
    for at, user in enumerate(users):
        one = of.markers.get(user) if of else None
        if one is not None:
            rows[:, at] = (one.logits, *one.interval, one.marks, one.n)
    return dict(zip(("severity", "severity_low", "severity_high", "severity_marks", "severity_n"), rows, strict=True))


def _worked(tally: Tally, first: int, at: float) -> Floats:
    """Hours at work since hour `first`."""
    hours = np.zeros(len(tally.users))
    for hour, (whole, _) in tally.by_hour.items():
        if hour >= first:
            part = max(measures.SHORTEST_HOUR, at - hour) if hour == math.floor(at) else 1.0
            hours[: whole.size] += (whole.all[:, 0] > 0) * part
    return hours


@dataclass(frozen=True, slots=True)
class Sample:
    """The newest marks of an item group, copied: an estimate is made of them while the counts go on."""

    responses: Ints
    markers: Ints  # users
    values: Ints  # (n, k) hundredths
    full: tuple[tuple[str, int], ...]  # of each item


def latest(tally: Tally, most: int = LATEST) -> Sample:
    """Of marks that have a co-marker's beside them: a mark alone says nothing of who is severe."""
    start = max(0, tally.partners.size - 4 * most)
    rows = (np.flatnonzero(tally.partners.all[start:] > 0) + start)[-most:]
    full = tuple((item.id, item.marks) for item in tally.shape.items)
    markers = np.array(tally.users, np.int64)[tally.marker.all[rows]]
    return Sample(tally.response.all[rows], markers, tally.values.all[rows, : len(full)].astype(np.int64), full)


def estimate(sample: Sample, now: float) -> Severe:
    """Severities of a group's markers; heavy, so it is done now and then."""
    found = {
        name: severities(sample.responses.tolist(), sample.markers.tolist(), sample.values[:, k].tolist(), full)
        for k, (name, full) in enumerate(sample.full)
    }
    return Severe(now, len(sample.responses), found)
