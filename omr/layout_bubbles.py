"""Bubbles: how big they are, and how a grid of the template is drawn, from the very places that will be read."""

from __future__ import annotations

from core.template import Bubble, Grid
from omr.layout_ink import Drawing, Oval, Words

WIDTH, HEIGHT = 4.2, 2.6  # a 2B pencil fills one in two or three strokes
OPTION_PITCH = 6.0
LETTER = 2.1
BUBBLE = Bubble(shape="ellipse", width=WIDTH, height=HEIGHT)
PLAIN_BUBBLE = Bubble(shape="ellipse", width=WIDTH, height=HEIGHT, letter=False)


def draw_grid(drawing: Drawing, grid: Grid) -> None:
    """Every bubble of `grid` with its value printed light inside, if the template says so."""
    for line in range(grid.line_count):
        for at, value in enumerate(grid.values):
            x, y = grid.bubble_at(line, at)
            drawing.add(Oval(x, y, grid.bubble.width, grid.bubble.height))
            if grid.bubble.letter:
                drawing.add(Words(x, y + LETTER * 0.36, value, LETTER, "centre", grid.bubble.width - 1.4, "pale"))
