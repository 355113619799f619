"""A sheet on a ground that it differs from: its four edges -> the transform.

Owns finding the sheet. Where a corner lies beyond the picture, an edge is torn or covered or is not straight, nothing is
given: a page that is partly out of the picture cannot be placed by its outline. Which of the turns is right the outline
cannot say; all are given.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from core.template import Template
from scanner.fitting import even_sides, through_four

Grey = NDArray[np.uint8]
Floats = NDArray[np.float64]

_COARSE = 640  # pixels of the longer side at which the sheet is looked for
_LEAST_AREA = 0.08  # of the picture
_MOST_ASPECT = 0.35  # |ln|: how far the sheet's sides may be from the form's in proportion; perspective shortens
_MOST_TAPER = 0.35  # |ln| of opposite sides' lengths: a sheet seen from more aslant is not read
_SAMPLES = 90  # places along an edge where it is measured
_REACH = 0.012  # of the longer side of the picture: how far from the coarse edge the fine one may be
_STEP = 12.0  # grey levels across an edge, at the least
_STRAIGHT = 1.6  # pixels, or this share of the picture: what a sheet's edge may be from a line
_STRAIGHT_SHARE = 0.0015
_LEAST_SEEN = 0.6  # share of an edge that must be seen
_MARGIN = 2.0  # pixels: a corner nearer to the picture's edge may lie beyond it


def sheets_on(pixels: Grey, template: Template) -> Iterator[Floats]:
    """(4, 2) corners of every sheet of the form's proportions, clockwise from the one nearest to the top left."""
    for rough in _quads(pixels):
        corners = _refined(pixels, rough)
        if corners is not None and _believable(corners, pixels.shape, template):
            yield corners


def ways_of(corners: Floats, template: Template, *, stretched: bool = False) -> Iterator[tuple[Floats, int]]:
    """The (9,) transforms that put the form on these corners, with the turn of each; upright first.

    A form that may be `stretched` lies upright or upside down whatever its proportions; else they rule turns out.
    """
    places = np.array([(0.0, 0.0), (template.width, 0.0), (template.width, template.height), (0.0, template.height)])
    for turn in (0, 2, 1, 3):
        turned = np.roll(corners, -turn, axis=0)
        across = math.dist(turned[0], turned[1]) + math.dist(turned[3], turned[2])
        down = math.dist(turned[0], turned[3]) + math.dist(turned[1], turned[2])
        fits = abs(math.log((across / down) / (template.width / template.height))) <= _MOST_ASPECT
        if turn % 2 == 0 if stretched else fits:
            m = through_four(places, np.ascontiguousarray(turned))
            if m[8]:
                yield m, turn * 90


def _quads(pixels: Grey) -> Iterator[Floats]:
    """Coarse four-sided shapes, the largest first, by several ways of telling the sheet from its ground."""
    shrink = max(1.0, max(pixels.shape) / _COARSE)
    coarse = cv2.resize(pixels, None, fx=1 / shrink, fy=1 / shrink, interpolation=cv2.INTER_AREA)
    small: Grey = np.asarray(cv2.medianBlur(coarse, 5), np.uint8)
    seen: list[Floats] = []
    for mask in _masks(small):
        contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        for contour in sorted(contours, key=cv2.contourArea, reverse=True)[:3]:
            quad = _quad(np.asarray(contour), small.size)
            if quad is None or any(np.abs(quad - other).max() < 6 for other in seen):
                continue
            seen.append(quad)
            yield (quad + 0.5) * shrink - 0.5


