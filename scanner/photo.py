"""A sheet seen by a camera: four corner marks anywhere in the picture's quarters, joined by a perspective.

Owns what a camera may have made: the sheet's picture is convex, its scale changes by a bounded factor, each mark is as
large as the perspective says there. Confirms nothing; so much may look like a mark that the caller must.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from scanner.fitting import as_transform, keep_cheapest, through_four
from scanner.furnishing import Furnishing
from scanner.kernels import njit
from scanner.laid import Laid, apply
from scanner.marks import find_spots

Grey = NDArray[np.uint8]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_SMALLEST = 0.5  # of the picture's width and height that the sheet must fill, or its marks are too small to read by
_FORESHORTENED = 0.6  # |ln| of the largest over the smallest scale at the four corners
_UNEQUAL = 0.45  # |ln| of the scales across and down at one place
_MOST_LEAN = math.radians(25)
_SIZE, _SOLID = 0.30, 0.20  # see `scanner.fitting`
_TRIED = 7  # spots a corner
_GIVEN = 3  # ways that are handed on, best first


def by_camera(pixels: Grey, furnishing: Furnishing, scale: float, turns: tuple[int, ...]) -> Iterator[Laid]:
    """The likeliest perspective views of the four corner marks, best first; `scale` as if the sheet filled the picture."""
    f = furnishing
    if not (f.solid > 0).all():
        return
    height, width = pixels.shape
    x, y = width // 2, height // 2
    windows = np.array([(0, 0, x, y), (x, 0, width, y), (x, y, width, height), (0, y, x, height)], np.int64)
    spots = find_spots(
        pixels, windows, float(f.sizes.min()) * scale * _SMALLEST, float(f.sizes.max()) * scale * 1.3,
        solid=0.3, thorough=True, copied=True,
    )  # fmt: skip
    found = []
    for turn in turns:
        best = _views(spots, f.corners, f.sizes, f.solid, turn, scale, _GIVEN)
        found += [(float(row[0]), turn, row[1:].astype(np.int64)) for row in best if row[0] < math.inf]
    for _, turn, chosen in sorted(found, key=lambda entry: entry[0]):
        yield _laid(f, through_four(f.corners, spots[chosen, 1:3]), turn)


def _laid(furnishing: Furnishing, m: Floats, turn: int) -> Laid:
    """The view as a way to lay the form; its scales are those of its middle."""
    w, h = furnishing.template.width, furnishing.template.height
    transform = as_transform(m)
    middle = np.array([[w / 2, h / 2], [w / 2 + 1e-3, h / 2], [w / 2, h / 2 + 1e-3]])
    at = apply(transform, middle)
    across, down = (at[1] - at[0]) * 1e3, (at[2] - at[0]) * 1e3
    sx, sy = float(np.hypot(*across)), float(np.hypot(*down))
    skew = math.degrees(math.remainder(math.atan2(across[1], across[0]) - turn * math.pi / 2, 2 * math.pi))
    return Laid(transform, turn * 90, 4, 0.0, 1 / math.sqrt(sx * sy), (sx, sy), skew, way="photo")


@njit(cache=True, nogil=True)
def _views(spots: Floats, corners: Floats, sizes: Floats, solid: Floats, turn: int, scale: float, given: int) -> Floats:
    """The cheapest believable choices of a spot for each corner.

    Parameters
    ----------
    spots : (n, 6) float64, from `find_spots`, windows numbered as the picture's corners
    corners, sizes, solid : of a `Furnishing`
    turn : quarter turns clockwise that the sheet lies
    scale : pixels a template unit if the sheet filled the picture
    given : how many choices are wanted

    Returns
    -------
    (given, 5) float64: cost, inf for none, and the four spots.
    """
    chosen, counts, costs = np.zeros((4, _TRIED), np.int64), np.zeros(4, np.int64), np.empty((4, _TRIED))
    for i in range(spots.shape[0]):
        corner = (int(spots[i, 0]) - turn) % 4
        wide, high = (sizes[corner, 1], sizes[corner, 0]) if turn % 2 == 1 else (sizes[corner, 0], sizes[corner, 1])
        aspect = abs(math.log(spots[i, 3] * high / (spots[i, 4] * wide))) / _SIZE
        cost = max(aspect, (solid[corner] - spots[i, 5]) / _SOLID)
        if cost > 1.5:
            continue
        counts[corner] = keep_cheapest(costs[corner], chosen[corner], counts[corner], cost, i)
    best = np.full((given, 5), np.inf)
    picked, pixels = np.zeros(4, np.int64), np.empty((4, 2))
    for code in range(counts[0] * counts[1] * counts[2] * counts[3]):
        rest = code
        for c in range(4):
            picked[c] = chosen[c, rest % counts[c]]
            rest //= counts[c]
            pixels[c, 0], pixels[c, 1] = spots[picked[c], 1], spots[picked[c], 2]
        cost = _unlike_a_view(spots, picked, pixels, corners, sizes, solid, turn)
        at = given
        while at > 0 and best[at - 1, 0] > cost:
            at -= 1
        if at == given:
            continue
        for j in range(given - 1, at, -1):
            best[j] = best[j - 1]
        best[at, 0] = cost
        for c in range(4):
            best[at, 1 + c] = picked[c]
    return best


@njit(cache=True, nogil=True)
def _unlike_a_view(spots: Floats, picked: Ints, pixels: Floats, corners: Floats, sizes: Floats, solid: Floats, turn: int) -> float:
    """How unlike a camera's view of the form a choice is; infinite when no camera could have made it."""
    for c in range(4):  # convex, and not mirrored
        one, two, three = pixels[c], pixels[(c + 1) % 4], pixels[(c + 2) % 4]
        if (two[0] - one[0]) * (three[1] - two[1]) - (two[1] - one[1]) * (three[0] - two[0]) <= 0.0:
            return np.inf
    m = through_four(corners, pixels)
    if m[8] == 0.0:
        return np.inf
    total, least, most = 0.0, np.inf, 0.0
    for c in range(4):
        x, y = corners[c, 0], corners[c, 1]
        w = m[6] * x + m[7] * y + 1.0
        if w <= 0.0:
            return np.inf
        px, py = pixels[c, 0], pixels[c, 1]
        ax, ay = (m[0] - m[6] * px) / w, (m[3] - m[6] * py) / w
        bx, by = (m[1] - m[7] * px) / w, (m[4] - m[7] * py) / w
        sx, sy = math.hypot(ax, ay), math.hypot(bx, by)
        lean = (math.atan2(ay, ax) - turn * math.pi / 2 + math.pi) % (2.0 * math.pi) - math.pi
        if sx <= 0.0 or sy <= 0.0 or abs(math.log(sx / sy)) > _UNEQUAL or abs(lean) > _MOST_LEAN:
            return np.inf
        least, most = min(least, math.sqrt(sx * sy)), max(most, math.sqrt(sx * sy))
        wide, high = abs(ax) * sizes[c, 0] + abs(bx) * sizes[c, 1], abs(ay) * sizes[c, 0] + abs(by) * sizes[c, 1]
        covered = solid[c] * sizes[c, 0] * sizes[c, 1] * abs(ax * by - ay * bx) / (wide * high)
        spot = spots[picked[c]]
        size = max(abs(math.log(spot[3] / wide)), abs(math.log(spot[4] / high))) / _SIZE
        unlike = max(size, abs(spot[5] - covered) / _SOLID)
        if unlike > 1.0:
            return np.inf
        total += unlike
    if math.log(most / least) > _FORESHORTENED:
        return np.inf
    return total / 4.0 + math.log(most / least)
