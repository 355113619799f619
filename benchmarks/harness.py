"""What a benchmark is made of: rows with a goal, and times taken beside a floor in the same run.

A time says little on another machine; its ratio to the floor (the least work that could do it) says more.
"""

import gc
import json
import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Row:
    name: str
    value: float
    goal: float | None  # None: told, not judged
    unit: str
    met: bool | None

    @classmethod
    def judged(cls, name: str, value: float, better: Literal["below", "above"], goal: float, unit: str) -> "Row":
        return cls(name, value, goal, unit, value <= goal if better == "below" else value >= goal)

    @classmethod
    def told(cls, name: str, value: float, unit: str) -> "Row":
        return cls(name, value, None, unit, None)


@dataclass(frozen=True)
class Pair:
    """Seconds a call of the subject and of its floor, called in turns so that both meet the same machine."""

    subject: tuple[float, ...]
    floor: tuple[float, ...]

    @property
    def ratio(self) -> float:
        return statistics.median(self.subject) / statistics.median(self.floor)


def in_turns(
    subject: Callable[[], object],
    floor: Callable[[], object],
    *,
    rounds: int = 30,
    warm_up: int = 3,
    clock: Callable[[], float] = time.process_time,
) -> Pair:
    """CPU time unless another clock is given: a machine that is busy otherwise says little by the wall."""
    for _ in range(warm_up):
        subject()
        floor()
    gc.collect()
    gc.disable()
    try:
        times = [(_seconds(subject, clock), _seconds(floor, clock)) for _ in range(rounds)]
    finally:
        gc.enable()
    return Pair(tuple(pair[0] for pair in times), tuple(pair[1] for pair in times))


def _seconds(call: Callable[[], object], clock: Callable[[], float]) -> float:
    started = clock()
    call()
    return clock() - started


def show(rows: Iterable[Row]) -> None:
    table = Table("name", "value", "goal", "unit", "met")
    for row in rows:
        met = {True: "yes", False: "NO", None: ""}[row.met]
        table.add_row(row.name, shown(row.value), "" if row.goal is None else f"{row.goal:g}", row.unit, met)
    Console(width=110).print(table)


def shown(value: float) -> str:
    return f"{value:,.0f}" if value == round(value) or value >= 1000 else f"{value:.3g}"


def write(rows: Iterable[Row], file: Path) -> None:
    file.write_text(json.dumps([asdict(row) for row in rows], ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
