"""Solid printed marks in a part of a page: squares, discs, L shapes and crosses, to a small part of a pixel.

Owns finding, and what a printed mark looks like; which found spot is which mark of a template is
`scanner.fitting`'s business. Works on windows, never on the whole page.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from core.template import Mark
from scanner.kernels import njit

Grey = NDArray[np.uint8]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_SIDE = 6  # a mark is looked for at a scale at which the smallest is about this many cells wide
_QUICK_SIDE = 4.5  # the same where marks are solid and as large as they should be
_INK = 0.68  # darker than this share of the paper around it is ink: printers' black is below 0.3, halftone grey about 0.5
_LEAST_CONTRAST = 25  # grey levels between a mark and the paper beside it
_MARGIN = 1.5  # cells around a spot that are looked at with it
_FAINT = 0.3  # darkness below which a pixel is the paper's
_CUT = 0.25  # share of a side of what is looked at that is dark when a thing goes on beyond it
_MOST_SPOTS = 256  # in a window; a printed corner has a dozen dark things of a mark's size, a page of writing more


def find_spots(pixels: Grey, windows: Ints, least: float, most: float, *, solid: float, thorough: bool, copied: bool) -> Floats:
    """All compact dark things whose box sides are between `least` and `most` pixels.

    Parameters
    ----------
    pixels : (h, w) uint8
    windows : (k, 4) int64; left, top, right, bottom
    solid : the least share of its box that the coarse picture of a thing covers
    thorough : every pixel counts where things are looked for; else a few pixels of each cell
    copied : halftones are smoothed before a thing is measured; else a mark is solidly black

    Returns
    -------
    (n, 6) float64: the window, x and y of the centre of gravity, width, height, and the share of that box that is
    dark. Pixels of the whole page.
    """
    step = max(1, int(least / (_SIDE if thorough else _QUICK_SIDE)))
    if least < 3:
        return np.zeros((0, 6))
    return np.asarray(_spots(pixels, windows, step, least, most, solid, thorough, copied), np.float64)


@njit(cache=True, nogil=True)
def _cells(pixels: Grey, window: Ints, step: int, thorough: bool) -> Grey:
    """The window at a coarse scale: the mean of each cell, of all its pixels or of four of them."""
    left, top = window[0], window[1]
    nx, ny = (window[2] - left) // step, (window[3] - top) // step
    out = np.empty((ny, nx), np.uint8)
    if thorough or step < 4:
        sums = np.empty(nx * step, np.int32)
        for j in range(ny):
            sums[:] = 0
            for y in range(top + j * step, top + (j + 1) * step):
                for x in range(nx * step):
                    sums[x] += pixels[y, left + x]
            for i in range(nx):
                total = 0
                for x in range(i * step, (i + 1) * step):
                    total += sums[x]
                out[j, i] = total // (step * step)
        return out
    near, far = step // 4, step - 1 - step // 4
    for j in range(ny):
        upper, lower = top + j * step + near, top + j * step + far
        for i in range(nx):
            x, z = left + i * step + near, left + i * step + far
            four = np.int32(pixels[upper, x]) + np.int32(pixels[upper, z]) + np.int32(pixels[lower, x]) + np.int32(pixels[lower, z])
            out[j, i] = four >> 2
    return out


@njit(cache=True, nogil=True)
def _inked(cells: Grey, block: int) -> Grey:
    """1 where a cell is ink against the lightest paper within a mark's width: uneven light and grey paper do not matter."""
    ny, nx = cells.shape
    by, bx = (ny + block - 1) // block, (nx + block - 1) // block
    light = np.zeros((by + 2, bx + 2), np.uint8)
    for b in range(by):
        for j in range(b * block, min(ny, (b + 1) * block)):
            for a in range(bx):
                most = light[b + 1, a + 1]
                for i in range(a * block, min(nx, (a + 1) * block)):
                    most = max(most, cells[j, i])
                light[b + 1, a + 1] = most
    cut = np.empty(nx, np.uint8)
    out = np.empty((ny, nx), np.uint8)
    for b in range(by):
        for a in range(bx):
            paper = np.uint8(0)
            for v in range(b, b + 3):
                for u in range(a, a + 3):
                    paper = max(paper, light[v, u])
            cut[a * block : min(nx, (a + 1) * block)] = np.uint8(paper * _INK)
        for j in range(b * block, min(ny, (b + 1) * block)):
            for i in range(nx):
                out[j, i] = cells[j, i] < cut[i]
    return out


