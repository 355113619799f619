"""Lays a template over a scan: the printed marks that are found -> the transform, and how well it holds.

Owns fitting. Any of the four turns, skew, unequal scale; affine from three marks, projective from four. It never
says that a fit is right: `check_furniture` and the rings of the bubbles (omr) measure that.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations, product

import numpy as np
from numpy.typing import NDArray

from core.geometry import Transform
from core.template import Mark, Registration, Side, Template
from scanner.kernels import centre_rectangles
from scanner.marks import Spot, Window, centre_of, find_spots, likeness

Grey = NDArray[np.uint8]
Floats = NDArray[np.float64]

_MOST_SKEW = math.radians(15)
_MOST_SHEAR = math.radians(3)
_MOST_STRETCH = 0.08  # |ln(scale across / scale down)|: damp paper grows by 2 %, a slipping feeder by some more
_MOST_DEFECT = 0.012  # how far four marks may be from an affine picture of the template, share of its diagonal
_BEST = 6  # candidates a corner that are tried
_TIMING_REACH = 1.6  # mm that a timing mark may be from its place: slipping rollers and folds stay below one
_SEARCH = {"mm": 0.10, "cell": 0.30}


@dataclass(frozen=True, slots=True)
class Laid:
    """A template laid over a scan."""

    transform: Transform  # template unit -> pixels, before the local correction
    turn: int  # degrees clockwise that the sheet lies turned on the scan: 0, 90, 180, 270
    marks: int  # corner marks that were found
    defect_px: float  # of the best affine fit of the marks; 0 with three
    mm_a_pixel: float
    scale: tuple[float, float]  # pixels a template unit, across and down the template
    skew: float  # degrees
    knots: Floats = field(default_factory=lambda: np.zeros((0, 4)))  # x, y in the template's unit; dx, dy in pixels

    def places(self, points: Floats) -> Floats:
        """(n, 2) template places -> (n, 2) pixels, with the local correction."""
        plain = apply(self.transform, points)
        return plain if self.knots.shape[0] == 0 else plain + bend(self.knots, points)

    def axes(self, points: Floats) -> Floats:
        """(n, 2) places -> (n, 2, 2): pixels that one unit across (first row) and down (second) is worth there."""
        step = 1e-3
        here = apply(self.transform, points)
        across = (apply(self.transform, points + np.array([step, 0.0])) - here) / step
        down = (apply(self.transform, points + np.array([0.0, step])) - here) / step
        return np.stack([across, down], axis=1)


@dataclass(frozen=True, slots=True)
class Furniture:
    """What the timing and orientation marks say about a transform."""

    expected: int
    found: int
    residual_mm: float  # median distance of the found ones from their places
    worst_mm: float
    oriented: float  # share of the orientation marks that are there; 0.5 where a template has none
    black: float  # darkness of the corner marks' middles, 0..1


def apply(transform: Transform, points: Floats) -> Floats:
    m = np.array(transform.m).reshape(3, 3)
    flat = points @ m[:, :2].T + m[:, 2]
    return np.asarray(flat[:, :2] / flat[:, 2:3], np.float64)


def lay_over(pixels: Grey, template: Template, registration: Registration, *, dpi: float | None) -> list[Laid]:
    """The best fit of the corner marks for each turn in which they fit at all, best first."""
    corners = _by_corner(template, [m for m in registration.marks if m.role == "corner"])
    fits = []
    spots: dict[tuple[int, bool], list[Spot]] = {}
    for turn in range(4):
        scale = _scale(pixels, template, turned=turn % 2 == 1)
        if scale is None:
            continue
        for corner in range(4):
            key = (corner, turn % 2 == 1)
            if key not in spots:
                spots[key] = _corner_spots(pixels, template, registration, corners, corner, scale)
        fit = _best_fit(template, corners, [spots[(c, turn % 2 == 1)] for c in range(4)], turn, scale)
        if fit is not None:
            fits.append(fit)
    fits.sort(key=lambda f: f[0])
    return [_laid(fit, pixels, template, dpi) for _, fit in fits]


def _by_corner(template: Template, marks: Sequence[Mark]) -> dict[int, Mark]:
    """Corner (0 top left, then clockwise) -> the mark that lies there: the outermost of a quarter."""
    middle = (template.width / 2, template.height / 2)
    found: dict[int, tuple[float, Mark]] = {}
    for mark in marks:
        x, y = centre_of(mark, middle)
        corner = (0 if x < middle[0] else 1) if y < middle[1] else (3 if x < middle[0] else 2)
        distance = math.hypot(x - middle[0], y - middle[1])
        if corner not in found or distance > found[corner][0]:
            found[corner] = (distance, mark)
    return {corner: mark for corner, (_, mark) in found.items()}


def _scale(pixels: Grey, template: Template, *, turned: bool) -> float | None:
    """Pixels a unit if the form filled the page; None where the page's shape rules the turn out."""
    height, width = pixels.shape
    across, down = (template.height, template.width) if turned else (template.width, template.height)
    if abs(math.log((width / height) / (across / down))) > 0.42:
        return None
    return math.sqrt((width / across) * (height / down))


