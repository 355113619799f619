"""What is printed around the answers of a form whose template gives only a box: found on its own pages.

OMRChecker's template says where to look, not what is there; our readers compare a bubble with its own ring. So the
first pages that can be laid are averaged, bubble over bubble, and the ring or square is looked for in that picture.
Owns that measure; reads no answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from core.template import Bubble, Grid, Side, Template
from scanner.decode import Page
from scanner.frames import pages_in
from scanner.furnishing import furnish
from scanner.laid import Laid
from scanner.register import lay_over

Grey = NDArray[np.uint8]
Single = NDArray[np.float32]
Floats = NDArray[np.float64]

PAGES = 6  # that are looked at
_TRIED = 20  # files in which they are looked for
_CELLS = 48  # cells across the averaged picture of one step
_USUAL = 30  # percentile over the bubbles: what is printed in most, whatever is filled in some
_LEAST, _MOST = 0.18, 0.49  # half size of a ring, as shares of the step
_ANGLES = 24
_BESIDE = 4.0  # cells: how far inside and outside of a line there must be less ink
_ASIDE = (-4.0, -2.0, 0.0, 2.0, 4.0)  # cells: a ring is not exactly in the middle of its box
_GROWTH = (0.5, 1.0, 1.5, 2.0, 2.5, 3.0)
_SEEN = 0.05  # darkness of a ring in the averaged picture
_ROUND = 0.7  # share of the ring's places that must be about as dark as the rest


@dataclass(frozen=True, slots=True)
class _Ring:
    shape: str
    half_x: float  # cells, to the outside of the line
    half_y: float
    plain: float
    middle: tuple[float, float]  # beside the picture's, cells


def fitted_to(template: Template, files: Sequence[Path]) -> Template:
    """The template with what is printed on the first pages of these files; as it is where it says all itself."""
    return with_printed_bubbles(template, _pictures(files)) if _is_loose(template) else template


def _is_loose(template: Template) -> bool:
    return any(grid.bubble.loose for side in template.sides for grid in side.grids)


def _pictures(files: Sequence[Path]) -> Iterator[Grey]:
    for path in files[:_TRIED]:
        with suppress(OSError):
            for page in pages_in(path.read_bytes(), where=str(path), channel="grey"):
                if isinstance(page, Page):
                    yield page.pixels


def with_printed_bubbles(template: Template, pages: Iterable[Grey]) -> Template:
    """The template with the printed size and shape of each loosely given bubble; as it was where none is found."""
    laid = list(_laid(template, pages))
    sides = []
    for side in template.sides:
        own = [(pixels, way) for number, pixels, way in laid if number == side.side]
        grids = tuple(_fitted(grid, side, own) if grid.bubble.loose and own else grid for grid in side.grids)
        sides.append(side.model_copy(update={"grids": grids}))
    return template.model_copy(update={"sides": tuple(sides)})


def _laid(template: Template, pages: Iterable[Grey]) -> Iterator[tuple[int, Grey, Laid]]:
    furnishings = [(side.side, furnish(template, side)) for side in template.sides]
    found = 0
    for pixels in pages:
        for number, furnishing in furnishings:
            way = next(lay_over(pixels, furnishing, dpi=None), None)
            if way is not None:
                yield number, pixels, way
                found += 1
                break
        if found >= PAGES:
            return


def _fitted(grid: Grid, side: Side, pages: list[tuple[Grey, Laid]]) -> Grid:
    """The grid with the bubble that is printed; grids of the same box and steps are looked at together."""
    alike = [g for g in side.grids if g.bubble == grid.bubble and _steps(g) == _steps(grid)]
    wide, high = _steps(grid)
    cells = [_cells(pixels, laid, g, wide, high) for pixels, laid in pages for g in alike]
    usual = np.percentile(np.concatenate(cells), _USUAL, axis=0).astype(np.float32)
    ring = _ring(usual)
    if ring is None:
        return grid.model_copy(update={"bubble": grid.bubble.model_copy(update={"loose": False})})
    bubble = Bubble(
        shape="ellipse" if ring.shape == "ellipse" else "rectangle",
        width=2 * ring.half_x / _CELLS * wide,
        height=2 * ring.half_y / _CELLS * high,
        letter=grid.bubble.letter,
        ring=False,  # the grids have been found where they are; at ten pixels a bubble its ring tells no more
    )
    return grid.model_copy(update={"bubble": bubble})


def _steps(grid: Grid) -> tuple[float, float]:
    """How far the next bubble is, across and down; of a single line about twice its size."""
    steps = [s for s, n in ((grid.value_step, len(grid.values)), (grid.field_step, grid.line_count)) if n > 1]
    wide = max([abs(s[0]) for s in steps if abs(s[0]) > abs(s[1])], default=2 * grid.bubble.width)
    high = max([abs(s[1]) for s in steps if abs(s[1]) >= abs(s[0])], default=2 * grid.bubble.height)
    return round(min(wide, 3 * grid.bubble.width), 3), round(min(high, 3 * grid.bubble.height), 3)


def _cells(pixels: Grey, laid: Laid, grid: Grid, wide: float, high: float) -> Single:
    """(n, cells, cells): each bubble's step as a small upright picture of its darkness."""
    shares = (np.arange(_CELLS) + 0.5) / _CELLS - 0.5
    around = np.stack(np.meshgrid(shares * wide, shares * high), axis=-1).reshape(-1, 2)
    centres = np.array([grid.bubble_at(i, j) for i in range(grid.line_count) for j in range(len(grid.values))], np.float64)
    at = laid.places((centres[:, None] + around[None]).reshape(-1, 2)).astype(np.float32).reshape(-1, _CELLS * _CELLS, 2)
    picture = cv2.remap(pixels, at[..., 0], at[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE).astype(np.float32)
    paper = np.percentile(picture, 90, axis=1, keepdims=True)
    dark = np.clip(1 - picture / np.maximum(paper, 1.0), 0, 1)
    return np.asarray(dark, np.float32).reshape(-1, _CELLS, _CELLS)


def _ring(usual: Single) -> _Ring | None:
    """The closed line around the middle that stands out most; None where only a letter or nothing is printed."""
    smooth = np.asarray(cv2.GaussianBlur(usual, (0, 0), 1.0), np.float32)
    halves = np.arange(_LEAST * _CELLS, _MOST * _CELLS + 0.5)
    sizes = np.array([(x, y) for x, y in product(halves, halves) if 0.4 < x / y < 2.5])
    best: _Ring | None = None
    for shape, dx, dy in product(("ellipse", "rectangle"), _ASIDE, _ASIDE):
        line, outside, inside = (_along(smooth, shape, sizes + by, (dx, dy)) for by in (0.0, _BESIDE, -_BESIDE))
        mean = line.mean(axis=1)
        plain = mean - 0.5 * outside.mean(axis=1) - 0.5 * inside.mean(axis=1)
        closed = (line > 0.5 * mean[:, None]).mean(axis=1) >= _ROUND
        plain[(mean < _SEEN) | ~closed | (mean < 1.15 * outside.mean(axis=1))] = -1.0
        top = int(plain.argmax())
        if plain[top] > (best.plain if best else 0.4 * _SEEN):
            best = _Ring(shape, float(sizes[top, 0]), float(sizes[top, 1]), float(plain[top]), (dx, dy))
    return None if best is None else _to_outside(smooth, best)


def _to_outside(smooth: Single, ring: _Ring) -> _Ring:
    """From the middle of its line to the place outside where it has half its darkness."""
    size = np.array([[ring.half_x, ring.half_y]])
    level = float(_along(smooth, ring.shape, size, ring.middle).mean())
    grown = next((g for g in _GROWTH if _along(smooth, ring.shape, size + g, ring.middle).mean() < level / 2), _GROWTH[-1])
    return replace(ring, half_x=ring.half_x + grown, half_y=ring.half_y + grown)


def _along(picture: Single, shape: str, sizes: Floats, middle: tuple[float, float]) -> Single:
    """(n, angles): the picture along closed lines of n sizes (half width, half height) around a place beside its middle."""
    angles = 2 * np.pi * (np.arange(_ANGLES) + 0.5) / _ANGLES
    u, v = np.cos(angles), np.sin(angles)
    if shape == "rectangle":
        longest = np.maximum(np.abs(u), np.abs(v))
        u, v = u / longest, v / longest
    centre = _CELLS / 2 - 0.5
    x = np.clip(np.round(centre + middle[0] + sizes[:, :1] * u), 0, _CELLS - 1).astype(int)
    y = np.clip(np.round(centre + middle[1] + sizes[:, 1:] * v), 0, _CELLS - 1).astype(int)
    return np.asarray(picture[y, x], np.float32)
