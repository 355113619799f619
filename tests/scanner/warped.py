"""The small form of the registration tests as scanners and cameras may see it: any plane transform, border, light and grain."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from core.template import Template, parse_template
from scanner.furnishing import Furnishing, furnish

Grey = NDArray[np.uint8]
Floats = NDArray[np.float64]
WIDTH, HEIGHT = 148.0, 210.0  # mm
CORNERS = ((10.0, 10.0), (138.0, 10.0), (138.0, 200.0), (10.0, 200.0))
PLACES = np.array([[20.0, 20], [128, 20], [74, 105], [20, 190], [128, 190]])  # where bubbles might be
_FINE = 16  # pixels a millimetre of the picture that is warped
_ROOM = 4.0  # mm of paper around the form's own edge that is black beyond it


def form(*, timing: bool = True) -> Template:
    """A5 upright: four squares, an orientation bar, a row of timing marks at either edge."""
    marks = [{"shape": "square", "x": x, "y": y, "width": 5, "height": 5} for x, y in CORNERS]
    marks.append({"shape": "square", "x": 24, "y": 9, "width": 10, "height": 3, "role": "orientation"})
    rows = [{"origin": [x, 22], "step": [0, 10], "count": 17, "width": 4, "height": 2} for x in (10, 138)]
    side = {"side": 1, "registration": {"marks": marks}, "timing": rows if timing else []}
    return parse_template({"name": "squares", "width": WIDTH, "height": HEIGHT, "sides": [side]}, where="squares")


@cache
def furnished() -> Furnishing:
    template = form()
    return furnish(template, template.sides[0])


@cache
def _fine(writing: bool) -> Grey:
    page = np.full((round(HEIGHT * _FINE), round(WIDTH * _FINE)), 235, np.uint8)

    def box(x: float, y: float, w: float, h: float, shade: int = 25) -> None:
        page[round((y - h / 2) * _FINE) : round((y + h / 2) * _FINE), round((x - w / 2) * _FINE) : round((x + w / 2) * _FINE)] = shade

    side = form().sides[0]
    for mark in side.registration.marks:
        box(mark.x, mark.y, mark.width, mark.height)
    for row in side.timing:
        for x, y in row.centres():
            box(x, y, row.width, row.height)
    if writing:  # filled bubbles, and things of about a mark's size
        rng = np.random.default_rng(7)
        for x, y in rng.uniform((30, 30), (118, 180), (150, 2)):
            box(x, y, rng.uniform(0.5, 5), rng.uniform(0.5, 5), int(rng.integers(20, 140)))
    return page


@dataclass(frozen=True)
class Scan:
    """How the sheet is seen."""

    dpi: float = 200.0
    turn: int = 0
    skew: float = 0.0  # degrees
    scale: tuple[float, float] = (1.0, 1.0)
    shift: tuple[float, float] = (0.0, 0.0)  # mm
    tilt: tuple[float, float] = (0.0, 0.0)  # how much a camera foreshortens, share of the size from the middle to an edge
    border: float = 0.0  # mm of the background around the frame, less than 0: cropped
    background: int = 20
    light: float = 0.0  # how much weaker at the right edge
    grain: float = 3.0
    covered: tuple[int, ...] = ()  # corners
    hidden: tuple[tuple[float, float, float, float], ...] = ()  # boxes (mm) with nothing printed
    writing: bool = True
    frame: tuple[float, float] | None = None  # mm, when not the form's own size

    def matrix(self) -> Floats:
        """(3, 3), millimetres of the form to pixels of the upright picture."""
        px = self.dpi / 25.4
        angle = math.radians(self.skew)
        turned = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
        linear = turned @ np.diag(self.scale)
        middle = np.array([WIDTH / 2, HEIGHT / 2])
        perspective = np.eye(3)
        perspective[2, :2] = np.array(self.tilt) / middle
        back = np.eye(3)
        back[:2, 2] = -middle
        frame = np.array(self.frame or (WIDTH, HEIGHT)) / 2
        laid = np.eye(3)
        laid[:2, :2] = linear * px
        laid[:2, 2] = (frame + np.array(self.shift) + self.border) * px - 0.5
        m = laid @ perspective @ back
        return np.asarray(m / m[2, 2])

    def size(self) -> tuple[int, int]:
        frame = self.frame or (WIDTH, HEIGHT)
        width, height = (round((v + 2 * self.border) * self.dpi / 25.4) for v in frame)
        return width, height

    def picture(self, seed: int = 0) -> tuple[Grey, Floats]:
        """The scan, and the matrix from millimetres to its pixels."""
        page = _fine(self.writing).copy()
        boxes = [(x - 5, y - 5, 10, 10) for x, y in (CORNERS[c] for c in self.covered)]
        for x, y, w, h in (*boxes, *self.hidden):
            page[max(0, int(y * _FINE)) : int((y + h) * _FINE), max(0, int(x * _FINE)) : int((x + w) * _FINE)] = 235
        m, (width, height) = self.matrix(), self.size()
        ratio = _FINE / (self.dpi / 25.4)
        if ratio > 1.2:
            page = cv2.GaussianBlur(page, (0, 0), 0.4 * ratio).astype(np.uint8)
        fine = m @ np.array([[1 / _FINE, 0, 0.5 / _FINE], [0, 1 / _FINE, 0.5 / _FINE], [0, 0, 1]])
        seen = cv2.warpPerspective(page, fine, (width, height), flags=cv2.INTER_LINEAR, borderValue=self.background)
        lit = seen * (1 - self.light * np.linspace(0, 1, width) ** 2)
        out = cv2.GaussianBlur(lit, (0, 0), 0.6 * max(self.dpi, 120) / 200)
        out = out + np.random.default_rng(seed).normal(0, self.grain, out.shape)
        pixels = np.clip(out, 0, 255).astype(np.uint8)
        for _ in range(self.turn // 90):
            m = np.array([[0, -1, pixels.shape[0] - 1], [1, 0, 0], [0, 0, 1]]) @ m
            pixels = np.ascontiguousarray(np.rot90(pixels, -1))
        return pixels, m


def error_mm(places: Floats, matrix: Floats, dpi: float) -> float:
    """The farthest that found places (pixels) are from where `PLACES` really are, millimetres."""
    truth = np.column_stack([PLACES, np.ones(len(PLACES))]) @ matrix.T
    truth = truth[:, :2] / truth[:, 2:]
    return float(np.hypot(*(places - truth).T).max() / (dpi / 25.4))