def _corner_spots(
    pixels: Grey, template: Template, registration: Registration, corners: dict[int, Mark], corner: int, scale: float
) -> list[Spot]:
    """Candidates in one corner of the scan, for whichever mark the turn puts there."""
    height, width = pixels.shape
    sizes = [s for m in corners.values() for s in (m.width, m.height)]
    least, most = min(sizes) * scale * (0.5 if template.unit == "cell" else 0.7), max(sizes) * scale * 1.3
    margin = 0.0
    if template.unit == "mm":
        margin = max(max(min(m.x, template.width - m.x), min(m.y, template.height - m.y)) for m in corners.values()) * scale + most
    reach = int(margin + (registration.search or _SEARCH[template.unit]) * min(width, height))
    right, bottom = corner in (1, 2), corner in (2, 3)
    window = Window(
        max(0, width - reach) if right else 0,
        max(0, height - reach) if bottom else 0,
        width if right else min(width, reach),
        height if bottom else min(height, reach),
    )
    return find_spots(pixels, window, least, most)


_Fit = tuple[float, NDArray[np.float64], Floats, Floats, int]  # defect, affine 2x3, template places, pixels, turn


def _best_fit(
    template: Template, corners: dict[int, Mark], spots: Sequence[list[Spot]], turn: int, scale: float
) -> tuple[float, _Fit] | None:
    """The cheapest believable choice of spots; all corners first, three of them only when all cannot be had."""
    choices = {}
    for corner, mark in corners.items():
        rough = scale * (0.85 if template.unit == "cell" else 1.0)
        rated = [(likeness(s, mark, rough, turned=turn % 2 == 1), s) for s in spots[(corner + turn) % 4]]
        choices[corner] = [s for cost, s in sorted(rated, key=lambda r: r[0]) if cost < (1.8 if template.unit == "cell" else 1.2)][:_BEST]
    middle = (template.width / 2, template.height / 2)
    for size in range(len(corners), 2, -1):
        best: tuple[float, _Fit] | None = None
        for chosen in combinations(sorted(corners), size):
            places = np.array([centre_of(corners[c], middle) for c in chosen])
            for combination in product(*(choices[c] for c in chosen)):
                fit = _fit(template, places, combination, [corners[c] for c in chosen], turn)
                if fit is not None and (best is None or fit[0] < best[0]):
                    best = fit
        if best is not None:
            return best[0] + (4 - size), best[1]
    return None


def _fit(template: Template, places: Floats, spots: Sequence[Spot], marks: Sequence[Mark], turn: int) -> tuple[float, _Fit] | None:
    """Cost and affine of one choice of spots, or None when no scanner could have made it."""
    pixels = np.array([(s.x, s.y) for s in spots])
    affine = fit_affine(places, pixels)
    across, down = affine[:, 0], affine[:, 1]
    sx, sy = math.hypot(*across), math.hypot(*down)
    if min(sx, sy) <= 0 or affine[0, 0] * affine[1, 1] - affine[0, 1] * affine[1, 0] <= 0:
        return None
    skew = _wrapped(math.atan2(across[1], across[0]) - turn * math.pi / 2)
    shear = _wrapped(math.atan2(down[1], down[0]) - math.atan2(across[1], across[0]) - math.pi / 2)
    if abs(skew) > _MOST_SKEW or abs(shear) > _MOST_SHEAR or abs(math.log(sx / sy)) > _MOST_STRETCH:
        return None
    defect = float(np.sqrt(np.mean(np.sum((places @ affine[:, :2].T + affine[:, 2] - pixels) ** 2, axis=1))))
    diagonal = math.hypot(template.width * sx, template.height * sy)
    if defect > _MOST_DEFECT * diagonal:
        return None
    unlike = [likeness(s, m, math.sqrt(sx * sy), turned=turn % 2 == 1) for s, m in zip(spots, marks, strict=True)]
    if max(unlike) > 1.2:
        return None
    cost = defect / (0.004 * diagonal) + sum(unlike) / len(unlike) + abs(shear) / _MOST_SHEAR
    return cost, (defect, affine, places, pixels, turn)


