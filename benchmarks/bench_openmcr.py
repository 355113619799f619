"""The real 75-question pages of another engine's own set: pages a second of one core, right on every cell."""

from __future__ import annotations

import statistics
import sys
import time

from benchmarks.harness import Row
from benchmarks.reader import reader_of
from benchmarks.real_sets import OPENMCR_TEMPLATE, data_folder, judge_openmcr
from core.errors import FrameUnreadable
from core.template import load_template
from scanner.frames import pages_in

ROUNDS = 5
GOAL = 20.0  # that engine reads 2.5 to 2.8 a second


def rows() -> list[Row]:
    folder = data_folder() / "openmcr"
    if not folder.is_dir():
        print(f"openmcr: left out, there is no {folder} (MARKHALL_DATA)", file=sys.stderr)
        return []
    judged = judge_openmcr(folder)  # and everything is compiled
    files = [file.read_bytes() for part in ("75q-core-1", "75q-core-2") for file in sorted((folder / part).iterdir())]
    read = reader_of(load_template(OPENMCR_TEMPLATE))
    seconds = []
    for _ in range(ROUNDS):
        start = time.process_time()
        for data in files:
            for page in pages_in(data, where="benchmark"):
                assert not isinstance(page, FrameUnreadable)
                read(page)
        seconds.append(time.process_time() - start)
    return [
        Row.judged("open-mcr's 75-question pages, one core", len(files) / statistics.median(seconds), "above", GOAL, "pages/s"),
        Row.judged(f"... cells wrong, of {judged.cells}", len(judged.wrong), "below", 0, "cells"),
        Row.judged("... pages that go to a person", judged.to_a_person, "below", 0, "pages"),
    ]
