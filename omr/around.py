"""What lies around a bubble: ink that ran out of it, a ring drawn about it, the arms of a cross over it.

Looked at only where it matters; owns the measure, not what it makes of an answer.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scanner.kernels import njit

Grey = NDArray[np.uint8]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

_HIT = 0.15  # share of a diagonal's samples from which a stroke runs there
_RADII = np.array([1.20, 1.31, 1.42])
_WIDER = np.array([1.53, 1.64])  # half axes out to which a ring may be drawn
_TURNS = 48
_ANGLES = 2.0 * np.pi * (np.arange(_TURNS) + 0.5) / _TURNS
_COS, _SIN = np.cos(_ANGLES), np.sin(_ANGLES)
_ARM = np.pi * (0.25 + 0.5 * np.arange(4))[:, None] + 0.06 * np.arange(-5, 6)[None, :]
_ARM_COS, _ARM_SIN = np.cos(_ARM), np.sin(_ARM)


@njit(cache=True, nogil=True)
def around(pixels: Grey, frames: Floats, papers: Floats, chosen: Bools, depth: float) -> Floats:
    """How much ink there is around chosen bubbles, and where it runs.

    Parameters
    ----------
    pixels : (h, w) uint8
    frames : (n, 6) float64, pixels: centre, half axis across, half axis down
    papers : (n,) float64, lightness of the paper beside each bubble, 0..255
    chosen : (n,) bool
    depth : 0..1, share of its paper's lightness by which what is inked is darker

    Returns
    -------
    (n, 5) float64: share of the surroundings (1.2 to 1.42 half axes) that is inked; how many of its four diagonal
    eighths a stroke runs through; how many strokes leave through the corners of the bubble's box, as those of a
    cross do: rays from 1.5 to 1.8 half axes of which no more than one of five samples is paper; the longest stretch
    of the surroundings, as a share of the whole turn, that is inked all through; the share of the whole turn in which
    there is any ink out to 1.64 half axes. Zero where not chosen.
    """
    n = frames.shape[0]
    out = np.zeros((n, 5))
    solid = np.zeros(2 * _TURNS, np.bool_)
    for i in range(n):
        if not chosen[i]:
            continue
        f, ink = frames[i], (1.0 - depth) * papers[i]
        hits, turned = 0, 0
        for quarter in range(4):
            slanted = 0
            for k in range(_TURNS // 4):
                turn = quarter * (_TURNS // 4) + k
                inked = 0
                for j in range(_RADII.shape[0]):
                    inked += _is_ink(pixels, f, _RADII[j] * _COS[turn], _RADII[j] * _SIN[turn], ink)
                hits += inked
                solid[turn] = solid[turn + _TURNS] = inked == _RADII.shape[0]
                if _TURNS // 16 <= k < _TURNS // 4 - _TURNS // 16:
                    slanted += inked
                for j in range(_WIDER.shape[0]):
                    inked += _is_ink(pixels, f, _WIDER[j] * _COS[turn], _WIDER[j] * _SIN[turn], ink)
                turned += inked > 0
            out[i, 1] += slanted > _HIT * (_TURNS // 8) * _RADII.shape[0]
            out[i, 2] += _arm(pixels, f, quarter, ink)
        out[i, 0] = hits / (_TURNS * _RADII.shape[0])
        out[i, 3] = _longest(solid) / _TURNS
        out[i, 4] = turned / _TURNS
    return out


@njit(cache=True, nogil=True)
def _longest(solid: Bools) -> int:
    """The longest run of a turn that is given twice over."""
    longest, run = 0, 0
    for k in range(solid.shape[0]):
        run = run + 1 if solid[k] else 0
        longest = max(longest, run)
    return min(longest, _TURNS)


@njit(cache=True, nogil=True)
def _arm(pixels: Grey, f: Floats, quarter: int, ink: float) -> bool:
    for turn in range(_ARM.shape[1]):
        hits = 0
        for k in range(5):
            far = 1.5 + 0.08 * k
            hits += _is_ink(pixels, f, far * _ARM_COS[quarter, turn], far * _ARM_SIN[quarter, turn], ink)
            if hits < k:
                break
        if hits >= 4:
            return True
    return False


@njit(cache=True, nogil=True)
def _is_ink(pixels: Grey, f: Floats, u: float, v: float, ink: float) -> int:
    x, y = f[0] + 0.5 + u * f[2] + v * f[4], f[1] + 0.5 + u * f[3] + v * f[5]
    if x < 0.0 or y < 0.0 or x >= pixels.shape[1] or y >= pixels.shape[0]:
        return 0
    return 1 if pixels[np.uint64(y), np.uint64(x)] < ink else 0
