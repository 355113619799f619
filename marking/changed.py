"""Which marks are in another state now: the ledger says so in the transaction that changes one, and is read to its end.

A mark's row keeps its number when its state changes, so no tail of the marks would see it. Entries are applied in the order
of their numbers; those of the last half minute again at times, since one may be committed late. Reads only.
"""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.tables import LedgerEntry
from marking.tailing import LATE

AGAIN = 5.0  # seconds between looks at what was read already
_FIRST_LOOK = 20_000  # entries before the first look: of transactions that were open then
_SAYS_SO = '%"kind":"mark-state"%'


class Changes:
    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._high: int | None = None
        self._floor = 0
        self._reached: deque[tuple[float, int]] = deque()
        self._clock = clock
        self._looked = 0.0

    def begin(self, session: Session) -> None:
        """Before marks are read for the first time: what changes from here on is told."""
        self._high = max(0, self._end(session) - _FIRST_LOOK)
        self._floor = self._high

    def states(self, session: Session) -> dict[int, str]:
        """The new states by mark; some of them may have been told before."""
        assert self._high is not None, "begin first"
        now, end = self._clock(), self._end(session)
        again = now - self._looked >= AGAIN
        after = self._floor if again else self._high
        if again:
            self._looked = now
        self._high = max(self._high, end)
        self._reached.append((now, self._high))
        while self._reached and now - self._reached[0][0] > LATE:
            self._floor = self._reached.popleft()[1]
        if end <= after:
            return {}
        entries = select(LedgerEntry.entry).where(LedgerEntry.id > after, LedgerEntry.id <= end, LedgerEntry.entry.like(_SAYS_SO))
        found = [json.loads(entry) for entry in session.scalars(entries.order_by(LedgerEntry.id))]
        return {int(e["mark"]): str(e["state"]) for e in found if e.get("kind") == "mark-state"}

    @staticmethod
    def _end(session: Session) -> int:
        return session.scalar(select(func.max(LedgerEntry.id))) or 0
