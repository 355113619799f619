"""Easier pictures of a worn symbol: larger, sharper, specks taken out, a linear code's bars averaged along themselves.

Owns pictures only; nothing here decodes. Each is made when the one before it could not be read, cheapest first.
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.uint8]
Single = NDArray[np.float32]

_LEANS = np.linspace(-0.16, 0.16, 33)  # pixels across a line down: a sticker pasted askew by up to nine degrees
_BARRED = 0.5  # of the liveliest lines' edges that a line of bars has at least: text and paper have less
_ENLARGED = 4
_DEBLURS = ((0.0, 0.0), (0.9, 1.2), (1.2, 2.0), (1.5, 3.5))  # sigma in the scan's pixels, and how much of it is taken back
_TALL = 40


def easier(window: Grey, *, linear: bool) -> Iterator[Grey]:
    """The same symbol made easier to read."""
    if linear:
        yield from averaged(window)
    large = cv2.resize(window, None, fx=2.0, fy=2.0, interpolation=cv2.INTER_CUBIC).astype(np.uint8)
    yield large
    yield _sharper(large, 2.0, 1.2)
    yield cv2.medianBlur(window, 3).astype(np.uint8)
    if not linear:
        yield _sharper(large, 3.0, 2.5)
        yield cv2.morphologyEx(large, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8)).astype(np.uint8)


def averaged(window: Grey) -> Iterator[Grey]:
    """A linear code straightened and averaged along its bars: scratches and specks fade, edges stay. Then its blur is
    taken back, by more and more."""
    upright = window if window.shape[1] >= window.shape[0] else np.ascontiguousarray(window.T)
    if min(upright.shape) < 8:
        return
    straight = _straight(upright)
    lively = np.abs(np.diff(straight.astype(np.int16), axis=1)).mean(axis=1)
    barred = straight[lively >= _BARRED * np.percentile(lively, 90)]
    if len(barred) < 4:
        return
    ordered = np.sort(barred, axis=0)
    middle = ordered[len(ordered) // 4 : max(len(ordered) // 4 + 1, 3 * len(ordered) // 4)].mean(axis=0).astype(np.float32)
    wide = cv2.resize(middle[None, :], None, fx=_ENLARGED, fy=1, interpolation=cv2.INTER_CUBIC)[0]
    for sigma, amount in _DEBLURS:
        soft = cv2.GaussianBlur(wide[None, :], (0, 0), sigma * _ENLARGED)[0] if sigma else wide
        line = np.clip(_levelled(wide + amount * (wide - soft)), 0, 255).astype(np.uint8)
        yield np.ascontiguousarray(np.tile(line, (_TALL, 1)))


def _straight(window: Grey) -> Grey:
    """The window sheared so that its bars stand upright: the lean at which the mean over all lines is liveliest."""
    height = window.shape[0]
    small = window[:: max(1, height // 24)]
    step = max(1, height // 24)
    best, chosen = -1.0, 0.0
    for lean in _LEANS:
        mean = _sheared(small, float(lean) * step).mean(axis=0)
        lively = float(np.square(np.diff(mean)).sum())
        if lively > best:
            best, chosen = lively, float(lean)
    return _sheared(window, chosen)


def _sheared(window: Grey, lean: float) -> Grey:
    height, width = window.shape
    matrix = np.array([[1, lean, -lean * height / 2], [0, 1, 0]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(window, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE), np.uint8)


def _levelled(line: Single) -> Single:
    """Spread to black and white by the line's own dark and light levels, locally, since light and print are uneven."""
    reach = max(9, line.size // 8) | 1
    light = cv2.GaussianBlur(cv2.dilate(line[None, :], np.ones((1, reach))), (reach, 1), 0)[0]
    dark = cv2.GaussianBlur(cv2.erode(line[None, :], np.ones((1, reach))), (reach, 1), 0)[0]
    return np.asarray(255 * (line - dark) / np.maximum(light - dark, 1.0), np.float32)


def _sharper(picture: Grey, sigma: float, amount: float) -> Grey:
    soft = cv2.GaussianBlur(picture, (0, 0), sigma)
    return cv2.addWeighted(picture, 1 + amount, soft, -amount, 0).astype(np.uint8)
