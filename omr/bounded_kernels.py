"""Compiled loops for `omr.bounded`: how dark a box is, measured in two ways."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scanner.kernels import njit

Grey = NDArray[np.uint8]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_DARK = 0.6  # of the paper's lightness: below is dark
_SHADED = 0.6  # of the page's paper: a box on a shaded ground is compared with its own lightest part, but not below this


@njit(cache=True, nogil=True)
def dark_shares(pixels: Grey, centres: Floats, quarters: Floats, paper: float) -> Floats:
    """The share of each box's pixels that are dark: whole pixels are counted, none is interpolated.

    Parameters
    ----------
    pixels : (h, w) uint8
    centres : (n, 2) float64, pixels
    quarters : (n, 2, 2) float64, from the centre to the middle of the right side (row 0) and of the lower side (row 1)
    paper : lightness of the page's paper, 0..255

    Returns
    -------
    (n,) float64, 0..1; -1 where a part of the box is off the page.
    """
    height, width = pixels.shape
    out = np.empty(centres.shape[0])
    for i in range(centres.shape[0]):
        ax, ay, bx, by = quarters[i, 0, 0], quarters[i, 0, 1], quarters[i, 1, 0], quarters[i, 1, 1]
        cross = ax * by - ay * bx
        wide, high = abs(ax) + abs(bx), abs(ay) + abs(by)
        left, right = int(np.ceil(centres[i, 0] - wide)), int(np.floor(centres[i, 0] + wide))
        top, bottom = int(np.ceil(centres[i, 1] - high)), int(np.floor(centres[i, 1] + high))
        if left < 0 or top < 0 or right >= width or bottom >= height or cross == 0.0:
            out[i] = -1.0
            continue
        lightest = 0
        for y in range(top, bottom + 1):
            for x in range(left, right + 1):
                lightest = max(lightest, int(pixels[y, x]))
        limit = _DARK * max(min(float(lightest), paper), _SHADED * paper)
        inside, dark = 0, 0
        for y in range(top, bottom + 1):
            for x in range(left, right + 1):
                dx, dy = x - centres[i, 0], y - centres[i, 1]
                u, v = (dx * by - dy * bx) / cross, (dy * ax - dx * ay) / cross
                if abs(u) <= 1.0 and abs(v) <= 1.0:
                    inside += 1
                    dark += pixels[y, x] < limit
        out[i] = dark / max(inside, 1)
    return out


@njit(cache=True, nogil=True)
def mean_darkness(pixels: Grey, centres: Floats, quarters: Floats, paper: float) -> Floats:
    """The mean darkness of each box, from twelve by twelve samples of the nearest pixel; a third grey is a third dark.

    Parameters and shapes as in `dark_shares`; samples beyond the page's edge count as its edge.
    """
    height, width = pixels.shape
    n = 12
    out = np.empty(centres.shape[0])
    for i in range(centres.shape[0]):
        total = 0.0
        for row in range(n):
            v = (2.0 * row + 1.0) / n - 1.0
            for column in range(n):
                u = (2.0 * column + 1.0) / n - 1.0
                x = int(np.floor(centres[i, 0] + u * quarters[i, 0, 0] + v * quarters[i, 1, 0] + 0.5))
                y = int(np.floor(centres[i, 1] + u * quarters[i, 0, 1] + v * quarters[i, 1, 1] + 0.5))
                value = float(pixels[min(max(y, 0), height - 1), min(max(x, 0), width - 1)])
                total += min(1.0, max(0.0, 1.0 - value / paper) * 1.1)
        out[i] = total / (n * n)
    return out


@njit(cache=True, nogil=True)
def _darkness(paper: float) -> Floats:
    """(256,): how dark each grey level is on this paper, 0 to 1."""
    out = np.empty(256)
    for v in range(256):
        out[v] = max(0.0, 1.0 - v / paper)
    return out


@njit(cache=True, nogil=True)
def _sampled(centre: Floats, quarter: Floats, xs: Ints, ys: Ints) -> tuple[int, int, int, int]:
    """The pixels by which an outline is judged: (4 sides, 8 places, 3 lines a pixel apart and one a third of a box outside).

    Gives the left, top, right and bottom of them all.
    """
    for side in range(4):
        a, b = side % 2, 1 - side % 2
        sign = 1.0 if side < 2 else -1.0
        nx, ny = sign * quarter[a, 0], sign * quarter[a, 1]
        size = max(1e-6, np.sqrt(nx * nx + ny * ny))
        for k in range(8):
            t = (k + 0.5) / 4.0 - 1.0
            sx, sy = centre[0] + nx + 0.85 * t * quarter[b, 0], centre[1] + ny + 0.85 * t * quarter[b, 1]
            for line in range(4):
                far = (line - 1.0) if line < 3 else 0.66 * size
                xs[side, k, line] = int(np.floor(sx + nx / size * far + 0.5))
                ys[side, k, line] = int(np.floor(sy + ny / size * far + 0.5))
    return int(xs.min()), int(ys.min()), int(xs.max()), int(ys.max())


@njit(cache=True, nogil=True)
def _outline(pixels: Grey, xs: Ints, ys: Ints, box: tuple[int, int, int, int], right: int, down: int, darkness: Floats) -> float:
    """How much darker the sides of a box are, moved by whole pixels, than the lines outside them, -1 to 1.

    A side's darkness is that of the darkest of its three lines at each of the eight places. The worst side but one
    counts: a mark may run over one, and a box that lies half a box away still has two. -1 where a part is off the page.
    """
    height, width = pixels.shape
    if box[0] + right < 0 or box[1] + down < 0 or box[2] + right >= width or box[3] + down >= height:
        return -1.0
    least, second = 1.0, 1.0
    for side in range(4):
        total = 0.0
        for k in range(8):
            darkest = np.uint8(255)
            for line in range(3):
                darkest = min(darkest, pixels[np.uint64(ys[side, k, line] + down), np.uint64(xs[side, k, line] + right)])
            outside = pixels[np.uint64(ys[side, k, 3] + down), np.uint64(xs[side, k, 3] + right)]
            total += (darkness[darkest] - darkness[outside]) / 8.0
        if total < least:
            least, second = total, least
        elif total < second:
            second = total
    return second


@njit(cache=True, nogil=True)
def outlines_at(pixels: Grey, centres: Floats, quarters: Floats, paper: float) -> Floats:
    """How well the printed outline of each box is where it is said to be: (n,) float64, near 0 or below where it is not.

    Parameters as in `dark_shares`, but `quarters` reach to the outline itself.
    """
    out, darkness = np.empty(centres.shape[0]), _darkness(paper)
    xs, ys = np.empty((4, 8, 4), np.int64), np.empty((4, 8, 4), np.int64)
    for i in range(centres.shape[0]):
        box = _sampled(centres[i], quarters[i], xs, ys)
        out[i] = _outline(pixels, xs, ys, box, 0, 0, darkness)
    return out


@njit(cache=True, nogil=True)
def outline_lattice(pixels: Grey, centres: Floats, quarters: Floats, paper: float, reach: int, step: int) -> Floats:
    """How well the outline of each box of a row fits at shifts of `-reach..reach` steps of `step` pixels each way.

    Parameters as in `outlines_at`.

    Returns
    -------
    (n, 2 reach + 1, 2 reach + 1) float64: by box, shift down, shift across.
    """
    across = 2 * reach + 1
    out, darkness = np.empty((centres.shape[0], across, across)), _darkness(paper)
    xs, ys = np.empty((4, 8, 4), np.int64), np.empty((4, 8, 4), np.int64)
    for i in range(centres.shape[0]):
        box = _sampled(centres[i], quarters[i], xs, ys)
        for oy in range(across):
            for ox in range(across):
                out[i, oy, ox] = _outline(pixels, xs, ys, box, (ox - reach) * step, (oy - reach) * step, darkness)
    return out


@njit(cache=True, nogil=True)
def row_fit(lattice: Floats) -> tuple[int, int, int, float]:
    """The common shift of a row, and another one for its last box, at which its outlines fit best on the whole.

    Between the first and the last box the shift along the row changes evenly; that across it is the same for all. Every
    combination is tried; near ones and even ones win where several fit alike.

    Parameters
    ----------
    lattice : (n, m, m) float64, as from `outline_lattice`, the last axis along the row

    Returns
    -------
    Steps across the row, along it at the first box, along it at the last; and the mean fit there.
    """
    n, m = lattice.shape[0], lattice.shape[1]
    reach = m // 2
    best, found = -1e9, (0, 0, 0, 0.0)
    for cross in range(m):
        for first in range(m):
            for last in range(m):
                if n == 1 and last != first:
                    continue
                total = 0.0
                for i in range(n):
                    at = first + (last - first) * i / max(n - 1, 1)
                    total += lattice[i, cross, int(at + 0.5)]
                mean = total / n
                far = abs(cross - reach) + abs(first - reach) + abs(last - reach) + abs(last - first)
                score = mean - 0.05 * far / reach
                if score > best:
                    best, found = score, (cross - reach, first - reach, last - reach, mean)
    return found
