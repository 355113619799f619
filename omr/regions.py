"""Cuts the written regions out of a page, straight, and says how much ink is in each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import simplejpeg
from numpy.typing import NDArray

from core.template import Region
from scanner.kernels import njit
from scanner.register import Laid
from scanner.straighten import straighten

Grey = NDArray[np.uint8]

QUALITY = 80
_INK = 0.70  # darker than this share of the region's paper is ink
_RULE = 0.55  # a row or column of pixels inked over this share of its length is a printed rule


@dataclass(frozen=True, slots=True)
class RegionCut:
    name: str
    group: str
    jpeg: bytes
    width: int
    height: int
    ink: float  # share of the region covered by ink that is not a printed rule


def cut_region(pixels: Grey, laid: Laid, region: Region) -> RegionCut:
    picture = straighten(pixels, laid, region.box)
    height, width = picture.shape
    return RegionCut(region.name, region.group, encode(picture), width, height, ink_share(picture))


def encode(picture: Grey) -> bytes:
    planes = np.ascontiguousarray(picture)[:, :, None]
    return bytes(simplejpeg.encode_jpeg(planes, quality=QUALITY, colorspace="GRAY", colorsubsampling="Gray"))


def ink_share(picture: Grey) -> float:
    """Ink that a candidate may have left: darkness against the region's own paper, without printed rules and frame."""
    frame = max(2, min(picture.shape) // 60)
    if min(picture.shape) <= 2 * frame:
        return 0.0
    return float(inked(picture, frame, _INK, _RULE))


@njit(cache=True, nogil=True)
def inked(picture: Grey, frame: int, least: float, rule: float) -> float:
    """The share of a picture that is darker than its paper, without lines and columns that are printed rules.

    The paper is the lighter quarter's darkest value. Every other line of pixels is looked at: a share needs no more.

    Parameters
    ----------
    picture : (h, w) uint8, h and w > 2 * frame
    frame : pixels at each edge that are left out
    least : share of the paper's lightness below which a pixel is ink
    rule : share of a line (or column) that is inked from which it, with its two neighbours, is a rule

    Returns
    -------
    0..1
    """
    height, width = picture.shape
    across, lines = width - 2 * frame, (height - 2 * frame + 1) // 2
    counts = np.zeros(256, np.int64)
    for y in range(frame, height - frame, 8):
        for x in range(frame, width - frame, 4):
            counts[picture[y, x]] += 1
    total = counts.sum()
    paper, seen = 255, counts[255]
    while seen <= total // 4:
        paper -= 1
        seen += counts[paper]
    cut = np.uint8(min(255.0, np.ceil(least * paper)))
    columns = np.zeros(across, np.int32)
    ruled_line = np.zeros(lines, np.bool_)
    for i in range(lines):
        line = picture[frame + 2 * i, frame : width - frame]
        dark = np.int32(0)
        for x in range(across):
            hit = np.int32(line[x] < cut)
            columns[x] += hit
            dark += hit
        ruled_line[i] = float(dark) >= rule * across
    kept_column = np.ones(across, np.uint8)
    for x in range(across):
        if columns[x] >= rule * lines:
            for near in range(max(0, x - 2), min(across, x + 3)):
                kept_column[near] = 0
    ink, area = 0, 0
    kept = 0
    for x in range(across):
        kept += kept_column[x]
    for i in range(lines):
        if ruled_line[max(0, i - 1)] or ruled_line[i] or ruled_line[min(lines - 1, i + 1)]:
            continue
        line = picture[frame + 2 * i, frame : width - frame]
        area += kept
        for x in range(across):
            ink += (line[x] < cut) & kept_column[x]
    return ink / max(area, 1)
