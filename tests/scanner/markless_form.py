"""A form without marks, drawn, and photographed at a known place: what tests of outline and reference share."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from core.template import Template, parse_template
from scanner.laid import Laid

Grey = NDArray[np.uint8]
Floats = NDArray[np.float64]

WIDTH, HEIGHT = 600, 840  # of the form, its unit is a pixel of the drawing


def form(kind: str = "outline", **more: object) -> Template:
    grids = [
        {"name": "a", "fields": [f"q{i}" for i in range(10)], "origin": [90, 250], "value_step": [34, 0], "field_step": [0, 40]},
        {"name": "b", "fields": [f"p{i}" for i in range(7)], "origin": [330, 190], "value_step": [34, 0], "field_step": [0, 40]},
        {"name": "c", "fields": [f"r{i}" for i in range(3)], "origin": [420, 520], "value_step": [0, 34], "field_step": [44, 0]},
    ]
    bubble = {"width": 20, "height": 20, "ring": False}
    side = {"side": 1, "registration": {"kind": kind, **more}, "grids": [g | {"values": list("ABCDE"), "bubble": bubble} for g in grids]}
    return parse_template({"name": "plain", "unit": "cell", "width": WIDTH, "height": HEIGHT, "sides": [side]}, where="plain")


def drawn(template: Template, *, filled: int = 12, seed: int = 1, text: int | None = 7) -> Grey:
    """Rings with letters, some filled; lines of letters as a heading where `text` seeds them."""
    rng = np.random.default_rng(seed)
    page = np.full((2 * HEIGHT, 2 * WIDTH), 244, np.uint8)
    for grid in template.sides[0].grids:
        for i in range(grid.line_count):
            for j, value in enumerate(grid.values):
                x, y = grid.bubble_at(i, j)
                at = round(2 * x), round(2 * y)
                cv2.circle(page, at, 20, 90, 2, cv2.LINE_AA)
                cv2.putText(page, value, (at[0] - 8, at[1] + 8), cv2.FONT_HERSHEY_SIMPLEX, 0.75, 130, 2, cv2.LINE_AA)
                if rng.random() < filled / 100:
                    cv2.circle(page, at, 18, 50, -1, cv2.LINE_AA)
    if text is not None:
        letters = np.random.default_rng(text)
        for line in range(6):
            words = "".join(chr(int(c)) for c in letters.integers(65, 91, 34))
            cv2.putText(page, words, (80, 70 + 42 * line), cv2.FONT_HERSHEY_DUPLEX, 1.1, 60, 2, cv2.LINE_AA)
        for line in range(5):
            words = "".join(chr(int(c)) for c in letters.integers(65, 91, 40))
            cv2.putText(page, words, (80, 1440 + 46 * line), cv2.FONT_HERSHEY_SIMPLEX, 0.9, 60, 2, cv2.LINE_AA)
    return np.asarray(cv2.resize(page, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA), np.uint8)


def photographed(page: Grey, corners: Floats, *, ground: int = 40, slope: float = 0.0, seed: int = 1, size: int = 1000) -> Grey:
    """The page with its corners at these places of a square picture, on a ground, under light that falls off."""
    height, width = page.shape
    source = np.array([(-0.5, -0.5), (width - 0.5, -0.5), (width - 0.5, height - 0.5), (-0.5, height - 0.5)], np.float32)
    fine = 2
    h = cv2.getPerspectiveTransform(source, (corners * fine + (fine - 1) / 2).astype(np.float32))
    large = cv2.warpPerspective(page, h, (size * fine, size * fine), flags=cv2.INTER_LINEAR, borderValue=ground)
    scene = cv2.resize(large, (size, size), interpolation=cv2.INTER_AREA).astype(np.float32)
    light = 1 - slope * np.linspace(0, 1, size, dtype=np.float32)[None, :]
    noise = np.random.default_rng(seed).normal(0, 3, scene.shape)
    return np.clip(cv2.GaussianBlur(scene, (0, 0), 0.7) * light + noise, 0, 255).astype(np.uint8)


def corners_of(turn: float, taper: float, share: float, x: float = 0.0, y: float = 0.0, size: int = 1000) -> Floats:
    """Corners of a sheet that lies turned by degrees, seen aslant, filling a share of the picture's height."""
    tall = share * size
    wide = tall * WIDTH / HEIGHT
    flat = np.array(
        [(-wide / 2 * (1 - taper), -tall / 2), (wide / 2 * (1 - taper), -tall / 2), (wide / 2, tall / 2), (-wide / 2, tall / 2)]
    )
    angle = np.radians(turn)
    spun = flat @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return np.asarray(spun + size / 2 + np.array([x, y]), np.float64)


def furthest(laid: Laid, template: Template, corners: Floats) -> float:
    """How far the furthest bubble is from where it is on the picture, in bubbles' widths."""
    places = np.array([g.bubble_at(i, j) for g in template.sides[0].grids for i in range(g.line_count) for j in range(len(g.values))])
    source = np.array([(0, 0), (WIDTH, 0), (WIDTH, HEIGHT), (0, HEIGHT)], np.float32)
    h = cv2.getPerspectiveTransform(source, corners.astype(np.float32))
    truth = cv2.perspectiveTransform(places.reshape(-1, 1, 2).astype(np.float64), h).reshape(-1, 2)
    one = np.linalg.norm(truth[1] - truth[0]) * 20 / 34
    return float(np.hypot(*(laid.places(places) - truth).T).max() / one)
