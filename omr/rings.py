"""Where the printed rings of bubbles really are: each row moved by a few pixels, and how clear its rings are there.

Both readers start from these places. Owns no measure of what is inside a bubble.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scanner.kernels import njit

Grey = NDArray[np.uint8]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

REACH = 4  # steps that a row may be from its place, each way
_APART = 2  # steps between the paper outside a ring and the ring's own outer edge
_CAP = 80.0  # grey levels beyond which an edge counts no more: a black fill is no better edge than its ring
_LEAST_EDGE = 10.0  # grey levels, mean of a row, below which there is no edge
_PLAIN = 0.75  # a row whose rings are this much plainer than its neighbours' is placed as they are: fills hide its own
_ODD = 1.6  # steps that a row may differ from its neighbours
_NEAR = 3  # rows before and behind that are neighbours

_ANGLES = 2.0 * np.pi * (np.arange(12) + 0.5) / 12
_COS, _SIN = np.cos(_ANGLES), np.sin(_ANGLES)


@njit(cache=True, nogil=True)
def settle(pixels: Grey, frames: Floats, starts: Ints, grid_of: Ints) -> Floats:
    """How far each row of bubbles is from where the transform puts it.

    Along the four half axes of every bubble the outer edge of its ring is looked for; the edges of a row are summed,
    and what the opposite ends agree on is its move. A row whose edges are weak, or that would go elsewhere than its
    neighbours in the same grid, goes with them.

    Parameters
    ----------
    pixels : (h, w) uint8
    frames : (n, 6) float64, pixels: centre, half axis across, half axis down
    starts : (rows + 1,) int64, the first bubble of each row
    grid_of : (rows,) int64

    Returns
    -------
    (rows, 3) float64: dx, dy in pixels, and the mean edge there in grey levels.
    """
    rows = starts.shape[0] - 1
    own = np.zeros((rows, 3))
    span = 2 * REACH + 1
    edges, along = np.zeros((4, span)), np.zeros(span + _APART)
    for r in range(rows):
        edges[:, :] = 0.0
        f = frames[starts[r]]
        step = max(1.0, np.sqrt(f[2] * f[2] + f[3] * f[3]) / 14.0)
        for i in range(starts[r], starts[r + 1]):
            for side in range(4):
                _edges(pixels, frames[i], side, step, along, edges[side])
        count = max(starts[r + 1] - starts[r], 1)
        across, strong_x = _between(edges[0], edges[1], count)
        down, strong_y = _between(edges[2], edges[3], count)
        ux, uy = _unit(f[2], f[3])
        vx, vy = _unit(f[4], f[5])
        own[r, 0] = step * (across * ux + down * vx)
        own[r, 1] = step * (across * uy + down * vy)
        own[r, 2] = 0.5 * (strong_x + strong_y)
    return _agreed(own, frames, starts, grid_of)


@njit(cache=True, nogil=True)
def _unit(x: float, y: float) -> tuple[float, float]:
    length = max(np.sqrt(x * x + y * y), 1e-9)
    return x / length, y / length


@njit(cache=True, nogil=True)
def _edges(pixels: Grey, f: Floats, side: int, step: float, along: Floats, out: Floats) -> None:
    """Adds to `out` how much darker a bubble's end `side` (right, left, bottom, top) is than the paper outside, step by step."""
    height, width = pixels.shape
    k = 2 if side < 2 else 4
    sign = 1.0 if side % 2 == 0 else -1.0
    ux, uy = _unit(f[k], f[k + 1])
    dx, dy = sign * step * ux, sign * step * uy
    x0, y0 = f[0] + sign * f[k] - REACH * dx, f[1] + sign * f[k + 1] - REACH * dy
    last = 2 * REACH + _APART
    x1, y1 = x0 + last * dx, y0 + last * dy
    if min(x0, x1) < 1.0 or min(y0, y1) < 1.0 or max(x0, x1) >= width - 2 or max(y0, y1) >= height - 2:
        return
    upright = abs(dy) > abs(dx)  # between pixels along the half axis, nearest aside of it
    if upright:
        x0 += 0.5
    else:
        y0 += 0.5
    for j in range(last + 1):
        x, y = x0 + j * dx, y0 + j * dy
        column, row = np.uint64(x), np.uint64(y)
        here = np.float64(pixels[row, column])
        if upright:
            here += (y - row) * (np.float64(pixels[row + np.uint64(1), column]) - here)
        else:
            here += (x - column) * (np.float64(pixels[row, column + np.uint64(1)]) - here)
        along[j] = here
    for j in range(2 * REACH + 1):
        out[j] += min(max(along[j + _APART] - along[j], 0.0), _CAP)