def _wrapped(angle: float) -> float:
    return (angle + math.pi) % (2 * math.pi) - math.pi


def fit_affine(places: Floats, pixels: Floats) -> Floats:
    """(n, 2) -> (n, 2): the (2, 3) affine of least squares, n >= 3."""
    design = np.column_stack([places, np.ones(len(places))])
    solution = np.linalg.lstsq(design, pixels, rcond=None)[0]
    return np.asarray(solution.T, np.float64)


def fit_projective(places: Floats, pixels: Floats) -> Transform:
    """The projective transform of least algebraic error through n >= 4 pairs (direct linear transform,
    Hartley and Zisserman, algorithm 4.2, with their scaling of both sides)."""
    to_unit, from_unit = _unit(places), _unit(pixels)
    a = apply(_transform(to_unit), places)
    b = apply(_transform(from_unit), pixels)
    rows = []
    for (x, y), (u, v) in zip(a, b, strict=True):
        rows.append([x, y, 1, 0, 0, 0, -u * x, -u * y, -u])
        rows.append([0, 0, 0, x, y, 1, -v * x, -v * y, -v])
    h = np.linalg.svd(np.array(rows))[2][-1].reshape(3, 3)
    m = np.linalg.inv(from_unit) @ h @ to_unit
    m = m / m[2, 2]
    return _transform(m)


def _transform(m: Floats) -> Transform:
    a, b, c, d, e, f, g, h, i = (float(v) for v in m.ravel())
    return Transform((a, b, c, d, e, f, g, h, i))


def _unit(points: Floats) -> Floats:
    middle = points.mean(axis=0)
    spread = max(float(np.sqrt(((points - middle) ** 2).sum(axis=1)).mean()), 1e-9) / math.sqrt(2)
    return np.array([[1 / spread, 0, -middle[0] / spread], [0, 1 / spread, -middle[1] / spread], [0, 0, 1]])


def _laid(fit: _Fit, pixels: Grey, template: Template, dpi: float | None) -> Laid:
    defect, affine, places, spots, turn = fit
    a, b, c, d, e, f = (float(v) for v in affine.ravel())
    transform = fit_projective(places, spots) if len(places) >= 4 else Transform((a, b, c, d, e, f, 0.0, 0.0, 1.0))
    sx, sy = math.hypot(a, d), math.hypot(b, e)
    if template.unit == "mm":
        mm = 1 / math.sqrt(sx * sy)
    else:
        mm = 25.4 / dpi if dpi else 210.0 / min(pixels.shape)
    skew = math.degrees(_wrapped(math.atan2(d, a) - turn * math.pi / 2))
    return Laid(transform, turn * 90, len(places), defect, mm, (sx, sy), skew)


def check_furniture(pixels: Grey, laid: Laid, side: Side) -> tuple[Furniture, Laid]:
    """Looks for the timing and orientation marks; the second value carries the local correction that they give."""
    oriented = _oriented(pixels, laid, side)
    found, expected = 0, 0
    knots: list[Floats] = []
    offsets: list[float] = []
    for at, centres, places in _timing_rows(pixels, laid, side):
        expected += len(centres)
        good = at[:, 2] > 0
        found += int(good.sum())
        moved = at[good, :2] - places[good]
        offsets.extend(np.hypot(moved[:, 0], moved[:, 1]) * laid.mm_a_pixel)
        knots.append(np.column_stack([centres[good], moved]))
    kept = np.concatenate(knots) if knots else np.zeros((0, 4))
    measured = np.array(offsets)
    furniture = Furniture(
        expected,
        found,
        float(np.median(measured)) if measured.size else 0.0,
        float(measured.max()) if measured.size else 0.0,
        oriented,
        _blackness(pixels, laid, side),
    )
    return furniture, replace(laid, knots=_smoothed(kept))


