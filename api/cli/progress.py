"""Progress bars for commands: quiet where nobody watches, and then not even loaded."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class Bar:
    """A callable `(done, total)` that draws itself while it is open."""

    def __init__(self, title: str) -> None:
        self._drawn: tuple[Progress, TaskID] | None = _drawn(title) if sys.stderr.isatty() else None

    def __enter__(self) -> Bar:
        if self._drawn:
            self._drawn[0].start()
        return self

    def __call__(self, done: int, total: int) -> None:
        if self._drawn:
            self._drawn[0].update(self._drawn[1], completed=done, total=total)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._drawn:
            self._drawn[0].live.transient = kind is not None  # an error is not said under half a bar
            self._drawn[0].stop()


def _drawn(title: str) -> tuple[Progress, TaskID]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(bar_width=32), MofNCompleteColumn(), TimeElapsedColumn())
    bar = Progress(*columns, console=Console(stderr=True))
    return bar, bar.add_task(title, total=None)