@njit(cache=True, nogil=True)
def _between(fore: Floats, back: Floats, count: int) -> tuple[float, float]:
    """Half the difference of two opposite edges' places, in steps, and how strong the weaker is; 0 where one is missing."""
    a, b = np.argmax(fore), np.argmax(back)
    strong = min(fore[a], back[b]) / count
    if strong < _LEAST_EDGE:
        return 0.0, 0.0
    return 0.5 * ((a + _peak(fore, int(a))) - (b + _peak(back, int(b)))), strong


@njit(cache=True, nogil=True)
def _peak(values: Floats, at: int) -> float:
    """Where the top of the parabola through a maximum and its neighbours lies, -0.5..0.5 steps beside it."""
    if at == 0 or at == values.shape[0] - 1:
        return 0.0
    before, top, after = values[at - 1], values[at], values[at + 1]
    bend = before - 2.0 * top + after
    if bend >= -1e-9:
        return 0.0
    return float(min(0.5, max(-0.5, 0.5 * (before - after) / bend)))


@njit(cache=True, nogil=True)
def _agreed(own: Floats, frames: Floats, starts: Ints, grid_of: Ints) -> Floats:
    """The rows' moves, where a weak or an odd one gives way to the median of its neighbours."""
    rows = own.shape[0]
    out = own.copy()
    some = np.empty(2 * _NEAR + 1)
    middle = np.zeros(3)
    for r in range(rows):
        first, last = max(0, r - _NEAR), min(rows, r + _NEAR + 1)
        for k in range(3):
            n = 0
            for j in range(first, last):
                if grid_of[j] == grid_of[r]:
                    at = n
                    while at > 0 and some[at - 1] > own[j, k]:
                        some[at] = some[at - 1]
                        at -= 1
                    some[at] = own[j, k]
                    n += 1
            middle[k] = 0.5 * (some[(n - 1) // 2] + some[n // 2])
        f = frames[starts[r]]
        step = max(1.0, np.sqrt(f[2] * f[2] + f[3] * f[3]) / 14.0)
        odd = max(abs(own[r, 0] - middle[0]), abs(own[r, 1] - middle[1])) > _ODD * step
        if odd or own[r, 2] < _PLAIN * middle[2]:
            out[r, 0], out[r, 1] = middle[0], middle[1]
    return out


@njit(cache=True, nogil=True, inline="always")
def _at(pixels: Grey, x: float, y: float) -> float:
    """The pixel that a place on the page lies in; unsigned, so that no index is tried from the end."""
    return np.float64(pixels[np.uint64(y), np.uint64(x)])


@njit(cache=True, nogil=True)
def ring_contrasts(pixels: Grey, frames: Floats) -> Floats:
    """Each bubble's printed ring (the darkest of three radii) against the paper outside and, half as much, inside.

    Parameters
    ----------
    pixels : (h, w) uint8
    frames : (n, 6) float64

    Returns
    -------
    (n,) float64: about 0 where there is no ring, up to 1 for black on white.
    """
    height, width = pixels.shape
    n = frames.shape[0]
    out = np.zeros(n)
    for i in range(n):
        total = 0.0
        for k in range(12):
            dx = _COS[k] * frames[i, 2] + _SIN[k] * frames[i, 4]
            dy = _COS[k] * frames[i, 3] + _SIN[k] * frames[i, 5]
            x0, y0 = frames[i, 0] + 0.5, frames[i, 1] + 0.5
            far_x, far_y = x0 + 1.32 * dx, y0 + 1.32 * dy
            if far_x < 0.0 or far_y < 0.0 or far_x >= width or far_y >= height or x0 < 0.0 or y0 < 0.0 or x0 >= width or y0 >= height:
                total = 0.0
                break
            outside = _at(pixels, far_x, far_y)
            inside = _at(pixels, x0 + 0.66 * dx, y0 + 0.66 * dy)
            ring = min(_at(pixels, x0 + 0.88 * dx, y0 + 0.88 * dy), _at(pixels, x0 + 0.96 * dx, y0 + 0.96 * dy))
            ring = min(ring, _at(pixels, x0 + 1.04 * dx, y0 + 1.04 * dy))
            total += (outside - ring) + 0.5 * max(0.0, inside - ring)
        out[i] = total / (1.5 * 255.0 * 12)
    return out
