"""What the demo draws on the terminal: a bar a stage, tables at the end. Plain lines where nobody watches."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

Update = Callable[[int, int], None]


class Show:
    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console()
        self._held: list[Table] | None = None  # what a running stage shows, until its own line is there

    def title(self, text: str) -> None:
        self._console.rule(f"[bold]{text}")

    def line(self, text: str) -> None:
        self._console.print(text, highlight=False)

    @contextmanager
    def stage(self, number: int, title: str) -> Iterator[Update]:
        """A stage with a bar. Where the output is no terminal, one line when it has ended."""
        started = time.monotonic()
        columns = (
            SpinnerColumn(),
            TextColumn(f"{number:2} {{task.description}}"),
            BarColumn(bar_width=28),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        progress = Progress(*columns, console=self._console, transient=True, disable=not self._console.is_terminal)
        task = progress.add_task(title, total=None)
        counts = (0, 0)

        def update(done: int, total: int) -> None:
            nonlocal counts
            counts = (done, total)
            progress.update(task, completed=done, total=total)

        held = self._held = []
        try:
            with progress:
                yield update
            tail = f"{counts[0]}/{counts[1]}" if counts[1] else ""
            self.line(f"[green]✓[/] {number:2} {title}  [dim]{tail}  {time.monotonic() - started:.1f} s[/]")
        finally:
            self._held = None
            for table in held:
                self._console.print(table)

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """A table, without a head where no column has a name. Within a stage it follows the stage's line."""
        table = Table(*columns, show_header=any(columns), show_edge=False, pad_edge=False)
        for row in rows:
            table.add_row(*row)
        if self._held is not None:
            self._held.append(table)
        else:
            self._console.print(table)
