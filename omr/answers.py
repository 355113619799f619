"""From a page laid under its template to its fields: rings, both readers, row by row, joined to values.

A field is doubtful when a reader doubts, or when the two readers do not say the same. A page whose rings are not
where they should be has no fields at all.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from omr import decide, second
from omr.calibration import DOUBT, chances
from omr.decide import Hand
from omr.fill import First, first_reading
from omr.rings import ring_contrasts, settle
from omr.rows import BubblePlan, frames_of
from omr.second import Second, second_reading
from scanner.register import Laid

Grey = NDArray[np.uint8]
Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]

RING = 0.10  # contrast of a printed ring: grain and JPEG noise stay below 0.05, a pale copy has 0.3
LEAST_RINGS = 0.85  # share of the rings that must be there; marks hide a few
_CLEAR, _ALIKE = 0.3, 0.85  # contrast of a row's rings that are where they are looked for, and share of the usual row's
_EVERY = 16  # rows of pixels: every so many are looked at for single black ones
_ALONE = 0.003  # share of pixels that are black and alone: print and grain leave a tenth of that, a dither twice
_DISAGREE = "the two readers do not agree"
_TWO_DIGITS = "a column has two marks"


class FieldReading(NamedTuple):
    """What is read of one field. A tuple: a page has a hundred of them, and they are made in half the time."""

    value: str  # marked values joined with "|", in the template's order; "" is blank
    first: str
    second: str
    doubt: bool
    p_wrong: float
    why: str

    def as_json(self) -> dict[str, object]:
        """As it is kept with a page."""
        return self._asdict()


@dataclass(frozen=True, slots=True)
class Read:
    fields: dict[str, FieldReading] = field(default_factory=dict)
    hand: Hand = field(default_factory=Hand)
    rings: float | None = None  # share of the printed rings that are where they should be; None where none is printed


def read_bubbles(pixels: Grey, plan: BubblePlan, laid: Laid, *, paper: float, thin: bool, whole: bool = True) -> Read:
    """`whole`: both readers; else the first alone, which doubts more and sees no crosses, rings or streaks."""
    if plan.size == 0:
        return Read()
    frames = frames_of(plan, laid)
    rings: float | None = None
    if plan.printed:
        # A first reading looks at one ring a row; where they are not clear it looks at all of them, as a whole one does.
        contrasts = ring_contrasts(pixels, frames if whole else frames[plan.starts[:-1]])
        if not whole and not contrasts.min() > RING:
            contrasts = ring_contrasts(pixels, frames)
        if len(contrasts) == plan.size and not _in_place(contrasts, plan):
            frames[:, :2] += settle(pixels, frames, plan.starts, plan.grid_of)[plan.line_of, :2]
            contrasts = ring_contrasts(pixels, frames)
        rings = float((contrasts > RING).mean())
        if rings < LEAST_RINGS:
            return Read(rings=rings)
    lost = thin and not is_dithered(pixels)  # a dither leaves some of a pale mark
    first = first_reading(pixels, frames, plan, paper=paper, thin=lost, every=1 if whole else 2)
    other = second_reading(pixels, frames, plan, first.streak, paper=paper) if whole else None
    return Read(_fields(plan, first, other, two_level=thin), Hand.of(first.hand), rings)


def _in_place(contrasts: Floats, plan: BubblePlan) -> bool:
    """Whether every row's rings are as clear where the transform puts them as the page's usual row's, so that none need
    be looked for."""
    rows = np.add.reduceat(contrasts, plan.starts[:-1]) / np.diff(plan.starts)
    usual = float(np.median(rows))
    return usual > _CLEAR and float(rows.min()) > _ALIKE * usual


def is_dithered(pixels: Grey) -> bool:
    """Whether a black and white scan shows greys by single black pixels, so that a pale mark leaves some of them."""
    dark, above, below = (pixels[7 + k : -9 + k : _EVERY] < 128 for k in (1, 0, 2))
    alone = dark[:, 1:-1] & ~dark[:, :-2] & ~dark[:, 2:] & ~above[:, 1:-1] & ~below[:, 1:-1]
    return bool(alone.mean() > _ALONE)


def _fields(plan: BubblePlan, first: First, other: Second | None, *, two_level: bool = False) -> dict[str, FieldReading]:
    """`two_level`: on a black and white scan a cross over a fill is as black as the fill, and nothing shows it."""
    p_wrong = first.p_wrong if other is None else _chances(plan, first, other)
    crossed = (first.masks & (first.masks - 1) != 0) & ~plan.multiple & two_level
    masks, wrong, whys = first.masks.tolist(), p_wrong.tolist(), _whys(first, other, p_wrong, crossed)
    seconds = other.masks.tolist() if other is not None else None
    fields = {}
    for name, a, b, spell, joined in plan.fields:
        one = spell(masks[a:b])
        two = "" if seconds is None else one if seconds[a:b] == masks[a:b] else spell([max(m, 0) for m in seconds[a:b]])
        why, p = whys[a], wrong[a]
        if b - a > 1:
            why = next((w for w in whys[a:b] if w), "")
            p = 1.0 - math.prod(1.0 - each for each in wrong[a:b])
        if joined and not why and any(m & (m - 1) for m in masks[a:b]):
            why = _TWO_DIGITS
        fields[name] = FieldReading(one, one, two, bool(why), p, why)
    return fields


def _chances(plan: BubblePlan, first: First, other: Second) -> Floats:
    found = chances(first.tone, first.streak, other.ink, first.masks, plan.starts, plan.multiple, plan.counted, first.hand)
    return np.where(first.masks == other.masks, found, np.maximum(found, 0.5))


def _whys(first: First, other: Second | None, p_wrong: Floats, crossed: Bools) -> list[str]:
    """For each row why a person must look at it, or ''."""
    codes = first.whys
    said = decide.WHYS
    if other is None:
        return [said[code] for code in codes.tolist()]
    every = (*said, *second.WHYS, _DISAGREE)
    codes = np.where(codes == decide.UNSURE, 0, codes)  # both readers' measures say that better together
    codes = np.where((codes == 0) & (first.masks == other.masks) & (p_wrong > DOUBT), decide.UNSURE, codes)
    codes = np.where(codes == 0, np.where(other.whys == 0, 0, other.whys + len(said)), codes)
    codes = np.where((codes == 0) & (first.masks != other.masks), len(every) - 1, codes)
    codes = np.where((codes == 0) & crossed, len(said) + second.TWO_MARKS, codes)
    return [every[code] for code in codes.tolist()]
