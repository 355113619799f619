"""A template laid over a scan: where each of its places lies in pixels.

Owns the value and the arithmetic of places: the plane transform, and the local correction on top of it. Says
nothing about whether the transform is right.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from core.geometry import Transform
from scanner.kernels import njit

Floats = NDArray[np.float64]


def _no_knots() -> Floats:
    return np.zeros((0, 4))


@dataclass(frozen=True, slots=True)
class Laid:
    """A template laid over a scan."""

    transform: Transform  # template unit -> pixels, before the local correction
    turn: int  # degrees clockwise that the sheet lies turned on the scan: 0, 90, 180, 270
    marks: int  # corner marks that were found
    defect_px: float  # of the best affine fit of the marks; 0 with three
    mm_a_pixel: float
    scale: tuple[float, float]  # pixels a template unit, across and down the template
    skew: float  # degrees
    knots: Floats = field(default_factory=_no_knots)  # x, y in the template's unit; dx, dy in pixels; track by track
    across: bool = False  # the tracks of knots run across the form (rows of marks) and not down it (columns)
    way: str = "quick"  # how it was found: quick, search, timing, photo, outline, reference

    def places(self, points: Floats) -> Floats:
        """(n, 2) template places -> (n, 2) pixels, with the local correction."""
        return np.asarray(_places(np.array(self.transform.m), self.knots, self.across, points), np.float64)

    def axes(self, points: Floats) -> Floats:
        """(n, 2) places -> (n, 2, 2): pixels that one unit across (first row) and down (second) is worth there."""
        return np.asarray(_axes(np.array(self.transform.m), points), np.float64)


def apply(transform: Transform, points: Floats) -> Floats:
    """(n, 2) template places -> (n, 2) pixels by the plane transform alone."""
    return np.asarray(_places(np.array(transform.m), _NONE, False, points), np.float64)


def bend(knots: Floats, points: Floats, *, across: bool = False) -> Floats:
    """The local correction in pixels at (n, 2) template places: along each track of knots by the knots before and
    behind, between the first and the last track in a straight line."""
    return np.asarray(_places(_ZERO, knots, across, points), np.float64)


_NONE = _no_knots()
_ZERO = np.array([0.0, 0, 0, 0, 0, 0, 0, 0, 1])
_SAME_TRACK = 1e-2  # template units: printed tracks are straight


@njit(cache=True, nogil=True)
def _between(knots: Floats, first: int, last: int, along: int, at: float) -> tuple[float, float]:
    """The correction at `at` along the track `knots[first:last]`, constant beyond its ends."""
    if at <= knots[first, along]:
        return knots[first, 2], knots[first, 3]
    if at >= knots[last - 1, along]:
        return knots[last - 1, 2], knots[last - 1, 3]
    low, high = first, last - 1
    while high - low > 1:
        middle = (low + high) // 2
        if knots[middle, along] <= at:
            low = middle
        else:
            high = middle
    share = (at - knots[low, along]) / (knots[high, along] - knots[low, along])
    return (
        knots[low, 2] + share * (knots[high, 2] - knots[low, 2]),
        knots[low, 3] + share * (knots[high, 3] - knots[low, 3]),
    )


@njit(cache=True, nogil=True)
def _places(m: Floats, knots: Floats, across: bool, points: Floats) -> Floats:
    """The transform, and the knots' correction on top of it.

    Parameters
    ----------
    m : (9,) float64, the transform row by row
    knots : (k, 4) float64, sorted by track and along it; x, y in the template's unit, dx, dy in pixels
    across : whether tracks run along x
    points : (n, 2) float64, template unit

    Returns
    -------
    (n, 2) float64, pixels.
    """
    n, k = points.shape[0], knots.shape[0]
    along, beside = (0, 1) if across else (1, 0)
    head_end, tail_start = k, 0
    for i in range(1, k):
        if abs(knots[i, beside] - knots[i - 1, beside]) > _SAME_TRACK:
            head_end = min(head_end, i)
            tail_start = i
    out = np.empty((n, 2))
    for i in range(n):
        x, y = points[i, 0], points[i, 1]
        w = m[6] * x + m[7] * y + m[8]
        out[i, 0] = (m[0] * x + m[1] * y + m[2]) / w
        out[i, 1] = (m[3] * x + m[4] * y + m[5]) / w
        if k == 0:
            continue
        dx, dy = _between(knots, 0, head_end, along, points[i, along])
        if tail_start > 0:
            near, far = knots[0, beside], knots[k - 1, beside]
            share = min(max((points[i, beside] - near) / (far - near), -0.2), 1.2)
            ex, ey = _between(knots, tail_start, k, along, points[i, along])
            dx, dy = dx + share * (ex - dx), dy + share * (ey - dy)
        out[i, 0] += dx
        out[i, 1] += dy
    return out


@njit(cache=True, nogil=True)
def _axes(m: Floats, points: Floats) -> Floats:
    """The transform's derivative.

    Parameters
    ----------
    m : (9,) float64, the transform row by row
    points : (n, 2) float64, template unit

    Returns
    -------
    (n, 2, 2) float64: pixels (x, y) a unit across, pixels a unit down.
    """
    out = np.empty((points.shape[0], 2, 2))
    for i in range(points.shape[0]):
        x, y = points[i, 0], points[i, 1]
        w = m[6] * x + m[7] * y + m[8]
        px = (m[0] * x + m[1] * y + m[2]) / w
        py = (m[3] * x + m[4] * y + m[5]) / w
        for k in range(2):
            out[i, k, 0] = (m[k] - m[6 + k] * px) / w
            out[i, k, 1] = (m[3 + k] - m[6 + k] * py) / w
    return out
