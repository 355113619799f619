"""What the scanner's lamp, lens and sensor make of the paper: blur, tone, light, dirt on the glass, noise.

Takes reflectance (255 = the paper's white) and gives the scanner's grey or colour levels.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from scanner.simulator.draws import stream, within
from scanner.simulator.rates import Rates
from scanner.simulator.scanner import ScannerPlan

Picture = NDArray[np.uint8]
GRAIN_TILE = 1024


def expose(picture: Picture, scanner: ScannerPlan, *, sequence: int, face: int, motion_mm: float, rng: np.random.Generator) -> Picture:
    """One pass under the lamp."""
    picture = _blurred(picture, scanner, motion_mm)
    picture = np.asarray(cv2.LUT(picture, _tone(scanner)), np.uint8)
    light = light_across(picture.shape[1], scanner, sequence, face)
    if light is not None:
        rows = np.repeat(light[None, :], picture.shape[0], axis=0)
        picture = np.asarray(cv2.multiply(picture, rows if picture.ndim == 2 else cv2.merge([rows] * 3), scale=1 / 255), np.uint8)
    return add_grain(picture, scanner.grain, rng)


def motion_of(feed: tuple[str, ...], rates: Rates, rng: np.random.Generator) -> float:
    return within(rng, rates.span("motion_mm")) if "motion_blur" in feed else 0.0


def light_across(width: int, scanner: ScannerPlan, sequence: int, face: int) -> NDArray[np.uint8] | None:
    """Share of the light at each column, or None when it is even. Dirt lies on the glass of one face's camera."""
    streak = scanner.streak if streak_hits(scanner, sequence, face) else None
    if not scanner.light_drop and streak is None:
        return None
    u = np.linspace(0, 1, width)
    towards = u if scanner.light_drop > 0 else 1 - u
    share = 1.0 - abs(scanner.light_drop) * towards**2
    if streak is not None:
        away = (u - streak.place) * (width - 1) / (scanner.dpi / 25.4)
        share = share * (1.0 - streak.darkness * np.exp(-0.5 * (away / (0.5 * streak.width_mm)) ** 2))
    return np.rint(255 * share).astype(np.uint8)


def streak_hits(scanner: ScannerPlan, sequence: int, face: int) -> bool:
    streak = scanner.streak
    return streak is not None and face == 1 and streak.first <= sequence <= streak.last


def _blurred(picture: Picture, scanner: ScannerPlan, motion_mm: float) -> Picture:
    sigma = scanner.blur_px * scanner.dpi / 200
    reach = 2 * max(1, round(2.5 * sigma)) + 1
    picture = np.asarray(cv2.GaussianBlur(picture, (reach, reach), sigma), np.uint8)
    length = motion_mm * scanner.dpi / 25.4
    if length > 1.0:
        taps = int(length // 2) * 2 + 1
        kernel = np.full(taps + 2, 1.0)
        kernel[[0, -1]] = max(0.0, (length - taps) / 2)
        picture = np.asarray(cv2.sepFilter2D(picture, -1, np.ones(1), kernel / kernel.sum()), np.uint8)
    return picture


@lru_cache(maxsize=64)
def _tone(scanner: ScannerPlan) -> NDArray[np.uint8]:
    reflectance = np.linspace(0, 1, 256)
    level = scanner.black + (scanner.white - scanner.black) * reflectance**scanner.gamma
    return np.rint(255 * level).astype(np.uint8)


@lru_cache(maxsize=32)
def _grain(deviation: float) -> NDArray[np.int8]:
    """Sensor noise with a little of the paper's fibre in it, which is coarser than a pixel."""
    rng = stream("grain")
    noise = rng.standard_normal((GRAIN_TILE, GRAIN_TILE)).astype(np.float32)
    fibre = cv2.GaussianBlur(rng.standard_normal((GRAIN_TILE, GRAIN_TILE)).astype(np.float32), (0, 0), 1.3)
    mixed = 0.85 * noise + 0.5 * fibre / fibre.std()
    return np.asarray(np.clip(np.rint(deviation * mixed / mixed.std()), -127, 127), np.int8)


def add_grain(picture: Picture, deviation: float, rng: np.random.Generator) -> Picture:
    tile = _grain(round(deviation, 2))
    step = GRAIN_TILE - 256
    height, width = picture.shape[:2]
    out = np.empty_like(picture)
    for top in range(0, height, step):
        for left in range(0, width, step):
            part = picture[top : top + step, left : left + step]
            y, x = rng.integers(0, 256, 2)
            noise = tile[y : y + part.shape[0], x : x + part.shape[1]]
            noise = noise if part.ndim == 2 else np.repeat(noise[..., None], 3, axis=2)
            cv2.add(part, noise, dst=out[top : top + step, left : left + step], dtype=cv2.CV_8U)
    return out
