"""The first reader's decision: from the darkness of bubbles to marked values, pure, and honest about what it does not know.

Each bubble gets the probability that it was marked, a logistic of its margin to the page's own threshold. What lies
between is a doubt, never a guess. docs/how-a-bubble-is-read.md explains every number here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from omr.kernels import ranked
from scanner.kernels import njit

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

# The first reader's own log odds that a bubble is marked, fitted on simulated pages.
AT_ZERO, INK, FULL, HAND, NOISE, BESIDE = 12.31, 5.95, 39.0, 3.64, 4.09, 3.67
_FAINTEST = 0.01  # new darkness that is added before logarithms are taken: what noise leaves
TWO_LEVEL, BLACK = 0.97, 2.0  # depth of a mark on a black and white scan, where what is left of an erasure is as black: times BESIDE
MOST_INK = 0.3  # mean new darkness beyond which a mark is no likelier
MOST_BESIDE = 2.0  # a bubble that is more than e squared times fainter than its row's strongest is not less likely still a mark
PLAIN = 0.105  # mean new darkness of a mark from which a hand is learnt
PEER = 0.60  # two marks of one row count as equals when the weaker has this share of the stronger's ink
MISSED = 30.0  # how many rows with one mark there are to a blank one
LEAST_SPREAD, MOST_SPREAD = 0.12, 0.45  # of the logarithm of a hand's marks
PALE, ALONE = 0.008, 0.3  # least darkness of a bubble that stands out of its row, and the most that the next one has of it
PRINTED = 0.03  # what a letter may add where no blank of it was there to compare with
SURE = 0.01  # a row that is wrong with more than this probability is a doubt
FEW = 5  # marks from which a hand can be learnt
_LEAST_WRONG = 1e-9  # no reading of a row is surer
_USUAL = (0.45, 0.55, 0.02)  # tone, depth and noise of a hand that is not known

WHYS = (
    "",
    "a bubble is covered, off the page or on dark paper",
    "a mark is too faint or too small to be sure",
    "two marks, and one may be an erasure",
    "the scan is black and white, where a pale mark leaves nothing",
    "row after row one bubble is a little darker than the others: the page may be marked too faintly to read",
)
UNSEEN, UNSURE, ERASED, THIN, FAINT = range(1, 6)


@dataclass(frozen=True, slots=True)
class Hand:
    """How this candidate's marks look on this page, and how empty its empty bubbles are."""

    tone: float = _USUAL[0]
    depth: float = _USUAL[1]  # darkness of what is inked
    noise: float = _USUAL[2]
    marks: int = 0  # how many marks it was learnt from
    spread: float = 0.25  # standard deviation of the logarithm of their darkness
    pale: bool = False  # hardly any mark, but row after row one bubble that is a little darker than the others

    def numbers(self) -> Floats:
        return np.array([self.tone, self.depth, self.noise, self.marks, self.spread, self.pale], np.float64)

    @classmethod
    def of(cls, numbers: Floats) -> Hand:
        tone, depth, noise, marks, spread, pale = numbers.tolist()
        return cls(tone, depth, noise, int(marks), spread, bool(pale))


@njit(cache=True, nogil=True)
def learn_hand(tone: Floats, depth: Floats, starts: Ints, multiple: Bools) -> Floats:
    """The page's hand from rows with one plain mark, and its noise from all bubbles that are not their row's first.

    Parameters
    ----------
    tone, depth : (n,) float64; tone is negative where a bubble was not seen
    starts : (rows + 1,) int64
    multiple : (rows,) bool

    Returns
    -------
    (6,) float64, the numbers of a `Hand`.
    """
    n = tone.shape[0]
    tones, depths, others = np.empty(n), np.empty(n), np.empty(n)
    marks, rest, rows, pale = 0, 0, 0, 0
    for r in range(starts.shape[0] - 1):
        first, last = starts[r], starts[r + 1]
        top, next_ = first, -1.0
        seen = last - first >= 2
        for i in range(first, last):
            seen = seen and tone[i] >= 0.0
            if tone[i] > tone[top]:
                top = i
        if not seen:
            continue
        for i in range(first, last):
            if i != top:
                next_ = max(next_, tone[i])
                if not multiple[r]:
                    others[rest] = tone[i]
                    rest += 1
        if not multiple[r]:
            rows += 1
            pale += tone[top] > PALE and next_ < ALONE * tone[top]
        if tone[top] > PLAIN and next_ < 0.4 * tone[top]:
            tones[marks], depths[marks] = tone[top], depth[top]
            marks += 1
    out = np.array([_USUAL[0], _USUAL[1], _USUAL[2], float(marks), 0.25, 0.0])
    if rest >= 20:
        out[2] = ranked(others, rest, 0.98)
    if marks < FEW:
        out[5] = 1.0 if pale >= max(float(FEW), rows / 2) else 0.0
        return out
    out[0], out[1] = ranked(tones, marks, 0.5), ranked(depths, marks, 0.5)
    spread = np.log(out[0] / max(ranked(tones, marks, 0.1), 1e-3)) / 1.28
    out[4] = min(max(spread, LEAST_SPREAD), MOST_SPREAD)
    return out


