"""The printed bubbles themselves as furniture: whether they are where a transform says, on forms that have nothing else.

Phone photos and foreign forms have no timing marks, and their templates give a box around each bubble that says little
about what is printed there: a ring, a square, a bare letter. What they all have is print inside the boxes and paper
between them, at equal steps. Each part of a grid is moved to where it fits best by itself; a page is only believed
when nearly all parts move alike. Owns that measure and the finer fit that follows from it; finds no page.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from core.geometry import Transform
from core.template import Grid, Side, Template
from scanner.fitting import as_transform, fit_affine, fit_projective
from scanner.laid import apply

Grey = NDArray[np.uint8]
Floats = NDArray[np.float64]

_LARGEST = 2400  # pixels of the straightened picture's longer side
_REACH = 0.45  # of a step: further away lies the next bubble
_ALIKE = 0.2  # of a step: parts that are moved alike differ by less
_PASSES = 3
_PART = 6  # lines of bubbles a part; fewer where the form has few
_PARTS = 5  # parts that a page has at the least, else each line is one
_PLAIN = 0.03  # how much a part must fit better at its best place than at its usual one for its place to mean anything
_ALONE = 0.3  # of a bubble: the same in a direction in which it has no neighbour to be told from
_FLAT = 0.06  # of how much the best place is better than most: places that are within this are as good
_BAND = 0.12  # of a step: how wide the band of paper is that is looked for between two bubbles
_WITHIN = 0.8  # of a step: how much of it is a bubble's own
_STRAY = 0.35  # of a step: how far the form may be moved from where its page says
_EMPTY = 0.35  # of the usual ink in a bubble: a row or column with less has nothing printed in it
_MANY = 20  # parts from which a local correction can be told
_LEVELS = 9  # heights at which the local correction is known
_CALM = 0.7  # parts' worth of no correction at each
LEAST_HELD = 0.75  # share of the parts that must move alike: of random places one in five does


@dataclass(frozen=True, slots=True)
class Settled:
    transform: Transform
    held: float  # share of the parts of the grids that lie where the transform says
    contrast: float  # how much darker the bubbles are than the paper between them, and how much they differ, 0 to 1
    knots: Floats  # (k, 4) the local correction that is left: x, y in the template's unit, dx, dy in pixels; two tracks down


@dataclass(frozen=True, slots=True)
class _Bands:
    """Where paper should be: upright bands midway between neighbours."""

    centres: Floats  # (m, 2) template unit
    half: tuple[float, float]


@dataclass(frozen=True, slots=True)
class _Part:
    """Some lines of a grid."""

    centres: Floats  # (n, 2) template unit
    half: tuple[float, float]  # of a bubble
    bands: tuple[_Bands, ...]
    step: tuple[float, float]  # to the neighbours across and down
    reach: tuple[float, float]  # how far it is looked for

    @property
    def middle(self) -> Floats:
        return np.asarray(self.centres.mean(axis=0), np.float64)


def settle(pixels: Grey, transform: Transform, template: Template, side: Side) -> Settled | None:
    """The transform moved to where the bubbles are printed; None on a side without enough of them to tell."""
    parts = list(_parts(side))
    if len(parts) < _PARTS:
        return None
    span = max(part.step[axis] for part in parts for axis in (0, 1))
    first = transform
    for _ in range(_PASSES):
        dark, origin, scale = _straight(pixels, transform, template, span)
        measured = [_best_shift(dark, origin, scale, part) for part in parts]
        shifts = np.array([m[:2] for m in measured])
        plain = np.array([m[2] > _PLAIN for m in measured])
        moved = _common(parts, shifts, plain)
        if moved is None:
            return Settled(transform, 0.0, 0.0, np.zeros((0, 4)))
        steps = np.array([p.step for p in parts])
        middles = np.array([p.middle for p in parts])
        homogeneous = np.column_stack([middles, np.ones(len(parts))]) @ moved.T
        expected = homogeneous[:, :2] / homogeneous[:, 2:] - middles
        alike = plain & (np.abs(shifts - expected) / steps < _ALIKE).all(axis=1)
        held = float(alike.mean())
        contrast = float(np.mean([m[3] for m in measured]))
        transform = as_transform(np.array(transform.m).reshape(3, 3) @ moved)
        if np.abs(expected / steps).max() < 0.03:
            break
    if _strayed(first, transform, middles, steps) > _STRAY or not _all_printed(pixels, transform, template, side, span):
        held = 0.0
    left = _left_over(middles[alike], (shifts - expected)[alike], template.width) if alike.sum() >= _MANY else np.zeros((0, 4))
    return Settled(transform, held, contrast, _in_pixels(transform, left))


def _strayed(first: Transform, last: Transform, places: Floats, steps: Floats) -> float:
    """How far the parts were moved in all, in steps: from half a step on it may be to the wrong bubble."""
    back = np.linalg.inv(np.array(first.m).reshape(3, 3)) @ np.array(last.m).reshape(3, 3)
    moved = np.column_stack([places, np.ones(len(places))]) @ back.T
    return float(np.median((np.abs(moved[:, :2] / moved[:, 2:] - places) / steps).max(axis=1)))


def _all_printed(pixels: Grey, transform: Transform, template: Template, side: Side, span: float) -> bool:
    """Whether something is printed in every column and row of each grid: one step aside, one of them would be empty."""
    dark, margin, scale = _straight(pixels, transform, template, span)
    for grid in side.grids:
        part = _part(grid, range(grid.line_count), range(len(grid.values)))
        half = _WITHIN * part.step[0] * scale / 2, _WITHIN * part.step[1] * scale / 2
        ink = _means(dark, (part.centres + margin) * scale, half, (0, 0)).reshape(grid.line_count, len(grid.values))
        usual = _EMPTY * float(np.median(ink))
        if grid.line_count > 2 and (np.median(ink, axis=0) < usual).any():
            return False
        if len(grid.values) > 2 and (np.median(ink, axis=1) < usual).any():
            return False
    return True


def _left_over(places: Floats, shifts: Floats, width: float) -> Floats:
    """What a plane transform leaves of curled paper: (k, 4) places down both sides of the form and how far they are off.

    At each of some heights the parts around it give a straight line across the form, drawn towards no correction.
    """
    heights = np.unique(np.quantile(places[:, 1], np.linspace(0, 1, _LEVELS)).round(3))
    if len(heights) < 3:
        return np.zeros((0, 4))
    reach = float(np.median(np.diff(heights)))
    tracks: list[list[Floats]] = [[], []]
    for y in heights:
        weights = np.exp(-(((places[:, 1] - y) / reach) ** 2))
        across = places[:, 0] / width - 0.5
        design = np.column_stack([np.ones(len(places)), across])
        normal = design.T @ (design * weights[:, None]) + np.diag([_CALM, _CALM])
        line = np.linalg.solve(normal, design.T @ (shifts * weights[:, None]))
        for track, x in zip(tracks, (-0.5, 0.5), strict=True):
            track.append(np.concatenate([[(x + 0.5) * width, y], line[0] + x * line[1]]))
    return np.array(tracks[0] + tracks[1])


def _in_pixels(transform: Transform, knots: Floats) -> Floats:
    moved = apply(transform, knots[:, :2] + knots[:, 2:]) - apply(transform, knots[:, :2])
    return np.column_stack([knots[:, :2], moved])


def _parts(side: Side) -> Iterator[_Part]:
    lines = sum(grid.line_count for grid in side.grids)
    size = max(1, min(_PART, lines // (2 * _PARTS)))
    for grid in side.grids:
        values = len(grid.values)
        across = 1 if values <= 5 else 2
        bounds = np.linspace(0, values, across + 1).astype(int)
        for first in range(0, grid.line_count, size):
            last = min(first + size, grid.line_count)
            for a, b in pairwise(bounds):
                yield _part(grid, range(first, last), range(int(a), int(b)))


def _part(grid: Grid, lines: Sequence[int], values: Sequence[int]) -> _Part:
    bubble = grid.bubble
    size = np.array([bubble.width, bubble.height])
    centres = np.array([[grid.bubble_at(i, j) for j in values] for i in lines], np.float64)
    step, reach = 2 * size, _ALONE * size
    bands = []
    for move, count, own, across in ((grid.value_step, len(grid.values), values, 1), (grid.field_step, grid.line_count, lines, 0)):
        axis = 0 if abs(move[0]) > abs(move[1]) else 1
        if count < 2 or not abs(move[axis]) > 0:
            continue
        step[axis] = abs(move[axis])
        reach[axis] = _REACH * step[axis]
        half = np.array(move, np.float64) / 2
        behind = [k for k, i in enumerate(own) if i > 0]
        ahead = [k for k, i in enumerate(own) if i < count - 1]
        places = np.concatenate([centres.take(behind, axis=across) - half, centres.take(ahead, axis=across) + half], axis=across)
        bands.append((axis, places.reshape(-1, 2)))
    shares = [np.where(np.arange(2) == axis, _BAND, _WITHIN) * step / 2 for axis, _ in bands]
    found = tuple(_Bands(places, (float(h[0]), float(h[1]))) for (_, places), h in zip(bands, shares, strict=True))
    flat = centres.reshape(-1, 2)
    return _Part(flat, (bubble.width / 2, bubble.height / 2), found, (float(step[0]), float(step[1])), (float(reach[0]), float(reach[1])))


def _straight(pixels: Grey, transform: Transform, template: Template, span: float) -> tuple[Floats, float, float]:
    """The form's darkness straightened, as sums over all that is above and left; the margin in units; pixels a unit."""
    m = np.array(transform.m).reshape(3, 3)
    middle = np.array([template.width / 2, template.height / 2, 1.0])
    at = m @ middle
    native = np.sqrt(abs(np.linalg.det(m)) / abs(at[2]) ** 3)
    scale = float(min(native, _LARGEST / max(template.width, template.height)))
    margin = span
    size = int((template.width + 2 * margin) * scale) + 1, int((template.height + 2 * margin) * scale) + 1
    to_template = np.array([[1 / scale, 0, -margin], [0, 1 / scale, -margin], [0, 0, 1.0]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    picture = cv2.warpPerspective(pixels, m @ to_template, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    paper = _paper(np.asarray(picture, np.uint8), max(3, int(0.75 * span * scale)))
    dark = np.clip(1.0 - picture.astype(np.float32) / np.maximum(paper, 1.0), 0.0, 1.0)
    return np.asarray(cv2.integral(dark, sdepth=cv2.CV_64F), np.float64), margin, scale


def _paper(picture: Grey, reach: int) -> NDArray[np.float32]:
    """The lightest paper within `reach` pixels, smoothed."""
    shrink = max(1, reach // 4)
    small = cv2.resize(picture, None, fx=1 / shrink, fy=1 / shrink, interpolation=cv2.INTER_AREA)
    small = cv2.dilate(small, np.ones((9, 9), np.uint8))
    small = cv2.blur(small.astype(np.float32), (9, 9))
    return np.asarray(cv2.resize(small, (picture.shape[1], picture.shape[0]), interpolation=cv2.INTER_LINEAR), np.float32)


def _best_shift(dark: Floats, margin: float, scale: float, part: _Part) -> tuple[float, float, float, float]:
    """Where a part fits best (across and down, template units), how plainly, and how well where it is expected."""
    reach = [max(1, int(r * scale)) for r in part.reach]
    at = (part.centres + margin) * scale
    boxes = _means(dark, at, (part.half[0] * scale, part.half[1] * scale), reach)
    cells = _means(dark, at, (_WITHIN * part.step[0] * scale / 2, _WITHIN * part.step[1] * scale / 2), reach)
    bands = [_means(dark, (b.centres + margin) * scale, (b.half[0] * scale, b.half[1] * scale), reach).mean(axis=0) for b in part.bands]
    spread = boxes.std(axis=0) if len(part.centres) > 1 else 0.0
    score = cells.mean(axis=0) + spread - sum(bands)
    down, across = np.mgrid[-reach[1] : reach[1] + 1, -reach[0] : reach[0] + 1]
    near = score - 0.02 * ((across / reach[0]) ** 2 + (down / reach[1]) ** 2)
    top = np.unravel_index(int(np.argmax(near)), near.shape)
    # A letter in a wide step fits equally well at several places, a ring between rules at two: their middle is meant.
    best = near > near[top] - _FLAT * (near[top] - np.median(near))
    weight = float(best.sum())
    x, y = float((across * best).sum()) / weight, float((down * best).sum()) / weight
    return x / scale, y / scale, float(score[top] - np.median(score)), float(score[reach[1], reach[0]])


def _means(dark: Floats, centres: Floats, half: tuple[float, float], reach: Sequence[int]) -> Floats:
    """(n, 2 reach down + 1, 2 reach across + 1): the mean darkness of a box around each centre at every shift."""
    hx, hy = max(0.5, half[0]), max(0.5, half[1])
    x = centres[:, 0][:, None] + np.arange(-reach[0], reach[0] + 1)[None]
    y = centres[:, 1][:, None] + np.arange(-reach[1], reach[1] + 1)[None]
    left, right = _inside(x - hx + 0.5, dark.shape[1]), _inside(x + hx + 0.5, dark.shape[1])
    top, bottom = _inside(y - hy + 0.5, dark.shape[0]), _inside(y + hy + 0.5, dark.shape[0])
    a, b, c, d = top[:, :, None], bottom[:, :, None], left[:, None, :], right[:, None, :]
    area = np.maximum((b - a) * (d - c), 1)
    return np.asarray((dark[b, d] - dark[a, d] - dark[b, c] + dark[a, c]) / area, np.float64)


def _inside(values: Floats, size: int) -> NDArray[np.int64]:
    return np.clip(np.floor(values).astype(np.int64), 0, size - 1)


def _common(parts: Sequence[_Part], shifts: Floats, plain: NDArray[np.bool_]) -> Floats | None:
    """The (3, 3) transform of the template's plane that most parts' shifts agree with; None where too few are plain."""
    if plain.sum() < _PARTS:
        return None
    middles = np.array([p.middle for p in parts])[plain]
    steps = np.array([p.step for p in parts])[plain]
    wanted = middles + shifts[plain]
    moved = np.eye(3)
    moved[:2, 2] = np.median(shifts[plain], axis=0)
    for order in (0, 1, 1, 2, 2):
        flat = np.column_stack([middles, np.ones(len(middles))]) @ moved.T
        off = np.abs(flat[:, :2] / flat[:, 2:] - wanted) / steps
        good = (off < (0.45 if order == 0 else 1.5 * _ALIKE)).all(axis=1)
        spread = np.ptp(middles[good], axis=0) if good.any() else np.zeros(2)
        if good.sum() >= 20 and order == 2 and (spread > 0.4 * np.ptp(middles, axis=0)).all():
            moved = np.array(fit_projective(middles[good], wanted[good]).m).reshape(3, 3)
        elif good.sum() >= 6 and order >= 1 and (spread > 2 * steps[0]).all():
            moved[:2] = fit_affine(middles[good], wanted[good])
        elif good.sum() >= 3:
            moved[:2, 2] = np.median(shifts[plain][good], axis=0)
    return moved
