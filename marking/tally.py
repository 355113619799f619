"""Counts of one item group's marks, kept right as marks come, change and go: whatever is measured is made from them.

By marker and item: sums of the marks, of the pairs that they make with co-markers' marks, of checks. All in all, and by hour.
Every count is a whole number (hundredths, milliseconds), so that taking a mark out leaves exactly what was there before it
came, and the order in which marks come does not matter. Pure: rows in, counts out. Writer and owner of the arrays:
`marking.live`; `marking.figures` makes measures of them.

Only marks of the level marker count, made for score, as seeds and as self re-marks; pairs, means and distributions are of
those for score alone. A response gives the pairs of its first slots: a third mark is asked for where two differ, and
would make everybody look worse.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.exam import ItemGroup
from marking.columns import Column, Places
from marking.measures import PLAY_SAFE, PLAY_SAFE_WIDTH
from marking.shape import Shape

Ints = np.ndarray[Any, np.dtype[np.int64]]
Bools = np.ndarray[Any, np.dtype[np.bool_]]

WHOLE = ("n", "milliseconds", "settled", "third")  # of responses
MARKS = ("n", "total", "squares", "safe")
PAIRS = ("pairs", "exact", "adjacent", "own", "own_squares", "other", "other_squares", "apart_squares")
CHECKS = ("selves", "selves_near", "seeds", "seeds_near", "signed", "absolute")
ITEM = (*MARKS, *PAIRS, *CHECKS)
_MARKS, _PAIRS, _CHECKS = (slice(0, 4), slice(4, 12), slice(12, 18))


@dataclass(frozen=True, slots=True)
class Batch:
    """Marks as they were read, one entry each; `values` has a column for each item, then for each step that is judged."""

    ids: Ints
    responses: Ints
    tasks: Ints
    markers: Ints  # users
    live: Bools
    counted: Bools
    good: Bools  # counted or surplus
    hours: Ints  # since 1970
    milliseconds: Ints
    values: Ints


@dataclass(frozen=True, slots=True)
class Held:
    """A check: what the mark differed by, by item in hundredths."""

    mark: int
    kind: str  # seed or self
    passed: bool
    differences: Mapping[str, int]


class Tally:
    """The counts of one item group. `rows` and `heads` say where a mark and a response's latest mark stand, by their numbers."""

    def __init__(self, group: ItemGroup, rows: Places | None = None, heads: Places | None = None) -> None:
        self.shape = Shape(group)
        self.rows = rows if rows is not None else Places()
        self.heads = heads if heads is not None else Places()
        self.users: list[int] = []
        self._places: dict[int, int] = {}  # of users
        k = len(self.shape.names)
        self.id, self.response, self.task = Column(np.int64), Column(np.int64), Column(np.int64)
        self.marker, self.hour, self.milliseconds = Column(np.int32), Column(np.int32), Column(np.int32)
        self.live, self.counted, self.good = Column(np.bool_), Column(np.bool_), Column(np.bool_)
        self.inside, self.paired = Column(np.bool_), Column(np.bool_)  # what the counts hold at present
        self.values, self.apart = Column(np.int32, self.shape.columns), Column(np.int32, k)
        self.partners = Column(np.int8)
        self.beside, self.before = Column(np.int32), Column(np.int32)  # the row before: of the same response, of the same marker
        self.latest = Column(np.int32)  # of each marker
        self.whole, self.item = Column(np.int64, len(WHOLE)), Column(np.int64, k, len(ITEM))
        self.worked = Column(np.int64)  # hours in which the marker made a mark
        self.by_hour: dict[int, tuple[Column, Column]] = {}
        bins = self.shape.full // self.shape.step + 1
        self.spread = [Column(np.int64, int(n)) for n in bins]  # of each item: by marker, how often each mark was given
        self.checks: dict[int, list[tuple[bool, Ints]]] = {}  # by mark: whether it is counted at present, and its counts
        self.is_late = False

    def place(self, users: Ints) -> Ints:
        """Where these people's counts stand."""
        names, which = np.unique(users, return_inverse=True)
        found = []
        for name in names.tolist():
            if name not in self._places:
                self._places[name] = len(self.users)
                self.users.append(name)
            found.append(self._places[name])
        if len(self.users) > self.whole.size:
            new = len(self.users) - self.whole.size
            for column in (self.whole, self.item, self.worked, *self.spread):
                column.extend(new)
            self.latest.append(np.full(new, -1))
        return np.array(found, np.int64)[which]

    def add(self, batch: Batch) -> None:
        """Marks that were not there yet; those that were are left as they are."""
        _, once = np.unique(batch.ids, return_index=True)  # in the order of their numbers
        new = once[self.rows.of(batch.ids[once]) < 0]
        if not new.size:
            return
        first = self.id.size
        self.is_late |= first > 0 and int(batch.ids[new[0]]) < int(self.id.all[first - 1])
        rows = np.arange(first, first + new.size)
        marker = self.place(batch.markers[new])
        for column, values in (
            (self.id, batch.ids[new]),
            (self.response, batch.responses[new]),
            (self.task, batch.tasks[new]),
            (self.marker, marker),
            (self.hour, batch.hours[new]),
            (self.milliseconds, batch.milliseconds[new]),
            (self.live, batch.live[new]),
            (self.counted, batch.counted[new]),
            (self.good, batch.good[new]),
            (self.values, batch.values[new]),
        ):
            column.append(values)
        for empty in (self.inside, self.paired, self.apart, self.partners):
            empty.extend(new.size)
        self.rows.put(batch.ids[new], rows)
        self.beside.append(np.full(new.size, -1))
        self.before.append(np.full(new.size, -1))
        scored = rows[batch.live[new]]
        responses = self.response.all[scored]
        self.heads.put(responses, _link(self.beside.all, scored, responses, self.heads.of(responses)))
        markers = self.marker.all[scored]
        self.latest.all[markers] = _link(self.before.all, scored, markers, self.latest.all[markers])
        self._settle(rows)

    def change(self, ids: Ints, counted: Bools, good: Bools) -> bool:
        """Marks whose state is another now; whether any is. One that is not here comes with the state that it has then."""
        rows, here = self._rows(ids)
        other = (self.counted.all[rows] != counted[here]) | (self.good.all[rows] != good[here])
        self.counted.all[rows], self.good.all[rows] = counted[here], good[here]
        rows = np.unique(rows)
        self._settle(rows)
        self._move_checks(rows)
        return bool(other.any())

    def _rows(self, ids: Ints) -> tuple[Ints, Bools]:
        """The rows of those marks that are this group's, and which they are: the places are shared with other groups."""
        rows = self.rows.of(ids)
        here = (rows >= 0) & (rows < self.id.size)
        here[here] = self.id.all[rows[here]] == ids[here]
        return rows[here], here

    def check(self, held: Sequence[Held]) -> list[Held]:
        """Checks that were not counted yet; those come back whose mark is not here."""
        waiting = []
        for one in held:
            rows, _ = self._rows(np.array([one.mark]))
            if not rows.size:
                waiting.append(one)
                continue
            row = int(rows[0])
            counts = (bool(self.good.all[row]), self._check_counts(one))
            self.checks.setdefault(row, []).append(counts)
            if counts[0]:
                self._put(np.array([row]), None, counts[1][None], _CHECKS)
        return waiting

    def _settle(self, rows: Ints) -> None:
        """Bring the counts in step with the states of these marks."""
        wanted = self.good.all[rows]
        moved = rows[wanted != self.inside.all[rows]]
        sign = np.where(self.good.all[moved], 1, -1)
        self._count(moved, sign)
        self.inside.all[moved] = self.good.all[moved]
        self._pair_again(np.unique(self.response.all[rows[self.live.all[rows]]]))

    def _count(self, rows: Ints, sign: Ints) -> None:
        if not rows.size:
            return
        whole = np.zeros((rows.size, len(WHOLE)), np.int64)
        whole[:, 0], whole[:, 1] = sign, sign * self.milliseconds.all[rows]
        scored = self.live.all[rows]
        self._put(rows, whole, None)
        rows, sign = rows[scored], sign[scored]
        values = self.values.all[rows][:, : len(self.shape.names)].astype(np.int64)
        low, high = PLAY_SAFE - PLAY_SAFE_WIDTH, PLAY_SAFE + PLAY_SAFE_WIDTH
        safe = (values * low.denominator >= self.shape.full * low.numerator) & (
            values * high.denominator <= self.shape.full * high.numerator
        )
        self._put(rows, None, np.stack([np.ones_like(values), values, values**2, safe], axis=2) * sign[:, None, None], _MARKS)
        for k, spread in enumerate(self.spread):
            np.add.at(spread.all, (self.marker.all[rows], values[:, k] // self.shape.step[k]), sign)

    def _pair_again(self, responses: Ints) -> None:
        """The pairs of these responses: those that were counted out, those that are now in."""
        rows = self._rows_of(responses)
        order = np.lexsort((self.task.all[rows], self.response.all[rows]))
        rows = rows[order]
        eligible = rows[self.counted.all[rows]]
        wanted = eligible[_rank(self.response.all[eligible]) < self.shape.first]
        is_wanted = np.zeros(rows.size, np.bool_)
        is_wanted[np.isin(rows, wanted, assume_unique=True)] = True
        touched = np.unique(self.response.all[rows[is_wanted != self.paired.all[rows]]])
        in_question = np.isin(self.response.all[rows], touched)
        rows, is_wanted = rows[in_question], is_wanted[in_question]
        self._pairs(rows[self.paired.all[rows]], -1)
        self.apart.all[rows], self.partners.all[rows] = 0, 0
        self.paired.all[rows] = is_wanted
        self._pairs(rows[is_wanted], 1)

    def _rows_of(self, responses: Ints) -> Ints:
        found, at = [], self.heads.of(responses)
        at = at[at >= 0]
        while at.size:
            found.append(at)
            at = self.beside.all[at].astype(np.int64)
            at = at[at >= 0]
        return np.concatenate(found) if found else np.zeros(0, np.int64)

    def _pairs(self, rows: Ints, sign: int) -> None:
        """`rows`: by response, then by slot."""
        response = self.response.all[rows]
        is_first = np.ones(rows.size, np.bool_)
        is_first[1:] = response[1:] != response[:-1]
        for distance in range(1, min(self.shape.first, rows.size)):
            together = response[:-distance] == response[distance:]
            one, other = rows[:-distance][together], rows[distance:][together]
            if distance == 1:
                self._third(one[is_first[:-1][together]], other[is_first[:-1][together]], sign)
            self._pair(np.concatenate([one, other]), np.concatenate([other, one]), sign)

    def _third(self, one: Ints, other: Ints, sign: int) -> None:
        values = self.values.all
        near = (np.abs(values[one][:, self.shape.judged] - values[other][:, self.shape.judged]) <= self.shape.reach).all(axis=1)
        whole = np.zeros((one.size, len(WHOLE)), np.int64)
        whole[:, 2], whole[:, 3] = near * sign, ~near * sign
        self._put(np.concatenate([one, other]), np.concatenate([whole, whole]), None)

    def _pair(self, own: Ints, other: Ints, sign: int) -> None:
        k = len(self.shape.names)
        a, b = (self.values.all[rows][:, :k].astype(np.int64) for rows in (own, other))
        apart = a - b
        adjacent = np.abs(apart) <= self.shape.step
        counts = [np.ones_like(a), apart == 0, adjacent, a, a**2, b, b**2, apart**2]
        self._put(own, None, np.stack(counts, axis=2) * sign, _PAIRS)
        if sign > 0:
            np.add.at(self.apart.all, own, apart)
            np.add.at(self.partners.all, own, 1)

    def _check_counts(self, one: Held) -> Ints:
        counts = np.zeros((len(self.shape.names), len(CHECKS)), np.int64)
        for k, item in enumerate(self.shape.items):
            if item.id not in one.differences:
                continue
            apart = one.differences[item.id]
            near = one.passed if self.shape.by_outcome[k] else abs(apart) <= self.shape.item_reach[k]
            counts[k] = (1, near, 0, 0, 0, 0) if one.kind == "self" else (0, 0, 1, near, apart, abs(apart))
        return counts

    def _move_checks(self, rows: Ints) -> None:
        for row in rows.tolist():
            good = bool(self.good.all[row])
            for at, (counted, counts) in enumerate(self.checks.get(row, ())):
                if counted != good:
                    self._put(np.array([row]), None, counts[None] * (1 if good else -1), _CHECKS)
                    self.checks[row][at] = (good, counts)

    def _put(self, rows: Ints, whole: Ints | None, item: Ints | None, part: slice = _MARKS) -> None:
        """Add a block for each row to the counts of its marker, all in all and in its hour."""
        if not rows.size:
            return
        hours, markers = self.hour.all[rows].astype(np.int64), self.marker.all[rows].astype(np.int64)
        key = hours << 32 | markers
        order = np.argsort(key, kind="stable")
        starts = np.flatnonzero(np.r_[True, np.diff(key[order]) != 0])
        hours, markers = hours[order[starts]], markers[order[starts]]
        for hour in np.unique(hours).tolist():
            here = hours == hour
            at = markers[here]
            by_whole, by_item = self._hour(hour)
            if whole is not None:
                sums = np.add.reduceat(whole[order], starts, axis=0)[here]
                had = by_whole.all[at, 0] > 0
                by_whole.all[at] += sums
                self.whole.all[at] += sums
                self.worked.all[at] += (by_whole.all[at, 0] > 0).astype(np.int64) - had
            if item is not None:
                sums = np.add.reduceat(item[order], starts, axis=0)[here]
                by_item.all[at, :, part] += sums
                self.item.all[at, :, part] += sums

    def _hour(self, hour: int) -> tuple[Column, Column]:
        if hour not in self.by_hour:
            self.by_hour[hour] = (Column(np.int64, len(WHOLE)), Column(np.int64, len(self.shape.names), len(ITEM)))
        for column in self.by_hour[hour]:
            column.extend(len(self.users) - column.size)
        return self.by_hour[hour]

    def since(self, hour: int) -> tuple[Ints, Ints]:
        """The counts of the hours from `hour` on: of responses, of items."""
        whole, item = np.zeros_like(self.whole.all), np.zeros_like(self.item.all)
        for at, (by_whole, by_item) in self.by_hour.items():
            if at >= hour:
                whole[: by_whole.size] += by_whole.all
                item[: by_item.size] += by_item.all
        return whole, item


def _rank(keys: Ints) -> Ints:
    """How many equal keys stand before each; equal ones stand together."""
    at = np.arange(keys.size)
    is_first = np.r_[True, keys[1:] != keys[:-1]] if keys.size else np.zeros(0, np.bool_)
    return at - np.maximum.accumulate(np.where(is_first, at, 0)) if keys.size else at


def _link(links: Any, rows: Ints, keys: Ints, heads: Ints) -> Ints:
    """Chain rows to the row of the same key before them, the first to `heads`; for each row the newest of its key."""
    order = np.argsort(keys, kind="stable")
    ordered, sorted_rows = keys[order], rows[order]
    is_first = np.r_[True, ordered[1:] != ordered[:-1]] if keys.size else np.zeros(0, np.bool_)
    links[sorted_rows] = np.where(is_first, heads[order], np.r_[-1, sorted_rows[:-1]][: keys.size])
    ends = np.r_[ordered[1:] != ordered[:-1], True] if keys.size else is_first
    newest = np.empty_like(rows)
    newest[order] = np.repeat(sorted_rows[ends], np.diff(np.r_[-1, np.flatnonzero(ends)]))
    return newest
