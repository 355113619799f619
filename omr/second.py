"""The second reader: the same question answered by another principle, so that one mistake is not made twice.

It shares no fill code with the first: its own pictures of the bubbles, its own measure (how much of a bubble is
covered by ink that is not in the blank of its letter), its own decision (rank and gap within the row). It also
looks at what surrounds a mark, for crosses, rings and streaks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from omr.around import around
from omr.rows import BubblePlan
from omr.second_kernels import blanks, new_ink, pictures
from scanner.kernels import njit

Grey = NDArray[np.uint8]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

_LEAST_PAPER = 0.5  # a bubble whose surroundings are darker than this share of the page's paper is not seen
_LEAST_FREE = 0.08  # share of a bubble that must be free of print for anything to be said of it
_LEAST = 0.085  # share newly inked below which a bubble is empty, whatever the page is like
_LEAST_SHARE = 0.25  # ... or less than this share of what the page's usual mark covers
_PRINTED = (0.03, 0.15, 0.15)  # what a letter may add to the first three measures where none of its blanks was seen
_EQUAL = 0.25  # where one answer is asked for, a mark counts beside the row's strongest from this share of it on
_COLUMN = 3.0  # times what a streak darkens a bubble on the whole is the share that it covers
_PALE_HAND = 0.33  # stroke of the page's usual marks below which the lower level of ink is counted
_INKED, _OF_STROKE = 0.16, 0.4  # darkness from which the surroundings are inked: at most, and of the hand's strokes
_AS_LIGHT = 0.95  # of the row's lightest paper there must be, or the surroundings are inked
_MAYBE = 0.03  # new darkness from which a bubble may hold a mark, and its surroundings are looked at
_COVERED = 0.80  # share of a bubble that is inked when it is filled and not only crossed
_LEFT, _LEFT_SHARE = 0.055, 0.12  # new darkness beside a mark, and its share of the mark's, that no clean erasure leaves
_SHADE = 0.045  # new darkness from which it matters whether a bubble is stained
_PALER, _SOME, _WIDE = 0.62, 0.05, 0.22  # a stain: of the usual stroke; share of the surroundings inked, with and without a corner
_SURROUNDED, _WEAKER = 0.33, 0.95  # ... and where so much of them is, all but the blackest marks may be
_SOLID, _BLACKEST = 0.27, 0.75  # share of the turn around a bubble that is dark without a gap: no stroke is so wide; no stain is so dark
_DIRTY, _PLAIN, _STRONG = (
    0.86,
    0.65,
    0.8,
)  # paper beside a bubble, of the row's lightest; ink and strokes, of the usual, that stand out of it
_RINGING, _MORE, _ROUND = 0.45, 0.25, 0.9  # share of the turn around a ringed bubble that has ink: at least, beyond the usual one's, surely
_LOOPED, _BLOT = 0.10, 0.12  # share of the surroundings inked, and of the turn without a gap, where a mark lies between two bubbles
_SPILLED = 0.15  # share of a bubble's surroundings that is inked when a mark runs out of it
_RINGED = 3  # of the four diagonals around a bubble inked: a cross over it or a ring around it
_CROSSED = 3  # strokes that leave through the four corners: a cross over a fill; over an empty bubble a cross is a mark
_STREAKED = 1.5  # times what a streak is measured to add; a mark must be one without it
_FILLED = (0.30, 0.25)  # darkness that a mark must have without its streak: share of the usual, and at most

WHYS = (
    "",
    "a bubble is covered, off the page or on dark paper",
    "a line runs through the bubble and beyond, as dirt on the scanner's glass draws it",
    "a bubble is ringed or crossed and not filled",
    "the only mark may be crossed out",
    "two marks, and one may be crossed out",
    "what darkens a bubble runs on all around it, as a stain does",
    "beside a mark there is ink that may be an erasure, or a weaker mark",
)
_UNSEEN, _STREAKED_WHY, _RING, _CROSSED_OUT, TWO_MARKS, _STAINED, _GHOST = range(1, 8)


@dataclass(frozen=True, slots=True)
class Second:
    """What the second reader says of each bubble and row."""

    ink: Floats  # (n, 5) as `new_ink` gives it
    extra: Floats  # (n, 5) as `around` gives it
    share: Floats  # (n,) share of the bubble that counts as inked
    masks: Ints  # (rows,) a bit for each marked bubble
    whys: Ints  # (rows,) an index of `WHYS`


def second_reading(pixels: Grey, frames: Floats, plan: BubblePlan, streak: Floats, *, paper: float) -> Second:
    dark, papers = pictures(pixels, frames, _LEAST_PAPER * paper)
    models, limits, own = blanks(dark, papers, plan.by_kind, plan.kind_starts, plan.starts, plan.multiple)
    ink = new_ink(dark, papers, models, limits, plan.kind_of)
    strange = (plan.lettered & ~own)[plan.kind_of] & (ink[:, 0] >= 0.0)
    if strange.any():
        ink[strange, :3] = np.maximum(ink[strange, :3] - _PRINTED, 0.0)
    share, quiet, usual, stroke = rank_basis(ink, streak, plan.starts, plan.multiple)
    masks = ranked_marks(share, plan.starts, plan.multiple, quiet)
    maybe = ink[:, 0] > _MAYBE
    looked = maybe | (((masks == 0) | plan.multiple)[plan.line_of] & (ink[:, 0] >= 0))
    lightest = np.maximum.reduceat(papers, plan.starts[:-1])[plan.line_of]  # what is drawn around a bubble may hide its paper
    extra = around(pixels, frames, np.maximum(papers, _AS_LIGHT * lightest), looked, min(_INKED, _OF_STROKE * stroke))
    whys = objections(ink, extra, looked, papers, streak, masks, plan.starts, plan.multiple, usual, stroke)
    return Second(ink, extra, share, masks, whys)


@njit(cache=True, nogil=True)
def level_of(values: Floats, n: int, share: float) -> float:
    """The thousandth, 0..1, that `share` of the first n values do not exceed."""
    counts = np.zeros(1002, np.int64)
    for i in range(n):
        counts[int(1000.0 * min(max(values[i], 0.0), 1.0) + 0.5)] += 1
    level, below = 0, counts[0]
    while below < share * n and level < 1000:
        level += 1
        below += counts[level]
    return level / 1000.0


@njit(cache=True, nogil=True)
def rank_basis(ink: Floats, streak: Floats, starts: Ints, multiple: Bools) -> tuple[Floats, float, float, float]:
    """The share of each bubble that counts as inked, how much of it an empty bubble of this page may show, and the
    darkness of the page's usual mark and of its strokes.

    The latter three from the strongest of each row of single answers, and from all others. A page of pale marks is
    counted at a lower level of ink.
    """
    n = ink.shape[0]
    tops, strokes, covers, others, m, k = np.empty(n), np.empty(n), np.empty(n), np.empty(n), 0, 0
    for r in range(starts.shape[0] - 1):
        if multiple[r]:
            continue
        top = starts[r]
        for i in range(starts[r], starts[r + 1]):
            if ink[i, 1] > ink[top, 1]:
                top = i
        if ink[top, 1] > 0.2 and starts[r + 1] - starts[r] > 1:
            tops[m], strokes[m], covers[m] = ink[top, 0], ink[top, 3], ink[top, 2]
            m += 1
    stroke = level_of(strokes, m, 0.5) if m >= 5 else 0.5
    usual = level_of(tops, m, 0.5) if m >= 5 else 0.45
    share = ink[:, 1].copy() if stroke < _PALE_HAND else ink[:, 2].copy()
    for i in range(n):
        if streak[i] > 0.0:
            share[i] = max(share[i] - _COLUMN * streak[i], 0.0)
        if ink[i, 4] < _LEAST_FREE:
            share[i] = -1.0
    for r in range(starts.shape[0] - 1):
        if multiple[r]:
            continue
        top = starts[r] + np.argmax(share[starts[r] : starts[r + 1]])
        for i in range(starts[r], starts[r + 1]):
            if i != top and share[i] >= 0.0:
                others[k] = share[i]
                k += 1
    noise = level_of(others, k, 0.97) if k >= 20 else 0.05
    covered = level_of(covers, m, 0.5) if m >= 5 else 1.0
    return share, max(min(_LEAST, _LEAST_SHARE * covered), min(2.2 * noise, 0.25)), usual, min(max(stroke, 0.2), 0.8)


@njit(cache=True, nogil=True)
def ranked_marks(share: Floats, starts: Ints, multiple: Bools, quiet: float) -> Ints:
    """(rows,) int64: a bit for each marked bubble; -1 where a bubble of the row could not be seen."""
    rows = starts.shape[0] - 1
    masks = np.zeros(rows, np.int64)
    for r in range(rows):
        run = share[starts[r] : starts[r + 1]]
        if run.shape[0] == 0:
            continue
        if run.min() < 0.0:
            masks[r] = -1
            continue
        top = run.max()
        if top <= quiet:
            continue
        least = quiet if multiple[r] else max(quiet, _EQUAL * top)
        for k in range(run.shape[0]):
            if run[k] >= least:
                masks[r] |= 1 << k
    return masks


@njit(cache=True, nogil=True)
def objections(
    ink: Floats,
    extra: Floats,
    looked: Bools,
    papers: Floats,
    streak: Floats,
    masks: Ints,
    starts: Ints,
    multiple: Bools,
    usual: float,
    stroke: float,
) -> Ints:
    """(rows,) int64, an index of `WHYS`: why a person must look at a row, by what lies in and around its bubbles."""
    rows = starts.shape[0] - 1
    out = np.zeros(rows, np.int64)
    filled = min(_FILLED[0] * usual, _FILLED[1])
    ringed = _ring(ink, extra, looked)
    for r in range(rows):
        if masks[r] < 0:
            out[r] = _UNSEEN
            continue
        marks, top, light = 0, 0.0, 0.0
        for k in range(starts[r + 1] - starts[r]):
            marks += masks[r] >> k & 1
            top, light = max(top, ink[starts[r] + k, 0]), max(light, papers[starts[r] + k])
        for i in range(starts[r], starts[r + 1]):
            marked = masks[r] >> (i - starts[r]) & 1
            covered = ink[i, 2] > _COVERED
            if marked and streak[i] > 0.0 and ink[i, 0] - _STREAKED * streak[i] < filled:
                out[r] = _STREAKED_WHY
                break
            if not marked and not multiple[r] and marks > 0 and streak[i] == 0.0 and ink[i, 0] > max(_LEFT, _LEFT_SHARE * top):
                out[r] = _GHOST
            plain = ink[i, 0] > _PLAIN * usual and ink[i, 3] > _STRONG * stroke
            dirty = papers[i] < _DIRTY * light and not plain
            if ink[i, 0] > _SHADE and (
                dirty or (extra[i, 3] > _SOLID and ink[i, 3] < _BLACKEST) or (streak[i] == 0.0 and _is_stain(ink[i], extra[i], stroke))
            ):
                out[r] = _STAINED
            elif not marked and (extra[i, 4] > ringed or (marks == 0 and extra[i, 0] > _LOOPED and extra[i, 3] > _BLOT)):
                out[r] = _RING
            elif marked and marks == 1 and covered and extra[i, 2] >= _CROSSED:
                out[r] = _CROSSED_OUT
            elif marked and marks > 1 and _is_crossed(extra[i]):
                out[r] = TWO_MARKS
    return out


@njit(cache=True, nogil=True)
def _ring(ink: Floats, extra: Floats, looked: Bools) -> float:
    """The share of the turn around an empty bubble that has ink if a ring is drawn there: beyond what is printed."""
    rounds, n = np.zeros(ink.shape[0]), 0
    for i in range(ink.shape[0]):
        if looked[i] and ink[i, 0] < _MAYBE:
            rounds[n] = extra[i, 4]
            n += 1
    return min(max(_RINGING, level_of(rounds, n, 0.5) + _MORE), _ROUND)


@njit(cache=True, nogil=True)
def _is_stain(ink: Floats, extra: Floats, stroke: float) -> bool:
    """Paler than the hand's strokes and running on beyond the bubble; or so far around it that nothing can be said."""
    pale = ink[3] < _PALER * stroke
    runs_on = extra[0] > _WIDE or (extra[0] > _SOME and extra[2] >= 1)
    return bool((pale and runs_on) or (extra[0] > _SURROUNDED and extra[2] < 4 and ink[3] < _WEAKER * stroke))


@njit(cache=True, nogil=True)
def _is_crossed(extra: Floats) -> bool:
    """A cross runs out through the corners; a fill in a hurry runs out somewhere."""
    return bool(extra[2] >= _CROSSED or (extra[2] >= 2 and extra[1] >= _RINGED and extra[0] > _SPILLED))
