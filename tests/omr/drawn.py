"""A small form drawn straight into pixels at a known place, so that a test knows where everything is."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from core.template import Template, parse_template
from scanner.decode import Page

PX = 8.0  # pixels a millimetre, about 200 dpi
Grey = NDArray[np.uint8]


def form(*, unit_marks: float = 5.0) -> Template:
    """A5 upright: four squares, an orientation bar, timing marks, a question grid, a number and a written region."""
    places = ((10, 10), (138, 10), (138, 200), (10, 200))
    corner = [{"shape": "square", "x": x, "y": y, "width": unit_marks, "height": unit_marks} for x, y in places]
    bar = {"shape": "square", "x": 24, "y": 9, "width": 10, "height": 3, "role": "orientation"}
    bubble = {"width": 4.2, "height": 2.6}
    questions = {
        "name": "questions",
        "fields": [f"Q{i}" for i in range(1, 16)],
        "values": list("ABCD"),
        "origin": [40, 60],
        "value_step": [7, 0],
    }
    number = {"name": "number", "role": "candidate", "fields": ["number"], "joined": True, "lines": 4, "values": list("0123456789")}
    several = {
        "name": "several",
        "fields": [f"M{i}" for i in range(1, 5)],
        "values": list("ABCD"),
        "origin": [40, 150],
        "value_step": [7, 0],
    }
    grids = [
        questions | {"value_step": [7, 0], "field_step": [0, 5.2], "bubble": bubble},
        number | {"origin": [90, 40], "value_step": [0, 4.6], "field_step": [7, 0], "bubble": bubble},
        several | {"value_step": [7, 0], "field_step": [0, 5.2], "bubble": bubble, "multiple": True},
    ]
    timing = [{"origin": [x, 22], "step": [0, 10], "count": 17, "width": 4, "height": 2} for x in (10, 138)]
    side = {
        "side": 1,
        "registration": {"marks": [*corner, bar]},
        "timing": timing,
        "grids": grids,
        "regions": [{"name": "W1", "group": "W1", "box": [85, 100, 45, 60]}],
    }
    raw = {"name": "drawn", "width": 148, "height": 210, "candidate": "number", "sides": [side]}
    return parse_template(raw, where="drawn")


@dataclass
class Drawing:
    """A filled copy of `form()`. `fills`: (field, line, value) -> share of black."""

    fills: dict[tuple[str, int, str], float] = field(default_factory=dict)
    paper: int = 240
    grain: float = 3.0
    letters: bool = True

    def page(self, *, turn: int = 0, skew: float = 0.0, stretch: float = 1.0, seed: int = 1) -> Page:
        pixels = self.pixels()
        height, width = pixels.shape
        if skew or stretch != 1.0:
            matrix = cv2.getRotationMatrix2D((width / 2, height / 2), skew, 1.0)
            matrix[0] *= stretch
            size = (round(width * stretch), height)
            pixels = cv2.warpAffine(pixels, matrix, size, flags=cv2.INTER_AREA, borderValue=self.paper).astype(np.uint8)
        pixels = np.rot90(pixels, -turn // 90).copy()
        noise = np.random.default_rng(seed).normal(0, self.grain, pixels.shape)
        return Page(np.clip(cv2.GaussianBlur(pixels, (0, 0), 0.6) + noise, 0, 255).astype(np.uint8), "drawn page", 203.2)

    def pixels(self) -> Grey:
        template = form()
        side = template.sides[0]
        fine = 2
        picture = np.full((round(210 * PX * fine), round(148 * PX * fine)), self.paper, np.uint8)

        def box(x: float, y: float, w: float, h: float) -> None:
            a, b = round((x - w / 2) * PX * fine), round((y - h / 2) * PX * fine)
            picture[b : b + round(h * PX * fine), a : a + round(w * PX * fine)] = 20

        for mark in side.registration.marks:
            box(mark.x, mark.y, mark.width, mark.height)
        for row in side.timing:
            for x, y in row.centres():
                box(x, y, row.width, row.height)
        for grid in side.grids:
            for line in range(grid.line_count):
                name = grid.fields[0] if grid.joined else grid.fields[line]
                for i, value in enumerate(grid.values):
                    x, y = grid.bubble_at(line, i)
                    share = self.fills.get((name, line if grid.joined else 0, value), 0.0)
                    self._bubble(picture, x * PX * fine, y * PX * fine, fine, value, share)
        return np.asarray(cv2.resize(picture, None, fx=1 / fine, fy=1 / fine, interpolation=cv2.INTER_AREA), np.uint8)

    def _bubble(self, picture: Grey, x: float, y: float, fine: int, value: str, share: float) -> None:
        middle, axes = (round(x), round(y)), (round(2.1 * PX * fine), round(1.3 * PX * fine))
        if self.letters:
            at = (round(x - 0.6 * PX * fine), round(y + 0.7 * PX * fine))
            cv2.putText(picture, value, at, cv2.FONT_HERSHEY_SIMPLEX, 0.55 * fine, 110, fine)
        if share:
            left, top = middle[0] - axes[0] - 2, middle[1] - axes[1] - 2
            part = picture[top : middle[1] + axes[1] + 3, left : middle[0] + axes[0] + 3]
            mask = np.zeros(part.shape, np.uint8)
            cv2.ellipse(mask, (axes[0] + 2, axes[1] + 2), axes, 0, 0, 360, 255, -1)
            part[mask > 0] = np.minimum(part[mask > 0], round(self.paper * (1 - share)))
        cv2.ellipse(picture, middle, axes, 0, 0, 360, 60, fine)


def answers(text: str, share: float = 0.6) -> dict[tuple[str, int, str], float]:
    """'Q1=A Q2=BC number=0420': which bubbles are filled."""
    fills: dict[tuple[str, int, str], float] = {}
    for part in text.split():
        name, values = part.split("=")
        for i, value in enumerate(values):
            fills[name, i if name == "number" else 0, value] = share
    return fills


KEY = "Q1=A Q2=B Q3=C Q4=D Q5=A Q6=B Q7=C Q8=D Q9=A Q10=B Q12=C Q13=D Q14=A Q15=B M1=AC M2=B M3=ABCD M4=D number=0427"


def expected() -> dict[str, str]:
    told = {part.split("=")[0]: part.split("=")[1] for part in KEY.split()}
    return {name: "|".join(v) if name != "number" else v for name, v in told.items()} | {"Q11": ""}
