"""Two workers beside one, in pages a second, against what the machine gives two busy processes at all.

The calibration is the bare decode of the same pages: two processes share the memory, the cache and the clock of the
processor, which no program can change.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

from benchmarks.bench_reading import CHUNK, stored
from benchmarks.harness import Row
from benchmarks.pages import JPEG, Pages, fastest, grey_pages
from benchmarks.reader import reader_of
from core.store import FolderStore

SECONDS = 3.0
ROUNDS = 5


def rows() -> list[Row]:
    pages = grey_pages(200)
    library, _ = fastest(JPEG, pages.files)
    with tempfile.TemporaryDirectory() as folder:
        pair = [_Worker(pages, library, Path(folder) / str(i)) for i in range(2)]
        try:
            rounds = [{(task, n): _together(pair[:n], task) for task in ("decode", "read") for n in (1, 2)} for _ in range(ROUNDS)]
        finally:
            for worker in pair:
                worker.stop()
    given = statistics.median(r["decode", 2] / r["decode", 1] for r in rounds)
    used = statistics.median(r["read", 2] / r["read", 1] for r in rounds)
    return [
        Row.judged("two workers over one, of what the machine gives two", used / given, "above", 0.95, "times"),
        Row.told("... two workers over one", used, "times"),
        Row.told("... two bare decoders over one", given, "times"),
        Row.told("... one worker, ten regions stored", statistics.median(r["read", 1] for r in rounds), "pages/s"),
        Row.told("... two workers, ten regions stored", statistics.median(r["read", 2] for r in rounds), "pages/s"),
    ]


class _Worker:
    """A process of its own that does a task again and again for a while when it is told to."""

    def __init__(self, pages: Pages, library: str, folder: Path) -> None:
        here, there = get_context("spawn").Pipe()
        self.pipe: Connection[str, float] = here
        self.process = get_context("spawn").Process(target=_work, args=(there, pages, library, folder), daemon=True)
        self.process.start()
        assert self.pipe.recv() == 0.0  # it is warm

    def stop(self) -> None:
        self.pipe.send("stop")
        self.process.join(10)


def _together(workers: list[_Worker], task: str) -> float:
    """Pages a second of all workers."""
    for worker in workers:
        worker.pipe.send(task)
    return sum(worker.pipe.recv() for worker in workers)


def _work(pipe: Connection[float, str], pages: Pages, library: str, folder: Path) -> None:
    unpack = JPEG[library]
    files = [pages.files[i % len(pages.files)] for i in range(CHUNK)]

    def decode() -> None:
        for file in files:
            unpack(file)

    tasks = {"decode": decode, "read": stored(files, reader_of(pages.with_regions(), cut=True), FolderStore(folder))}
    for task in tasks.values():
        task()
    pipe.send(0.0)
    while (name := pipe.recv()) != "stop":
        pipe.send(_rate(tasks[name]))


def _rate(task: Callable[[], None]) -> float:
    started, done = time.perf_counter(), 0
    while (now := time.perf_counter()) - started < SECONDS:
        task()
        done += CHUNK
    return done / (now - started)
