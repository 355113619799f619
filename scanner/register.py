"""Lays a template over a scan: the printed marks that are found -> the transform, and how well it holds.

Owns the order in which ways are tried: marks where they are expected first, a search of the page's corners only when
somebody asks for more. It never says that a fit is right: `check_furniture` and the rings of the bubbles (omr)
measure that.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from core.geometry import Transform
from core.template import Template
from scanner.fitting import as_transform, choose, through_four
from scanner.furnishing import Furnishing
from scanner.furniture import Furniture as Furniture
from scanner.furniture import check_furniture as check_furniture
from scanner.furniture import is_confirmed, share_oriented
from scanner.laid import Laid as Laid
from scanner.markless import ways_without_marks
from scanner.marks import find_spots
from scanner.photo import by_camera
from scanner.tracking import by_timing, refitted

Grey = NDArray[np.uint8]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_MOST_ASPECT = 0.42  # |ln| between the page's shape and the form's beyond which the form does not lie that way
_NEAR = {"mm": 0.07, "cell": 0.30}  # how far inside their places at the page's edge marks are looked for, share of its shorter side
_SEARCH = {"mm": 0.10, "cell": 0.30}  # the same when they were not there
_FAR = 0.40  # the same on a page that lies askew or small on the glass
_LEAST, _MOST = {"mm": 0.7, "cell": 0.5}, 1.3  # sizes of marks that are looked at, over the printed ones
_FILLS = {"mm": 1.0, "cell": 0.85}  # a form measured in cells has margins that its template does not know
_LIMIT = {"mm": 1.2, "cell": 1.8}
_FAR_LIMIT = 2.2
_EXACT = 0.003  # defect, share of the diagonal, of four marks that need no more confirmation
_SAME = 1.5  # pixels
_THIN, _RAGGED = 0.3, 0.4  # share of its box that a mark's coarse picture covers at the least; how much less than the print


def lay_over(pixels: Grey, furnishing: Furnishing, *, dpi: float | None, enough: Callable[[], bool] = lambda: False) -> Iterator[Laid]:
    """The believable ways in which the form may lie on the page, best first; what is slower only when asked for.

    Four marks where they belong are believed as they are; anything less only with the rest of the furniture. Once a
    way is borne out by all its furniture, or the caller says after all quicker ways that one of them is `enough`, no
    other is looked for.
    """
    if furnishing.side.registration.kind != "marks":
        yield from ways_without_marks(pixels, furnishing.template, furnishing.side)
        return
    given: list[Laid] = []
    for stage in (_where_expected, _near_the_edges, _from_afar, _from_two, _from_a_camera):
        if given and (any(is_confirmed(pixels, laid, furnishing) for laid in given) or enough()):
            return
        for laid in stage(pixels, furnishing, dpi):
            if not any(_same(laid, other, furnishing.template) for other in given):
                given.append(laid)
                yield laid


def _where_expected(pixels: Grey, furnishing: Furnishing, dpi: float | None) -> Iterator[Laid]:
    yield from _by_marks(pixels, furnishing, dpi, "quick", thorough=False, reach=None)


def _near_the_edges(pixels: Grey, furnishing: Furnishing, dpi: float | None) -> Iterator[Laid]:
    """A search of the page's corners; three marks do when the timing marks confirm them, or there are none to ask."""
    for laid in _by_marks(pixels, furnishing, dpi, "search", thorough=True, reach=None):
        if laid.marks == 4 or not len(furnishing.timing):
            yield laid
        elif is_confirmed(pixels, laid, furnishing):
            yield refitted(pixels, furnishing, laid)


def _from_afar(pixels: Grey, furnishing: Furnishing, dpi: float | None) -> Iterator[Laid]:
    """Marks far from where they belong: a sheet that lies askew, or small on the glass."""
    for laid in _by_marks(pixels, furnishing, dpi, "far", thorough=True, reach=_FAR):
        if is_confirmed(pixels, laid, furnishing):
            yield laid if laid.marks == 4 else refitted(pixels, furnishing, laid)
        elif _is_exact(laid, furnishing):
            yield laid


def _from_two(pixels: Grey, furnishing: Furnishing, dpi: float | None) -> Iterator[Laid]:
    """Two marks and the timing marks; the first that holds in each turn."""
    for reach in (None, _FAR) if len(furnishing.timing) else ():
        for turned, scale in _rough_scales(pixels, furnishing.template):
            spots = _corner_spots(pixels, furnishing, scale, thorough=True, reach=reach)
            for turn in (1, 3) if turned else (0, 2):
                grown = by_timing(pixels, furnishing, spots, turn, scale)
                first = next((laid for laid in grown if is_confirmed(pixels, laid, furnishing)), None)
                if first is not None:
                    yield refitted(pixels, furnishing, first)


def _from_a_camera(pixels: Grey, furnishing: Furnishing, dpi: float | None) -> Iterator[Laid]:
    """Four marks in perspective, confirmed by the timing marks."""
    for turned, scale in _rough_scales(pixels, furnishing.template) if len(furnishing.timing) else ():
        views = by_camera(pixels, furnishing, scale, (1, 3) if turned else (0, 2))
        yield from (laid for laid in views if is_confirmed(pixels, laid, furnishing))


