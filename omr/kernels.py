"""Compiled loops over bubbles: where their rings are and what is inside them, for the first reader.

Owns arithmetic only. Nothing here knows what a mark is; `omr.decide` does.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scanner.kernels import bilinear, njit

Grey = NDArray[np.uint8]
Floats = NDArray[np.float64]
Single = NDArray[np.float32]
Ints = NDArray[np.int64]


@njit(cache=True, nogil=True)
def ring_offsets(pixels: Grey, centres: Floats, axes: Floats, halves: Floats, line_of: Ints, lines: int, reach: int, step: float) -> Floats:
    """How far each row of bubbles is from where the transform puts it, by the printed rings themselves.

    For every offset of a small lattice, the contrast of the rings (the darkest of three radii against the paper
    outside and, half as much, inside) summed over the row; the best offset wins, near ones first. A full search
    like the classical generalised Hough transform (Ballard 1981) with two unknowns.

    Parameters
    ----------
    pixels : (h, w) uint8
    centres : (n, 2) float64, pixels
    axes : (n, 2, 2) float64, pixels that a template unit across and down is worth there
    halves : (n, 2) float64, half width and half height of the bubble, template unit
    line_of : (n,) int64, the row of each bubble, 0..lines-1
    lines : number of rows
    reach : offsets tried each way
    step : pixels an offset

    Returns
    -------
    (lines, 3) float64: dx, dy in pixels, and the mean ring contrast there, 0..1.
    """
    n = centres.shape[0]
    across = 2 * reach + 1
    sums = np.zeros((lines, across, across))
    counts = np.zeros(lines)
    angles = 16
    for i in range(n):
        counts[line_of[i]] += 1.0
        for oy in range(across):
            for ox in range(across):
                x0 = centres[i, 0] + (ox - reach) * step
                y0 = centres[i, 1] + (oy - reach) * step
                sums[line_of[i], oy, ox] += ring_contrast(pixels, x0, y0, axes[i], halves[i], angles)
    out = np.zeros((lines, 3))
    for line in range(lines):
        best, bx, by = -1e9, 0, 0
        for oy in range(across):
            for ox in range(across):
                far = (ox - reach) ** 2 + (oy - reach) ** 2
                score = sums[line, oy, ox] / max(counts[line], 1.0) - 0.002 * far
                if score > best:
                    best, bx, by = score, ox, oy
        out[line, 0] = (bx - reach + peak(sums[line, by], bx)) * step
        out[line, 1] = (by - reach + peak(sums[line, :, bx], by)) * step
        out[line, 2] = sums[line, by, bx] / max(counts[line], 1.0)
    return out


@njit(cache=True, nogil=True)
def peak(values: Floats, at: int) -> float:
    """Where the top of the parabola through a maximum and its neighbours lies, -0.5..0.5 steps beside it.

    Parameters
    ----------
    values : (n,) float64
    at : index of the maximum
    """
    if at == 0 or at == values.shape[0] - 1:
        return 0.0
    before, top, after = values[at - 1], values[at], values[at + 1]
    bend = before - 2.0 * top + after
    if bend >= -1e-12:
        return 0.0
    return float(min(0.5, max(-0.5, 0.5 * (before - after) / bend)))


@njit(cache=True, nogil=True)
def ring_contrast(pixels: Grey, x0: float, y0: float, axis: Floats, half: Floats, angles: int) -> float:
    """The printed ring against the paper around it.

    Parameters
    ----------
    pixels : (h, w) uint8
    x0, y0 : the bubble's centre, pixels
    axis : (2, 2) float64, pixels a template unit across (row 0) and down (row 1)
    half : (2,) float64, half width and height, template unit
    angles : samples round the ring

    Returns
    -------
    About 0 where there is no ring, up to 1 for black on white.
    """
    height, width = pixels.shape
    radii = (0.66, 0.88, 0.96, 1.04, 1.32)
    total = 0.0
    for k in range(angles):
        angle = 2.0 * np.pi * (k + 0.5) / angles
        u, v = np.cos(angle) * half[0], np.sin(angle) * half[1]
        dx, dy = u * axis[0, 0] + v * axis[1, 0], u * axis[0, 1] + v * axis[1, 1]
        inside, outside, ring = 0.0, 0.0, 255.0
        for j in range(5):
            x, y = int(x0 + radii[j] * dx + 0.5), int(y0 + radii[j] * dy + 0.5)
            if x < 0 or y < 0 or x >= width or y >= height:
                return 0.0
            value = float(pixels[y, x])
            if j == 0:
                inside = value
            elif j == 4:
                outside = value
            elif value < ring:
                ring = value
        total += (outside - ring) + 0.5 * max(0.0, inside - ring)
    return float(total / (1.5 * 255.0 * angles))


@njit(cache=True, nogil=True)
def ring_contrasts(pixels: Grey, centres: Floats, axes: Floats, halves: Floats) -> Floats:
    """`ring_contrast` of each bubble at its place: (n,) float64. Shapes as in `ring_offsets`."""
    out = np.empty(centres.shape[0])
    for i in range(centres.shape[0]):
        out[i] = ring_contrast(pixels, centres[i, 0], centres[i, 1], axes[i], halves[i], 24)
    return out


@njit(cache=True, nogil=True)
def patches(pixels: Grey, centres: Floats, axes: Floats, halves: Floats, size: int, span: float) -> Single:
    """Each bubble as a small upright picture, every bubble at the same scale.

    Each cell is the mean of enough bilinear samples that no pixel under it is passed over, so that a halftone or
    a one-bit scan gives its grey.

    Parameters
    ----------
    pixels : (h, w) uint8
    centres : (n, 2) float64, pixels
    axes : (n, 2, 2) float64, pixels a template unit across and down
    halves : (n, 2) float64, template unit
    size : cells a side
    span : the picture reaches from -span to +span half widths (heights)

    Returns
    -------
    (n, size, size) float32, 0..255; -1 for every cell of a bubble that is not wholly on the page.
    """
    n = centres.shape[0]
    out = np.empty((n, size, size), np.float32)
    for i in range(n):
        ax, ay = axes[i, 0, 0] * halves[i, 0], axes[i, 0, 1] * halves[i, 0]
        bx, by = axes[i, 1, 0] * halves[i, 1], axes[i, 1, 1] * halves[i, 1]
        cell = 2.0 * span / size
        sub_x = max(1, int(np.ceil(cell * np.sqrt(ax * ax + ay * ay) / 1.3)))
        sub_y = max(1, int(np.ceil(cell * np.sqrt(bx * bx + by * by) / 1.3)))
        whole = True
        for row in range(size):
            for column in range(size):
                total = 0.0
                for sy in range(sub_y):
                    v = -span + cell * (row + (sy + 0.5) / sub_y)
                    for sx in range(sub_x):
                        u = -span + cell * (column + (sx + 0.5) / sub_x)
                        value = bilinear(pixels, centres[i, 0] + u * ax + v * bx, centres[i, 1] + u * ay + v * by)
                        if value < 0.0:
                            whole = False
                        total += value
                out[i, row, column] = total / (sub_x * sub_y)
        if not whole:
            out[i] = -1.0
    return out


@njit(cache=True, nogil=True)
def _best_place(picture: Single, model: Single, places: Floats) -> tuple[int, int]:
    """Of nine places (x, y aside, in cells) the one at which the blank explains the ring best, least squares."""
    best, bx, by = 1e18, 0, 0
    for oy in range(-1, 2):
        for ox in range(-1, 2):
            misfit = 0.002 * (ox * ox + oy * oy)
            for r in range(1, len(places) - 1):
                for c in range(1, len(places) - 1):
                    far = places[r] * places[r] + places[c] * places[c]
                    if 0.5 < far < 1.7:
                        gap = picture[r, c] - model[r - oy, c - ox]
                        misfit += gap * gap
            if misfit < best:
                best, bx, by = misfit, ox, oy
    return bx, by


@njit(cache=True, nogil=True)
def _upper_tenth(counts: Ints, free: int) -> float:
    """The value, 0 to 1, that a tenth of `free` cells exceeds, from counts by hundredth."""
    seen, at = 0, 100
    while at > 0 and seen + counts[at] <= 0.1 * free:
        seen += counts[at]
        at -= 1
    return at / 100.0


@njit(cache=True, nogil=True)
def _eighth(y: float, x: float) -> int:
    """Which diagonal eighth of a circle a place lies in, clockwise from the lower right; -1 beside the diagonals."""
    if min(abs(y), abs(x)) / max(abs(y), abs(x)) <= 0.4142:
        return -1
    return (0 if y > 0 else 3) if x > 0 else (1 if y > 0 else 2)


@njit(cache=True, nogil=True)
def new_ink(dark: Single, models: Single, wide: Single, limits: Floats, model_of: Ints, inner: float, span: float, speck: float) -> Floats:
    """What is in each bubble's picture that is not in the blank picture of its letter.

    The blank may lie one cell aside: of nine places the one is taken at which it explains the ring best (least
    squares over the ring alone, so that a fill does not pull). Cells that are printed, or beside print, are left out.

    Parameters
    ----------
    dark : (n, size, size) float32, darkness 0..1 of the local paper
    models : (m, size, size) float32, blanks
    wide : (m, size, size) float32, blanks allowed to be half a cell aside
    limits : (m,) float64, darkness of a widened blank from which a cell is print and left out
    model_of : (n,) int64, -1 where there is no blank
    inner : radius (half axes) within which ink counts
    span : the pictures reach from -span to span
    speck : new darkness from which a cell is inked

    Returns
    -------
    (n, 9) float64: mean new darkness of the free cells; share of them inked; the new darkness that a tenth of them
    exceeds; share of the surroundings (1.18 to 1.45) inked; the same for each of its four diagonal eighths,
    clockwise from the lower right; share of the inside that is free.
    """
    n, size = dark.shape[0], dark.shape[1]
    cell = 2.0 * span / size
    out = np.zeros((n, 9))
    places = (np.arange(size) + 0.5) * cell - span
    for i in range(n):
        m = model_of[i]
        bx, by = _best_place(dark[i], models[m], places) if m >= 0 else (0, 0)
        limit, counts = limits[m] if m >= 0 else 1.0, np.zeros(101, np.int64)
        free, inked, total, inside, around, spilled = 0, 0, 0.0, 0, 0, 0
        areas, spills = np.zeros(4), np.zeros(4)
        for r in range(1, size - 1):
            for c in range(1, size - 1):
                far = np.sqrt(places[r] * places[r] + places[c] * places[c])
                printed = models[m, r - by, c - bx] if m >= 0 else 0.0
                allowed = wide[m, r - by, c - bx] if m >= 0 else 0.0
                inside += far < inner
                if far < inner and allowed < limit:
                    free += 1
                    new = dark[i, r, c] - printed if dark[i, r, c] > allowed + 0.04 else 0.0
                    total += new
                    counts[int(100.0 * min(max(new, 0.0), 1.0))] += 1
                    inked += new > speck
                elif 1.18 < far < 1.45:
                    around += 1
                    hit = dark[i, r, c] - allowed > speck
                    spilled += hit
                    k = _eighth(places[r], places[c])
                    if k >= 0:
                        areas[k] += 1.0
                        spills[k] += hit
        out[i, 8] = free / max(inside, 1)
        out[i, 0], out[i, 1] = total / max(free, 1), inked / max(free, 1)
        out[i, 2] = _upper_tenth(counts, free)
        out[i, 3] = spilled / max(around, 1)
        for k in range(4):
            out[i, 4 + k] = spills[k] / max(areas[k], 1.0)
    return out


@njit(cache=True, nogil=True)
def crossing_arms(pixels: Grey, centres: Floats, axes: Floats, halves: Floats, papers: Floats, speck: float) -> Ints:
    """How many strokes leave a bubble through its four corners, as those of a cross over it do.

    In each diagonal direction several rays are walked from one and a half to nearly two half axes, outside the corners
    of the bubble's own box; an arm is a ray of which no more than one of five samples is paper.

    Parameters
    ----------
    pixels : (h, w) uint8
    centres, axes, halves : as in `patches`
    papers : (n,) float64, lightness of the paper beside each bubble, 0..255
    speck : darkness from which a sample is inked

    Returns
    -------
    (n,) int64, 0..4
    """
    n = centres.shape[0]
    out = np.zeros(n, np.int64)
    for i in range(n):
        ax, ay = axes[i, 0, 0] * halves[i, 0], axes[i, 0, 1] * halves[i, 0]
        bx, by = axes[i, 1, 0] * halves[i, 1], axes[i, 1, 1] * halves[i, 1]
        for diagonal in range(4):
            found = False
            for turn in range(-5, 6):
                angle = np.pi * (0.25 + 0.5 * diagonal) + 0.06 * turn
                hits = 0
                for k in range(5):
                    far = 1.5 + 0.08 * k
                    u, v = far * np.cos(angle), far * np.sin(angle)
                    value = bilinear(pixels, centres[i, 0] + u * ax + v * bx, centres[i, 1] + u * ay + v * by)
                    if 0.0 <= value < (1.0 - speck) * papers[i]:
                        hits += 1
                if hits >= 4:
                    found = True
            out[i] += found
    return out