def _timing_rows(pixels: Grey, laid: Laid, side: Side) -> Iterator[tuple[Floats, Floats, Floats]]:
    """For each row: what was found (x, y, mass; zero where not believed), template centres, expected pixels."""
    swap = laid.turn % 180 == 90
    for timing in side.timing:
        centres = np.array(list(timing.centres()), np.float64)
        places = apply(laid.transform, centres)
        hw, hh = timing.width * laid.scale[0] / 2, timing.height * laid.scale[1] / 2
        gap_x = max(abs(timing.step[0]) - timing.width, 0.0) or timing.width * 1.5
        gap_y = max(abs(timing.step[1]) - timing.height, 0.0) or timing.height * 1.5
        most = _TIMING_REACH / laid.mm_a_pixel
        rx, ry = min(most, 0.45 * gap_x * laid.scale[0]), min(most, 0.45 * gap_y * laid.scale[1])
        half, reach = ((hh, hw), (ry, rx)) if swap else ((hw, hh), (rx, ry))
        n = len(centres)
        at = centre_rectangles(pixels, places, np.tile(half, (n, 1)), np.tile(reach, (n, 1)))
        typical = float(np.median(at[at[:, 2] > 0, 3])) if (at[:, 2] > 0).any() else 0.0
        bad = (at[:, 2] < 0.5) | (at[:, 2] > 1.7) | (at[:, 3] < max(0.12, 0.5 * typical))
        at[bad] = 0.0
        yield at, centres, places


def _smoothed(knots: Floats) -> Floats:
    """A knot that disagrees with its neighbours in its column is a covered or smeared mark: it is dropped."""
    kept = []
    for x in np.unique(np.round(knots[:, 0], 3)):
        column = knots[np.abs(knots[:, 0] - x) < 1e-2]
        for i in range(len(column)):
            near = column[max(0, i - 3) : i + 4]
            if np.abs(column[i, 2:] - np.median(near[:, 2:], axis=0)).max() <= 1.5:
                kept.append(column[i])
    return np.array(kept) if kept else np.zeros((0, 4))


def bend(knots: Floats, points: Floats) -> Floats:
    """The local correction in pixels at (n, 2) template places: along each column of timing marks by the knots
    above and below, across the page in a straight line between the columns."""
    columns = np.unique(np.round(knots[:, 0], 3))
    values = []
    for x in columns:
        column = knots[np.abs(knots[:, 0] - x) < 1e-2]
        column = column[np.argsort(column[:, 1])]
        values.append(np.column_stack([np.interp(points[:, 1], column[:, 1], column[:, axis]) for axis in (2, 3)]))
    if len(columns) == 1:
        return np.asarray(values[0])
    left, right = columns[0], columns[-1]
    share = np.clip((points[:, 0:1] - left) / (right - left), -0.2, 1.2)
    return np.asarray(values[0] * (1 - share) + values[-1] * share)


def _oriented(pixels: Grey, laid: Laid, side: Side) -> float:
    """The share of orientation marks that lie where this turn puts them; 0.5 where there is nothing to tell."""
    marks = [m for m in side.registration.marks if m.role == "orientation"]
    if not marks:
        return 0.5
    middle = np.array([(m.x, m.y) for m in marks], np.float64)
    swap = laid.turn % 180 == 90
    sizes = np.array([(m.height, m.width) if swap else (m.width, m.height) for m in marks])
    scale = math.sqrt(laid.scale[0] * laid.scale[1])
    reach = np.full((len(marks), 2), 1.5 / laid.mm_a_pixel)
    at = centre_rectangles(pixels, apply(laid.transform, middle), sizes * scale / 2, reach)
    good = (at[:, 2] > 0.5) & (at[:, 2] < 1.7) & (at[:, 3] > 0.15)
    return float(good.mean())


def _blackness(pixels: Grey, laid: Laid, side: Side) -> float:
    """How black the printed black is: the median over the corner marks of their middle part's mean."""
    means = []
    for mark in side.registration.marks:
        if mark.role == "corner" and mark.shape in ("square", "disc"):
            x, y = apply(laid.transform, np.array([[mark.x, mark.y]]))[0]
            reach = max(1, int(min(mark.width, mark.height) * min(laid.scale) * (0.2 if mark.anchor == "centre" else 0.1)))
            part = pixels[max(0, int(y) - reach) : int(y) + reach + 1, max(0, int(x) - reach) : int(x) + reach + 1]
            if part.size:
                means.append(1.0 - float(part.mean()) / 255.0)
    return float(np.median(means)) if means else 0.0
