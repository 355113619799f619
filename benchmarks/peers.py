"""`make bench-peers`: another engine beside this one, on the same pages, in the same run, in CPU time of one core.

The pages are real ones that are no part of the repository (MARKHALL_DATA, or `../shared/data` beside the checkout). A
run of the other engine over its pages twice, less one over them once, is what the pages cost without its start.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2

from benchmarks import peers_amc
from benchmarks.harness import Row, show, write
from benchmarks.peers_amc import Group, analyse, groups_of
from benchmarks.reader import reader_of
from benchmarks.real_sets import amc_template, data_folder, judge_amc, only_page
from scanner.decode import Page

GOAL = 12.0
TIMES = 5  # our own pages, which take too little time to be measured once


def rows() -> list[Row]:
    cv2.setNumThreads(1)
    folder = data_folder() / "amc"
    if not folder.is_dir():
        print(f"peers: left out, there is no {folder} (MARKHALL_DATA)", file=sys.stderr)
        return []
    judged = judge_amc(folder)  # and everything is compiled
    found = [
        Row.told(f"Auto Multiple Choice's {judged.pages} pages: boxes", judged.cells, "boxes"),
        Row.judged("... boxes wrong in silence", len(judged.wrong), "below", 0, "boxes"),
        Row.judged("... pages to a person", 100 * judged.to_a_person / judged.pages, "below", 2.0, "% of pages"),
    ]
    return found + _side_by_side(folder) if peers_amc.installed() or peers_amc.install() else found


def _side_by_side(folder: Path) -> list[Row]:
    theirs = ours = 0.0
    pages = missed = 0
    groups = groups_of(folder)
    with tempfile.TemporaryDirectory() as scratch:
        for i, group in enumerate(groups, 1):
            if i % 7 == 1:
                print(f"peers: layout {i} of {len(groups)}", flush=True)
            read = _ours(group, folder / "images")
            read()
            ours += statistics.median(_cpu(read) for _ in range(TIMES))
            once, twice = (analyse(group, folder / "images", Path(scratch), times=n) for n in (1, 2))
            theirs += twice.cpu - once.cpu
            pages += len(group.pages)
            missed += 2 * len(group.pages) - twice.pages
    return [
        Row.judged("this engine over Auto Multiple Choice, pages a second of CPU time", theirs / ours, "above", GOAL, "times"),
        Row.told("... this engine, from the file to the answers", pages / ours, "pages/s"),
        Row.told("... Auto Multiple Choice, its own analysis without its start", pages / theirs, "pages/s"),
        Row.told("... scans on which it found no box, of twice its pages", missed, "scans"),
    ]


def _ours(group: Group, images: Path) -> Callable[[], None]:
    """Reads the group's pages from their bytes, by a reader that is compiled once for their layout."""
    read = reader_of(amc_template(group.pages[0]))
    files = [(images / page["image"]).read_bytes() for page in group.pages]

    def run() -> None:
        for data in files:
            page = only_page(data)
            assert isinstance(page, Page)
            read(page)

    return run


def _cpu(call: Callable[[], object]) -> float:
    start = time.process_time()
    call()
    return time.process_time() - start


def main() -> int:
    table = rows()
    show(table)
    if target := os.environ.get("BENCH_JSON"):
        write(table, Path(target))
    return 0


if __name__ == "__main__":
    sys.exit(main())