@njit(cache=True, nogil=True)
def _spots(
    pixels: Grey, windows: Ints, step: int, least: float, most: float, solid: float, thorough: bool, copied: bool
) -> Floats:  # fmt: skip
    """See `find_spots`. Connected parts by a flood fill over the coarse cells, then each one at full resolution."""
    out = np.empty((windows.shape[0] * _MOST_SPOTS, 6))
    n = 0
    for k in range(windows.shape[0]):
        cells = _cells(pixels, windows[k], step, thorough)
        ny, nx = cells.shape
        if nx < 3 or ny < 3:
            continue
        ink = _inked(cells, max(2, int(0.6 * most / step)))
        stack = np.empty(ny * nx, np.int64)
        here = 0
        for start in range(ny * nx):
            if ink[start // nx, start % nx] != 1 or here == _MOST_SPOTS:
                continue
            x0, x1, y0, y1, area, size = nx, 0, ny, 0, 0, 1
            stack[0] = start
            ink[start // nx, start % nx] = 2
            while size > 0:
                size -= 1
                y, x = stack[size] // nx, stack[size] % nx
                area += 1
                x0, x1, y0, y1 = min(x0, x), max(x1, x), min(y0, y), max(y1, y)
                for turn in range(4):
                    v = y + (turn == 0) - (turn == 1)
                    u = x + (turn == 2) - (turn == 3)
                    if 0 <= v < ny and 0 <= u < nx and ink[v, u] == 1:
                        ink[v, u] = 2
                        stack[size] = v * nx + u
                        size += 1
            w, h = x1 - x0 + 1, y1 - y0 + 1
            if min(w, h) < least / step - 1 or max(w, h) > most / step + 1 or area < solid * w * h:
                continue
            height, width = pixels.shape  # what leaves the window is larger than it looks, unless the page ends there
            if (x0 == 0 and windows[k, 0] > 0) or (y0 == 0 and windows[k, 1] > 0):
                continue
            if (x1 == nx - 1 and windows[k, 2] < width) or (y1 == ny - 1 and windows[k, 3] < height):
                continue
            spot = _refined(pixels, windows[k], (x0, y0, x1, y1), step, copied)
            if spot[3] > 0:
                out[n, 0] = k
                for j in range(5):
                    out[n, 1 + j] = spot[j]
                n += 1
                here += 1
    return out[:n].copy()


@njit(cache=True, nogil=True)
def _smoothed(crop: Grey, reach: int) -> Grey:
    """Each pixel the mean of the (2 * reach + 1) square around it, which at the edges is smaller."""
    ny, nx = crop.shape
    sums = np.zeros((ny + 1, nx + 1), np.int32)
    for y in range(ny):
        line = np.int32(0)
        for x in range(nx):
            line += np.int32(crop[y, x])
            sums[y + 1, x + 1] = sums[y, x + 1] + line
    lefts, rights, shares = np.empty(nx, np.int32), np.empty(nx, np.int32), np.empty(nx)
    for x in range(nx):
        lefts[x], rights[x] = max(0, x - reach), min(nx, x + reach + 1)
        shares[x] = 1.0 / (rights[x] - lefts[x])
    out = np.empty((ny, nx), np.uint8)
    columns = np.empty(nx + 1, np.int32)
    for y in range(ny):
        top, bottom = max(0, y - reach), min(ny, y + reach + 1)
        for x in range(nx + 1):
            columns[x] = sums[bottom, x] - sums[top, x]
        share = 1.0 / (bottom - top)
        for x in range(nx):
            total = columns[np.uint64(rights[x])] - columns[np.uint64(lefts[x])]
            out[y, x] = np.uint8(np.int32((total + 0.5) * shares[x] * share))  # in the middle between two steps
    return out


@njit(cache=True, nogil=True)
def _levels(crop: Grey) -> tuple[int, int]:
    """The grey of the darkest fifth's lightest pixel and that of the lightest twelfth's darkest, by every other pixel."""
    ny, nx = crop.shape
    counts = np.zeros(256, np.int32)
    total = 0
    for y in range(0, ny, 2):
        for x in range(y // 2 % 2, nx, 2):
            counts[crop[y, x]] += 1
            total += 1
    black, seen = 0, counts[0]
    while seen <= 0.2 * total:
        black += 1
        seen += counts[black]
    paper, seen = 255, counts[255]
    while seen <= 0.08 * total:
        paper -= 1
        seen += counts[paper]
    return black, paper


@njit(cache=True, nogil=True)
def _refined(pixels: Grey, window: Ints, box: tuple[int, ...], step: int, copied: bool) -> tuple[float, float, float, float, float]:
    """A spot's centre of gravity, box and solidity at full resolution, by the darkness itself and not by a threshold's
    outline; all zero where it hardly differs from the paper.

    A copier prints black as a halftone: where one may have, a blur of the finding scale makes it grey before it is measured.
    """
    margin = int(_MARGIN * step)
    left, top = max(window[0], window[0] + box[0] * step - margin), max(window[1], window[1] + box[1] * step - margin)
    right, bottom = min(window[2], window[0] + (box[2] + 1) * step + margin), min(window[3], window[1] + (box[3] + 1) * step + margin)
    crop = pixels[top:bottom, left:right].copy()
    if copied and step > 1:
        crop = _smoothed(crop, step // 2)
    ny, nx = crop.shape
    black, paper = _levels(crop)
    if paper - black < _LEAST_CONTRAST:
        return 0.0, 0.0, 0.0, 0.0, 0.0
    full, faint = np.int32(paper - black), np.int32(_FAINT * (paper - black) + 0.999)
    columns, rows = np.zeros(nx), np.zeros(ny)
    sums = np.zeros(nx, np.int32)
    for y in range(ny):
        line = np.int32(0)
        for x in range(nx):
            share = min(np.int32(paper) - np.int32(crop[y, x]), full)
            share = share if share >= faint else np.int32(0)
            sums[x] += share
            line += share
        rows[y] = line / full
    for x in range(nx):
        columns[x] = sums[x] / full
    mass, sx, sy = rows.sum(), 0.0, 0.0
    for x in range(nx):
        sx += columns[x] * x
    for y in range(ny):
        sy += rows[y] * y
    if max(columns[0], columns[nx - 1]) > _CUT * ny or max(rows[0], rows[ny - 1]) > _CUT * nx:
        return 0.0, 0.0, 0.0, 0.0, 0.0
    width, height = _extent(columns), _extent(rows)
    if mass <= 0.0 or width <= 0.0 or height <= 0.0:
        return 0.0, 0.0, 0.0, 0.0, 0.0
    return sx / mass + left, sy / mass + top, width, height, min(1.0, mass / max(width * height, 1.0))


@njit(cache=True, nogil=True)
def _extent(profile: Floats) -> float:
    """Between the two places where a profile crosses a third of its height."""
    n = profile.size
    cut = 0.0
    for i in range(n):
        cut = max(cut, profile[i] / 3.0)
    first, last = 0, n - 1
    while first < n and profile[first] <= cut:
        first += 1
    if first == n:
        return 0.0
    while profile[last] <= cut:
        last -= 1
    head = 0.0 if first == 0 else (profile[first] - cut) / max(profile[first] - profile[first - 1], 1e-6)
    tail = 0.0 if last == n - 1 else (profile[last] - cut) / max(profile[last] - profile[last + 1], 1e-6)
    return float(last - first + head + tail)


def centre_of(mark: Mark, middle: tuple[float, float]) -> tuple[float, float]:
    """The centre of gravity of a mark in the template's unit, wherever its `x`, `y` is measured.

    The arms of an L point from its outer corner towards the form's `middle`.
    """
    if mark.shape == "L":
        t = mark.thickness or min(mark.width, mark.height) / 3
        bar, stem = mark.width * t, (mark.height - t) * t
        inward_x = 1 if mark.x < middle[0] else -1
        inward_y = 1 if mark.y < middle[1] else -1
        return (
            mark.x + inward_x * (bar * mark.width / 2 + stem * t / 2) / (bar + stem),
            mark.y + inward_y * (bar * t / 2 + stem * (t + (mark.height - t) / 2)) / (bar + stem),
        )
    dx = {"centre": 0.0, "tl": 0.5, "bl": 0.5, "tr": -0.5, "br": -0.5}[mark.anchor]
    dy = {"centre": 0.0, "tl": 0.5, "tr": 0.5, "bl": -0.5, "br": -0.5}[mark.anchor]
    return mark.x + dx * mark.width, mark.y + dy * mark.height


def solidity(mark: Mark) -> float:
    """The share of its box that a mark covers."""
    t = mark.thickness or min(mark.width, mark.height) / 3
    area = mark.width * mark.height
    if mark.shape == "disc":
        return math.pi / 4
    if mark.shape == "L":
        return t * (mark.width + mark.height - t) / area
    if mark.shape == "cross":
        return t * (mark.width + mark.height - t) / area
    return 1.0
