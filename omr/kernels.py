"""The first reader's compiled count: how dark the page's own pixels are inside each bubble, none interpolated.

Owns arithmetic only. Nothing here knows what a mark is; `omr.decide` does.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scanner.kernels import njit

Grey = NDArray[np.uint8]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

INNER = 0.68  # share of the half axes that is counted: a printed ring, even a little displaced, lies outside
_AROUND = 1.30  # ... and at which the paper beside a bubble is sampled
_INK = 0.82  # of the local light: a pixel darker than this is inked
_DEEP = 0.60  # ... and darker than this deeply so
_COMMON = 0.06  # new darkness that may be common to a row
_STANDS_OUT = 0.08  # darkness by which one bubble of a row is beyond the next
_ENOUGH = 2  # bubbles of one letter from which its print can be told
_LOW = 0.10  # share of a letter's bubbles that may be taken to be empty
_UNLIKE = 0.25  # darkness by which one letter's print does not differ from another's
_OPEN = 0.75  # share inked by which print leaves paper between its strokes, and a fill does not

_ANGLES = 2.0 * np.pi * (np.arange(16) + 0.5) / 16
_COS, _SIN = np.cos(_ANGLES), np.sin(_ANGLES)


@njit(cache=True, nogil=True)
def counts(pixels: Grey, frames: Floats, least_light: float, every: int) -> Floats:
    """How dark each bubble is against the paper beside it.

    An ellipse is walked along the page's rows of pixels; where it begins and ends in a row is solved once a row. The
    light is the mean of those of 16 places around the bubble that are not darker than their mean: dirt or another
    mark on one side does not lower it.

    Parameters
    ----------
    pixels : (h, w) uint8
    frames : (n, 6) float64, pixels: centre, half axis across, half axis down
    least_light : 0..255; where the light is less there is no paper, and the bubble is not seen
    every : 1 for all rows of pixels, 2 for every other one: nearly the same, in half the time

    Returns
    -------
    (n, 4) float64: mean darkness 0..1 of the local light, share of pixels inked, share deeply inked, light 0..255;
    -1 in all where the bubble is off the page or has no paper beside it.
    """
    n = frames.shape[0]
    height, width = pixels.shape
    out = np.full((n, 4), -1.0)
    seen = np.empty(16)
    for i in range(n):
        cx, cy = frames[i, 0], frames[i, 1]
        ax, ay = frames[i, 2] * INNER, frames[i, 3] * INNER
        bx, by = frames[i, 4] * INNER, frames[i, 5] * INNER
        far_x, far_y = np.sqrt(ax * ax + bx * bx), np.sqrt(ay * ay + by * by)
        reach = _AROUND / INNER
        if cx - reach * far_x < 0.0 or cy - reach * far_y < 0.0 or cx + reach * far_x >= width - 1 or cy + reach * far_y >= height - 1:
            continue
        det = abs(ax * by - ay * bx)
        light = _light(pixels, frames[i], seen)
        if light < least_light or det < 1e-9:
            continue
        ink, deep = np.uint8(_INK * light + 0.5), np.uint8(_DEEP * light + 0.5)
        slope = (ax * ay + bx * by) / (far_y * far_y)
        total, inked, deeply, area = _inside(pixels, cx, cy, det / far_y, slope, far_y, ink, deep, every)
        if area > 0:
            out[i, 0] = min(max(1.0 - total / (area * light), 0.0), 1.0)
            out[i, 1], out[i, 2], out[i, 3] = inked / area, deeply / area, light
    return out


@njit(cache=True, nogil=True)
def _inside(
    pixels: Grey, cx: float, cy: float, half_width: float, slope: float, half_height: float, ink: np.uint8, deep: np.uint8, every: int
) -> tuple[int, int, int, int]:
    """Of the pixels in an ellipse: their sum, how many are darker than two levels, how many there are."""
    total, dark, black, area = np.int64(0), np.int64(0), np.int64(0), np.int64(0)
    curve = 1.0 / (half_height * half_height)
    for row in range(int(np.ceil(cy - half_height)), int(cy + half_height) + 1, every):
        dy = row - cy
        half = half_width * np.sqrt(max(0.0, 1.0 - dy * dy * curve))
        middle = cx + slope * dy + 1.0
        first, last, y = np.uint64(middle - half), np.uint64(middle + half), np.uint64(row)
        for x in range(first, last):  # unsigned, so that no index is tried from the end
            value = pixels[y, x]
            total += np.int64(value)
            dark += np.int64(value < ink)
            black += np.int64(value < deep)
        area += np.int64(last - first)
    return int(total), int(dark), int(black), int(area)


@njit(cache=True, nogil=True)
def _light(pixels: Grey, f: Floats, seen: Floats) -> float:
    """The lightness of the paper around a bubble; the caller knows that it is on the page."""
    mean = 0.0
    for k in range(16):
        x = f[0] + _AROUND * (_COS[k] * f[2] + _SIN[k] * f[4]) + 0.5
        y = f[1] + _AROUND * (_COS[k] * f[3] + _SIN[k] * f[5]) + 0.5
        seen[k] = pixels[np.uint64(y), np.uint64(x)]
        mean += seen[k] / 16.0
    total, n = 0.0, 0
    for k in range(16):
        if seen[k] >= mean - 4.0:
            total += seen[k]
            n += 1
    return total / max(n, 1)


@njit(cache=True, nogil=True)
def ranked(values: Floats, n: int, share: float) -> float:
    """The value that `share` of the first n do not exceed (Hoare's quickselect); reorders `values`.

    Parameters
    ----------
    values : (>= n,) float64, n >= 1
    share : 0..1
    """
    left, right, k = 0, n - 1, int(share * (n - 1) + 0.5)
    while left < right:
        pivot = values[(left + right) // 2]
        i, j = left, right
        while i <= j:
            while values[i] < pivot:
                i += 1
            while values[j] > pivot:
                j -= 1
            if i <= j:
                values[i], values[j] = values[j], values[i]
                i += 1
                j -= 1
        if k <= j:
            right = j
        elif k >= i:
            left = i
        else:
            break
    return float(values[k])


@njit(cache=True, nogil=True)
def may_be_empty(dark: Floats, starts: Ints, multiple: Bools) -> Bools:
    """(n,) bool: bubbles that can tell what a letter's print is like: seen, and not the one that stands out of a row
    where one answer is asked for. So a letter that is filled in every row lends none of its fills."""
    out = dark >= 0.0
    for r in range(starts.shape[0] - 1):
        first, last = starts[r], starts[r + 1]
        if multiple[r] or last - first < 2:
            continue
        top = first
        for i in range(first, last):
            if dark[i] > dark[top]:
                top = i
        next_ = 0.0
        for i in range(first, last):
            if i != top:
                next_ = max(next_, dark[i])
        out[top] = out[top] and dark[top] < next_ + _STANDS_OUT
    return out


@njit(cache=True, nogil=True)
def less_print(
    dark: Floats, cover: Floats, empty: Bools, by_kind: Ints, kind_starts: Ints, lettered: Bools
) -> tuple[Floats, Floats, Bools]:
    """New darkness: what a bubble has beyond its printed letter, that is beyond the emptier part of the same letter.

    A letter of which nearly every bubble is filled has no empty part: its level is far from what the other letters'
    is, and theirs stands in for it.

    Parameters
    ----------
    dark, cover : (n,) float64, mean darkness and share inked, -1 where a bubble was not seen
    empty : (n,) bool, as `may_be_empty` gives it
    by_kind, kind_starts, lettered : as in `BubblePlan`

    Returns
    -------
    (n,) float64 new darkness and (n,) float64 newly inked share, of what the print leaves free, and (n,) bool: the
    bubble's own letter was known.
    """
    n, kinds = dark.shape[0], kind_starts.shape[0] - 1
    bases, many, known = np.full((kinds, 2), -1.0), 0, np.zeros(n, np.bool_)
    levels, usual = np.empty((2, kinds)), np.zeros(2)
    for k in range(kinds):
        members = by_kind[kind_starts[k] : kind_starts[k + 1]]
        low, seen = _low(dark, empty, members)
        inked, _ = _low(cover, empty, members)
        if seen >= _ENOUGH and inked < _OPEN:
            bases[k, 0], bases[k, 1] = low, inked
            levels[0, many], levels[1, many] = low, inked
            many += 1
    if many > 0:
        usual[0], usual[1] = ranked(levels[0], many, 0.5), ranked(levels[1], many, 0.5)
    tone, share = np.full(n, -1.0), np.full(n, -1.0)
    for k in range(kinds):
        own = bases[k, 0] >= 0.0 and bases[k, 0] < usual[0] + _UNLIKE
        low, inked = (bases[k, 0], bases[k, 1]) if own else (usual[0], usual[1])
        for j in range(kind_starts[k], kind_starts[k + 1]):
            i = by_kind[j]
            known[i] = own or not lettered[k]
            if dark[i] >= 0.0:
                tone[i] = max((dark[i] - low) / max(1.0 - low, 0.2), 0.0)
                share[i] = max((cover[i] - inked) / max(1.0 - inked, 0.2), 0.0)
    return tone, share, known


@njit(cache=True, nogil=True)
def _low(values: Floats, empty: Bools, members: Ints) -> tuple[float, int]:
    """What the emptier part of a letter's bubbles does not exceed, and how many are seen."""
    some, seen = np.empty(members.shape[0]), 0
    for i in members:
        if empty[i]:
            some[seen] = values[i]
            seen += 1
    return ranked(some, seen, _LOW) if seen > 0 else 0.0, seen


@njit(cache=True, nogil=True)
def less_common(tone: Floats, starts: Ints, multiple: Bools) -> None:
    """Takes off what most bubbles of a row have in common, in rows where one answer is asked for: a row that was printed
    or scanned a little aside shows some of its letters and rings as new ink, and no answer is in every bubble.

    Parameters
    ----------
    tone : (n,) float64, new darkness, negative where not seen; changed in place
    starts, multiple : as in `BubblePlan`
    """
    for r in range(starts.shape[0] - 1):
        run = tone[starts[r] : starts[r + 1]]
        if multiple[r] or run.shape[0] < 3 or run.min() < 0.0:
            continue
        middle = (run.shape[0] - 1) // 2 if run.shape[0] > 4 else run.shape[0] // 2 - 1
        common = min(ranked(run.copy(), run.shape[0], middle / (run.shape[0] - 1)), _COMMON)
        for k in range(run.shape[0]):
            run[k] = max(run[k] - common, 0.0)