def _masks(small: Grey) -> Iterator[Grey]:
    close = np.ones((7, 7), np.uint8)
    level, light = cv2.threshold(small, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    rim = np.concatenate([small[:4].ravel(), small[-4:].ravel(), small[:, :4].ravel(), small[:, -4:].ravel()])
    ground = float(np.median(rim))
    apart = cv2.absdiff(small, np.full_like(small, int(ground)))
    _, other = cv2.threshold(apart, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    dark = 255 - light if level < ground else light
    for mask in (light, other, dark):
        yield np.asarray(cv2.morphologyEx(mask, cv2.MORPH_CLOSE, close), np.uint8)
    for low in (20, 50):
        edges = cv2.Canny(small, low, 3 * low)
        yield np.asarray(cv2.morphologyEx(edges, cv2.MORPH_CLOSE, close), np.uint8)


def _quad(contour: NDArray[np.int32], area: int) -> Floats | None:
    hull = cv2.convexHull(contour)
    if cv2.contourArea(hull) < _LEAST_AREA * area:
        return None
    around = cv2.arcLength(hull, True)
    for share in (0.02, 0.03, 0.05, 0.08):
        quad = cv2.approxPolyDP(hull, share * around, True)
        if len(quad) == 4:
            if cv2.contourArea(quad) < 0.85 * cv2.contourArea(hull):
                return None
            return _clockwise(np.asarray(quad, np.float64).reshape(4, 2))
    return None


def _clockwise(quad: Floats) -> Floats:
    """Clockwise on the screen, from the corner nearest to the top left."""
    middle = quad.mean(axis=0)
    ordered = quad[np.argsort(np.arctan2(quad[:, 1] - middle[1], quad[:, 0] - middle[0]))]
    return np.asarray(np.roll(ordered, -int(np.argmin(ordered.sum(axis=1))), axis=0), np.float64)


def _refined(pixels: Grey, rough: Floats) -> Floats | None:
    """The corners where straight lines through the measured edges cross; None where an edge is not seen or not straight."""
    lines = []
    for i in range(4):
        line = _edge(pixels, rough[i], rough[(i + 1) % 4])
        if line is None:
            return None
        lines.append(line)
    corners = np.empty((4, 2))
    for i in range(4):
        a, b = lines[i - 1], lines[i]
        crossing = np.cross(a, b)
        if abs(crossing[2]) < 1e-9:
            return None
        corners[i] = crossing[:2] / crossing[2]
    return corners


def _edge(pixels: Grey, start: Floats, end: Floats) -> Floats | None:
    """(a, b, c) with a x + b y + c = 0, a unit normal: the line through the places of steepest change between two corners."""
    along = end - start
    length = float(np.hypot(*along))
    if length < 20:
        return None
    along, normal = along / length, np.array([-along[1], along[0]]) / length
    reach = max(4.0, _REACH * max(pixels.shape))
    offsets = np.arange(-reach, reach + 0.5, 0.5)
    shares = np.linspace(0.04, 0.96, _SAMPLES)
    places = start + shares[:, None] * along * length
    at = places[:, None, :] + offsets[None, :, None] * normal
    maps = at.astype(np.float32)
    raw = cv2.remap(pixels, maps[..., 0], maps[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE).astype(np.float32)
    profile = np.asarray(cv2.blur(raw, (3, 3)), np.float32)
    steps = profile[:, 4:] - profile[:, :-4]
    sign = 1.0 if np.median(steps[np.arange(len(steps)), np.abs(steps).argmax(axis=1)]) > 0 else -1.0
    best = (steps * sign).argmax(axis=1)
    strong = (steps * sign).max(axis=1) > _STEP
    found = places + offsets[best + 2][:, None] * normal
    limit = max(_STRAIGHT, _STRAIGHT_SHARE * max(pixels.shape))
    return _line(found[strong], limit, _LEAST_SEEN * _SAMPLES) if strong.sum() >= _LEAST_SEEN * _SAMPLES else None


def _line(points: Floats, limit: float, least: float) -> Floats | None:
    """The line that most points lie on, by trial of pairs (Fischler and Bolles 1981) and least squares over those."""
    first, last = np.arange(0, len(points) // 2, 3), np.arange(len(points) // 2, len(points), 3)
    best = np.zeros(len(points), np.bool_)
    for i in first:
        for j in last:
            direction = points[j] - points[i]
            normal = np.array([-direction[1], direction[0]]) / max(float(np.hypot(*direction)), 1e-9)
            near = np.abs((points - points[i]) @ normal) < limit
            if near.sum() > best.sum():
                best = near
    if best.sum() < least:
        return None
    middle = points[best].mean(axis=0)
    normal = np.linalg.svd(points[best] - middle)[2][1]
    return np.array([normal[0], normal[1], -float(normal @ middle)])


def _believable(corners: Floats, shape: Sequence[int], template: Template) -> bool:
    """Inside the picture, convex, not too aslant, and of the form's proportions one way or the other."""
    height, width = shape[0], shape[1]
    if corners.min() < _MARGIN or corners[:, 0].max() > width - 1 - _MARGIN or corners[:, 1].max() > height - 1 - _MARGIN:
        return False
    lengths = even_sides(corners, _MOST_TAPER)
    if lengths is None:
        return False
    aspect = math.log((lengths[0] + lengths[2]) / (lengths[1] + lengths[3]))
    form = math.log(template.width / template.height)
    return min(abs(aspect - form), abs(aspect + form)) <= _MOST_ASPECT
