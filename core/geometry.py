"""Places on a page: points, boxes and plane transforms, as plain numbers.

Owns no fitting (that is `scanner.register`) and needs no array library, so the people half may use it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Point:
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Box:
    """An upright rectangle: top left corner, width and height, in the unit of whoever made it."""

    x: float
    y: float
    width: float
    height: float

    @property
    def centre(self) -> Point:
        return Point(self.x + self.width / 2, self.y + self.height / 2)

    @property
    def corners(self) -> tuple[Point, Point, Point, Point]:
        """Clockwise from the top left."""
        right, bottom = self.x + self.width, self.y + self.height
        return Point(self.x, self.y), Point(right, self.y), Point(right, bottom), Point(self.x, bottom)

    def grown(self, by: float) -> Box:
        return Box(self.x - by, self.y - by, self.width + 2 * by, self.height + 2 * by)


@dataclass(frozen=True, slots=True)
class Transform:
    """A plane projective transform, row by row: nine numbers, the last one 1 unless degenerate.

    Takes template places (mm or cells) to scan pixels, pixel centres at whole numbers.
    """

    m: tuple[float, float, float, float, float, float, float, float, float]

    def __call__(self, p: Point) -> Point:
        a, b, c, d, e, f, g, h, i = self.m
        w = g * p.x + h * p.y + i
        return Point((a * p.x + b * p.y + c) / w, (d * p.x + e * p.y + f) / w)

    @property
    def inverse(self) -> Transform:
        a, b, c, d, e, f, g, h, i = self.m
        adjugate = (
            e * i - f * h, c * h - b * i, b * f - c * e,
            f * g - d * i, a * i - c * g, c * d - a * f,
            d * h - e * g, b * g - a * h, a * e - b * d,
        )  # fmt: skip
        last = adjugate[8]
        if abs(last) < 1e-300:
            return Transform(adjugate)
        n = [v / last for v in adjugate]
        return Transform((n[0], n[1], n[2], n[3], n[4], n[5], n[6], n[7], n[8]))
