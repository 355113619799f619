"""The second reader's own compiled loops: a small picture of each bubble, each letter's blank, what is new against it.

Shares nothing with the first reader's. Owns arithmetic only; nothing here knows what a mark is, `omr.second` does.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scanner.kernels import njit

Grey = NDArray[np.uint8]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

ACROSS, DOWN, SPAN = 24, 16, 0.8  # cells of a bubble's picture and its reach in half axes: about a pixel a cell at 200 dpi
_CELLS = ACROSS * DOWN
_INNER = 0.70  # share of the half axes within which ink counts
_BOX = 1.27  # half axes at which a bubble's paper is sampled, along the four sides of a box
_LIGHT = 0.7  # share of those samples that are not lighter than the paper is taken to be
_SAME = 10  # of 255: two bubbles of one letter whose mean darkness differs by less hold the same ink
_FAR, _FULL = 22, 300  # of 255: how far beyond its row an answer's mean darkness is; what stands for one that is left out
_ENOUGH = 2  # pictures of one letter from which a blank one can be told
_OPEN = 31  # of 255: a blank whose lightest quarter is darker than this has no paper in it
_PRINT = (38, 89)  # of 255: darkness from which a cell of a blank may be print, and surely is
_SLACK = 9  # of 255: darkness by which a cell may exceed a blank without being new ink
_SOLID = 0.45  # share faintly inked from which no displaced letter is suspected
INKS = (26, 41)  # of 255: new darkness from which a cell is faintly inked, and inked

_U = (np.arange(ACROSS) + 0.5) * (2 * SPAN / ACROSS) - SPAN
_V = (np.arange(DOWN) + 0.5) * (2 * SPAN / DOWN) - SPAN
_INSIDE = ((_U[None, :] ** 2 + _V[:, None] ** 2) <= _INNER**2).ravel()
_AREA = int(_INSIDE.sum())
_EDGE = np.array(
    [(t, s) for s in (-_BOX, _BOX) for t in np.linspace(-_BOX, _BOX, 7)] + [(s, t) for s in (-_BOX, _BOX) for t in (-0.6, 0.0, 0.6)]
)


@njit(cache=True, nogil=True)
def pictures(pixels: Grey, frames: Floats, least_light: float) -> tuple[Grey, Floats]:
    """Each bubble's inside as a small upright picture of darkness, every bubble at the same scale, nearest pixels.

    Where a cell covers several pixels, as many samples are taken that few are passed over.

    Parameters
    ----------
    pixels : (h, w) uint8
    frames : (n, 6) float64, pixels: centre, half axis across, half axis down
    least_light : 0..255; where the paper beside a bubble is darker, it is not seen

    Returns
    -------
    (n, DOWN * ACROSS) uint8: 0 the local paper, 255 black; (n,) float64: the paper's lightness, -1 where not seen.
    """
    height, width = pixels.shape
    n = frames.shape[0]
    out, papers = np.zeros((n, _CELLS), np.uint8), np.full(n, -1.0)
    around = np.zeros(256, np.int32)
    for i in range(n):
        f = frames[i]
        reach_x, reach_y = 1.3 * (abs(f[2]) + abs(f[4])), 1.3 * (abs(f[3]) + abs(f[5]))
        if f[0] < reach_x or f[1] < reach_y or f[0] + reach_x >= width - 1 or f[1] + reach_y >= height - 1:
            continue
        paper = _paper(pixels, f, around)
        if paper < least_light:
            continue
        papers[i] = paper
        many_x = max(1, int(2.0 * SPAN / ACROSS * np.sqrt(f[2] * f[2] + f[3] * f[3]) + 0.3))
        many_y = max(1, int(2.0 * SPAN / DOWN * np.sqrt(f[4] * f[4] + f[5] * f[5]) + 0.3))
        if many_x == 1 and many_y == 1:
            _nearest(pixels, f, paper, out[i])
        else:
            _averaged(pixels, f, paper, many_x, many_y, out[i])
    return out, papers


@njit(cache=True, nogil=True)
def _nearest(pixels: Grey, f: Floats, paper: float, out: Grey) -> None:
    """One pixel a cell; places in 65536ths of a pixel."""
    one = 65536.0
    ux, uy = np.int64(one * 2.0 * SPAN / ACROSS * f[2]), np.int64(one * 2.0 * SPAN / ACROSS * f[3])
    scale = np.int32(255.0 * 256.0 / paper)
    u = -SPAN + SPAN / ACROSS
    for r in range(DOWN):
        v = -SPAN + (r + 0.5) * 2.0 * SPAN / DOWN
        x, y = np.int64(one * (f[0] + 0.5 + u * f[2] + v * f[4])), np.int64(one * (f[1] + 0.5 + u * f[3] + v * f[5]))
        at = r * ACROSS
        for c in range(ACROSS):
            value = np.int32(pixels[np.uint64(y >> 16), np.uint64(x >> 16)])
            out[at + c] = np.uint8(max(np.int32(0), np.int32(255) - ((value * scale) >> 8)))
            x += ux
            y += uy


@njit(cache=True, nogil=True)
def _averaged(pixels: Grey, f: Floats, paper: float, many_x: int, many_y: int, out: Grey) -> None:
    """Cells that cover several pixels: the mean of many_x times many_y of them."""
    step_x, step_y = 2.0 * SPAN / ACROSS, 2.0 * SPAN / DOWN
    scale = 255.0 / (paper * many_x * many_y)
    ux, uy = step_x / many_x * f[2], step_x / many_x * f[3]
    first_x, first_y = np.empty(ACROSS), np.empty(ACROSS)
    for c in range(ACROSS):
        u = -SPAN + step_x * (c + 0.5 / many_x)
        first_x[c], first_y[c] = f[0] + 0.5 + u * f[2], f[1] + 0.5 + u * f[3]
    totals = np.empty(ACROSS, np.int32)
    for r in range(DOWN):
        totals[:] = 0
        for j in range(many_y):
            v = -SPAN + step_y * (r + (j + 0.5) / many_y)
            for c in range(ACROSS):
                x, y = first_x[c] + v * f[4], first_y[c] + v * f[5]
                for _ in range(many_x):
                    totals[c] += pixels[np.uint64(np.int64(y)), np.uint64(np.int64(x))]
                    x += ux
                    y += uy
        for c in range(ACROSS):
            out[r * ACROSS + c] = np.uint8(max(0.0, 255.0 - totals[c] * scale))


@njit(cache=True, nogil=True)
def _paper(pixels: Grey, f: Floats, around: NDArray[np.int32]) -> float:
    """The lightness that few samples along a box around the bubble exceed."""
    around[:] = 0
    for k in range(_EDGE.shape[0]):
        u, v = _EDGE[k, 0], _EDGE[k, 1]
        x, y = f[0] + u * f[2] + v * f[4] + 0.5, f[1] + u * f[3] + v * f[5] + 0.5
        around[pixels[np.uint64(y), np.uint64(x)]] += 1
    level, seen = 0, around[0]
    while seen < _LIGHT * _EDGE.shape[0]:
        level += 1
        seen += around[level]
    return float(level)


@njit(cache=True, nogil=True)
def blanks(dark: Grey, papers: Floats, by_kind: Ints, kind_starts: Ints, starts: Ints, multiple: Bools) -> tuple[Grey, Grey, Bools]:
    """What an unfilled bubble of each letter looks like on this page.

    The mean picture of those bubbles of a letter that hold hardly more ink than its emptiest ones. A letter of which
    every bubble is filled would give a filled "blank"; but print leaves paper between its strokes and a fill does
    not, so such a blank is known by its lightest quarter, and what all sound ones have in common stands in for it.

    Parameters
    ----------
    dark : (n, cells) uint8
    papers : (n,) float64, -1 where not seen
    by_kind, kind_starts, starts, multiple : as in `BubblePlan`

    Returns
    -------
    (kinds, cells) uint8 blanks; (kinds, cells) uint8 limits, the darkness above which a cell holds new ink (255 for
    cells that are outside, or print); (kinds,) bool, the blank is the letter's own.
    """
    kinds = kind_starts.shape[0] - 1
    models, limits, own = np.zeros((kinds, _CELLS), np.uint8), np.zeros((kinds, _CELLS), np.uint8), np.zeros(kinds, np.bool_)
    common = np.full(_CELLS, 255, np.uint8)
    sums, levels = np.zeros(_CELLS, np.int32), np.zeros(dark.shape[0], np.int32)
    for i in range(dark.shape[0]):
        total = np.int32(0)
        for k in range(_CELLS):
            total += np.int32(dark[i, k]) if _INSIDE[k] else np.int32(0)
        levels[i] = total // _AREA if papers[i] >= 0.0 else _FULL
    _leave_out_answers(levels, starts, multiple)
    for kind in range(kinds):
        first, last = kind_starts[kind], kind_starts[kind + 1]
        least, seen = _emptiest(levels, by_kind[first:last])
        if seen < _ENOUGH:
            continue
        sums[:] = 0
        n = 0
        for j in range(first, last):
            i = by_kind[j]
            if levels[i] <= min(least + _SAME, _FULL - 1):
                n += 1
                for k in range(_CELLS):
                    sums[k] += dark[i, k]
        for k in range(_CELLS):
            models[kind, k] = np.uint8(sums[k] // n)
        own[kind] = _level_of(models[kind], 0.25) <= _OPEN
        if own[kind]:
            np.minimum(common, models[kind], common)
    if not own.any():
        common[:] = 0
    for kind in range(kinds):
        if not own[kind]:
            models[kind] = common
        _limits(models[kind], limits[kind])
    return models, limits, own


@njit(cache=True, nogil=True)
def _leave_out_answers(levels: NDArray[np.int32], starts: Ints, multiple: Bools) -> None:
    """Sets to `_FULL` what is by far the darkest of a row where one answer is asked for: it is no blank, and where one
    letter is the answer to every question there would be no other."""
    for r in range(starts.shape[0] - 1):
        run = levels[starts[r] : starts[r + 1]]
        if multiple[r] or run.shape[0] < 2:
            continue
        top = np.argmax(run)
        next_ = 0
        for k in range(run.shape[0]):
            if k != top:
                next_ = max(next_, run[k])
        if run[top] > next_ + _FAR:
            run[top] = _FULL


@njit(cache=True, nogil=True)
def _emptiest(levels: NDArray[np.int32], members: Ints) -> tuple[int, int]:
    """The mean darkness that a sixteenth of the members which may be blank do not exceed, and how many they are."""
    seen, histogram = 0, np.zeros(_FULL + 1, np.int32)
    for i in members:
        histogram[levels[i]] += 1
        seen += levels[i] < _FULL
    level, below = 0, histogram[0]
    while below <= seen // 16 and level < 255:
        level += 1
        below += histogram[level]
    return level, seen


@njit(cache=True, nogil=True)
def _level_of(cells: Grey, share: float) -> int:
    """The darkness that `share` of a picture's inside does not exceed."""
    histogram = np.zeros(256, np.int32)
    for k in range(_CELLS):
        histogram[cells[k]] += _INSIDE[k]
    level, below = 0, histogram[0]
    while below < share * _AREA and level < 255:
        level += 1
        below += histogram[level]
    return level


