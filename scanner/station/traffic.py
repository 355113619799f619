"""What is on its way between the batches of a station and the server: a few threads, and turns between the batches.

Threads only speak with the server. Every journal line, every move of a file and every decision is the main thread's,
in `drain`; so many acknowledgements share one wait for the disk. A server that is away holds up the threads and nothing
else.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from core.errors import BadInput, Conflict, MarkhallError, NotFound
from scanner.sending import Connection, Counts
from scanner.station.batch import BatchFolder, Stage
from scanner.station.load import Load, Outcome, send_load

IN_FLIGHT = 8  # more than a server puts on the disk at once: what arrives together there shares one wait
_AHEAD = 2  # files a thread that wait ready for it
_MOST_TOGETHER = 256  # acknowledgements that share one wait for the disk
_STUCK_FOR = 60.0  # seconds until a batch that the server would not have is offered again
_LONGEST = 600.0  # seconds between two comparisons of a batch that stays short
_PARTING = 5.0  # seconds for what is in flight when the station ends
Heard = Callable[[BatchFolder, Outcome], None]
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class _Job:
    run: Callable[[], Any]
    then: Callable[[Any], None]
    failed: Callable[[MarkhallError], None]


class Traffic:
    """Owns the threads. `stop` is the server's line's own: what waits for the server wakes when it is set."""

    def __init__(
        self, server: Connection, stop: threading.Event, say: Say, *, manifest: Mapping[str, Any], heard: Heard | None = None
    ) -> None:
        self.server, self._stop, self._say, self._manifest = server, stop, say, manifest
        self.batches: list[BatchFolder] = []
        self.counts: dict[str, Counts] = {}
        self._heard = heard
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[tuple[_Job, Any, BaseException | None]] = queue.SimpleQueue()
        self._under_way = 0
        self._outcomes: dict[BatchFolder, list[Outcome]] = {}
        self._threads = [threading.Thread(target=self._work, name=f"station-{n}", daemon=True) for n in range(IN_FLIGHT)]

    def __enter__(self) -> Traffic:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stop.set()
        for _ in self._threads:
            self._jobs.put(None)
        end = time.monotonic() + _PARTING
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))
        while not self._done.empty():
            job, value, failed = self._done.get()
            if failed is None:
                job.then(value)
        self._settle()
        for batch in self.batches:
            batch.book.close()

    @property
    def idle(self) -> bool:
        return not self._under_way

    def feed(self) -> None:
        """Give the threads work, the batches in turns."""
        for batch in self.batches:
            if batch.stage is Stage.NEW and (batch.pending or batch.frames):
                self._open(batch)
        open_ones = [batch for batch in self.batches if batch.stage in (Stage.OPEN, Stage.SHORT)]
        while self._under_way < IN_FLIGHT * (1 + _AHEAD) and any(batch.pending for batch in open_ones):
            for batch in open_ones:
                if batch.pending:
                    self._send(batch, batch.pending.popleft())

    def _open(self, batch: BatchFolder) -> None:
        batch.stage = Stage.OPENING
        self._start(lambda: self.server.open_batch(batch.name, self._manifest), lambda _: _opened(batch), self._failed(batch))

    def _send(self, batch: BatchFolder, load: Load) -> None:
        def back(outcome: Outcome) -> None:
            self._outcomes.setdefault(batch, []).append(outcome)

        self._start(lambda: send_load(load, batch.name, self.server), back, self._failed(batch, load))

    def close(self, batch: BatchFolder) -> None:
        """Tell the server how many frames the batch has, and compare."""
        batch.stage = Stage.CLOSING
        said = batch.summary(self._manifest)
        self._start(lambda: self.server.close_batch(batch.name, batch.frames, said), lambda c: self._compare(batch, c), self._failed(batch))

    def ask(self, run: Callable[[], Any], then: Callable[[Any], None]) -> None:
        """Ask the server something that is of no batch; its failures are nobody's."""
        self._start(run, then, lambda error: None)

    def drain(self, seconds: float) -> None:
        """Take in what came back until `seconds` have passed or nothing is under way."""
        end = time.monotonic() + seconds
        while self._under_way:
            try:
                self._take(self._done.get(timeout=max(0.0, end - time.monotonic())))
                for _ in range(_MOST_TOGETHER):
                    self._take(self._done.get_nowait())
            except queue.Empty:
                pass
            finally:
                self._settle()
            self.feed()
            if time.monotonic() >= end:
                return

    def _take(self, answer: tuple[_Job, Any, BaseException | None]) -> None:
        self._under_way -= 1
        job, value, error = answer
        if error is None:
            job.then(value)
        elif isinstance(error, MarkhallError):
            job.failed(error)
        else:
            raise error

    def _settle(self) -> None:
        while self._outcomes:
            batch, some = self._outcomes.popitem()
            for sentence in batch.settle(some):
                self._say(sentence)
            if self._heard is not None:
                for outcome in some:
                    self._heard(batch, outcome)

    def _start(self, run: Callable[[], Any], then: Callable[[Any], None], failed: Callable[[MarkhallError], None]) -> None:
        self._under_way += 1
        self._jobs.put(_Job(run, then, failed))

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            if self._stop.is_set():
                continue
            try:
                self._done.put((job, job.run(), None))
            except BaseException as e:
                self._done.put((job, None, e))

    def _compare(self, batch: BatchFolder, counts: Counts) -> None:
        """The server's count beside our own: only when both agree is the batch complete."""
        self.counts[batch.name] = counts
        if counts.complete and counts.received == batch.frames:
            batch.stage = Stage.COMPLETE
            batch.book.note("complete", counts.received)
            numbers = batch.numbers().sentence
            text = f"batch complete: {batch.name}: {batch.frames} frames, {counts.received} on the server"
            self._say(text + (f"; {numbers}" if numbers else ""))
            for note in counts.notes:
                self._say(f"batch {batch.name}: {note}")
            return
        batch.stage, batch.retry_at = Stage.SHORT, time.monotonic() + batch.ask_again
        batch.ask_again = min(2 * batch.ask_again, _LONGEST)
        again = batch.missing_here(counts) if counts.received < batch.frames else []
        names = ", ".join(counts.missing[:10]) or "not named"
        more = f"; {len(again)} of them go again" if again else ""
        counted = f"{batch.frames} frames here, {counts.received} on the server"
        self._tell(batch, f"batch {batch.name} is NOT complete: {counted}; missing there: {names}{more}")

    def _tell(self, batch: BatchFolder, sentence: str) -> None:
        if batch.said != sentence:
            batch.said = sentence
            self._say(sentence)

    def _failed(self, batch: BatchFolder, load: Load | None = None) -> Callable[[MarkhallError], None]:
        def failed(error: MarkhallError) -> None:
            opening = batch.stage is Stage.OPENING and load is None
            if load is not None:
                batch.pending.appendleft(load)
            if isinstance(error, NotFound) and not opening:
                batch.stage = Stage.NEW  # the server forgot the batch: it is opened again
            elif isinstance(error, BadInput | Conflict):
                batch.stage, batch.retry_at = Stage.STUCK, time.monotonic() + _STUCK_FOR
                self._tell(batch, f"batch {batch.name}: {error}")
            else:
                raise error

        return failed


def _opened(batch: BatchFolder) -> None:
    if batch.stage is Stage.OPENING:
        batch.stage = Stage.OPEN
