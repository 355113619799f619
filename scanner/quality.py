"""What a scan is like before anything is looked for on it: its paper, its black, streaks of a dirty glass.

Measures from samples of the page; decides only what no reader could change: a black page, an empty one.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from scanner.kernels import njit

Grey = NDArray[np.uint8]
Ints = NDArray[np.int64]

_SAMPLES = 100  # rows of samples, and samples in a row, from which paper and black are told
_DARK = 0.55  # of the paper: darker than most of what is printed lightly
_BLACK = 40  # the grey level up to which a pixel is black, whatever the scanner
_COARSE = 160  # cells across the coarse picture in which detail is looked for
_LINES = 120  # lines of pixels that are looked at along a streak
_GLANCE = 4  # ... of which so many are looked at before the others
_MISSED = 0.3  # share of these few in which a streak may not be seen
_STREAK_LENGTH = 0.92  # share of the page's height (or width), apart from print, that a line must run to be a streak
_LEAST_SEEN = 0.5  # share of the page along which it must be seen
_LIGHT = 0.75  # of the paper: darker is print
_RIM = 0.01  # of the page's width at its edges, where a border ends and nothing is read
_MOST_STREAKS = 50


@dataclass(frozen=True, slots=True)
class Look:
    paper: float  # the lightness of most of the paper, 0..255
    dark: float  # share of the page that is much darker than its paper
    two_level: bool  # hardly any grey: black and white by a threshold, a dither or a halftone
    streaks: tuple[tuple[str, int], ...]  # ("column" | "row", pixel) of lines that run along the page

    @property
    def verdict(self) -> str:
        """'' when there may be a form on it, else 'black'."""
        return "black" if self.paper < 70 or self.dark > 0.75 else ""


def look_at(pixels: Grey, *, streaks: bool = True) -> Look:
    """The page's paper, black and (where they are asked for) streaks, from some tens of thousands of its pixels."""
    paper, dark, two_level = _levels(pixels, _SAMPLES)
    return Look(paper, dark, two_level, streaks_of(pixels, paper) if streaks else ())


