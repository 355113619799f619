"""The process in which hostile files are opened: a library may crash or hang in it, and its parent sees which file did that.

Prints a line when it is ready, then a line of JSON a file, after it: what was found, how long it took, what is wrong.
"""

from __future__ import annotations

import json
import resource
import sys
import time
import traceback
from collections.abc import Callable
from importlib import import_module
from itertools import islice

import numpy as np

from core.errors import FrameUnreadable
from scanner.bounds import LIMITS, Page
from scanner.frames import count_pages, pages_in, single_page

_MEMORY = 6 * 1024**3  # of addresses; the pages themselves are bounded far below
_MOST_PAGES = 20


def open_all(seed: int, number: int) -> str:
    """Open one input by every way in; the kind of its outcome. Raises whatever is not one clear sentence or a sound page."""
    from benchmarks.fuzz_inputs import fuzzed

    name, data = fuzzed(seed, number)
    kind = "pages"
    for page in islice(pages_in(data, where=name), _MOST_PAGES):
        if isinstance(page, FrameUnreadable):
            kind = "refused"
        else:
            _check(page)
    for way in (count_pages, single_page):
        try:
            way(data, where=name)
        except FrameUnreadable:
            continue
    return kind


def warm_up() -> None:
    """Open every whole file once: on a fresh machine the kernels are compiled by that, and no hostile file is blamed for it."""
    from benchmarks.fuzz_inputs import corpus

    for name, data in corpus():
        _check(next(page for page in pages_in(data, where=name) if isinstance(page, Page)))


def _check(page: Page) -> None:
    pixels = page.pixels
    assert pixels.dtype == np.uint8, pixels.dtype
    assert pixels.ndim == 2, pixels.shape
    assert pixels.flags.c_contiguous, pixels.strides
    assert pixels.size <= LIMITS.pixels, pixels.shape


def main(target: str, seed: int, first: int, last: int) -> None:
    """Open the inputs of these numbers, the last one included, one after the other."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    module, name = target.split(":")
    attempt: Callable[[int, int], str] = getattr(import_module(module), name)
    getattr(import_module(module), "warm_up", lambda: None)()
    print("{}", flush=True)
    for number in range(first, last + 1):
        started, wrong, kind = time.perf_counter(), "", ""
        try:
            kind = attempt(seed, number)
        except Exception:
            wrong = traceback.format_exc(limit=-4)
        print(json.dumps({"number": number, "kind": kind, "seconds": time.perf_counter() - started, "wrong": wrong}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], *(int(word) for word in sys.argv[2:5]))
