"""Which found spot is which printed mark, and the transform that follows.

Owns the fit and what no scanner could have made: a fit is refused when its skew, shear, unequal scale or defect is
beyond paper and feeders. Finds nothing and confirms nothing.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from core.geometry import Transform
from scanner.kernels import njit
from scanner.laid import apply

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MOST_SKEW = math.radians(15.5)
MOST_SHEAR = math.radians(3)
MOST_STRETCH = 0.08  # |ln(scale across / scale down)|: damp paper grows by 2 %, a slipping feeder by some more
MOST_DEFECT = 0.012  # how far four marks may be from an affine picture of the template, share of its diagonal
_UNLIKE = 1.2  # see `_unlikeness`
_SIZE, _SOLID = 0.35, 0.22  # |ln| of size, and solidity, that blur and a copier's print explain at the most
_BEST = 6  # candidates a corner that are tried


@njit(cache=True, nogil=True)
def _unlikeness(spot: Floats, size: Floats, solid: float, scale: float, lean: float) -> float:
    """How far a spot is from a printed mark that lies turned by `lean`: 0 is the same, 1 is about the most that blur explains."""
    c, s = abs(math.cos(lean)), abs(math.sin(lean))
    width, height = size[0] * c + size[1] * s, size[0] * s + size[1] * c
    covered = solid * size[0] * size[1] / (width * height)
    across, down = spot[3] / (width * scale), spot[4] / (height * scale)
    if across <= 0.0 or down <= 0.0:
        return 1e9
    unlike = max(abs(math.log(across)), abs(math.log(down))) / _SIZE
    return float(max(unlike, abs(spot[5] - covered) / _SOLID))


@njit(cache=True, nogil=True)
def _wrapped(angle: float) -> float:
    return (angle + math.pi) % (2.0 * math.pi) - math.pi


@njit(cache=True, nogil=True)
def rank(spots: Floats, sizes: Floats, solid: Floats, turn: int, scale: float, limit: float) -> tuple[Ints, Ints]:
    """For each corner of the template the spots that may be its mark, likest first: (4, 6) and how many, (4,)."""
    chosen, counts = np.zeros((4, _BEST), np.int64), np.zeros(4, np.int64)
    costs = np.empty((4, _BEST))
    for i in range(spots.shape[0]):
        corner = (int(spots[i, 0]) - turn) % 4
        if solid[corner] == 0.0:
            continue
        cost = _unlikeness(spots[i], sizes[corner], solid[corner], scale, turn * math.pi / 2)
        if cost >= limit:
            continue
        counts[corner] = keep_cheapest(costs[corner], chosen[corner], counts[corner], cost, i)
    return chosen, counts


@njit(cache=True, nogil=True)
def keep_cheapest(costs: Floats, chosen: Ints, count: int, cost: float, one: int) -> int:
    """Puts `one` among the cheapest so far, in their order; how many there are then.

    Parameters
    ----------
    costs, chosen : (k,) float64 and int64, of which the first `count` are in use; the dearest falls out beyond k
    """
    most = costs.shape[0]
    at = count
    while at > 0 and costs[at - 1] > cost:
        at -= 1
    if at == most:
        return count
    last = min(count, most - 1)
    for j in range(last, at, -1):
        costs[j], chosen[j] = costs[j - 1], chosen[j - 1]
    costs[at], chosen[at] = cost, one
    return int(last + 1)


@njit(cache=True, nogil=True)
def choose(
    spots: Floats, corners: Floats, sizes: Floats, solid: Floats, turns: Floats, subset: Ints, inverse: Floats,
    turn: int, scale: float, limit: float, extent: tuple[float, float],
) -> Floats:  # fmt: skip
    """The cheapest believable choice of a spot for each corner mark of a subset.

    Parameters
    ----------
    spots : (n, 6) float64, from `find_spots`, windows numbered as the page's corners, clockwise from the top left
    corners, sizes, solid, turns, subset, inverse : a subset of a `Furnishing`
    turn : quarter turns clockwise that the sheet lies on the page
    scale : pixels a template unit, roughly
    limit : unlikeness from which a spot is no candidate
    extent : the template's width and height

    Returns
    -------
    (12,) float64: cost (inf when nothing is believable), defect in pixels, the affine (2 x 3) row by row, and the spot
    of each corner, -1 for none.
    """
    chosen, counts = rank(spots, sizes, solid, turn, scale, limit)
    best = np.full(12, -1.0)
    best[0] = np.inf
    total, used = 1, 0
    for k in range(4):
        if subset[k] >= 0:
            total *= counts[subset[k]]
            used += 1
    picked = np.full(4, -1, np.int64)
    for code in range(total):
        rest = code
        a = np.zeros((2, 3))
        for k in range(used):
            corner = subset[k]
            i = chosen[corner, rest % counts[corner]]
            rest //= counts[corner]
            picked[k] = i
            for j in range(3):
                a[0, j] += inverse[j, k] * spots[i, 1]
                a[1, j] += inverse[j, k] * spots[i, 2]
        cost, defect = _believed(spots, picked, used, corners, sizes, solid, turns, subset, a, turn, extent)
        if cost < best[0]:
            best[0], best[1] = cost, defect
            for j in range(3):
                best[2 + j], best[5 + j] = a[0, j], a[1, j]
            for k in range(4):
                best[8 + k] = -1.0
            for k in range(used):
                best[8 + subset[k]] = picked[k]
    return best


@njit(cache=True, nogil=True)
def _believed(
    spots: Floats, picked: Ints, used: int, corners: Floats, sizes: Floats, solid: Floats, turns: Floats, subset: Ints,
    a: Floats, turn: int, extent: tuple[float, float],
) -> tuple[float, float]:  # fmt: skip
    """Cost and defect (pixels) of one choice; the cost is infinite when no scanner could have made it."""
    sx, sy = math.hypot(a[0, 0], a[1, 0]), math.hypot(a[0, 1], a[1, 1])
    if min(sx, sy) <= 0.0 or a[0, 0] * a[1, 1] - a[0, 1] * a[1, 0] <= 0.0:
        return np.inf, 0.0
    skew = _wrapped(math.atan2(a[1, 0], a[0, 0]) - turn * math.pi / 2)
    shear = _wrapped(math.atan2(a[1, 1], a[0, 1]) - math.atan2(a[1, 0], a[0, 0]) - math.pi / 2)
    if abs(skew) > MOST_SKEW or abs(shear) > MOST_SHEAR or abs(math.log(sx / sy)) > MOST_STRETCH:
        return np.inf, 0.0
    total, unlike, worst = 0.0, 0.0, 0.0
    for k in range(used):
        corner, spot = subset[k], spots[picked[k]]
        x, y = corners[corner, 0], corners[corner, 1]
        total += (a[0, 0] * x + a[0, 1] * y + a[0, 2] - spot[1]) ** 2 + (a[1, 0] * x + a[1, 1] * y + a[1, 2] - spot[2]) ** 2
        lean = turn * math.pi / 2 + skew * turns[corner]
        one = _unlikeness(spot, sizes[corner], solid[corner], math.sqrt(sx * sy), lean)
        unlike += one
        worst = max(worst, one)
    defect = math.sqrt(total / used)
    diagonal = math.hypot(extent[0] * sx, extent[1] * sy)
    if defect > MOST_DEFECT * diagonal or worst > _UNLIKE:
        return np.inf, 0.0
    return defect / (0.004 * diagonal) + unlike / used + abs(shear) / MOST_SHEAR, defect


def even_sides(corners: Floats, taper: float) -> Floats | None:
    """The lengths of a quadrangle's four sides; None where it is not convex and clockwise, or where opposite sides differ
    by more than `taper` (natural logarithm), as no sheet's picture does.

    Parameters
    ----------
    corners : (4, 2) float64, pixels, clockwise
    """
    sides = np.roll(corners, -1, axis=0) - corners
    after = np.roll(sides, -1, axis=0)
    if (sides[:, 0] * after[:, 1] - sides[:, 1] * after[:, 0] <= 0).any():
        return None
    lengths: Floats = np.hypot(sides[:, 0], sides[:, 1])
    tapered = max(abs(math.log(lengths[0] / lengths[2])), abs(math.log(lengths[1] / lengths[3])))
    return lengths if tapered <= taper else None


def fit_affine(places: Floats, pixels: Floats) -> Floats:
    """(n, 2) -> (n, 2): the (2, 3) affine of least squares, n >= 3."""
    design = np.column_stack([places, np.ones(len(places))])
    solution = np.linalg.lstsq(design, pixels, rcond=None)[0]
    return np.asarray(solution.T, np.float64)


def fit_projective(places: Floats, pixels: Floats) -> Transform:
    """The projective transform of least algebraic error through n >= 4 pairs (direct linear transform,
    Hartley and Zisserman, algorithm 4.2, with their scaling of both sides)."""
    to_unit, from_unit = _unit(places), _unit(pixels)
    a = apply(as_transform(to_unit), places)
    b = apply(as_transform(from_unit), pixels)
    rows = []
    for (x, y), (u, v) in zip(a, b, strict=True):
        rows.append([x, y, 1, 0, 0, 0, -u * x, -u * y, -u])
        rows.append([0, 0, 0, x, y, 1, -v * x, -v * y, -v])
    h = np.linalg.svd(np.array(rows))[2][-1].reshape(3, 3)
    m = np.linalg.inv(from_unit) @ h @ to_unit
    return as_transform(m / m[2, 2])


def as_transform(m: Floats) -> Transform:
    """Nine numbers in an array as a transform."""
    a, b, c, d, e, f, g, h, i = m.ravel().tolist()
    return Transform((a, b, c, d, e, f, g, h, i))


def _unit(points: Floats) -> Floats:
    middle = points.mean(axis=0)
    spread = max(float(np.sqrt(((points - middle) ** 2).sum(axis=1)).mean()), 1e-9) / math.sqrt(2)
    return np.array([[1 / spread, 0, -middle[0] / spread], [0, 1 / spread, -middle[1] / spread], [0, 0, 1]])


@njit(cache=True, nogil=True)
def through_four(places: Floats, pixels: Floats) -> Floats:
    """The projective transform through four pairs, by elimination with pivots.

    Parameters
    ----------
    places, pixels : (4, 2) float64

    Returns
    -------
    (9,) float64 row by row, the last one 1; all zero where three of the points lie on a line.
    """
    e = np.zeros((8, 9))
    for i in range(4):
        x, y, u, v = places[i, 0], places[i, 1], pixels[i, 0], pixels[i, 1]
        e[2 * i, 0], e[2 * i, 1], e[2 * i, 2] = x, y, 1.0
        e[2 * i, 6], e[2 * i, 7], e[2 * i, 8] = -u * x, -u * y, u
        e[2 * i + 1, 3], e[2 * i + 1, 4], e[2 * i + 1, 5] = x, y, 1.0
        e[2 * i + 1, 6], e[2 * i + 1, 7], e[2 * i + 1, 8] = -v * x, -v * y, v
    for k in range(8):
        pivot = k
        for r in range(k + 1, 8):
            if abs(e[r, k]) > abs(e[pivot, k]):
                pivot = r
        if abs(e[pivot, k]) < 1e-9:
            return np.zeros(9)
        for c in range(9):
            e[k, c], e[pivot, c] = e[pivot, c], e[k, c]
        for r in range(8):
            if r != k:
                share = e[r, k] / e[k, k]
                for c in range(k, 9):
                    e[r, c] -= share * e[k, c]
    out = np.ones(9)
    for k in range(8):
        out[k] = e[k, 8] / e[k, k]
    return out
