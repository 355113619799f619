"""A look at the middles of bubbles alone, on forms of which nobody said what is printed around them.

Readers that know a bubble's ring lean on it. Where the ring was only found on the pages, a thick one that is a pixel
aside may look like ink to all of them. Its middle cannot: so an answer there stands only when the middles say the same.
Owns that check; it never changes an answer, it only doubts.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from core.template import Line, learnt_lines_of
from omr.answers import FieldReading
from omr.reading import PageReading
from scanner.laid import Laid

Grey = NDArray[np.uint8]
Floats = NDArray[np.float64]

_MIDDLE = 0.45  # of the half axes
_AROUND = 1.3  # of the half axes: where the paper beside it is looked for
_SAMPLES = 13  # each way
_BLANK = 25  # percentile over the bubbles of one letter
_LEAST = 0.12  # new darkness that a mark has in its middle, whatever the others have
_LESS, _MORE = 0.35, 0.6  # of the page's usual mark: less is none, more is one
_NONE = 0.25  # the same where the page has no mark to compare with
_WHY = "the middle of a bubble does not look as its answer says"


def doubt_by_middles(pixels: Grey, reading: PageReading) -> PageReading:
    """The reading with a doubt wherever the middles of loosely known bubbles say something else."""
    template, laid = reading.template, reading.laid
    if template is None or laid is None or reading.side is None or not reading.fields:
        return reading
    lines = [line for line in learnt_lines_of(template.side(reading.side)) if not line.grid.bubble.ring]
    if not lines:
        return reading
    dark = _darkness(pixels, laid, lines)
    ink = _new(dark, lines)
    marked = [_marked(line, reading.fields) for line in lines]
    known = np.concatenate(marked)
    usual = float(np.median(ink[known])) if known.any() else 0.0
    doubted = _contradicted(lines, marked, ink, usual)
    if not doubted:
        return reading
    fields = {
        n: f._replace(doubt=True, p_wrong=max(f.p_wrong, 0.2), why=f.why or _WHY) if n in doubted else f for n, f in reading.fields.items()
    }
    if reading.status != "ok":
        return replace(reading, fields=fields)
    return replace(reading, fields=fields, status="review", kind="doubt", reason=f"{', '.join(sorted(doubted)[:8])}: {_WHY}")


def _darkness(pixels: Grey, laid: Laid, lines: list[Line]) -> Floats:
    """How dark the middle of each bubble is against the paper beside it, 0 to 1."""
    steps = np.linspace(-_AROUND, _AROUND, _SAMPLES)
    u, v = (a.ravel() for a in np.meshgrid(steps, steps))
    points = np.array([b for line in lines for b in line.bubbles], np.float64)
    halves = np.array([(ln.grid.bubble.width / 2, ln.grid.bubble.height / 2) for ln in lines for _ in ln.bubbles])
    around = points[:, None] + np.stack([u, v], axis=1)[None] * halves[:, None]
    at = laid.places(around.reshape(-1, 2)).astype(np.float32).reshape(len(points), -1, 2)
    seen = np.asarray(cv2.remap(pixels, at[..., 0], at[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float64)
    paper = np.maximum(np.percentile(seen, 90, axis=1), 1.0)
    middle = seen[:, u**2 + v**2 <= _MIDDLE**2].mean(axis=1)
    return np.asarray(np.clip(1 - middle / paper, 0, 1), np.float64)


def _new(dark: Floats, lines: list[Line]) -> Floats:
    """What is darker than in a blank bubble of the same letter."""
    letters = np.array([value if line.grid.bubble.letter else "" for line in lines for value in line.grid.values])
    blank = np.full(dark.shape, float(np.percentile(dark, _BLANK)))
    for letter in np.unique(letters):
        same = letters == letter
        if same.sum() >= 4:
            blank[same] = np.percentile(dark[same], _BLANK)
    return np.asarray((dark - blank) / np.maximum(1 - blank, 0.2), np.float64)


def _marked(line: Line, fields: dict[str, FieldReading]) -> NDArray[np.bool_]:
    value = fields[line.field].value
    chosen = {value[line.position : line.position + 1]} if line.grid.joined else set(value.split("|"))
    return np.array([v in chosen for v in line.grid.values])


def _contradicted(lines: list[Line], marked: list[NDArray[np.bool_]], ink: Floats, usual: float) -> set[str]:
    found, start = set(), 0
    for line, own in zip(lines, marked, strict=True):
        seen = ink[start : start + len(own)]
        start += len(own)
        faint = own & (seen < max(_LEAST, _LESS * usual))
        dark = ~own & (seen > (_MORE * usual if usual > _LEAST else _NONE))
        if (faint | dark).any():
            found.add(line.field)
    return found
