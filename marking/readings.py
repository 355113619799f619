"""Marks and checks as they are read for measuring: which rows and columns, and how rows become a tally's batches. Reads only."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import BigInteger, ColumnElement, Integer, Select, String, cast, func, select, type_coerce

from core.states import CheckKind, MarkState, SeedUse, TaskLevel, TaskPurpose
from core.tables import Check, Mark, Response
from marking.shape import Shape
from marking.tally import Batch, Held

PURPOSES = (TaskPurpose.LIVE, TaskPurpose.SEED, TaskPurpose.SELF)
MEASURED_MARKS = (Mark.level == TaskLevel.MARKER, Mark.purpose.in_(PURPOSES))
MEASURED_CHECKS = ((Check.kind == CheckKind.SELF) | ((Check.kind == CheckKind.SEED) & (Check.use == str(SeedUse.LIVE))),)
COUNTED, SURPLUS = str(MarkState.COUNTED), str(MarkState.SURPLUS)
_LIVE = str(TaskPurpose.LIVE)
_REMEMBERED = 200_000  # texts of values whose columns are kept: marks are few, so most have been seen before
Where = tuple[int, str, str]  # exam, paper, item group


@dataclass(frozen=True, slots=True)
class Columns:
    """What `marks_query` gives, by name; plain numbers and words, since ten million of them are read at a start."""

    id: tuple[int, ...]
    response: tuple[int, ...]
    task: tuple[int, ...]
    marker: tuple[int, ...]
    purpose: tuple[str, ...]
    state: tuple[str, ...]
    values: tuple[str, ...]
    milliseconds: tuple[int, ...]
    at: tuple[int, ...]
    exam: tuple[int, ...]
    paper: tuple[str, ...]
    group: tuple[str, ...]


def marks_query(*, sqlite: bool) -> Select[Any]:
    columns: tuple[Any, ...] = (
        Mark.id,
        Mark.response_id,
        Mark.task_id,
        Mark.marker_id,
        type_coerce(Mark.purpose, String),
        type_coerce(Mark.state, String),
        cast(Mark.values, String),
        cast(Mark.seconds * 1000, Integer),
        _seconds(sqlite=sqlite),
        Mark.exam_id,
        Response.paper,
        Response.group,
    )
    return select(*columns).join(Response, Response.id == Mark.response_id)


def _seconds(*, sqlite: bool) -> ColumnElement[int]:
    """Since 1970, of a mark's time."""
    at = func.strftime("%s", Mark.at) if sqlite else func.floor(func.extract("epoch", Mark.at))
    return cast(at, BigInteger)


def checks_query() -> Select[Any]:
    return select(Check.id, Check.mark_id, Check.exam_id, Check.paper, Check.group, Check.kind, Check.outcome, Check.differences)


class Reader:
    """Rows into batches; `shape_of` says what marks of a group look like, or None for a group that is no more."""

    def __init__(self, shape_of: Callable[[Where], Shape | None]) -> None:
        self._shape_of = shape_of
        self._rows: dict[tuple[Where, str], tuple[int, ...] | None] = {}

    def batches(self, rows: Iterable[Any]) -> Iterator[tuple[Where, Batch]]:
        columns = Columns(*zip(*rows, strict=True))
        places = list(zip(columns.exam, columns.paper, columns.group, strict=True))
        values = [self._row(where, text) for where, text in zip(places, columns.values, strict=True)]
        by_group: dict[Where, list[int]] = {}
        for at, where in enumerate(places):
            if values[at] is not None:
                by_group.setdefault(where, []).append(at)
        ids, responses, tasks, markers, milliseconds, at_seconds = (
            np.array(c, np.int64) for c in (columns.id, columns.response, columns.task, columns.marker, columns.milliseconds, columns.at)
        )
        live = np.array([p == _LIVE for p in columns.purpose], np.bool_)
        counted = np.array([s == COUNTED for s in columns.state], np.bool_)
        good = counted | np.array([s == SURPLUS for s in columns.state], np.bool_)
        for where, these in by_group.items():
            rows_of = np.array(these, np.int64)
            yield (
                where,
                Batch(
                    ids[rows_of],
                    responses[rows_of],
                    tasks[rows_of],
                    markers[rows_of],
                    live[rows_of],
                    counted[rows_of],
                    good[rows_of],
                    at_seconds[rows_of] // 3600,
                    milliseconds[rows_of],
                    np.array([values[i] for i in these], np.int64),
                ),
            )

    def _row(self, where: Where, text: str) -> tuple[int, ...] | None:
        known = self._rows.get((where, text), ())
        if known != ():
            return known
        shape = self._shape_of(where)
        try:
            row = shape.row(json.loads(text)) if shape is not None else None
        except (KeyError, TypeError):  # of an earlier version of the definition, with other items
            row = None
        if len(self._rows) >= _REMEMBERED:
            self._rows.clear()
        self._rows[where, text] = row
        return row


def held(rows: Iterable[Any]) -> Mapping[Where, list[Held]]:
    found: dict[Where, list[Held]] = {}
    for _, mark, exam_id, paper, group, kind, outcome, differences in rows:
        apart = {str(item): int(value) for item, value in differences.items()}
        found.setdefault((exam_id, paper, group), []).append(Held(mark, str(kind), outcome == "passed", apart))
    return found
