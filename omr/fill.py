"""The first reader: how dark each bubble is beyond its print, and which are marked. The cheap one; it reads every page.

Every bubble is compared with the paper beside it and with the emptier bubbles of the same letter on the same page.
Nothing is compared with the page's extremes: a black page has no paper and so no measures, not marks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from omr.decide import decide, learn_hand
from omr.kernels import INNER, counts, less_common, less_print, may_be_empty
from omr.rows import BubblePlan
from omr.streaks import streak_ink

Grey = NDArray[np.uint8]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

_FILM, _FAINTEST = 1.3, 0.15  # ink of which so little is dark, and that is so faint, is a film: a ghost or a smudge
_MAYBE = 0.03  # new darkness from which a bubble may hold a mark
_STREAKED = 1.1  # times what a streak is measured to add is taken off
_LEAST_LIGHT = 20.0  # grey levels, of 255: below, one level of noise is as dark as a mark, whatever the page's paper is
_LEAST_PAPER = 0.55  # a bubble's surroundings darker than this share of the page's paper hold no readable bubble


@dataclass(frozen=True, slots=True)
class First:
    """What the first reader says of each bubble and row."""

    tone: Floats  # (n,) mean new darkness, without what a streak adds; negative where a bubble is not seen
    depth: Floats  # (n,) darkness of what is inked; 0 where that is but a film
    streak: Floats  # (n,) darkness that lines running through the bubble explain
    masks: Ints  # (rows,) a bit for each marked bubble
    p_wrong: Floats  # (rows,)
    whys: Ints  # (rows,) an index of `omr.decide.WHYS`
    hand: Floats  # the numbers of a `Hand`


def first_reading(pixels: Grey, frames: Floats, plan: BubblePlan, *, paper: float, thin: bool, every: int = 1) -> First:
    """`every`: 2 where every other row of pixels does."""
    counted = counts(pixels, frames, max(_LEAST_PAPER * paper, _LEAST_LIGHT), every)
    darkness, inked = counted[:, 0].copy(), counted[:, 1].copy()
    empty = may_be_empty(darkness, plan.starts, plan.multiple)
    tone, cover, known = less_print(darkness, inked, empty, plan.by_kind, plan.kind_starts, plan.lettered)
    depth = np.where(cover > _FILM * tone, tone / np.maximum(cover, 0.02), np.where(tone < _FAINTEST, 0.0, 1.0))
    maybe = tone > _MAYBE
    streak = streak_ink(pixels, frames, counted[:, 3].copy(), maybe, INNER)
    tone = np.where(streak > 0.0, np.maximum(tone - _STREAKED * streak, 0.0), tone)
    less_common(tone, plan.starts, plan.multiple)
    hand = learn_hand(tone, depth, plan.starts, plan.multiple)
    masks, wrong, whys = decide(tone, known, plan.starts, plan.multiple, plan.counted, hand, thin)
    return First(tone, depth, streak, masks, wrong, whys, hand)