@njit(cache=True, nogil=True)
def probability(tone: float, top: float, hand: Floats) -> float:
    """That a bubble is marked, a logistic of the logarithm of its ink: less ink is enough of a faint hand and on a quiet
    page, more is asked for beside a stronger mark where one answer is meant.

    Parameters
    ----------
    tone : mean new darkness, 0..1
    top : that of the row's strongest; 0 where several answers are asked for
    hand : (6,) float64, the numbers of a `Hand`
    """
    ink = np.log(tone + _FAINTEST)
    beside = min(max(np.log(top + _FAINTEST) - ink, 0.0), MOST_BESIDE)
    own, noise = min(max(hand[0], 0.1), 0.8), min(max(hand[2], 0.012), 0.15)
    odds = AT_ZERO + INK * ink + FULL * min(tone, MOST_INK) - BESIDE * beside * (BLACK if hand[1] > TWO_LEVEL else 1.0)
    odds -= HAND * np.log(own / 0.45) + NOISE * np.log((noise + 0.01) / 0.03)
    return float(1.0 / (1.0 + np.exp(-max(-30.0, min(30.0, odds)))))


@njit(cache=True, nogil=True)
def missed(top: float, hand: Floats) -> float:
    """That a row which looks blank has a mark that left no more than `top`: how rarely this hand marks so faintly, a
    normal tail of the logarithm, against how much rarer blank rows are than marked ones."""
    away = (np.log(max(hand[0], 0.1)) - np.log(top + _FAINTEST)) / hand[4]
    tail = 0.5 * math.erfc(away / math.sqrt(2.0))
    return MISSED * tail / (1.0 + MISSED * tail)


@njit(cache=True, nogil=True)
def decide(
    tone: Floats, known: Bools, starts: Ints, multiple: Bools, counted: Bools, hand: Floats, thin: bool
) -> tuple[Ints, Floats, Ints]:
    """The marked bubbles of each row, the probability that this is wrong, and why a person must look.

    Parameters
    ----------
    tone : (n,) float64, mean new darkness; negative where not seen
    known : (n,) bool, a blank of the same letter was there to compare with
    starts : (rows + 1,) int64
    multiple, counted : (rows,) bool
    hand : (6,) float64, the numbers of a `Hand`
    thin : the scan is black and white by a threshold: a pale mark leaves nothing

    Returns
    -------
    (rows,) int64 with a bit for each marked bubble; (rows,) float64; (rows,) int64, an index of `WHYS`.
    """
    rows = starts.shape[0] - 1
    masks, wrong, whys = np.zeros(rows, np.int64), np.zeros(rows), np.zeros(rows, np.int64)
    for r in range(rows):
        right, seen, marks, most, least = 1.0, True, 0, 0.0, 1.0
        for i in range(starts[r], starts[r + 1]):
            seen = seen and tone[i] >= 0.0
            most = max(most, tone[i])
        for i in range(starts[r], starts[r + 1]):
            p = probability(max(tone[i], 0.0), 0.0 if multiple[r] else most, hand)
            if not known[i]:
                low = probability(max(tone[i] - PRINTED, 0.0), 0.0 if multiple[r] else most, hand)
                p = low if p > 0.5 else p
            right *= max(p, 1.0 - p)
            if p > 0.5:
                masks[r] |= 1 << (i - starts[r])
                marks += 1
                least = min(least, tone[i])
        if marks == 0 and counted[r] and hand[3] >= FEW:
            right *= 1.0 - missed(most, hand)
        if not seen:
            masks[r], whys[r], right = 0, UNSEEN, 0.5
        elif marks > 1 and not multiple[r] and least < PEER * most:
            whys[r] = ERASED
        elif counted[r] and (marks == 0 or multiple[r]) and thin:
            whys[r] = THIN
        elif counted[r] and marks == 0 and hand[5] > 0.0:
            whys[r] = FAINT
        elif 1.0 - right > SURE:
            whys[r] = UNSURE
        wrong[r] = max(1.0 - right, _LEAST_WRONG)
    return masks, wrong, whys
