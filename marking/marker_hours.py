"""One marker's measures hour by hour, and how often each mark was given: counted from the database when somebody asks.

The same counts as those of `marking.live`, over the responses of one marker alone, so that whoever looks needs no process that
was there before. Imports numpy: the web process imports this when it is asked, not when it starts. Reads only.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from core.exam import ItemGroup
from core.tables import Check, Mark, Task
from marking import readings
from marking.columns import Places
from marking.figures import figures
from marking.tally import Tally


class _Dense(Places):
    """Rows by numbers that are few and far apart."""

    def __init__(self) -> None:
        self._known: dict[int, int] = {}

    def of(self, numbers: Any) -> Any:
        return np.array([self._known.get(n, -1) for n in numbers.tolist()], np.int64)

    def put(self, numbers: Any, rows: Any) -> None:
        self._known.update(zip(numbers.tolist(), rows.tolist(), strict=True))


def marker_hours(session: Session, exam_id: int, paper: str, group: ItemGroup, user_id: int) -> dict[str, Any]:
    """Hours from the first; each item's marks by hour, and all in all how often each mark was given."""
    tally = _tally(session, exam_id, paper, group, user_id)
    if user_id not in tally.users:
        return {"hours": [], "spread": {name: [] for name in tally.shape.names}}
    at = tally.users.index(user_id)
    hours = []
    for hour in sorted(tally.by_hour):
        whole, item = tally.by_hour[hour]
        if at < whole.size and (whole.all[at].any() or item.all[at].any()):
            one = figures(tally.shape, whole.all[at : at + 1], item.all[at : at + 1], np.ones(1))
            hours.append(
                {
                    "hour": datetime.fromtimestamp(hour * 3600, UTC).isoformat(),
                    "whole": _plain(one.whole),
                    "items": {name: _plain(one.items[k]) for k, name in enumerate(tally.shape.names)},
                }
            )
    return {"hours": hours, "spread": {name: tally.spread[k].all[at].tolist() for k, name in enumerate(tally.shape.names)}}


def _tally(session: Session, exam_id: int, paper: str, group: ItemGroup, user_id: int) -> Tally:
    tally = Tally(group, _Dense(), _Dense())
    reader = readings.Reader(lambda where: tally.shape if where == (exam_id, paper, group.id) else None)
    sqlite = session.get_bind().dialect.name == "sqlite"
    mine = (
        select(Mark.response_id)
        .join(Task, Task.id == Mark.task_id)
        .where(Mark.marker_id == user_id, Mark.exam_id == exam_id, Task.paper == paper, Task.group == group.id)
    )
    # Of others only what was marked for score: their seeds and re-marks say nothing of this marker.
    wanted = or_(Mark.marker_id == user_id, Mark.purpose == "live")
    query = readings.marks_query(sqlite=sqlite).where(*readings.MEASURED_MARKS, Mark.response_id.in_(mine), wanted).order_by(Mark.id)
    rows = session.execute(query).all()
    if rows:
        for _, batch in reader.batches(rows):
            tally.add(batch)
    of_group = and_(Check.user_id == user_id, Check.exam_id == exam_id, Check.paper == paper, Check.group == group.id)
    for held in readings.held(session.execute(readings.checks_query().where(*readings.MEASURED_CHECKS, of_group)).all()).values():
        tally.check(held)
    return tally


def _plain(columns: Any) -> dict[str, float | None]:
    return {name: round(float(c[0]), 4) if c[0] - c[0] == 0 else None for name, c in columns.items() if name != "shift"}
