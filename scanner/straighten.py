"""A box of the form cut upright out of a scan: one sampling, straight from the page, which is never warped as a whole.

The picture's own scale is chosen so that a step along a line moves exactly one pixel along the scan's row, and a
line down exactly one of its rows. What is left of any turn, skew and scale is then a shear each way, and both
interpolations run along memory with weights that one line, or one column, has in common.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from scanner.kernels import njit
from scanner.register import Laid

Grey = NDArray[np.uint8]
Floats = NDArray[np.float64]
Box = tuple[float, float, float, float]
Pair = tuple[float, float]

_MOST_PIXELS = 40_000_000
_MOST_BENT = 1.5  # pixels that a corner may be from the affine picture of the box
_MOST_SHEAR = 0.5
_WHITE = 255


@njit(cache=True, nogil=True)
def sheared(pixels: Grey, x0: float, y0: float, right: float, down: float, width: int, height: int) -> Grey:
    """Samples a parallelogram of a page: value (k, r) is the page's at x0 + k + right * r, y0 + r + down * k.

    Bilinear, with weights in 128ths: at most one grey level from the exact value of a smooth picture.

    Parameters
    ----------
    pixels : (h, w) uint8; every sample and its right and lower neighbour must be on it
    x0, y0 : the first sample, pixels
    right : pixels to the right that a line down is worth
    down : pixels down that a step along the line is worth
    width, height : of the result

    Returns
    -------
    (height, width) uint8
    """
    out = np.empty((height, width), np.uint8)
    rows = np.empty(width + 1, np.int64)
    starts = np.empty(width + 2, np.int64)  # of the runs of places along a line that lie between the same two rows
    weights = np.empty(width + 1, np.uint8)
    runs = 0
    for k in range(width + 1):
        y = y0 + down * k
        rows[k] = int(np.floor(y))
        weights[k] = np.uint8(128.0 * (y - np.floor(y)) + 0.5)
        if k == 0 or rows[k] != rows[k - 1]:
            starts[runs] = k
            runs += 1
    starts[runs] = width + 1
    between = np.empty(width + 1, np.uint8)
    for r in range(height):
        x = x0 + right * r
        left = int(np.floor(x))
        share = np.uint8(128.0 * (x - left) + 0.5)
        for i in range(runs):
            start, end = starts[i], starts[i + 1]
            upper = pixels[rows[start] + r, left + start : left + end]
            lower = pixels[rows[start] + r + 1, left + start : left + end]
            line, weight = between[start:end], weights[start:end]
            for k in range(end - start):
                line[k] = (upper[k] * (128 - weight[k]) + lower[k] * weight[k] + 64) >> 7
        row = out[r]
        for k in range(width):
            row[k] = (between[k] * (128 - share) + between[k + 1] * share + 64) >> 7
    return out


def straighten(pixels: Grey, laid: Laid, box: Box) -> Grey:
    """The box upright at the scan's own resolution, paper white where it reaches off the scan."""
    x, y, w, h = box
    places = laid.places(np.array([[x, y], [x + w, y], [x + w, y + h], [x, y + h]], np.float64))
    (ax, ay), (bx, by), (cx, cy), (dx, dy) = places.tolist()  # plain numbers from here: arrays of four cost more than the sampling
    if (max(ax, bx, cx, dx) - min(ax, bx, cx, dx)) * (max(ay, by, cy, dy) - min(ay, by, cy, dy)) > _MOST_PIXELS:
        raise ValueError("a region of the template is larger than any page")
    if laid.turn != 0:
        pixels, places = _upright(pixels, places, laid.turn)
        (ax, ay), (bx, by), (cx, cy), (dx, dy) = places.tolist()
    bent = max(abs(ax - bx + cx - dx), abs(ay - by + cy - dy)) / 4
    across = ((bx - ax + cx - dx) / 2, (by - ay + cy - dy) / 2)  # the box's upper and left side as least squares have them
    down = ((dx - ax + cx - bx) / 2, (dy - ay + cy - by) / 2)
    fits = across[0] >= 1 and down[1] >= 1 and abs(across[1]) <= _MOST_SHEAR * across[0] and abs(down[0]) <= _MOST_SHEAR * down[1]
    if bent > _MOST_BENT or not fits:
        return _by_perspective(pixels, places)
    corner = ((ax + bx + cx + dx) / 4 - (across[0] + down[0]) / 2, (ay + by + cy + dy) / 4 - (across[1] + down[1]) / 2)
    return _by_shear(pixels, corner, across, down)


