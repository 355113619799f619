"""From the measures of bubbles to marked values: pure, and honest about what it does not know.

Each bubble gets the probability that it was marked, a logistic of its margin to the page's own threshold; each row
the probability that its reading is wrong. What lies between is a doubt, never a guess. docs/how-a-bubble-is-read.md
explains every number here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

EMPTY = 0.070  # mean new darkness that ghosts, smudges and specks reach; more is never plainly empty
EMPTY_SHARE, LEAST_EMPTY = 0.20, 0.035  # ... nor is more than this share of the candidate's usual darkness
TAIL = 3.5  # ln(1e-6) / ln(0.02): where an exponential tail whose 98th percentile is the page's noise has a millionth left
MARK_SHARE = 0.45  # share of the candidate's usual darkness that is a mark even when it is below MARK
MARK = 0.105  # mean new darkness from which ink as dark as the candidate's other marks is a mark: a tick has 0.10 to 0.20
FILLED = 0.30  # share of the candidate's usual darkness from which paler ink is a mark too
DARK_STROKE = 0.55  # share of the candidate's usual blackness that a stroke needs to be called as dark as the others
PEER = 0.60  # two marks of one row count as equals when the weaker has this share of the stronger's ink
SPILLED = 0.12  # share of a bubble's surroundings that is inked when a mark runs out of it
RINGED = 3  # of the four diagonals around a bubble inked: a cross over it or a ring around it
CROSSED = 3  # strokes that leave through the four corners: a cross over a fill; over an empty bubble a cross is a mark
COVERED = 0.80  # share of a bubble that is inked when it is filled and not only crossed
STREAKED = 1.5  # times what a streak is measured to add; a mark must be one without it
LOST = 0.10  # share of the page's marks that may be weak before its blank rows are doubted
PALE, ALONE = 0.008, 0.3  # least darkness of a bubble that stands out of its row, and the most that the next one has of it
PRINTED = 0.10  # what a letter may add where no blank of it was there to compare with
SURE = 0.01  # a bubble between this probability and its complement is a doubt
_TAIL = math.log((1 - SURE) / SURE)


@dataclass(frozen=True, slots=True)
class Measures:
    """The bubbles of one row. Darkness is 0..1 of the local paper."""

    tone: Floats
    cover: Floats
    stroke: Floats
    spill: Floats
    diagonals: Floats
    arms: NDArray[np.int64]
    streak: Floats
    seen: Bools
    known: Bools
    multiple: bool = False  # several marks are allowed
    counted: bool = True  # a blank row means something (an absent box is nearly always blank)


@dataclass(frozen=True, slots=True)
class Hand:
    """How this candidate's marks look on this page, and how empty its empty bubbles are."""

    tone: float
    stroke: float
    noise: float
    marks: int  # how many marks it was learnt from
    weak: float = 0.0  # share of them that is hardly more than an empty bubble may be
    pale: bool = False  # hardly any mark, but row after row one bubble that is a little darker than the others
    thin: bool = False  # the scan is black and white by a threshold: a pale mark leaves nothing


@dataclass(frozen=True, slots=True)
class Decision:
    marked: tuple[int, ...]
    doubt: bool
    p_wrong: float
    why: str


PRIOR = Hand(tone=0.45, stroke=0.55, noise=0.02, marks=0)
_FEW = 5  # marks from which a hand can be learnt


def learn_hand(rows: Sequence[Measures], *, thin: bool = False) -> Hand:
    """The page's hand from rows with one plain mark, and its noise from all bubbles that are not their row's first."""
    tones, strokes, others = [], [], []
    seen = pale = 0
    for row in rows:
        if row.tone.size < 2 or not row.seen.all():
            continue
        order = np.argsort(row.tone)
        top, next_ = int(order[-1]), int(order[-2])
        if not row.multiple:
            others.extend(row.tone[order[:-1]].tolist())
            seen += 1
            pale += bool(row.tone[top] > PALE and row.tone[next_] < ALONE * row.tone[top])
        if row.tone[top] > MARK and row.tone[next_] < 0.4 * row.tone[top] and row.streak[top] == 0:
            tones.append(float(row.tone[top]))
            strokes.append(float(row.stroke[top]))
    noise = float(np.percentile(others, 98)) if len(others) >= 20 else PRIOR.noise
    if len(tones) < _FEW:
        return Hand(PRIOR.tone, PRIOR.stroke, noise, len(tones), pale=pale >= max(_FEW, seen / 2), thin=thin)
    hand = Hand(float(np.median(tones)), float(np.median(strokes)), noise, len(tones), thin=thin)
    weak = float((np.array(tones) < 2 * thresholds(hand)[0]).mean())
    return replace(hand, weak=weak)


