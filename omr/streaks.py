"""Compiled search for lines that run through a bubble and on: dirt on a scanner's glass, which is no candidate's mark.

Owns the measure only; what a line makes of an answer is `omr.second`'s business.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scanner.kernels import njit

Grey = NDArray[np.uint8]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_HINTS = np.array([1.32, 1.42, 1.52, 1.62])  # half axes before and behind, outside the bubble and short of the next one's ring


@njit(cache=True, nogil=True)
def streak_ink(pixels: Grey, frames: Floats, papers: Floats, chosen: Bools, inner: float) -> Floats:
    """How much of the darkness inside a bubble is a line that runs on through it, along the scan's columns or rows.

    Dirt on a feeder's glass draws such a line over every row of a column, and it lies along the pixels whatever the
    sheet's skew. A pixel belongs to one when both pixels beside it (one, or two half axes away) are paper and it is
    darker; the line is one when nearly all of its pixels do, for five half axes before and behind the bubble. Only
    where something dark lies right before and behind the bubble is it looked for at all.

    Parameters
    ----------
    pixels : (h, w) uint8
    frames : (n, 6) float64, pixels: centre, half axis across, half axis down
    papers : (n,) float64, lightness of the paper beside each bubble, 0..255
    chosen : (n,) bool, the bubbles that are looked at
    inner : share of the half axes that counts

    Returns
    -------
    (n,) float64: mean darkness over the inside that such lines explain; 0 where there is none.
    """
    n = frames.shape[0]
    out = np.zeros(n)
    for i in range(n):
        if not chosen[i]:
            continue
        f = frames[i]
        across, down = np.sqrt(f[2] * f[2] + f[4] * f[4]), np.sqrt(f[3] * f[3] + f[5] * f[5])
        x, y = int(f[0] + 0.5), int(f[1] + 0.5)
        run = int(5.0 * max(across, down))
        if _hint(pixels, x, y, inner * across, down, papers[i]):
            out[i] = line_ink(pixels, x, y, across, run, papers[i], inner)
        if _hint(pixels.T, y, x, inner * down, across, papers[i]):
            out[i] = max(out[i], line_ink(pixels.T, y, x, down, run, papers[i], inner))
    return out


@njit(cache=True, nogil=True)
def _hint(pixels: Grey, x: int, y: int, reach: float, down: float, paper: float) -> bool:
    """Whether in any column of a bubble the pixels right before it and those right behind are darker than paper."""
    height, width = pixels.shape
    far = int(_HINTS[-1] * down) + 1
    if x - reach < 1 or x + reach >= width - 1 or y < far or y + far >= height:
        return True
    least = _HINTS.shape[0] * (paper - max(5.0, 0.022 * paper))
    for column in range(int(x - reach), int(x + reach) + 1):
        before, behind = 0.0, 0.0
        for k in range(_HINTS.shape[0]):
            away = int(_HINTS[k] * down)
            before += pixels[np.uint64(y - away), np.uint64(column)]
            behind += pixels[np.uint64(y + away), np.uint64(column)]
        if max(before, behind) < least:
            return True
    return False


@njit(cache=True, nogil=True)
def line_ink(pixels: Grey, x: int, y: int, half: float, run: int, paper: float, inner: float) -> float:
    """The share of darkness that unbroken lines along the columns add to the inside of an ellipse.

    Parameters
    ----------
    pixels : (h, w) uint8
    x, y : the ellipse's centre
    half : its half width
    run : pixels before and behind the centre over which a line must run
    paper : lightness of the paper beside it, 0..255
    inner : share of the half width that counts
    """
    height, width = pixels.shape
    top, bottom = max(0, y - run), min(height, y + run + 1)
    reach = int(inner * half)
    least = max(6.0, 0.03 * paper)
    total, area = 0.0, 0.0
    for offset in range(-reach, reach + 1):
        chord = np.sqrt(max(0.0, 1.0 - (offset / max(inner * half, 1.0)) ** 2))
        area += chord
        best = 0.0
        for scale in range(1, 3):
            aside = int(scale * 0.9 * half)
            left, at, right = x + offset - aside, x + offset, x + offset + aside
            if left < 0 or right >= width:
                continue
            clear, hits, depth = 0, 0, 0.0
            for row in range(top, bottom, 2):
                side = float(min(pixels[row, left], pixels[row, right]))
                if side < 0.75 * paper:
                    continue
                clear += 1
                gap = side - pixels[row, at]
                depth += gap / side
                hits += gap > least
            if clear > 0.15 * (bottom - top) and hits > 0.85 * clear:
                best = max(best, depth / clear)
        total += chord * best
    return total / max(area, 1.0)