def _upright(pixels: Grey, corners: Floats, turn: int) -> tuple[Grey, Floats]:
    """The part of the page with the box, turned so that the box is upright but for its skew, and the corners there."""
    left, top = np.maximum(np.floor(corners.min(axis=0)).astype(int) - 3, 0)
    right, bottom = np.ceil(corners.max(axis=0)).astype(int) + 4
    part = pixels[top : max(top, bottom), left : max(left, right)]
    height, width = part.shape
    moved = corners - (left, top)
    if turn == 90:
        moved = np.column_stack([moved[:, 1], width - 1 - moved[:, 0]])
    elif turn == 180:
        moved = np.column_stack([width - 1 - moved[:, 0], height - 1 - moved[:, 1]])
    else:
        moved = np.column_stack([height - 1 - moved[:, 1], moved[:, 0]])
    return np.ascontiguousarray(np.rot90(part, turn // 90)), moved


def _by_shear(pixels: Grey, corner: Pair, across: Pair, down: Pair) -> Grey:
    width, height = max(1, round(across[0])), max(1, round(down[1]))
    slope, lean = across[1] / across[0], down[0] / down[1]
    # The first sample is half a step inside the box, as every picture's first pixel is.
    x0, y0 = corner[0] + 0.5 * (1 + lean), corner[1] + 0.5 * (1 + slope)
    left, right = x0 + min(0.0, lean * height), x0 + width + max(0.0, lean * height)
    top, bottom = y0 + min(0.0, slope * width), y0 + height + max(0.0, slope * width)
    if left < 0 or top < 0 or right + 2 >= pixels.shape[1] or bottom + 2 >= pixels.shape[0]:
        pixels, moved = _framed(pixels, left, top, right + 2, bottom + 2)
        x0, y0 = x0 + moved[0], y0 + moved[1]
    return np.asarray(sheared(pixels, x0, y0, lean, slope, width, height))


def _framed(pixels: Grey, left: float, top: float, right: float, bottom: float) -> tuple[Grey, tuple[int, int]]:
    """The part of the page between these places with white paper where there is no page, and how far it has moved."""
    x, y = math.floor(left), math.floor(top)
    width, height = math.ceil(right) - x + 1, math.ceil(bottom) - y + 1
    whole = np.full((height, width), _WHITE, np.uint8)
    from_x, from_y = max(0, x), max(0, y)
    part = pixels[from_y : max(from_y, y + height), from_x : max(from_x, x + width)]
    whole[from_y - y : from_y - y + part.shape[0], from_x - x : from_x - x + part.shape[1]] = part
    return whole, (-x, -y)


def _by_perspective(pixels: Grey, corners: Floats) -> Grey:
    a, b, c, d = corners
    width = max(1, round(float(np.hypot(*(b - a)) + np.hypot(*(c - d))) / 2))
    height = max(1, round(float(np.hypot(*(d - a)) + np.hypot(*(c - b))) / 2))
    left, top = np.maximum(np.floor(corners.min(axis=0)).astype(int) - 2, 0)
    right, bottom = np.ceil(corners.max(axis=0)).astype(int) + 3
    part = pixels[top : max(top, bottom), left : max(left, right)]
    if part.size == 0:
        return np.full((height, width), _WHITE, np.uint8)
    target = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32) - 0.5
    matrix = cv2.getPerspectiveTransform(target, (corners - (left, top)).astype(np.float32))
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    straight = cv2.warpPerspective(part, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_CONSTANT, borderValue=_WHITE)
    return np.asarray(straight, np.uint8)