def is_blank(pixels: Grey, look: Look) -> bool:
    """Whether hardly anything on the page has an edge: a white frame, or the back of a card. Slower than a look."""
    height, width = pixels.shape
    shrink = max(1, width // _COARSE)
    across, down = width // shrink, height // shrink
    small = cv2.resize(pixels[: down * shrink, : across * shrink], (across, down), interpolation=cv2.INTER_AREA).astype(np.int16)
    inner = small[down // 12 : -down // 12 or None, across // 12 : -across // 12 or None]
    steps = np.abs(np.diff(inner, axis=1))[:-1] + np.abs(np.diff(inner, axis=0))[:, :-1]
    return bool(steps.size == 0 or (steps > max(18.0, 0.12 * look.paper)).mean() < 0.002)


def streaks_of(pixels: Grey, paper: float) -> tuple[tuple[str, int], ...]:
    """Thin dark lines along nearly the whole page: dirt on the glass of a feeder.

    A pixel counts when it is darker than both sides of it a few pixels away; printed rules stop at their frames,
    and black borders have no second side. Dirt lies still while the paper moves, so a streak runs along the pixels
    however the page is skewed.
    """
    reach = max(4, min(pixels.shape) // 250)
    less, light = int(max(6.0, 0.03 * paper)), int(_LIGHT * paper)
    columns, rows = _streaks(pixels, False, reach, less, light), _streaks(pixels, True, reach, less, light)
    return tuple([("column", x) for x in columns.tolist()] + [("row", y) for y in rows.tolist()])[:_MOST_STREAKS]


@njit(cache=True, nogil=True)
def _levels(pixels: Grey, samples: int) -> tuple[float, float, bool]:
    """The lightness of most of the paper, the share that is much darker, and whether there is hardly any grey.

    Parameters
    ----------
    pixels : (h, w) uint8
    samples : how many rows are looked at, and how many pixels in each

    Returns
    -------
    paper 0..255 and dark 0..1, both of the page without its outermost twelfth, where borders are; two levels or not.
    """
    height, width = pixels.shape
    down, across = max(1, height // samples), max(1, width // samples)
    left, right = width // 12, width - width // 12
    counts = np.zeros((4, 256), np.int32)  # the inner part twice, pixel by pixel in turn, so that no count waits for the last
    for y in range(down // 2, height, down):
        middle = 0 if height // 12 <= y < height - height // 12 else 2
        turn = 0
        for x in range(across // 2, width, across):
            which = middle + turn if left <= x < right else 2 + turn
            counts[which, pixels[y, x]] += 1
            turn = 1 - turn
    total, everything, black = 0, 0, 0
    for v in range(256):
        total += counts[0, v] + counts[1, v]
        everything += counts[0, v] + counts[1, v] + counts[2, v] + counts[3, v]
    seen, paper = 0, 0
    while paper < 255 and seen + counts[0, paper] + counts[1, paper] < 0.75 * total:
        seen += counts[0, paper] + counts[1, paper]
        paper += 1
    dark, grey = 0, 0
    for v in range(256):
        if v <= _DARK * max(paper, 128):
            dark += counts[0, v] + counts[1, v]
        of_all = counts[0, v] + counts[1, v] + counts[2, v] + counts[3, v]
        if v <= _BLACK:
            black += of_all
        elif v < 0.8 * max(paper, 60):
            grey += of_all
    return float(paper), dark / max(total, 1), grey < 0.25 * max(black, 0.004 * everything)


@njit(cache=True, nogil=True)
def _streaks(pixels: Grey, lying: bool, reach: int, less: int, light: int) -> Ints:
    """Columns (rows when `lying`) that are darker than both sides along nearly the whole page.

    Parameters
    ----------
    pixels : (h, w) uint8
    lying : looks at rows in place of columns
    reach : pixels to the left and right that a streak is compared with
    less : grey levels by which it is darker
    light : the grey level of paper; where a side is darker than that, something is printed and nothing can be told

    Returns
    -------
    (k,) int64, the first column of each.
    """
    along, across = pixels.shape[0], pixels.shape[1]
    if lying:
        along, across = across, along
    hits, misses = np.zeros(across, np.int32), np.zeros(across, np.int32)
    line = np.empty(across, np.int32)
    first = max(reach, int(_RIM * across))
    for k in range(_GLANCE):
        y = (2 * k + 1) * along // (2 * _GLANCE)
        if lying:
            for x in range(across):
                line[x] = pixels[x, y]
        else:
            for x in range(across):
                line[x] = pixels[y, x]
        for x in range(first, across - first):
            side = min(line[x - reach], line[x + reach])
            hit = line[x] + less < side
            hits[x] += hit
            misses[x] += (not hit) and side >= light
    out = np.empty(across, np.int64)
    n, last = 0, -across
    for x in range(first, across - first):
        if hits[x] == 0 or misses[x] > _MISSED * _GLANCE:
            continue
        seen, missed = 0, 0
        for k in range(_LINES):
            y = (2 * k + 1) * along // (2 * _LINES)
            if lying:
                value, side = np.int32(pixels[x, y]), min(np.int32(pixels[x - reach, y]), np.int32(pixels[x + reach, y]))
            else:
                value, side = np.int32(pixels[y, x]), min(np.int32(pixels[y, x - reach]), np.int32(pixels[y, x + reach]))
            if value + less < side:
                seen += 1
            elif side >= light:
                missed += 1
                if missed >= (1.0 - _STREAK_LENGTH) * _LINES:
                    break
        if seen > _LEAST_SEEN * _LINES and missed < (1.0 - _STREAK_LENGTH) * _LINES:
            if x - last > reach:
                out[n] = x
                n += 1
            last = x
    return out[:n].copy()
