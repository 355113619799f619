"""Cuts the written regions out of a page, straight, and says how much ink is in each.

One sampling a region, straight from the scan through the transform; the page itself is never warped.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from core.template import Region
from scanner.register import Laid

Grey = NDArray[np.uint8]

QUALITY = 80
_MOST_PIXELS = 40_000_000
_INK = 0.70  # darker than this share of the region's paper is ink
_RULE = 0.55  # a row or column of pixels inked over this share of its length is a printed rule


@dataclass(frozen=True, slots=True)
class RegionCut:
    name: str
    group: str
    jpeg: bytes
    ink: float  # share of the region covered by ink that is not a printed rule


def cut_region(pixels: Grey, laid: Laid, region: Region) -> RegionCut:
    picture = straighten(pixels, laid, region.box)
    return RegionCut(region.name, region.group, encode(picture), ink_share(picture))


def straighten(pixels: Grey, laid: Laid, box: tuple[float, float, float, float]) -> Grey:
    """The box upright at the scan's own resolution, paper white where it reaches off the scan."""
    x, y, w, h = box
    corners = laid.places(np.array([[x, y], [x + w, y], [x + w, y + h], [x, y + h]], np.float64))
    width = max(1, round((math.dist(corners[0], corners[1]) + math.dist(corners[3], corners[2])) / 2))
    height = max(1, round((math.dist(corners[0], corners[3]) + math.dist(corners[1], corners[2])) / 2))
    if width * height > _MOST_PIXELS:
        raise ValueError("a region of the template is larger than any page")
    left, top = np.floor(corners.min(axis=0)).astype(int) - 2
    right, bottom = np.ceil(corners.max(axis=0)).astype(int) + 3
    left, top = max(0, left), max(0, top)
    part = pixels[top : max(top, bottom), left : max(left, right)]
    if part.size == 0:
        return np.full((height, width), 255, np.uint8)
    target = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32) - 0.5
    matrix = cv2.getPerspectiveTransform(target, (corners - (left, top)).astype(np.float32))
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    straight = cv2.warpPerspective(part, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_CONSTANT, borderValue=255)
    return np.asarray(straight, np.uint8)


def encode(picture: Grey) -> bytes:
    planes = np.ascontiguousarray(picture)[:, :, None]
    return bytes(simplejpeg.encode_jpeg(planes, quality=QUALITY, colorspace="GRAY", colorsubsampling="Gray"))


def ink_share(picture: Grey) -> float:
    """Ink that a candidate may have left: darkness against the region's own paper, without printed rules and frame."""
    frame = max(2, min(picture.shape) // 60)
    inner = np.ascontiguousarray(picture[frame:-frame:2, frame:-frame:2])  # a share needs no more than every other pixel
    if inner.size == 0:
        return 0.0
    paper = float(np.percentile(inner[::4, ::4], 75))
    ink = inner < _INK * paper
    rows, columns = ink.mean(axis=1) < _RULE, ink.mean(axis=0) < _RULE
    rows &= np.roll(rows, 1) & np.roll(rows, -1)
    kept = ink[rows][:, columns]
    return float(kept.mean()) if kept.size else 0.0
