"""Reading a page of 500 bubbles, over unpacking it alone with the fastest library: the first reading, and all that a
worker does; with ten regions cut, encoded and stored; and a black-and-white page.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import simplejpeg

from benchmarks.harness import Row, in_turns
from benchmarks.pages import JPEG, TIFF, Pages, cut_plainly, fastest, grey_pages, one_bit_pages
from benchmarks.reader import Read, reader_of
from core.store import FolderStore
from omr.regions import QUALITY
from scanner.decode import decode

CHUNK = 50  # pages in one job: their pictures are stored with one wait for the disk
FIRST, WHOLE = "first reading", "all that a worker does"


def rows() -> list[Row]:
    cv2.setNumThreads(1)
    return [row for dpi in (200, 300) for row in _grading(dpi)] + _with_regions() + _two_level()


def graded(pages: Pages, read: Read) -> Callable[[], None]:
    def run() -> None:
        for file in pages.files:
            read(decode(file, where="benchmark"))

    return run


def _grading(dpi: int) -> list[Row]:
    pages = grey_pages(dpi)
    library, unpack = fastest(JPEG, pages.files)

    def floor() -> None:
        for file in pages.files:
            unpack(file)

    found = []
    for what, whole, goal in ((FIRST, False, 1.12), (WHOLE, True, 1.5)):
        pair = in_turns(graded(pages, reader_of(pages.template, whole=whole)), floor)
        found.append(Row.judged(f"{what}, {dpi} dpi, over {library} alone", pair.ratio, "below", goal, "times"))
        found.append(Row.told(f"... {what}, {dpi} dpi", 1000 * statistics.median(pair.subject) / len(pages.files), "ms CPU"))
    found.append(
        Row.told(f"... {library} alone, {dpi} dpi, {pages.kib:.0f} KiB", 1000 * statistics.median(pair.floor) / len(pages.files), "ms CPU")
    )
    return found


def _with_regions() -> list[Row]:
    pages = grey_pages(200)
    template = pages.with_regions()
    _, unpack = fastest(JPEG, pages.files)
    files = [pages.files[i % len(pages.files)] for i in range(CHUNK)]
    cuts = [cut_plainly(decode(file, where="benchmark").pixels, template) for file in pages.files]

    def floor() -> None:
        for i, file in enumerate(files):
            unpack(file)
            for cut in cuts[i % len(cuts)]:
                simplejpeg.encode_jpeg(cut[:, :, None], quality=QUALITY, colorspace="GRAY", colorsubsampling="Gray")

    found = []
    for what, whole, goal in ((FIRST, False, 1.25), (WHOLE, True, 1.6)):
        with tempfile.TemporaryDirectory() as folder:
            subject = stored(files, reader_of(template, cut=True, whole=whole), FolderStore(Path(folder)))
            pair = in_turns(subject, floor, rounds=8, warm_up=1)
            wall = in_turns(subject, floor, rounds=4, warm_up=0, clock=time.perf_counter)
        found.append(Row.judged(f"{what}, ten regions stored, over decode and encode", pair.ratio, "below", goal, "times"))
        found.append(Row.told(f"... {what}, ten regions stored", 1000 * statistics.median(pair.subject) / CHUNK, "ms CPU"))
        found.append(Row.told("... wall time, with its waits for the disk", 1000 * statistics.median(wall.subject) / CHUNK, "ms"))
    found.append(Row.told("... decode and encode alone", 1000 * statistics.median(pair.floor) / CHUNK, "ms CPU"))
    return found


def stored(files: Sequence[bytes], read: Read, store: FolderStore) -> Callable[[], None]:
    """A chunk of pages read, and the pictures of their regions kept durably."""

    def run() -> None:
        pictures = [region.jpeg for file in files for region in read(decode(file, where="benchmark")).regions]
        store.put_pack(pictures)

    return run


def _two_level() -> list[Row]:
    pages = one_bit_pages()
    library, unpack = fastest(TIFF, pages.files)

    def floor() -> None:
        for file in pages.files:
            unpack(file)

    pair = in_turns(graded(pages, reader_of(pages.template)), floor)
    return [
        Row.judged(f"{WHOLE}, G4 page, over {library} alone", pair.ratio, "below", 2.0, "times"),
        Row.told(f"... {WHOLE}, G4 page", 1000 * statistics.median(pair.subject) / len(pages.files), "ms CPU"),
        Row.told(f"... {library} alone, G4 page, {pages.kib:.0f} KiB", 1000 * statistics.median(pair.floor) / len(pages.files), "ms CPU"),
    ]
