"""Auto Multiple Choice: the layout of one of its pages -> a template.

Its layout knows four corner discs and a box for each answer, in pixels of the layout's own resolution. Boxes of a
question that stand at equal steps become one grid. A box may be ticked whatever the others are: every grid is
`multiple`. This module owns the conversion; it reads no pixels.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.errors import TemplateInvalid
from core.template import Template, parse_template

_SAME = 0.1  # of a box's size: boxes that differ by less stand in one line, steps that differ by less are equal
_INCH = 25.4


@dataclass(frozen=True, slots=True)
class Box:
    """An answer's box: its centre and size in millimetres."""

    question: str
    answer: str
    x: float
    y: float
    width: float
    height: float


def template_of(layout: Mapping[str, Any], *, name: str, bounds: tuple[float, float] | None = None) -> Template:
    """The template of one page.

    `layout` has `dpi`, `width`, `height`, `mark_diameter`, `marks` (number, x, y) and `boxes` (question, answer,
    xmin, xmax, ymin, ymax). `bounds` are the shares of a box that is dark between which it counts as ticked: below it
    is empty, above it was blackened to cancel it.
    """
    try:
        mm = _INCH / float(layout["dpi"])
        size = float(layout["mark_diameter"]) * mm
        marks = [{"shape": "disc", "x": x * mm, "y": y * mm, "width": size, "height": size} for _, x, y in layout["marks"]]
        boxes = [_box(raw, mm) for raw in layout["boxes"]]
        raw = {
            "name": name,
            "width": float(layout["width"]) * mm,
            "height": float(layout["height"]) * mm,
            "sides": [{"side": 1, "registration": {"marks": marks}, "grids": list(_grids(boxes, bounds))}],
        }
    except (KeyError, TypeError, ValueError) as e:
        raise TemplateInvalid(f"is not a layout of Auto Multiple Choice ({e!r}).", where=name) from e
    return parse_template(raw, where=name)


def looks_like(raw: object) -> bool:
    return isinstance(raw, dict) and ("mark_diameter" in raw or "mark_diameter" in (raw.get("layout") or {}))


def load_amc(raw: Mapping[str, Any], *, where: str) -> Template:
    """A page of its layout as JSON: the layout alone, or with its bounds (`seuil`, `seuil_up`) beside it."""
    bounds = (float(raw["seuil"]), float(raw.get("seuil_up", 1.0))) if "seuil" in raw else None
    return template_of(raw.get("layout", raw), name=where, bounds=bounds)


def answers_of(template: Template, values: Mapping[str, str]) -> dict[tuple[str, str], bool]:
    """What was read of each field -> which box is ticked, by question and answer."""
    ticked = {}
    for grid in template.sides[0].grids:
        marked = values[grid.fields[0]].split("|")
        question = grid.fields[0].partition(_PART)[0]
        for value in grid.values:
            ticked[question, value] = value in marked
    return ticked


_PART = "/"  # between a question's name and the number of its part, where its boxes are several grids


def _box(raw: Mapping[str, Any], mm: float) -> Box:
    left, right, top, bottom = (float(raw[k]) * mm for k in ("xmin", "xmax", "ymin", "ymax"))
    return Box(str(raw["question"]), str(raw["answer"]), (left + right) / 2, (top + bottom) / 2, right - left, bottom - top)


def _grids(boxes: Sequence[Box], bounds: tuple[float, float] | None) -> Iterator[dict[str, Any]]:
    by_question: dict[str, list[Box]] = {}
    for box in boxes:
        by_question.setdefault(box.question, []).append(box)
    for question, own in by_question.items():
        runs = list(_runs(own))
        for i, run in enumerate(runs):
            name = question if len(runs) == 1 else f"{question}{_PART}{i + 1}"
            yield _grid(name, run, bounds)


def _grid(name: str, run: Sequence[Box], bounds: tuple[float, float] | None) -> dict[str, Any]:
    first, last, steps = run[0], run[-1], max(len(run) - 1, 1)
    bubble: dict[str, Any] = {"shape": "rectangle", "width": first.width, "height": first.height, "letter": False}
    if bounds is not None:
        bubble["bounds"] = bounds
    return {
        "name": name,
        "fields": [name],
        "values": [box.answer for box in run],
        "origin": [first.x, first.y],
        "value_step": [(last.x - first.x) / steps, (last.y - first.y) / steps],
        "multiple": True,
        "bubble": bubble,
    }


def _runs(boxes: Sequence[Box]) -> Iterator[list[Box]]:
    """The boxes of a question as lines of equal steps: across where several stand in one line, else down."""
    tall = boxes[0].height * _SAME
    lines: list[list[Box]] = []
    for box in sorted(boxes, key=lambda b: (b.y, b.x)):
        if lines and abs(lines[-1][0].y - box.y) < tall:
            lines[-1].append(box)
        else:
            lines.append([box])
    if all(len(line) == 1 for line in lines):
        lines = [sorted(boxes, key=lambda b: (round(b.x / tall), b.y))]
    for line in lines:
        yield from _equal_steps(sorted(line, key=lambda b: (b.x, b.y)))


def _equal_steps(line: Sequence[Box]) -> Iterator[list[Box]]:
    run: list[Box] = []
    for box in line:
        if len(run) >= 2:
            step = run[1].x - run[0].x, run[1].y - run[0].y
            here = box.x - run[-1].x, box.y - run[-1].y
            if math.hypot(here[0] - step[0], here[1] - step[1]) > box.width * _SAME:
                yield run
                run = []
        run.append(box)
    yield run
