"""Whether the printed furniture is where a transform says: timing marks, orientation marks, the black of the print.

Owns the measuring, and the local correction that the timing marks give. What is too little to believe a page is
the reader's decision (omr).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from scanner.furnishing import Furnishing
from scanner.kernels import njit
from scanner.laid import Laid

Grey = NDArray[np.uint8]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

TIMING_REACH = 1.6  # mm that a timing mark may be from its place: slipping rollers and folds stay below one
_ORIENTATION_REACH = 1.5
_CONTRAST = 0.12  # of a timing mark, share of black against white; a pale copy's marks have 0.3
_ORIENTED = 0.15
_SIZES = (0.55, 1.7)  # a mark's measured size over its printed one
_CONFIRMED = 0.85  # share of the timing marks that confirm a fit
_APART_MM, _APART_PX = 0.2, 0.7  # from its neighbours' usual displacement: more is a covered or smeared mark
_PARTLY = 0.15  # of a mark's usual size on this page: another size is a mark that is covered in part


@dataclass(frozen=True, slots=True)
class Furniture:
    """What the timing and orientation marks say about a transform."""

    expected: int
    found: int
    residual_mm: float  # median distance of the found ones from their places
    worst_mm: float
    oriented: float  # share of the orientation marks that are there; 0.5 where a template has none
    black: float  # darkness of the corner marks' middles, 0..1


def check_furniture(pixels: Grey, laid: Laid, furnishing: Furnishing) -> tuple[Furniture, Laid]:
    """Looks for the timing and orientation marks; the second value carries the local correction that they give."""
    f, m = furnishing, np.array(laid.transform.m)
    swap, mm = laid.turn % 180 == 90, laid.mm_a_pixel
    moved = survey(pixels, m, swap, f.timing, TIMING_REACH / mm)
    (found, median, worst), knots = _knots(moved, f.timing, f.track, max(_APART_PX, _APART_MM / mm))
    oriented = share_oriented(pixels, laid, f)
    black = _blackness(pixels, m, f.middles, f.black_reach * min(laid.scale))
    furniture = Furniture(len(f.timing), int(found), median * mm, worst * mm, oriented, black)
    return furniture, replace(laid, knots=knots, across=f.across) if len(f.timing) else laid


def share_oriented(pixels: Grey, laid: Laid, furnishing: Furnishing) -> float:
    """The share of orientation marks that lie where this turn puts them; 0.5 where there is nothing to tell."""
    if not len(furnishing.oriented):
        return 0.5
    m, swap = np.array(laid.transform.m), laid.turn % 180 == 90
    return float(_orientation(pixels, m, laid.scale, swap, furnishing.oriented, _ORIENTATION_REACH / laid.mm_a_pixel))


def is_confirmed(pixels: Grey, laid: Laid, furnishing: Furnishing) -> bool:
    """Whether the furniture alone bears a fit out, for fits that rest on less than four marks where they belong.

    Nearly all timing marks, both ends of each track, none a step beyond them (a fit that is one step off would have
    one there), all orientation marks.
    """
    f, m = furnishing, np.array(laid.transform.m)
    swap, most = laid.turn % 180 == 90, TIMING_REACH / laid.mm_a_pixel
    if not len(f.timing) or (len(f.oriented) and share_oriented(pixels, laid, f) < 1.0):
        return False
    there = survey(pixels, m, swap, f.timing, most)[:, 2] > 0
    ends = [part[at].any() for track in np.unique(f.track) for part in (there[f.track == track],) for at in (slice(0, 2), slice(-2, None))]
    return bool(there.mean() >= _CONFIRMED and all(ends)) and not survey(pixels, m, swap, f.beyond, most)[:, 2].any()


@njit(cache=True, nogil=True)
def _median(values: Floats, n: int) -> float:
    """Of the first `n` values, which are put in order; 0 of none. By insertion, which compiles ten times faster than the
    library's and is as fast for a hundred."""
    for i in range(1, n):
        value, j = values[i], i
        while j > 0 and values[j - 1] > value:
            values[j] = values[j - 1]
            j -= 1
        values[j] = value
    return float(0.5 * (values[(n - 1) // 2] + values[n // 2])) if n > 0 else 0.0


@njit(cache=True, nogil=True)
def _profile_run(profile: Floats, n: int, at: float, size: float) -> tuple[float, float, float]:
    """The dark run in a profile that is most like a mark of `size` at `at`: its middle, its size, its contrast.

    Edges lie where the profile crosses the middle between its lightest and darkest value, in between pixels. A run
    that leaves the profile is a larger thing and not believed; the size is then 0.
    """
    light, dark = 0.0, 255.0
    for i in range(n):
        light, dark = max(light, profile[i]), min(dark, profile[i])
    cut = 0.5 * (light + dark)
    middle, found, best = 0.0, 0.0, 1e9
    if light - dark < 20.0:
        return middle, found, 0.0
    start = -1.0
    inside = profile[0] < cut
    for i in range(1, n):
        if not inside and profile[i] < cut:
            start = i - 1 + (profile[i - 1] - cut) / (profile[i - 1] - profile[i])
            inside = True
        elif inside and profile[i] >= cut:
            inside = False
            if start >= 0.0:
                end = i - 1 + (cut - profile[i - 1]) / (profile[i] - profile[i - 1])
                cost = abs((end - start) / size - 1.0) + abs(0.5 * (start + end) - at) / n
                if cost < best:
                    middle, found, best = 0.5 * (start + end), end - start, cost
    return middle, found, (light - dark) / 255.0


@njit(cache=True, nogil=True)
def _rectangle(pixels: Grey, cx: float, cy: float, hw: float, hh: float, rx: float, ry: float) -> tuple[float, float, float, float, float]:
    """Where a printed dark rectangle really is, near where it is expected.

    The dark run in the mean of the columns around its middle, then that in the mean of the rows that were found.

    Parameters
    ----------
    pixels : (h, w) uint8
    cx, cy : its expected centre, pixels
    hw, hh : half its width and height, pixels along the page's axes
    rx, ry : how far its centre may lie from its place, pixels

    Returns
    -------
    x, y, contrast (0..1), width and height over the expected ones; contrast 0 where nothing like it is there or its
    surroundings leave the page.
    """
    height, width = pixels.shape
    top, bottom = max(0, int(cy - hh - ry - 2.0)), min(height - 1, int(cy + hh + ry + 2.0))
    left, right = max(0, int(cx - hw - rx - 2.0)), min(width - 1, int(cx + hw + rx + 2.0))
    x0, x1 = max(left, int(cx - 0.6 * hw)), min(right, int(cx + 0.6 * hw))
    if bottom - top < 2 or right - left < 2 or x1 < x0:
        return 0.0, 0.0, 0.0, 0.0, 0.0
    step = 1 + (x1 - x0) // 24
    profile = np.empty(max(bottom - top, right - left) + 1)
    for y in range(top, bottom + 1):
        total, count = 0, 0
        for x in range(x0, x1 + 1, step):
            total += pixels[y, x]
            count += 1
        profile[y - top] = total / count
    at_y, tall, _ = _profile_run(profile, bottom - top + 1, cy - top, 2.0 * hh)
    if not _SIZES[0] * 2.0 * hh <= tall <= _SIZES[1] * 2.0 * hh:
        return 0.0, 0.0, 0.0, 0.0, 0.0
    y0, y1 = top + int(at_y - 0.3 * tall + 0.5), top + int(at_y + 0.3 * tall + 0.5)
    y0, y1 = max(top, y0), min(bottom, y1)
    step = 1 + (y1 - y0) // 24
    sums = np.zeros(right - left + 1, np.int64)
    count = 0
    for v in range(y0, y1 + 1, step):
        count += 1
        for x in range(left, right + 1):
            sums[x - left] += pixels[v, x]
    for x in range(right - left + 1):
        profile[x] = sums[x] / count
    at_x, wide, contrast = _profile_run(profile, right - left + 1, cx - left, 2.0 * hw)
    if not _SIZES[0] * 2.0 * hw <= wide <= _SIZES[1] * 2.0 * hw:
        return 0.0, 0.0, 0.0, 0.0, 0.0
    at_x, at_y = at_x + left, at_y + top
    if abs(at_x - cx) > rx or abs(at_y - cy) > ry:
        return 0.0, 0.0, 0.0, 0.0, 0.0
    return at_x, at_y, contrast, wide / (2.0 * hw), tall / (2.0 * hh)


@njit(cache=True, nogil=True)
def _orientation(pixels: Grey, m: Floats, scale: tuple[float, float], swap: bool, marks: Floats, reach: float) -> float:
    """The share of the (n, 4) orientation marks that are there."""
    good = 0
    for i in range(marks.shape[0]):
        w = m[6] * marks[i, 0] + m[7] * marks[i, 1] + m[8]
        cx = (m[0] * marks[i, 0] + m[1] * marks[i, 1] + m[2]) / w
        cy = (m[3] * marks[i, 0] + m[4] * marks[i, 1] + m[5]) / w
        hw, hh = marks[i, 2] * scale[0], marks[i, 3] * scale[1]
        if swap:
            hw, hh = hh, hw
        _, _, contrast, _, _ = _rectangle(pixels, cx, cy, hw, hh, reach, reach)
        good += contrast > _ORIENTED
    return float(good / marks.shape[0])


@njit(cache=True, nogil=True)
def survey(pixels: Grey, m: Floats, swap: bool, marks: Floats, most: float) -> Floats:
    """Looks for all timing marks.

    Parameters
    ----------
    pixels : (h, w) uint8
    m : (9,) the transform
    swap : the sheet lies on its side
    marks : of a `Furnishing`
    most : pixels that a mark may be from its place; never nearer to a neighbour's place than to its own

    Returns
    -------
    (n, 5) float64: how far each is from its place, x and y in pixels, its contrast (0 where it is not there), its
    width and height over the expected ones.
    """
    out = np.zeros((marks.shape[0], 5))
    for i in range(marks.shape[0]):
        w = m[6] * marks[i, 0] + m[7] * marks[i, 1] + m[8]
        cx = (m[0] * marks[i, 0] + m[1] * marks[i, 1] + m[2]) / w
        cy = (m[3] * marks[i, 0] + m[4] * marks[i, 1] + m[5]) / w
        sx = np.hypot(m[0] - m[6] * cx, m[3] - m[6] * cy) / w
        sy = np.hypot(m[1] - m[7] * cx, m[4] - m[7] * cy) / w
        hw, hh = marks[i, 2] * sx, marks[i, 3] * sy
        rx, ry = min(most, marks[i, 4] * sx), min(most, marks[i, 5] * sy)
        if swap:
            hw, hh, rx, ry = hh, hw, ry, rx
        x, y, contrast, wide, tall = _rectangle(pixels, cx, cy, hw, hh, rx, ry)
        if contrast > 0.0:
            out[i, 0], out[i, 1], out[i, 2], out[i, 3], out[i, 4] = x - cx, y - cy, contrast, wide, tall
    seen, count = np.empty(marks.shape[0]), 0
    for i in range(marks.shape[0]):
        if out[i, 2] > 0.0:
            seen[count] = out[i, 2]
            count += 1
    least = max(_CONTRAST, 0.5 * _median(seen, count))
    for i in range(marks.shape[0]):
        if out[i, 2] < least:
            for j in range(5):
                out[i, j] = 0.0
    return out


@njit(cache=True, nogil=True)
def _knots(moved: Floats, marks: Floats, track: Ints, apart: float) -> tuple[tuple[int, float, float], Floats]:
    """What a survey says: how many marks were found, the median and the largest of their distances from their places
    (pixels), and the knots, (k, 4): x, y in the template's unit, dx, dy in pixels. A mark that is more than `apart`
    pixels from where its neighbours in its track are gives none, nor one that is covered in part and so another size."""
    n = marks.shape[0]
    far, wides, talls = np.empty(n), np.empty(n), np.empty(n)
    found = 0
    for i in range(n):
        if moved[i, 2] > 0.0:
            far[found], wides[found], talls[found] = np.hypot(moved[i, 0], moved[i, 1]), moved[i, 3], moved[i, 4]
            found += 1
    wide, tall, usual = _median(wides, found), _median(talls, found), _median(far, found)
    knots = np.empty((n, 4))
    k = 0
    near_x, near_y = np.empty(7), np.empty(7)
    for i in range(n):
        if moved[i, 2] <= 0.0 or track[i] < 0 or abs(moved[i, 3] - wide) > _PARTLY * wide or abs(moved[i, 4] - tall) > _PARTLY * tall:
            continue
        near_x[0], near_y[0], count = moved[i, 0], moved[i, 1], 1
        for step in (-1, 1):  # the three found ones before it and the three behind
            j, taken = i + step, 0
            while 0 <= j < n and track[j] == track[i] and taken < 3:
                if moved[j, 2] > 0.0:
                    near_x[count], near_y[count] = moved[j, 0], moved[j, 1]
                    count += 1
                    taken += 1
                j += step
        if max(abs(moved[i, 0] - _median(near_x, count)), abs(moved[i, 1] - _median(near_y, count))) <= apart:
            knots[k, 0], knots[k, 1], knots[k, 2], knots[k, 3] = marks[i, 0], marks[i, 1], moved[i, 0], moved[i, 1]
            k += 1
    return (found, usual, far[found - 1] if found > 0 else 0.0), knots[:k].copy()


@njit(cache=True, nogil=True)
def _blackness(pixels: Grey, m: Floats, middles: Floats, reach: float) -> float:
    """How black the printed black is: the median over the corner marks of their middle part's mean, 0..1."""
    height, width = pixels.shape
    r = max(1, int(reach))
    means = np.empty(middles.shape[0])
    n = 0
    for i in range(middles.shape[0]):
        w = m[6] * middles[i, 0] + m[7] * middles[i, 1] + m[8]
        x = int((m[0] * middles[i, 0] + m[1] * middles[i, 1] + m[2]) / w + 0.5)
        y = int((m[3] * middles[i, 0] + m[4] * middles[i, 1] + m[5]) / w + 0.5)
        total, count = 0, 0
        for v in range(max(0, y - r), min(height, y + r + 1)):
            for u in range(max(0, x - r), min(width, x + r + 1)):
                total += pixels[v, u]
                count += 1
        if count > 0:
            means[n] = 1.0 - total / count / 255.0
            n += 1
    return _median(means, n)
