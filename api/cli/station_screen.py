"""What a station shows: one live line a batch on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from rich.live import Live
    from rich.table import Table

    from scanner.station import View
    from scanner.station.watching import BatchLine

_PLAIN_EVERY = 10.0  # seconds between two plain lines of counts


class Screen:
    """`say` a sentence that stays, `show` how it stands now."""

    def __init__(self) -> None:
        self._live: Live | None = _live() if sys.stdout.isatty() else None
        self._last, self._last_at = "", 0.0

    def __enter__(self) -> Screen:
        if self._live:
            self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._live:
            self._live.stop()

    def say(self, sentence: str) -> None:
        line = f"{time.strftime('%H:%M:%S')} {sentence}"
        if self._live:
            self._live.console.print(line, markup=False, highlight=False)
        else:
            typer.echo(line)
            sys.stdout.flush()

    def show(self, view: View) -> None:
        if self._live:
            self._live.update(table_of(view))
            return
        text = "; ".join(counts_of(batch) for batch in view.batches)
        if text and text != self._last and time.monotonic() - self._last_at >= _PLAIN_EVERY:
            self._last, self._last_at = text, time.monotonic()
            self.say(text)


def counts_of(batch: BatchLine) -> str:
    refused = f", {batch.refused} refused" if batch.refused else ""
    waiting = f", {len(batch.waiting)} not whole yet" if batch.waiting else ""
    return f"{batch.name}: {batch.sent} of {batch.seen} sent{refused}{waiting}, {batch.a_minute:.0f} pages a minute"


def table_of(view: View) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, caption=_server(view), caption_justify="left")
    for title in ("batch", "sent", "seen", "refused", "pages/min", "oldest", ""):
        table.add_column(title, justify="left" if title in ("batch", "") else "right")
    for batch in view.batches:
        first = next((f"{one.name} {one.why}" for one in batch.waiting), "")
        note = "; ".join(part for part in (batch.imprints, first) if part) or batch.stage.value
        oldest = f"{batch.oldest:.0f} s" if batch.oldest else ""
        table.add_row(batch.name, str(batch.sent), str(batch.seen), str(batch.refused or ""), f"{batch.a_minute:.0f}", oldest, note)
    for one in view.waiting:
        table.add_row("", "", "", "", "", "", f"{one.name} {one.why}")
    return table


def _server(view: View) -> str:
    state = "server: answers"
    if view.away_since is not None:
        state = f"server: away since {time.strftime('%H:%M:%S', time.localtime(view.away_since))} ({view.why})"
    return state + (f"; {len(view.rescans)} sides to scan again" if view.rescans else "")


def _live() -> Live:
    from rich.live import Live

    return Live(refresh_per_second=2)
