"""Compiled search for lines that run through a bubble and on: dirt on a scanner's glass, which is no candidate's mark.

Owns the measure only; what a line makes of an answer is `omr.decide`'s business.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scanner.kernels import njit

Grey = NDArray[np.uint8]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@njit(cache=True, nogil=True)
def streak_ink(pixels: Grey, centres: Floats, axes: Floats, halves: Floats, papers: Floats, chosen: Bools, inner: float) -> Floats:
    """How much of the darkness inside a bubble is a line that runs on through it, along the scan's columns or rows.

    Dirt on a feeder's glass draws such a line over every row of a column, and it lies along the pixels whatever the
    sheet's skew. A pixel belongs to one when both pixels beside it (one, or two half axes away) are paper and it is
    darker; the line is one when nearly all of its pixels do, for five half axes before and behind the bubble.

    Parameters
    ----------
    pixels : (h, w) uint8
    centres, axes, halves : as in `patches`
    papers : (n,) float64, lightness of the paper beside each bubble, 0..255
    chosen : (n,) bool, the bubbles that are looked at
    inner : share of the half axes that counts

    Returns
    -------
    (n,) float64: mean darkness over the inside that such lines explain; 0 where there is none.
    """
    n = centres.shape[0]
    out = np.zeros(n)
    for i in range(n):
        if not chosen[i]:
            continue
        ax, ay = axes[i, 0, 0] * halves[i, 0], axes[i, 0, 1] * halves[i, 0]
        bx, by = axes[i, 1, 0] * halves[i, 1], axes[i, 1, 1] * halves[i, 1]
        across, down = np.sqrt(ax * ax + bx * bx), np.sqrt(ay * ay + by * by)
        x, y = int(centres[i, 0] + 0.5), int(centres[i, 1] + 0.5)
        run = int(5.0 * max(across, down))
        columns = line_ink(pixels, x, y, across, run, papers[i], inner)
        rows = line_ink(pixels.T, y, x, down, run, papers[i], inner)
        out[i] = max(columns, rows)
    return out


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
