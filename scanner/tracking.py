"""Two corner marks and the timing marks: a fit that is grown from what is known along what is printed at equal steps.

Owns the growing. Two marks give a turn, a place and one scale; the timing marks near them correct it, then those
farther away, until all that are there agree. Nothing is yielded that most timing marks do not confirm.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from core.geometry import Transform
from scanner.fitting import MOST_SHEAR, MOST_SKEW, MOST_STRETCH, fit_affine, fit_projective, rank
from scanner.furnishing import Furnishing
from scanner.furniture import survey
from scanner.laid import Laid, apply

Grey = NDArray[np.uint8]
Floats = NDArray[np.float64]

_LEAST_TIMING = 8  # timing marks of a form for which they can stand in for a corner
_LEAST_FOUND = 0.75  # of them that must be where the grown fit says
_TRIED = 2  # spots a corner
_SCALES = 0.3  # |ln| of a pair's scale against the rough one
_REACHES = (0.2, 0.35, 0.5, 0.7, 1.5, 1.5)  # how far from the known marks timing marks are taken in, share of the form's diagonal
_WIDE = 0.15  # share of the form's width and height over which marks must spread, or a scale is not known yet
_SPREAD = 0.5  # the same for a fit by timing marks alone
_BENT = 0.06  # mm that timing marks are from an affine picture when another is tried
_OUTLIER = 0.6  # mm
_REACH = 2.6  # mm that a timing mark may be from its place while the fit grows


def by_timing(pixels: Grey, furnishing: Furnishing, spots: Floats, turn: int, scale: float) -> Iterator[Laid]:
    """Fits that rest on two corner marks and are confirmed by the timing marks."""
    f = furnishing
    if len(f.timing) < _LEAST_TIMING or f.template.unit != "mm":
        return
    chosen, counts = rank(spots, f.sizes, f.solid, turn, scale, 1.6)
    for one, other in combinations([c for c in range(4) if counts[c]], 2):
        for a in chosen[one, : min(counts[one], _TRIED)]:
            for b in chosen[other, : min(counts[other], _TRIED)]:
                first = _similarity(f.corners[[one, other]], spots[[a, b], 1:3], turn)
                if first is not None and abs(math.log(first.scale[0] / scale)) < _SCALES:
                    grown = _grown(pixels, f, first, f.corners[[one, other]], spots[[a, b], 1:3])
                    if grown is not None:
                        yield grown


def _similarity(places: Floats, found: Floats, turn: int) -> Laid | None:
    """The turn, scale and place that two marks give; None where the sheet would lie too far askew."""
    step = complex(*(places[1] - places[0]))
    z = complex(*(found[1] - found[0])) / step
    skew = math.remainder(math.atan2(z.imag, z.real) - turn * math.pi / 2, 2 * math.pi)
    if abs(skew) > MOST_SKEW:
        return None
    x, y = found[0] - np.array([[z.real, -z.imag], [z.imag, z.real]]) @ places[0]
    transform = Transform((z.real, -z.imag, float(x), z.imag, z.real, float(y), 0.0, 0.0, 1.0))
    return Laid(transform, turn * 90, 2, 0.0, 1 / abs(z), (abs(z), abs(z)), math.degrees(skew), way="timing")


def _grown(pixels: Grey, furnishing: Furnishing, laid: Laid, places: Floats, found: Floats) -> Laid | None:
    """The fit after the timing marks were taken in, nearest first; None where they do not bear it out."""
    f = furnishing
    centres = f.timing[:, :2]
    away = np.min(np.hypot(*(centres[:, None, :] - places[None, :, :]).transpose(2, 0, 1)), axis=1)
    diagonal = math.hypot(f.template.width, f.template.height)
    for reach in _REACHES:
        m, near = np.array(laid.transform.m), away < reach * diagonal
        moved = survey(pixels, m, laid.turn % 180 == 90, f.timing[near], _REACH / laid.mm_a_pixel)
        good = moved[:, 2] > 0
        if good.sum() < 3:
            return None
        taken = np.concatenate([places, centres[near][good]])
        at = np.concatenate([found, laid.places(centres[near][good]) + moved[good, :2]])
        if min(np.ptp(taken[:, 0]) / f.template.width, np.ptp(taken[:, 1]) / f.template.height) < _WIDE:
            continue
        fitted = _affine(laid, taken, at)
        if fitted is None:
            return None
        laid = fitted
    return laid if good.sum() >= _LEAST_FOUND * len(f.timing) else None


def _affine(laid: Laid, places: Floats, found: Floats) -> Laid | None:
    """The affine of least squares without what is far off it; None where no scanner could have made it."""
    matrix = fit_affine(places, found)
    off = np.hypot(*(places @ matrix[:, :2].T + matrix[:, 2] - found).T)
    kept = off <= max(_OUTLIER / laid.mm_a_pixel, 2 * float(np.median(off)))
    matrix = fit_affine(places[kept], found[kept])
    a, b, c, d, e, f = (float(v) for v in matrix.ravel())
    sx, sy = math.hypot(a, d), math.hypot(b, e)
    skew = math.remainder(math.atan2(d, a) - laid.turn * math.pi / 180, 2 * math.pi)
    shear = math.remainder(math.atan2(e, b) - math.atan2(d, a) - math.pi / 2, 2 * math.pi)
    if abs(skew) > MOST_SKEW or abs(shear) > MOST_SHEAR or min(sx, sy) <= 0 or abs(math.log(sx / sy)) > MOST_STRETCH:
        return None
    return replace(
        laid, transform=Transform((a, b, c, d, e, f, 0.0, 0.0, 1.0)), scale=(sx, sy), mm_a_pixel=1 / math.sqrt(sx * sy),
        skew=math.degrees(skew), defect_px=float(np.sqrt(np.mean(off[kept] ** 2))),
    )  # fmt: skip


def refitted(pixels: Grey, furnishing: Furnishing, laid: Laid) -> Laid:
    """A fit of fewer than four marks as all its timing marks have it, since one of the marks may be covered in part or a
    wrong one; in perspective where that explains them much better."""
    centres = furnishing.timing[:, :2]
    m = np.array(laid.transform.m)
    moved = survey(pixels, m, laid.turn % 180 == 90, furnishing.timing, _REACH / laid.mm_a_pixel)
    good = moved[:, 2] > 0
    places = centres[good]
    if min(np.ptp(places, axis=0) / (furnishing.template.width, furnishing.template.height)) < _SPREAD:
        return laid
    found = laid.places(places) + moved[good, :2]
    flat = _affine(laid, places, found) or laid
    tilted = fit_projective(places, found)
    off, off_tilted = (float(np.median(np.hypot(*(apply(t, places) - found).T))) for t in (flat.transform, tilted))
    bent = off * laid.mm_a_pixel > _BENT and off_tilted < off / 2
    return replace(flat, transform=tilted) if bent else flat
