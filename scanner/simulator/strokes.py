"""The movements of a hand over a bubble: polylines in millimetres for every kind of mark.

Owns shapes only; `ink` says what a pencil leaves along them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Path = NDArray[np.float64]  # (n, 2), millimetres


@dataclass(frozen=True, slots=True)
class Shape:
    """A bubble's outline: centre and half axes. `power` is 2 for an ellipse, higher for a rectangle."""

    x: float
    y: float
    rx: float
    ry: float
    power: float = 2.0

    def scaled(self, by: float, *, less: float = 0.0) -> Shape:
        return Shape(self.x, self.y, max(self.rx * by - less, 0.15), max(self.ry * by - less, 0.15), self.power)

    def moved(self, dx: float, dy: float) -> Shape:
        return Shape(self.x + dx, self.y + dy, self.rx, self.ry, self.power)


def hatch(shape: Shape, angle: float, pitch: float, rng: np.random.Generator, *, part: tuple[float, float] = (-1.0, 1.0)) -> list[Path]:
    """Back-and-forth strokes across the shape; `part` is how much of its breadth they cover."""
    along = np.array([shape.rx * math.cos(angle), shape.ry * math.sin(angle)])
    across = np.array([-shape.rx * math.sin(angle), shape.ry * math.cos(angle)])
    step = pitch * float(np.hypot(*along)) / (shape.rx * shape.ry)
    offsets = np.arange(part[0] + step * rng.uniform(0.2, 0.5), part[1], step)
    offsets = np.clip(offsets + rng.normal(0, 0.15 * step, len(offsets)), -0.97, 0.97)
    reach = (1.0 - np.abs(offsets) ** shape.power) ** (1.0 / shape.power)
    ends = reach[:, None] * (1.0 + rng.normal(0, 0.05, (len(offsets), 2)))
    tilt = rng.normal(0, 0.3 * step, (len(offsets), 2))
    bow = rng.normal(0.15, 0.12, len(offsets)) * step
    u, v = np.zeros((2, len(offsets), 3))
    u[:, 0], u[:, 2] = -ends[:, 0], ends[:, 1]
    v[:, 0], v[:, 1], v[:, 2] = offsets + tilt[:, 0], offsets + bow, offsets + tilt[:, 1]
    paths = np.array([shape.x, shape.y]) + u[..., None] * along + v[..., None] * across
    return [p if i % 2 else p[::-1] for i, p in enumerate(paths)]


def loop(shape: Shape, rng: np.random.Generator, *, turns: float = 1.1, wobble: float = 0.05) -> Path:
    """A line around the shape that does not quite close."""
    t = _evenly(0, 2 * math.pi * turns, 22) + rng.uniform(0, 2 * math.pi)
    radius = 1.0 + wobble * np.sin(2 * t + rng.uniform(0, 6)) + _evenly(-wobble, wobble, len(t)) + rng.normal(0, wobble / 4, len(t))
    c, s = np.cos(t), np.sin(t)
    squared = (np.abs(c) ** shape.power + np.abs(s) ** shape.power) ** (-1.0 / shape.power)
    return np.stack([shape.x + shape.rx * radius * squared * c, shape.y + shape.ry * radius * squared * s], axis=1)


@lru_cache(maxsize=64)
def _evenly(start: float, end: float, count: int) -> NDArray[np.float64]:
    points = np.linspace(start, end, count)
    points.flags.writeable = False
    return points


def filling(shape: Shape, stroke: float, slant: float, rng: np.random.Generator, *, cover: float) -> list[Path]:
    """A whole bubble filled: first around, then to and fro, so that strokes overlap."""
    inside = shape.scaled(math.sqrt(cover), less=0.42 * stroke)
    paths = hatch(inside, slant + rng.normal(0, 0.15), stroke * rng.uniform(0.5, 0.68), rng)
    if rng.random() < 0.7:
        paths.append(loop(inside, rng, wobble=0.04))
    if rng.random() < 0.4:
        paths += hatch(inside, slant + rng.normal(0.6, 0.3), stroke * rng.uniform(0.8, 1.2), rng)
    return paths


def part_filling(shape: Shape, stroke: float, slant: float, rng: np.random.Generator, *, cover: float) -> list[Path]:
    """A side left white, a small core, or hatching with gaps."""
    way = rng.random()
    if way < 0.4:
        edge = -1.0 + 2.0 * cover
        part = (-1.0, edge) if rng.random() < 0.5 else (-edge, 1.0)
        return hatch(shape.scaled(0.97, less=0.3 * stroke), slant + math.pi / 2 * (rng.random() < 0.5), 0.6 * stroke, rng, part=part)
    if way < 0.7:
        return filling(shape, stroke, slant, rng, cover=cover)
    return hatch(shape.scaled(1.0, less=0.3 * stroke), slant, stroke / cover, rng)


def tick(shape: Shape, rng: np.random.Generator) -> list[Path]:
    left = (-rng.uniform(0.7, 1.0), -rng.uniform(0.0, 0.4))
    foot = (-rng.uniform(0.1, 0.35), rng.uniform(0.6, 0.95))
    end = (rng.uniform(0.9, 1.4), -rng.uniform(0.9, 1.7))
    return [_bent(shape, [left, foot], rng), _bent(shape, [foot, end], rng)]


def cross(shape: Shape, rng: np.random.Generator, *, reach: float = 0.9) -> list[Path]:
    def corner(sx: float, sy: float) -> tuple[float, float]:
        return sx * reach * rng.uniform(0.85, 1.15), sy * reach * rng.uniform(0.85, 1.15)

    return [_bent(shape, [corner(-1, -1), corner(1, 1)], rng), _bent(shape, [corner(1, -1), corner(-1, 1)], rng)]


def stroke_out(shape: Shape, length: float, angle: float, rng: np.random.Generator) -> list[Path]:
    """A stroke of a filling that runs `length` millimetres out of the bubble."""
    edge = (shape.rx * shape.ry) / math.hypot(shape.ry * math.cos(angle), shape.rx * math.sin(angle))
    far = edge + length
    d = np.array([math.cos(angle), math.sin(angle)])
    side = np.array([-d[1], d[0]]) * rng.normal(0, 0.15)
    start = np.array([shape.x, shape.y])
    return [np.array([start, start + d * edge + side, start + d * far])]


def dot(shape: Shape, rng: np.random.Generator) -> list[Path]:
    at = np.array([shape.x + rng.normal(0, 0.25 * shape.rx), shape.y + rng.normal(0, 0.25 * shape.ry)])
    return [np.array([at, at + rng.normal(0, 0.12, 2)])]


def _bent(shape: Shape, points: list[tuple[float, float]], rng: np.random.Generator) -> Path:
    (x0, y0), (x1, y1) = points
    t = np.linspace(0, 1, 5)
    bend = rng.normal(0, 0.08) * 4 * t * (1 - t)
    xs = x0 + (x1 - x0) * t + bend * (y1 - y0)
    ys = y0 + (y1 - y0) * t - bend * (x1 - x0)
    return np.stack([shape.x + shape.rx * xs, shape.y + shape.ry * ys], axis=1)
