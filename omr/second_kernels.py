"""The second reader's own compiled count of ink; shares nothing with the first reader's.

Owns arithmetic only. Nothing here knows what a mark is; `omr.second` does.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scanner.kernels import njit

Grey = NDArray[np.uint8]
Floats = NDArray[np.float64]


@njit(cache=True, nogil=True)
def _light_around(pixels: Grey, centre: Floats, axes: tuple[float, ...], box: tuple[int, ...]) -> int:
    """One grey level below the darkest of the lightest quarter of a bubble's surroundings; -2 where it has none."""
    ax, ay, bx, by, det = axes
    left, right, top, bottom = box
    around = np.zeros(256, np.int64)
    total = 0
    for y in range(top, bottom + 1):
        for x in range(left, right + 1):
            dx, dy = x - centre[0], y - centre[1]
            u, v = (dx * by - dy * bx) / det, (dy * ax - dx * ay) / det
            if 1.3 < u * u + v * v < 2.1:
                around[pixels[y, x]] += 1
                total += 1
    if total == 0:
        return -2
    light, seen = 255, 0
    while seen <= total // 4:
        seen += around[light]
        light -= 1
    return light


@njit(cache=True, nogil=True)
def inked_counts(pixels: Grey, centres: Floats, axes: Floats, halves: Floats, inner: float) -> Floats:
    """The second reader's measure: pixels of the page itself, none interpolated, black or white by a local rule.

    A pixel is ink when it is darker than 82 % of the light that the lightest quarter of the bubble's surroundings
    reach: a local threshold as Bernsen's (1986), but with a fixed dark end, so that surroundings without any ink
    give no ink.

    Parameters
    ----------
    pixels : (h, w) uint8
    centres, axes, halves : as in `patches`
    inner : share of the bubble's half axes that is counted

    Returns
    -------
    (n, 4) float64: share of ink in the ellipse, mean depth of that ink (0..1), the surroundings' light (0..255),
    share of the nine parts (3 x 3) of the ellipse's box that hold ink; -1 in all where the bubble is off the page.
    """
    n = centres.shape[0]
    height, width = pixels.shape
    out = np.full((n, 4), -1.0)
    for i in range(n):
        ax, ay = axes[i, 0, 0] * halves[i, 0], axes[i, 0, 1] * halves[i, 0]
        bx, by = axes[i, 1, 0] * halves[i, 1], axes[i, 1, 1] * halves[i, 1]
        det = ax * by - ay * bx
        rx, ry = np.sqrt(ax * ax + bx * bx), np.sqrt(ay * ay + by * by)
        left, right = int(np.floor(centres[i, 0] - 1.5 * rx)), int(np.ceil(centres[i, 0] + 1.5 * rx))
        top, bottom = int(np.floor(centres[i, 1] - 1.5 * ry)), int(np.ceil(centres[i, 1] + 1.5 * ry))
        if left < 0 or top < 0 or right >= width or bottom >= height or abs(det) < 1e-9:
            continue
        light = _light_around(pixels, centres[i], (ax, ay, bx, by, det), (left, right, top, bottom))
        if light < -1:
            continue
        cut = 0.82 * (light + 1)
        ink, area, depth = 0, 0, 0.0
        parts = np.zeros(9)
        areas = np.zeros(9)
        for y in range(top, bottom + 1):
            for x in range(left, right + 1):
                dx, dy = x - centres[i, 0], y - centres[i, 1]
                u, v = (dx * by - dy * bx) / det / inner, (dy * ax - dx * ay) / det / inner
                if u * u + v * v <= 1.0:
                    part = min(2, int((u + 1.0) * 1.5)) + 3 * min(2, int((v + 1.0) * 1.5))
                    area += 1
                    areas[part] += 1.0
                    if pixels[y, x] < cut:
                        ink += 1
                        parts[part] += 1.0
                        depth += 1.0 - pixels[y, x] / (light + 1.0)
        spread = 0
        for k in range(9):
            if areas[k] > 0 and parts[k] > 0.3 * areas[k]:
                spread += 1
        out[i, 0] = ink / max(area, 1)
        out[i, 1] = depth / max(ink, 1)
        out[i, 2] = light + 1.0
        out[i, 3] = spread / 9.0
    return out
