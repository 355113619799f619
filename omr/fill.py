"""The first reader: how dark each bubble is beyond its print, and which are marked. The cheap one; it reads every page.

Every bubble is compared with the paper beside it and with the emptier bubbles of the same letter on the same page.
Nothing is compared with the page's extremes: a black page has no paper and so no measures, not marks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from omr.decide import decide, learn_hand
from omr.kernels import counts, less_print
from omr.rows import BubblePlan

Grey = NDArray[np.uint8]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

_LEAST_PAPER = 0.55  # a bubble's surroundings darker than this share of the page's paper hold no readable bubble


@dataclass(frozen=True, slots=True)
class First:
    """What the first reader says of each bubble and row."""

    tone: Floats  # (n,) mean new darkness; negative where a bubble is not seen
    depth: Floats  # (n,) darkness of what is inked
    masks: Ints  # (rows,) a bit for each marked bubble
    p_wrong: Floats  # (rows,)
    whys: Ints  # (rows,) an index of `omr.decide.WHYS`
    hand: Floats  # the numbers of a `Hand`


def first_reading(pixels: Grey, frames: Floats, plan: BubblePlan, *, paper: float, thin: bool) -> First:
    counted = counts(pixels, frames, _LEAST_PAPER * paper)
    darkness, inked = counted[:, 0].copy(), counted[:, 1].copy()
    tone, cover, known = less_print(darkness, inked, plan.by_kind, plan.kind_starts, plan.lettered)
    depth = np.minimum(tone / np.maximum(cover, 0.02), 1.0)
    hand = learn_hand(tone, depth, plan.starts, plan.multiple)
    masks, wrong, whys = decide(tone, depth, known, plan.starts, plan.multiple, plan.counted, hand, thin)
    return First(tone, depth, masks, wrong, whys, hand)
