"""Compiled loops over a page's pixels for registration: samples at given places, centres of printed rectangles.

Owns no decision and allocates no page. The first call in a fresh environment compiles for a few seconds; after
that the machine code comes from the cache beside this file, or from the user's own cache folder.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


def _ensure_cache_folder() -> None:
    """An installed package's folder may be read-only and a service's home may be missing: cache elsewhere then."""
    if os.environ.get("NUMBA_CACHE_DIR"):
        return
    beside = Path(__file__).parent
    if os.access(beside / "__pycache__", os.W_OK) or (not (beside / "__pycache__").exists() and os.access(beside, os.W_OK)):
        return
    for folder in (os.environ.get("XDG_CACHE_HOME"), str(Path("~").expanduser() / ".cache")):
        if folder and os.access(folder, os.W_OK):
            os.environ["NUMBA_CACHE_DIR"] = str(Path(folder) / "markhall" / "numba")
            return
    os.environ["NUMBA_CACHE_DIR"] = str(Path(tempfile.gettempdir()) / f"markhall-numba-{os.getuid()}")


_ensure_cache_folder()

from numba import njit as njit  # noqa: E402  (numba reads the cache folder when it is imported)

Grey = NDArray[np.uint8]
Floats = NDArray[np.float64]


@njit(cache=True, nogil=True, inline="always")
def bilinear(pixels: Grey, x: float, y: float) -> float:
    """The page's value at a place between pixels.

    Parameters
    ----------
    pixels : (h, w) uint8
    x, y : pixels; the centre of the first pixel is 0, 0

    Returns
    -------
    0..255, or -1 where the place is off the page.
    """
    height, width = pixels.shape
    if not (0.0 <= x < width - 1.0 and 0.0 <= y < height - 1.0):
        return -1.0
    left, top = int(x), int(y)
    fx, fy = x - left, y - top
    upper = pixels[top, left] * (1.0 - fx) + pixels[top, left + 1] * fx
    lower = pixels[top + 1, left] * (1.0 - fx) + pixels[top + 1, left + 1] * fx
    return float(upper * (1.0 - fy) + lower * fy)


@njit(cache=True, nogil=True)
def samples(pixels: Grey, places: Floats) -> Floats:
    """The page's values at many places.

    Parameters
    ----------
    pixels : (h, w) uint8
    places : (n, 2) float64, x and y in pixels

    Returns
    -------
    (n,) float64, -1 where a place is off the page.
    """
    out = np.empty(places.shape[0])
    for i in range(places.shape[0]):
        out[i] = bilinear(pixels, places[i, 0], places[i, 1])
    return out


@njit(cache=True, nogil=True)
def _levels(pixels: Grey, box: tuple[int, ...], half: int) -> tuple[int, int]:
    """The grey of a mark's darker half (`half` pixels, an eighth of the window at most) and of the lightest eighth."""
    left, right, top, bottom = box
    counts = np.zeros(256, np.int64)
    for y in range(top, bottom + 1):
        for x in range(left, right + 1):
            counts[pixels[y, x]] += 1
    total = (right - left + 1) * (bottom - top + 1)
    own = max(1, min(total // 8, half))
    dark, seen = 0, 0
    while seen < own:
        seen += counts[dark]
        dark += 1
    light, seen = 255, 0
    while seen < total // 8:
        seen += counts[light]
        light -= 1
    return dark, light


@njit(cache=True, nogil=True)
def _moments(pixels: Grey, box: tuple[int, ...], dark: int, light: int) -> tuple[float, float, float]:
    """Darkness in a window between two levels: its sum, and its first moments along x and y."""
    left, right, top, bottom = box
    cut = 0.5 * (light + dark)
    mass, sx, sy = 0.0, 0.0, 0.0
    for y in range(top, bottom + 1):
        for x in range(left, right + 1):
            v = pixels[y, x]
            if v < light:
                share = min(1.0, (light - v) / (light - dark))
                if v > cut:
                    share *= 0.5 * share
                mass += share
                sx += share * x
                sy += share * y
    return mass, sx, sy


@njit(cache=True, nogil=True)
def centre_rectangles(pixels: Grey, expected: Floats, halves: Floats, reach: Floats) -> Floats:
    """Where printed dark rectangles really are, near where they are expected.

    The centre of gravity of darkness in a window around the expected place, taken three times, each time around
    the last answer with a smaller reach, so that a neighbour at the window's edge does not pull (a mean-shift,
    Comaniciu and Meer 2002, with a flat kernel).

    Parameters
    ----------
    pixels : (h, w) uint8
    expected : (n, 2) float64, centres in pixels
    halves : (n, 2) float64, half width and half height in pixels, along the page's axes
    reach : (n, 2) float64, how far the centre may lie from its place, pixels

    Returns
    -------
    (n, 4) float64: x, y, dark mass over the rectangle's own area (1 is right), contrast 0..1 (the mark's
    darker half against the lightest eighth of the window). All zero where the window is off the page or nothing dark is in it.
    """
    n = expected.shape[0]
    out = np.zeros((n, 4))
    height, width = pixels.shape
    for i in range(n):
        cx, cy = expected[i, 0], expected[i, 1]
        hw, hh = halves[i, 0], halves[i, 1]
        found = False
        mass, contrast = 0.0, 0.0
        for turn in range(3):
            rx, ry = reach[i, 0] / (1.0 + turn), reach[i, 1] / (1.0 + turn)
            left, right = int(np.floor(cx - hw - rx)), int(np.ceil(cx + hw + rx))
            top, bottom = int(np.floor(cy - hh - ry)), int(np.ceil(cy + hh + ry))
            left, top = max(left, 0), max(top, 0)
            right, bottom = min(right, width - 1), min(bottom, height - 1)
            if right - left < 2 or bottom - top < 2:
                found = False
                break
            dark, light = _levels(pixels, (left, right, top, bottom), int(2.0 * hw * hh))
            contrast = (light - dark) / 255.0
            if contrast < 0.08:
                found = False
                break
            mass, sx, sy = _moments(pixels, (left, right, top, bottom), dark, light)
            if mass <= 0.0:
                found = False
                break
            cx, cy = sx / mass, sy / mass
            found = True
        if found:
            out[i, 0], out[i, 1] = cx, cy
            out[i, 2] = mass / max(4.0 * hw * hh, 1.0)
            out[i, 3] = contrast
    return out
