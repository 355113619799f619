"""What the ink on a line of bubbles means: what was told, or nothing that can be said for certain.

Decided from the ink that was painted, against the limits in `rates`; never from what a reader makes of a scan.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from core.template import Line
from scanner.simulator.ink import Sheet
from scanner.simulator.marks import bubble_shape
from scanner.simulator.plan import MarkPlan
from scanner.simulator.rates import MARK_LEAST, STRAY_MOST, STRAY_RATIO
from scanner.simulator.strokes import Shape

INSIDE = 0.85
"""Share of the bubble's axes that counts as its inside: the printed ring stays out."""


@dataclass(frozen=True, slots=True)
class Meaning:
    ambiguous: bool
    note: str = ""


def ink_of(sheet: Sheet, shape: Shape) -> float:
    """Mean darkness of graphite and pen over the bubble's inside, 0..1."""
    inside = shape.scaled(INSIDE)
    scale = sheet.per_mm
    left, top = int((inside.x - inside.rx) * scale), int((inside.y - inside.ry) * scale)
    mask = _mask(inside.rx * scale, inside.ry * scale, inside.x * scale - left, inside.y * scale - top, inside.power)
    part = np.s_[top : top + mask.shape[0], left : left + mask.shape[1]]
    if not cv2.hasNonZero(sheet.graphite[part]) and not cv2.hasNonZero(sheet.pen[part]):
        return 0.0
    graphite, pen = sheet.graphite[part].astype(np.float32), sheet.pen[part].astype(np.float32)
    mask = mask[: graphite.shape[0], : graphite.shape[1]]
    dark = 1.0 - (1.0 - graphite / 255) * (1.0 - pen / 255)
    return float((dark * mask).sum() / max(float(mask.sum()), 1e-6))


def meaning_of(sheet: Sheet, line: Line, marks: Sequence[MarkPlan]) -> Meaning:
    """`marks` are those of this line."""
    cancelled = {m.value for m in marks if m.kind == "cancelled"}
    meant = {m.value for m in marks if m.meant}
    if meant & cancelled:
        return Meaning(True, "crossed out and no other filled")
    ink = [ink_of(sheet, bubble_shape(line, value)) for value in range(len(line.grid.values))]
    weakest = min((ink[v] for v in meant), default=1.0)
    stray = max((ink[v] for v in range(len(ink)) if v not in meant and v not in cancelled), default=0.0)
    if meant and weakest < MARK_LEAST:
        return Meaning(True, f"too little ink ({weakest:.3f})")
    if stray > STRAY_MOST:
        return Meaning(True, f"ink in a bubble that is not meant ({stray:.3f})")
    if meant and stray > STRAY_RATIO * weakest:
        return Meaning(True, f"ink beside the mark ({stray:.3f} to {weakest:.3f})")
    return Meaning(False, "a crossed-out bubble beside the mark" if cancelled else "")


@lru_cache(maxsize=4096)
def _mask_exact(rx: float, ry: float, x: float, y: float, power: float) -> NDArray[np.float32]:
    """Share of each pixel that lies inside, from four samples a pixel."""
    height, width = int(y + ry) + 2, int(x + rx) + 2
    v = (np.arange(2 * height) + 0.5) / 2
    u = (np.arange(2 * width) + 0.5) / 2
    inside = (np.abs((u[None, :] - x) / rx) ** power + np.abs((v[:, None] - y) / ry) ** power) <= 1.0
    return np.asarray(inside.reshape(height, 2, width, 2).mean(axis=(1, 3)), dtype=np.float32)


def _mask(rx: float, ry: float, x: float, y: float, power: float) -> NDArray[np.float32]:
    return _mask_exact(round(rx, 2), round(ry, 2), round(x, 1), round(y, 1), power)