def _is_exact(laid: Laid, furnishing: Furnishing) -> bool:
    """Four marks as exactly where a form without timing marks has them as chance does not put them."""
    diagonal = math.hypot(furnishing.template.width * laid.scale[0], furnishing.template.height * laid.scale[1])
    return not len(furnishing.timing) and laid.way == "far" and laid.marks == 4 and laid.defect_px < _EXACT * diagonal


def _by_marks(pixels: Grey, furnishing: Furnishing, dpi: float | None, way: str, *, thorough: bool, reach: float | None) -> list[Laid]:
    """The best fit of the corner marks for each turn in which they fit at all, best first."""
    f, template = furnishing, furnishing.template
    found: list[tuple[float, float, Laid]] = []
    for turned, scale in _rough_scales(pixels, template):
        spots = _corner_spots(pixels, f, scale, thorough=thorough, reach=reach)
        for turn in (1, 3) if turned else (0, 2):
            fit = _best_fit(f, spots, turn, scale, everything=thorough, far=reach is not None)
            if fit is not None:
                laid = _laid(fit, spots, f, turn, pixels, dpi, way)
                found.append((-share_oriented(pixels, laid, f), float(fit[0]) + 4 - laid.marks, laid))
    return [laid for _, _, laid in sorted(found, key=lambda entry: entry[:2])]


def _rough_scales(pixels: Grey, template: Template) -> Iterator[tuple[bool, float]]:
    """Whether the form lies on its side, and its pixels a unit if it filled the page; only what the page's shape allows."""
    height, width = pixels.shape
    for turned in (False, True):
        across, down = (template.height, template.width) if turned else (template.width, template.height)
        if abs(math.log((width / height) / (across / down))) <= _MOST_ASPECT:
            yield turned, math.sqrt((width / across) * (height / down))


def _corner_spots(pixels: Grey, furnishing: Furnishing, scale: float, *, thorough: bool, reach: float | None) -> Floats:
    """Candidates in the four corners of the page, for whichever mark the turn puts there."""
    f, template = furnishing, furnishing.template
    height, width = pixels.shape
    present = f.solid > 0
    sizes = f.sizes[present]
    least, most = float(sizes.min()) * scale * _LEAST[template.unit], float(sizes.max()) * scale * _MOST
    margin = 0.0
    if template.unit == "mm":
        edges = np.minimum(f.corners, (template.width, template.height) - f.corners)[present]
        margin = float(edges.max()) * scale + most
    usual = f.side.registration.search or (_SEARCH if thorough else _NEAR)[template.unit]
    far = int(margin + (reach or usual) * min(width, height))
    x, y = min(width, far), min(height, far)
    windows = [(0, 0, x, y), (width - x, 0, width, y), (width - x, height - y, width, height), (0, height - y, x, height)]
    solid = _THIN if thorough else max(_THIN, float(f.solid[present].min()) - _RAGGED)
    copied = thorough or template.unit == "cell"  # whoever made a form that is measured in cells had it copied anywhere
    return find_spots(pixels, np.array(windows, np.int64), least, most, solid=solid, thorough=thorough, copied=copied)


def _best_fit(furnishing: Furnishing, spots: Floats, turn: int, scale: float, *, everything: bool, far: bool) -> Floats | None:
    """The cheapest believable choice of spots; all corners first, three of them only when all cannot be had."""
    f, unit = furnishing, furnishing.template.unit
    extent = (f.template.width, f.template.height)
    best: Floats | None = None
    for i, subset in enumerate(f.subsets):
        if i > 0 and (not everything or (best is not None and subset[3] < 0 <= f.subsets[0, 3])):
            break
        fit = choose(
            spots, f.corners, f.sizes, f.solid, f.turns, subset, f.inverses[i], turn, scale * _FILLS[unit],
            _FAR_LIMIT if far else _LIMIT[unit], extent,
        )  # fmt: skip
        if fit[0] < math.inf and (best is None or fit[0] < best[0]):
            best = fit
        if i == 0 and best is not None:
            return best
    return best


def _laid(fit: Floats, spots: Floats, furnishing: Furnishing, turn: int, pixels: Grey, dpi: float | None, way: str) -> Laid:
    _, defect, a, b, c, d, e, f, *chosen = fit.tolist()
    corners = [k for k in range(4) if chosen[k] >= 0]
    transform = Transform((a, b, c, d, e, f, 0.0, 0.0, 1.0))
    if len(corners) == 4:
        m = through_four(furnishing.corners, spots[fit[8:].astype(np.int64), 1:3])
        transform = as_transform(m) if m[8] else transform
    sx, sy = math.hypot(a, d), math.hypot(b, e)
    if furnishing.template.unit == "mm":
        mm = 1 / math.sqrt(sx * sy)
    else:
        mm = 25.4 / dpi if dpi else 210.0 / min(pixels.shape)
    skew = math.degrees((math.atan2(d, a) - turn * math.pi / 2 + math.pi) % (2 * math.pi) - math.pi)
    return Laid(transform, turn * 90, len(corners), defect, mm, (sx, sy), skew, way=way)


def _same(one: Laid, other: Laid, template: Template) -> bool:
    """Whether two ways put the form's corners within a pixel or so of each other."""
    w, h = template.width, template.height
    corners = np.array([(0.0, 0.0), (w, 0.0), (w, h), (0.0, h)])
    return one.turn == other.turn and float(np.abs(one.places(corners) - other.places(corners)).max()) < _SAME
