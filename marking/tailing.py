"""Reading tables to their end again and again: rows that are new, and rows that were committed late under an earlier number.

A row's number is drawn before its transaction commits, so a higher one may be there first. What is above the last number is
read at each look; below it, the rows of the last half minute are counted, and where the count is not what was read, looked
for. Now and then that is done over all numbers, since a transaction may have lasted longer. Reads only.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from marking.columns import Places

CHUNK = 50_000
LATE = 30.0  # seconds within which a transaction is expected to end
LOOK_ALL = 600.0  # seconds between looks over everything
_FEW = 4096  # numbers that are compared one by one
Rows = Sequence[Any]


class Tail:
    """One table's rows that `where` holds for; `query` selects the number first. Each row is given once."""

    def __init__(
        self,
        number: InstrumentedAttribute[int],
        query: Select[Any],
        *where: ColumnElement[bool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._number = number
        self._query = query.where(*where).order_by(number)
        self._count = select(func.count()).select_from(number.class_).where(*where)
        self._numbers = select(number).where(*where)
        self._seen = Places()
        self._high = self._floor = 0
        self._reached: deque[tuple[float, int]] = deque()
        self._clock = clock
        self._looked = clock()

    def rows(self, session: Session) -> Iterator[Rows]:
        """What was not given yet, in pieces."""
        while found := session.execute(self._query.where(self._number > self._high).limit(CHUNK)).all():
            yield self._given(found)
            if len(found) < CHUNK:
                break
        now = self._clock()
        self._reached.append((now, self._high))
        while self._reached and now - self._reached[0][0] > LATE:
            self._floor = self._reached.popleft()[1]
        look_all = now - self._looked > LOOK_ALL
        if look_all:
            self._looked = now
        late = list(self._missing(session, 0 if look_all else self._floor, self._high))
        for start in range(0, len(late), _FEW):
            yield self._given(session.execute(self._query.where(self._number.in_(late[start : start + _FEW]))).all())

    def _given(self, rows: Rows) -> Rows:
        numbers = np.array([row[0] for row in rows], np.int64)
        self._seen.put(numbers, np.zeros(len(numbers), np.int32))
        self._high = max(self._high, int(numbers.max(initial=0)))
        return rows

    def _missing(self, session: Session, after: int, until: int) -> Iterator[int]:
        """Numbers above `after`, up to `until`, that are in the table and were not given."""
        if until <= after:
            return
        within = (self._number > after, self._number <= until)
        if session.scalar(self._count.where(*within)) == self._seen.count(after, until):
            return
        if until - after <= _FEW:
            there = np.array(session.scalars(self._numbers.where(*within)).all(), np.int64)
            yield from there[self._seen.of(there) < 0].tolist()
            return
        middle = (after + until) // 2
        yield from self._missing(session, after, middle)
        yield from self._missing(session, middle, until)
