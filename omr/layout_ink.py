"""What is drawn on a side: words, strokes, panels, ovals and solid black, placed in millimetres from the top left.

A list of these is the whole furniture of a side; `omr.draw` is the only one that knows PDF. `black` ink is for what
machines must find, `shape` for frames and bubbles (the drop-out colour, if one is asked for), `pale` for letters in
bubbles and writing lines, `text` for what people read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Ink = Literal["black", "text", "shape", "pale", "tint"]
Align = Literal["left", "centre", "right"]


@dataclass(frozen=True, slots=True)
class Words:
    """A line of text on the baseline `y`; it is set narrower, never longer than `width`."""

    x: float
    y: float
    text: str
    size: float  # millimetres of an em
    align: Align = "left"
    width: float | None = None
    ink: Ink = "text"
    bold: bool = False


@dataclass(frozen=True, slots=True)
class Stroke:
    x1: float
    y1: float
    x2: float
    y2: float
    thick: float = 0.2
    ink: Ink = "shape"
    dashed: bool = False


@dataclass(frozen=True, slots=True)
class Panel:
    """A rectangle: filled when `fill` is given, outlined when `thick` is more than nothing."""

    x: float
    y: float
    width: float
    height: float
    thick: float = 0.25
    ink: Ink = "shape"
    fill: Ink | None = None
    radius: float = 0.0
    dashed: bool = False


@dataclass(frozen=True, slots=True)
class Oval:
    """A bubble's outline, or a filled one in the instructions: `x`, `y` is its centre."""

    x: float
    y: float
    width: float
    height: float
    thick: float = 0.18
    ink: Ink = "shape"
    fill: Ink | None = None


Item = Words | Stroke | Panel | Oval


@dataclass(frozen=True, slots=True)
class Slot:
    """Where a text of one's own goes: `key` is serial, name, number, school, class, room or seat."""

    key: str
    words: Words


@dataclass(slots=True)
class Drawing:
    """The growing furniture of one side."""

    items: list[Item]
    slots: list[Slot]

    def add(self, *items: Item) -> None:
        self.items.extend(items)

    def slot(self, key: str, words: Words) -> None:
        self.slots.append(Slot(key, words))
