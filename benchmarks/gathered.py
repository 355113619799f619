"""What both readers measured on simulated pages, beside what was told: the material of a fit and of its tests.

The pages are read by the reader itself; nothing is measured here a second time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

from benchmarks.judging import MARKED_OTHERWISE, Frame, Known
from benchmarks.reader import Read, reader_of
from core.errors import FrameUnreadable
from core.template import load_template
from omr import answers
from omr.fill import First, first_reading
from omr.rows import BubblePlan
from omr.second import Second, second_reading
from scanner.frames import pages_in

Ints = NDArray[np.int64]

UNKNOWN = -1
"""In the place of a row's told bubbles: its ink has no one meaning."""


@dataclass(frozen=True)
class Gathered:
    """One page."""

    where: str
    trouble: frozenset[str]
    plan: BubblePlan
    first: First
    second: Second
    truth: dict[str, str]  # by field, of those with one meaning
    told: Ints  # (rows,) a bit for each bubble that should be marked, or UNKNOWN


def gather_set(folder: Path) -> list[Gathered]:
    """The pages of a set as `benchmarks.make_sets` makes them."""
    template = load_template(next(folder.glob("*.template.json")))
    read = reader_of(template)
    always = frozenset({folder.name.removeprefix("only-")} if folder.name.startswith("only-") else ())
    parts = sorted(folder.glob("seed-*"))
    return [page for part in parts for page in gather(Known.load(part, folder), read, always=always)]


def gather(known: Known, read: Read, *, always: frozenset[str] = frozenset()) -> Iterator[Gathered]:
    """Pages whose bubbles were read. `always`: troubles of all of them, also such as no frame's list names."""
    for frame in known.frames:
        truth = _truth(known, frame)
        for page in pages_in((known.folder / frame["file"]).read_bytes(), where=frame["file"]) if truth else ():
            with _Overheard() as heard:
                fields = {} if isinstance(page, FrameUnreadable) else read(page).fields
            if fields and heard.plan is not None and heard.first is not None and heard.second is not None:
                trouble = always | frozenset(filter(None, frame["trouble"].split(";")))
                told = told_rows(heard.plan, truth)
                where = f"{known.folder.name}/{frame['file']}"
                yield Gathered(where, trouble, heard.plan, heard.first, heard.second, truth, told)


def _truth(known: Known, frame: Frame) -> dict[str, str]:
    truth = known.truth.get((frame["sheet"], frame["side"]), {})
    return {name: value for name, value in truth.items() if value != "ambiguous" and name != MARKED_OTHERWISE.get(frame["event"])}


def told_rows(plan: BubblePlan, truth: dict[str, str]) -> Ints:
    """For each row of bubbles those that should be marked, as bits; UNKNOWN where the truth has no one meaning."""
    told = np.full(len(plan.lines), UNKNOWN, np.int64)
    for i, line in enumerate(plan.lines):
        value = truth.get(line.field)
        if value is not None:
            marked = value[line.position : line.position + 1] if line.grid.joined else value.split("|")
            told[i] = sum(1 << k for k, own in enumerate(line.grid.values) if own in marked)
    return told


class _Overheard:
    """Listens to both readers while a page is read, and keeps what they said last."""

    def __init__(self) -> None:
        self.plan: BubblePlan | None = None
        self.first: First | None = None
        self.second: Second | None = None

    def __enter__(self) -> _Overheard:
        self._patches = patch.multiple(answers, first_reading=self._hear_first, second_reading=self._hear_second)
        self._patches.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._patches.stop()

    def _hear_first(self, pixels: Any, frames: Any, plan: BubblePlan, *rest: Any, **named: Any) -> First:
        self.plan, self.first = plan, first_reading(pixels, frames, plan, *rest, **named)
        return self.first

    def _hear_second(self, *rest: Any, **named: Any) -> Second:
        self.second = second_reading(*rest, **named)
        return self.second
