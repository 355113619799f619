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

_INK = 0.84  # of the local paper: what is darker is inked
_HIT = 0.15  # share of a diagonal's samples from which a stroke runs there
_RADII = np.array([1.20, 1.31, 1.42])
_TURNS = 48
_ANGLES = 2.0 * np.pi * (np.arange(_TURNS) + 0.5) / _TURNS
_COS, _SIN = np.cos(_ANGLES), np.sin(_ANGLES)
_ARM = np.pi * (0.25 + 0.5 * np.arange(4))[:, None] + 0.06 * np.arange(-5, 6)[None, :]
_ARM_COS, _ARM_SIN = np.cos(_ARM), np.sin(_ARM)


@njit(cache=True, nogil=True)
def around(pixels: Grey, frames: Floats, papers: Floats, chosen: Bools) -> Floats:
    """How much ink there is around chosen bubbles, and where it runs.

    Parameters
    ----------
    pixels : (h, w) uint8
    frames : (n, 6) float64, pixels: centre, half axis across, half axis down
    papers : (n,) float64, lightness of the paper beside each bubble, 0..255
    chosen : (n,) bool

    Returns
    -------
    (n, 3) float64: share of the surroundings (1.2 to 1.42 half axes) that is inked; how many of its four diagonal
    eighths a stroke runs through; how many strokes leave through the corners of the bubble's box, as those of a
    cross do: rays from 1.5 to 1.8 half axes of which no more than one of five samples is paper. Zero where not chosen.
    """
    n = frames.shape[0]
    out = np.zeros((n, 3))
    for i in range(n):
        if not chosen[i]:
            continue
        f, ink = frames[i], _INK * papers[i]
        hits = 0
        for quarter in range(4):
            slanted = 0
            for k in range(_TURNS // 4):
                turn = quarter * (_TURNS // 4) + k
                inked = 0
                for j in range(_RADII.shape[0]):
                    inked += _is_ink(pixels, f, _RADII[j] * _COS[turn], _RADII[j] * _SIN[turn], ink)
                hits += inked
                if _TURNS // 16 <= k < _TURNS // 4 - _TURNS // 16:
                    slanted += inked
            out[i, 1] += slanted > _HIT * (_TURNS // 8) * _RADII.shape[0]
            out[i, 2] += _arm(pixels, f, quarter, ink)
        out[i, 0] = hits / (_TURNS * _RADII.shape[0])
    return out


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