@njit(cache=True, nogil=True)
def _limits(model: Grey, out: Grey) -> None:
    """The darkness from which a cell is new ink: the darkest of the blank's cells beside it, for no row is placed to a
    fraction of a pixel, and some slack; never, where the blank is printed."""
    wide = np.zeros(_CELLS, np.uint8)
    for r in range(DOWN):
        for c in range(ACROSS):
            most = np.uint8(0)
            for y in range(max(0, r - 1), min(DOWN, r + 2)):
                for x in range(max(0, c - 1), min(ACROSS, c + 2)):
                    most = max(most, model[y * ACROSS + x])
            wide[r * ACROSS + c] = most
    limit = max(min(max(_level_of(wide, 0.45), _PRINT[0]), _PRINT[1]), _level_of(wide, 0.2))
    for k in range(_CELLS):
        out[k] = np.uint8(min(wide[k] + _SLACK, 254)) if _INSIDE[k] and wide[k] <= limit else np.uint8(255)


@njit(cache=True, nogil=True)
def new_ink(dark: Grey, papers: Floats, models: Grey, limits: Grey, kind_of: Ints) -> Floats:
    """What is in each bubble's picture that is not in the blank of its letter.

    Parameters
    ----------
    dark, papers, models, limits : as `pictures` and `blanks` give them
    kind_of : (n,) int64

    Returns
    -------
    (n, 5) float64: mean new darkness 0..1 of the free cells; share of them faintly inked; share inked; the new
    darkness that a tenth of them exceeds; share of the inside that is free. -1 in all where not seen.
    """
    n = dark.shape[0]
    out = np.full((n, 5), -1.0)
    free_of = np.zeros(models.shape[0], np.int64)
    for kind in range(models.shape[0]):
        for k in range(_CELLS):
            free_of[kind] += limits[kind, k] < 255
    histogram = np.zeros(256, np.int32)
    for i in range(n):
        if papers[i] < 0.0:
            continue
        model, limit = models[kind_of[i]], limits[kind_of[i]]
        free = max(free_of[kind_of[i]], 1)
        total, faint, inked = _tally(dark[i], model, limit)
        if total > 4 * free and faint < _SOLID * free:
            total, faint, inked = _displaced(dark[i], model, limit, total, faint, inked)
        out[i, 0], out[i, 1], out[i, 2] = total / (255.0 * free), faint / free, inked / free
        out[i, 4] = free / _AREA
        out[i, 3] = _upper_tenth(dark[i], model, limit, free, histogram) if total > 6 * free else 0.0
    return out


