"""The marks that a stop would put back, hour by hour: what a leader looks at before he stops somebody. Reads only."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.states import ResponseState
from core.tables import Mark

CHUNK = 500


@dataclass(frozen=True, slots=True)
class HourBack:
    """One hour of them."""

    hour: datetime  # when it began
    marks: int
    reopened: int  # responses whose agreed marks would be open again
    means: dict[str, str]  # by item: the mean of these marks, to be looked at


def by_hour(session: Session, going: Sequence[tuple[int, ResponseState]]) -> tuple[HourBack, ...]:
    """`going`: each mark that goes back with its response's state. The earliest hour first."""
    agreed = {mark for mark, state in going if state is ResponseState.AGREED}
    counts, opened = defaultdict[datetime, int](int), defaultdict[datetime, int](int)
    sums: dict[datetime, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for start in range(0, len(going), CHUNK):
        chunk = [mark for mark, _ in going[start : start + CHUNK]]
        for mark, at, values in session.execute(select(Mark.id, Mark.at, Mark.values).where(Mark.id.in_(chunk))):
            hour = at.replace(minute=0, second=0, microsecond=0)
            counts[hour] += 1
            opened[hour] += mark in agreed
            for item, value in values.items():
                sums[hour][item] += value if isinstance(value, int) else sum(value.values())
    return tuple(
        HourBack(hour, counts[hour], opened[hour], {item: f"{total / counts[hour] / 100:.2f}" for item, total in sums[hour].items()})
        for hour in sorted(counts)
    )
