"""Lays a template without registration marks over a page: by its edges, by the picture's, by marks that look like a
picture, or by a picture of the blank form.

Owns what makes such a fit believed: the printed bubbles must lie where it says (`scanner.lattice`), and no other turn
may fit nearly as well. A way that does not hold is never given, so a page without one is never read.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.geometry import Transform
from core.template import Side, Template
from scanner.fitting import as_transform, through_four
from scanner.laid import Laid
from scanner.lattice import LEAST_HELD, Settled, settle
from scanner.outline import sheets_on, ways_of
from scanner.pictured import quads_on
from scanner.reference import homographies, mark_of, reference_of

Grey = NDArray[np.uint8]
Floats = NDArray[np.float64]

_CLEARLY = 0.8  # another turn whose contrast reaches this share of the best one's leaves it open which is right
_PAPER = 210.0  # mm: the shorter side of a sheet whose size nothing states


@dataclass(frozen=True, slots=True)
class _Way:
    transform: Transform
    turn: int
    settled: Settled | None


def ways_without_marks(pixels: Grey, template: Template, side: Side) -> Iterator[Laid]:
    """The believable ways in which the form lies on the page, best first; none where it is open which turn is right."""
    registration = side.registration
    if registration.kind == "reference":
        assert registration.reference is not None
        for m, turn in homographies(pixels, reference_of(registration.reference), template):
            yield _laid(_Way(as_transform(m), turn, None), template, "reference")
        return
    for ways in _tries(pixels, template, side):
        chosen = _chosen(ways, upright=registration.upright)
        if chosen:
            yield from (_laid(way, template, registration.kind) for way in chosen)
            return


def _tries(pixels: Grey, template: Template, side: Side) -> Iterator[list[_Way]]:
    """Where the sheet may lie, each place with all turns that hold there."""
    registration = side.registration
    if registration.kind == "outline":
        for corners in sheets_on(pixels, template):
            yield _holding(pixels, ways_of(corners, template), template, side)
    elif registration.kind == "frame":
        height, width = pixels.shape
        edges = np.array([(0.0, 0.0), (width, 0.0), (width, height), (0.0, height)]) - 0.5
        yield _holding(pixels, ways_of(edges, template, stretched=registration.upright), template, side)
    else:
        assert registration.reference is not None
        yield from _by_pictures(pixels, mark_of(registration.reference), template, side)


def _by_pictures(pixels: Grey, picture: Grey, template: Template, side: Side) -> Iterator[list[_Way]]:
    marks = [m for m in side.registration.marks if m.shape == "picture"]
    middle = np.mean([(m.x, m.y) for m in marks], axis=0)
    ordered = sorted(marks, key=lambda m: math.atan2(m.y - middle[1], m.x - middle[0]))  # clockwise from the top left
    places = np.array([(m.x, m.y) for m in ordered], np.float64)
    for turn in (0,) if side.registration.upright else (0, 2, 1, 3):
        turned = np.ascontiguousarray(np.rot90(pixels, turn))
        for corners, _ in quads_on(turned, picture, template, ordered[0].width):
            m = through_four(places, _back(corners, turn, pixels.shape))
            if m[8]:
                yield _holding(pixels, [(m, 90 * turn)], template, side)


def _back(points: Floats, turn: int, shape: tuple[int, ...]) -> Floats:
    """Places on a picture that was turned anticlockwise by quarters, on the picture as it was."""
    height, width = shape[0], shape[1]
    x, y = points[:, 0], points[:, 1]
    ways = ((x, y), (width - 1 - y, x), (width - 1 - x, height - 1 - y), (y, height - 1 - x))
    return np.ascontiguousarray(np.column_stack(ways[turn]))


def _holding(pixels: Grey, ways: Iterator[tuple[Floats, int]] | list[tuple[Floats, int]], template: Template, side: Side) -> list[_Way]:
    found = []
    for m, turn in ways:
        settled = settle(pixels, as_transform(m), template, side)
        if settled is None:
            found.append(_Way(as_transform(m), turn, None))
        elif settled.held >= LEAST_HELD:
            found.append(_Way(settled.transform, turn, settled))
    return found


def _chosen(ways: list[_Way], *, upright: bool) -> list[_Way]:
    """The best way first; none when another turn is nearly as good and nothing else tells them apart.

    Where the form has too few bubbles to tell, all are given: a page code or orientation mark must.
    """
    if any(way.settled is None for way in ways):
        return ways
    ways = sorted(ways, key=lambda way: -(way.settled.contrast if way.settled else 0.0))
    best = ways[0].settled.contrast if ways and ways[0].settled else 0.0
    rivals = [way for way in ways if way.settled and way.settled.contrast >= _CLEARLY * best]
    if len(rivals) <= 1:
        return ways[:1]
    return [way for way in rivals if way.turn == 0] if upright else []


def _laid(found: _Way, template: Template, way: str) -> Laid:
    transform, turn = found.transform, found.turn
    bare = Laid(transform, turn, 0, 0.0, 1.0, (1.0, 1.0), 0.0, way=way)
    axes = bare.axes(np.array([[template.width / 2, template.height / 2]]))[0]
    sx, sy = float(np.hypot(*axes[0])), float(np.hypot(*axes[1]))
    mm = 1 / math.sqrt(sx * sy) if template.unit == "mm" else _PAPER / min(template.width * sx, template.height * sy)
    lean = math.atan2(axes[0, 1], axes[0, 0]) - math.radians(turn)
    skew = math.degrees((lean + math.pi) % (2 * math.pi) - math.pi)
    knots = found.settled.knots if found.settled else np.zeros((0, 4))
    return Laid(transform, turn, 0, 0.0, mm, (sx, sy), skew, knots=knots, way=way)
