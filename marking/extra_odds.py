"""Of the responses of an item group, how likely their final marks are definitive: the rows of the tables put to `marking.risk`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np

from core.exam import WrittenItem
from core.states import TaskLevel
from marking.extra_rows import Given, Group, hundredths
from marking.risk import Decided, Goal, Odds, expert_chances, odds
from marking.scatter import Floats, Ints, Marked, Scale, Scatter, fit
from marking.severity import severities

MOST = 30_000  # marks that severities are estimated from: more make the intervals no better than the model is


@dataclass(frozen=True, slots=True)
class Standing:
    responses: Ints  # sorted: decided by markers alone
    extra: tuple[int, ...]  # how often each was asked for
    odds: Odds  # summed over the items of a response
    other: Floats  # the chance now, by the other measure
    exact: bool
    measured: bool


def odds_of(rows: Group) -> Standing:
    """All responses that markers alone have decided, those too that were asked for before."""
    responses = np.array(sorted(r for r in rows.decided if _by_markers(rows, r)), np.int64)
    if not len(responses):
        nothing = np.zeros(0)
        return Standing(responses, (), Odds(nothing, nothing, nothing + 1), nothing, True, False)
    found: list[tuple[Odds, Floats, bool, bool]] = []
    for item in rows.group.items:
        scatter, goal = scatter_of(rows, item), Goal.of(rows.group.scheme, item)
        decided = _decided(rows, item, responses)
        marked = _marked(item, [g for r in responses.tolist() for g in rows.live[r]])
        now = odds(scatter, goal, marked, responses, decided)
        found.append((now, odds(scatter, goal.other(), marked, responses, decided).now, goal.exact, scatter.fitted))
    whole = reduce(Odds.joined, (one for one, *_ in found))
    other: Floats = np.sum([one for _, one, *_ in found], axis=0)
    return Standing(
        responses, tuple(rows.extra[r] for r in responses.tolist()), whole, other, all(e for *_, e, _ in found), all(m for *_, m in found)
    )


def chances_now(rows: Group, responses: Sequence[int]) -> Floats:
    """The chances that these decided responses' final marks are definitive, whoever decided them, summed over the items."""
    which = np.array(sorted(responses), np.int64)
    total = np.zeros(len(which))
    by_expert = np.array([not _by_markers(rows, r) for r in which.tolist()], np.bool_)
    for item in rows.group.items if len(which) else ():
        scatter, goal = scatter_of(rows, item), Goal.of(rows.group.scheme, item)
        marked = _marked(item, [g for r in which.tolist() for g in rows.live[r] if g.level is TaskLevel.MARKER])
        chance = odds(scatter, goal, marked, which, _decided(rows, item, which)).now
        total += np.where(by_expert, expert_chances(scatter, goal, marked, which), chance)
    return total


def scatter_of(rows: Group, item: WrittenItem) -> Scatter:
    """From all blind marks of the group's markers, on live responses and on seeds."""
    blind = [g for r, marks in rows.live.items() if r not in rows.known for g in marks if g.level is TaskLevel.MARKER]
    marked = _marked(item, [*rows.seen, *blind])
    few = slice(0, MOST)  # the seeds first: they tie all markers together
    severe = severities(marked.responses[few].tolist(), marked.markers[few].tolist(), marked.marks[few].tolist(), item.marks)
    known = {r: hundredths(item, Given(0, r, 0, TaskLevel.ARBITER, values)) for r, values in rows.known.items()}
    return fit(Scale.of(item.marks, item.step), marked, severe, known)


def _by_markers(rows: Group, response: int) -> bool:
    return all(given.level is TaskLevel.MARKER for given in rows.live[response])


def _marked(item: WrittenItem, given: Sequence[Given]) -> Marked:
    return Marked.of([g.response for g in given], [g.marker for g in given], [hundredths(item, g) for g in given])


def _decided(rows: Group, item: WrittenItem, responses: Ints) -> list[Decided]:
    found = []
    for response in responses.tolist():
        final = rows.decided[response][item.id]
        given = {g.id: hundredths(item, g) for g in rows.live[response]}
        found.append(Decided(final.mark, tuple(sorted(given[m] for m in final.marks))))
    return found
