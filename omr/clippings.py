"""Pictures for the exceptions desk: the whole frame, small and upright, and a cut around each doubtful field."""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np
import simplejpeg

from core.template import Side, lines_of
from omr.regions import Grey, encode
from scanner.decode import Page
from scanner.laid import Laid
from scanner.straighten import straighten

_TALLEST = 1400  # pixels of a preview's longer side: enough to read handwriting on A4
_QUALITY = 60
_AROUND = 0.6  # of a bubble's size around the row of a field


def preview(page: Page, *, turn: int = 0) -> bytes:
    """The frame as a small JPEG, turned back by `turn` degrees."""
    pixels = page.pixels
    scale = _TALLEST / max(pixels.shape)
    if scale < 1:
        pixels = np.asarray(cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
    upright = np.ascontiguousarray(np.rot90(pixels, turn // 90))
    return bytes(simplejpeg.encode_jpeg(upright[:, :, None], quality=_QUALITY, colorspace="GRAY", colorsubsampling="Gray"))


def crops(page: Page, laid: Laid, side: Side, names: Iterable[str]) -> dict[str, bytes]:
    """A cut around the bubbles of each named field."""
    wanted = set(names)
    return {name: encode(_cut(page.pixels, laid, side, name)) for name in sorted(wanted & _fields(side))}


def _fields(side: Side) -> set[str]:
    return {line.field for line in lines_of(side)}


def _cut(pixels: Grey, laid: Laid, side: Side, name: str) -> Grey:
    lines = [line for line in lines_of(side) if line.field == name]
    bubble = lines[0].grid.bubble
    xs = [x for line in lines for x, _ in line.bubbles]
    ys = [y for line in lines for _, y in line.bubbles]
    wide, high = bubble.width * (0.5 + _AROUND), bubble.height * (0.5 + _AROUND)
    return straighten(pixels, laid, (min(xs) - wide, min(ys) - high, max(xs) - min(xs) + 2 * wide, max(ys) - min(ys) + 2 * high))
