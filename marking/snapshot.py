"""Measures of an item group as they lie on the queue server, for whoever shows them. One process writes, the web reads.

    mh:{exam}:measures:<paper>/<group>   JSON: `at`, `markers` (users), and a list as long as `markers` for each measure

A hint like all that lies there: from the database it can be made again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, cast

from redis import Redis

from core.exam import from_hundredths

DIGITS = 4
KEPT = 7 * 24 * 3600  # seconds: an exam that is over leaves nothing behind
_COUNTS = frozenset({"n", "pairs", "selves", "seeds", "severity_n"})


def key(exam_id: int, paper: str, group: str) -> str:
    return f"mh:{{{exam_id}}}:measures:{paper}/{group}"


def written(measured: Any, severe: Any, now: datetime) -> str:
    """`measured`: a Measured, `severe`: a Severe or None (`marking.measured`, which the web process does not import)."""
    shape = measured.shape
    items = {
        name: {
            "full": from_hundredths(int(shape.full[k])),
            "step": from_hundredths(int(shape.step[k])),
            "markers": _lists(measured.markers.items[k]),
            "group": _firsts(measured.group.items[k]),
            "spread": measured.spread[k],
        }
        for k, name in enumerate(shape.names)
    }
    body = {
        "at": now.isoformat(),
        "markers": measured.users,
        "whole": {"markers": _lists(measured.markers.whole), "group": _firsts(measured.group.whole)},
        "items": items,
        "severity": _severity(severe),
    }
    return json.dumps(body, separators=(",", ":"), allow_nan=False)


def _severity(severe: Any) -> dict[str, Any] | None:
    if severe is None:
        return None
    return {
        "at": datetime.fromtimestamp(severe.at, UTC).isoformat(),
        "marks": severe.marks,
        "connected": {name: of.connected for name, of in severe.items.items() if of.markers},
        "settled": {name: of.settled for name, of in severe.items.items() if of.markers},
    }


def _lists(columns: Mapping[str, Any]) -> dict[str, list[float | int | None]]:
    return {name: _list(name, column) for name, column in columns.items()}


def _list(name: str, column: Any) -> list[Any]:
    if name in _COUNTS:
        return cast("list[Any]", column.astype(int).tolist())
    return [x if x - x == 0 else None for x in column.round(DIGITS).tolist()]  # neither nan nor infinite


def _firsts(columns: Mapping[str, Any]) -> dict[str, float | int | None]:
    return {name: _list(name, column)[0] for name, column in columns.items() if name != "shift"}


def publish(redis: Redis, exam_id: int, texts: Mapping[tuple[str, str], str]) -> None:
    pipe = redis.pipeline(transaction=False)
    for (paper, group), text in texts.items():
        pipe.set(key(exam_id, paper, group), text, ex=KEPT)
    pipe.execute()


def read(redis: Redis, exam_id: int, paper: str, group: str) -> dict[str, Any] | None:
    """None before the first mark was measured."""
    text = redis.get(key(exam_id, paper, group))
    return cast("dict[str, Any]", json.loads(cast("bytes", text))) if text else None