@njit(cache=True, nogil=True)
def _tally(dark: Grey, model: Grey, limit: Grey) -> tuple[int, int, int]:
    """Of the cells darker than their limits: the new darkness, how many are faintly inked, how many inked."""
    total, faint, inked = np.int64(0), 0, 0
    for k in range(_CELLS):
        new = np.int32(dark[k]) - np.int32(model[k]) if dark[k] > limit[k] else np.int32(0)
        total += new
        faint += bool(new >= INKS[0])
        inked += bool(new >= INKS[1])
    return int(total), faint, inked


@njit(cache=True, nogil=True)
def _displaced(dark: Grey, model: Grey, limit: Grey, total: int, faint: int, inked: int) -> tuple[int, int, int]:
    """The tally with the blank one cell aside, if that explains more: what a displaced letter explains is no ink."""
    for dy in range(-1, 2):
        for dx in range(-1, 2):
            t, f, n = np.int64(0), 0, 0
            for r in range(1, DOWN - 1):
                for c in range(1, ACROSS - 1):
                    at, there = r * ACROSS + c, (r - dy) * ACROSS + c - dx
                    new = np.int32(dark[at]) - np.int32(model[there]) if dark[at] > limit[there] else np.int32(0)
                    t += new
                    f += bool(new >= INKS[0])
                    n += bool(new >= INKS[1])
            if t < total:
                total, faint, inked = int(t), f, n
    return total, faint, inked


@njit(cache=True, nogil=True)
def _upper_tenth(dark: Grey, model: Grey, limit: Grey, free: int, histogram: NDArray[np.int32]) -> float:
    """The new darkness, 0..1, that a tenth of the free cells exceeds."""
    histogram[:] = 0
    for k in range(_CELLS):
        if dark[k] > limit[k]:
            histogram[dark[k] - model[k]] += 1
    level, above = 255, histogram[255]
    while level > 0 and above <= 0.1 * free:
        level -= 1
        above += histogram[level]
    return level / 255.0
