"""What a scan is like before anything is looked for on it: its paper, its black, streaks of a dirty glass.

Measures from a coarse picture of the page; decides only what no reader could change: a black page, an empty one.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.uint8]

_COARSE = 160  # cells across the coarse picture
_LINES = 120  # lines of pixels that are looked at across a streak
_STREAK_LENGTH = 0.92  # share of the page's height (or width) that a line must run to be a streak


@dataclass(frozen=True, slots=True)
class Look:
    paper: float  # the lightness of most of the paper, 0..255
    dark: float  # share of the page that is much darker than its paper
    detail: float  # share of the page with an edge in it
    two_level: bool  # hardly any grey: black and white by a threshold, a dither or a halftone
    streaks: tuple[tuple[str, int], ...]  # ("column" | "row", pixel) of lines that run along the page

    @property
    def verdict(self) -> str:
        """'' when there may be a form on it, else 'black' or 'blank'."""
        if self.paper < 70 or self.dark > 0.75:
            return "black"
        return "blank" if self.detail < 0.002 else ""


def look_at(pixels: Grey) -> Look:
    height, width = pixels.shape
    shrink = max(1, width // _COARSE)
    across, down = width // shrink, height // shrink
    # Whole cells only: the library is several times faster where nothing is weighted.
    small = cv2.resize(pixels[: down * shrink, : across * shrink], (across, down), interpolation=cv2.INTER_AREA)
    inner = small[small.shape[0] // 12 : -small.shape[0] // 12 or None, small.shape[1] // 12 : -small.shape[1] // 12 or None]
    paper = float(np.percentile(inner, 75))
    dark = float((inner < 0.55 * max(paper, 128.0)).mean())
    steps = np.abs(np.diff(inner.astype(np.int16), axis=1))[:-1] + np.abs(np.diff(inner.astype(np.int16), axis=0))[:, :-1]
    detail = float((steps > max(18.0, 0.12 * paper)).mean())
    sample = pixels[:: max(1, height // 300), :: max(1, width // 300)]
    grey = float(((sample > 40) & (sample < 0.8 * max(paper, 60.0))).mean())
    two_level = grey < 0.25 * max(float((sample <= 40).mean()), 0.004)
    return Look(paper, dark, detail, two_level, streaks_of(pixels, paper))


def streaks_of(pixels: Grey, paper: float) -> tuple[tuple[str, int], ...]:
    """Thin dark lines along nearly the whole page: dirt on the glass of a feeder.

    A pixel counts when it is darker than both sides of it a few pixels away; printed rules stop at their frames,
    and black borders have no second side.
    """
    found = []
    height, width = pixels.shape
    lines = (("column", pixels[:: max(1, height // _LINES)]), ("row", pixels[:, :: max(1, width // _LINES)].T))
    for kind, some in lines:
        narrow = np.ascontiguousarray(some).astype(np.int16)
        reach = max(4, pixels.shape[1] // 250)
        sides = np.minimum(narrow[:, : -2 * reach], narrow[:, 2 * reach :])
        share = (narrow[:, reach:-reach] < sides - max(6.0, 0.03 * paper)).mean(axis=0)
        at = np.flatnonzero(share > _STREAK_LENGTH)
        last = -100
        for x in at:
            if x - last > reach:
                found.append((kind, int(x) + reach))
            last = int(x)
    return tuple(found[:50])
