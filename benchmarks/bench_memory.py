"""What a worker holds after a hundred pages and after ten thousand: a process of its own that reads and cuts regions."""

from __future__ import annotations

import os
import tempfile
import time
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

from benchmarks.bench_reading import CHUNK, stored
from benchmarks.harness import Row
from benchmarks.pages import Pages, grey_pages, one_bit_pages
from benchmarks.reader import reader_of
from core.store import FolderStore

EARLY, LATE = 100, 10_000
MOST_MIB = 400


def rows() -> list[Row]:
    here, there = get_context("spawn").Pipe(duplex=False)
    late = int(os.environ.get("MARKHALL_BENCH_PAGES", LATE))
    args = (there, grey_pages(200), one_bit_pages(), late)
    process = get_context("spawn").Process(target=_read_on, args=args, daemon=True)
    process.start()
    there.close()
    held: dict[int, float] = {}
    started = said = time.monotonic()
    try:
        while late not in held:
            pages, mib = here.recv()
            held[pages] = mib
            if time.monotonic() - said > 15:
                said = time.monotonic()
                left = (late - pages) * (said - started) / pages
                print(f"memory: {pages:,} of {late:,} pages, {mib:.0f} MiB, {left:.0f} s left", flush=True)
    finally:
        process.terminate()
    return [
        Row.judged(f"a worker's memory after {late:,} pages, over {EARLY}", held[late] / held[EARLY], "below", 1.05, "times"),
        Row.judged(f"... after {late:,} pages", held[late], "below", MOST_MIB, "MiB"),
        Row.told(f"... after {EARLY} pages", held[EARLY], "MiB"),
        Row.told("... the most it held at the end of a chunk", max(held.values()), "MiB"),
    ]


def _read_on(pipe: Connection[tuple[int, float], None], grey: Pages, one_bit: Pages, until: int) -> None:
    files = [*grey.files, *one_bit.files]
    chunk = [files[i % len(files)] for i in range(CHUNK)]
    with tempfile.TemporaryDirectory() as folder:
        task = stored(chunk, reader_of(grey.with_regions(), cut=True), FolderStore(Path(folder)))
        for done in range(CHUNK, until + 1, CHUNK):
            task()
            for pack in Path(folder).rglob("packs/*/*"):
                pack.unlink()
            pipe.send((done, resident()))


def resident() -> float:
    """MiB of this process in memory now."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