def thresholds(hand: Hand) -> tuple[float, float, float]:
    """Empty below the first; a mark above the second if its ink is as dark as the hand's, above the third in any case."""
    own = min(EMPTY, max(LEAST_EMPTY, EMPTY_SHARE * hand.tone))
    empty = max(own, min(TAIL * hand.noise, 0.12))
    dark = max(min(MARK, MARK_SHARE * hand.tone), 1.25 * empty)
    return empty, dark, max(dark, min(FILLED * hand.tone, 0.25))


def probability(tone: float, empty: float, mark: float) -> float:
    """That a bubble is marked: SURE at `empty`, 1 - SURE at `mark`, a logistic of the tone between and beyond."""
    middle, half = (empty + mark) / 2, max((mark - empty) / 2, 1e-6)
    return 1 / (1 + math.exp(-max(-40.0, min(40.0, (tone - middle) / half * _TAIL))))


def decide_row(row: Measures, hand: Hand) -> Decision:
    """The marked bubbles of one row and the probability that this reading is wrong."""
    if not row.seen.all():
        return Decision((), True, 0.5, "a bubble is covered, off the page or on dark paper")
    empty, dark, filled = thresholds(hand)
    chances = []
    for i in range(row.tone.size):
        like_others = row.stroke[i] >= DARK_STROKE * hand.stroke
        printed = 0.0 if row.known[i] else PRINTED
        chances.append(probability(float(row.tone[i]), empty, (dark if like_others else filled) + printed))
    marked = tuple(i for i, p in enumerate(chances) if p > 0.5)
    unsure = [i for i, p in enumerate(chances) if min(p, 1 - p) > SURE]
    wrong = 1 - math.prod(max(p, 1 - p) for p in chances)
    why = _streaked(row, marked, filled) or _objection(row, marked, unsure) or _lost(row, marked, hand)
    return Decision(marked, bool(why), max(wrong, 0.05) if why else max(wrong, 1e-9), why)


def _streaked(row: Measures, marked: tuple[int, ...], filled: float) -> str:
    """Why what looks like a mark may be dirt on the scanner's glass, or ''. A fill under a streak stays one."""
    if any(row.streak[i] > 0 and row.tone[i] - STREAKED * row.streak[i] < filled for i in marked):
        return "a line runs through the bubble and beyond, as dirt on the scanner's glass draws it"
    return ""


def _objection(row: Measures, marked: tuple[int, ...], unsure: list[int]) -> str:
    """Why a person must look, or ''."""
    if unsure:
        return "a mark is too faint or too small to be sure"
    for i in range(row.tone.size):
        if row.diagonals[i] >= RINGED and i not in marked:
            return "a bubble is ringed or crossed and not filled"
        if row.arms[i] >= CROSSED and row.cover[i] > COVERED and len(marked) == 1 and i in marked:
            return "the only mark may be crossed out"
    if len(marked) > 1:
        inks = [float(row.tone[i]) for i in marked]
        if not row.multiple and min(inks) < PEER * max(inks):
            return "two marks, and one may be an erasure"
        if any(row.arms[i] >= 2 and row.cover[i] > COVERED for i in marked):
            return "two marks, and one may be crossed out"
        if not row.multiple and any(row.diagonals[i] >= RINGED or row.spill[i] > SPILLED for i in marked):
            return "two marks, and one may be crossed out"
    return ""


def _lost(row: Measures, marked: tuple[int, ...], hand: Hand) -> str:
    """Why a row that shows fewer marks than it might have cannot be believed, or ''."""
    if not row.counted or (marked and not row.multiple):
        return ""
    if hand.thin:
        return "the scan is black and white, where a pale mark leaves nothing"
    if not marked and hand.pale:
        return "row after row one bubble is a little darker than the others: the page may be marked too faintly to read"
    if not marked and hand.weak > LOST:
        return "so many of the page's marks are weak that one may be lost"
    return ""
