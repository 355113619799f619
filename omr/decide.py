"""The first reader's decision: from the darkness of bubbles to marked values, pure, and honest about what it does not know.

Each bubble gets the probability that it was marked, a logistic of its margin to the page's own threshold. What lies
between is a doubt, never a guess. docs/how-a-bubble-is-read.md explains every number here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from omr.kernels import ranked
from scanner.kernels import njit

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

EMPTY = 0.070  # mean new darkness that ghosts, smudges and specks reach; more is never plainly empty
EMPTY_SHARE, LEAST_EMPTY = 0.20, 0.035  # ... nor is more than this share of the candidate's usual darkness
TAIL = 3.5  # ln(1e-6) / ln(0.02): where an exponential tail whose 98th percentile is the page's noise has a millionth left
MARK_SHARE = 0.45  # share of the candidate's usual darkness that is a mark even when it is below MARK
MARK = 0.105  # mean new darkness from which ink as dark as the candidate's other marks is a mark: a tick has 0.10 to 0.20
FILLED = 0.30  # share of the candidate's usual darkness from which paler ink is a mark too
LIKE = 0.55  # share of the usual depth of ink that a stroke needs to be called as dark as the others
PEER = 0.60  # two marks of one row count as equals when the weaker has this share of the stronger's ink
LOST = 0.10  # share of the page's marks that may be weak before its blank rows are doubted
PALE, ALONE = 0.008, 0.3  # least darkness of a bubble that stands out of its row, and the most that the next one has of it
PRINTED = 0.10  # what a letter may add where no blank of it was there to compare with
SURE = 0.01  # a bubble between this probability and its complement is a doubt
_TAIL = float(np.log((1 - SURE) / SURE))
_FEW = 5  # marks from which a hand can be learnt
_USUAL = (0.45, 0.55, 0.02)  # tone, depth and noise of a hand that is not known

WHYS = (
    "",
    "a bubble is covered, off the page or on dark paper",
    "a mark is too faint or too small to be sure",
    "two marks, and one may be an erasure",
    "the scan is black and white, where a pale mark leaves nothing",
    "row after row one bubble is a little darker than the others: the page may be marked too faintly to read",
    "so many of the page's marks are weak that one may be lost",
)
UNSEEN, UNSURE, ERASED, THIN, FAINT, WEAK = range(1, 7)


@dataclass(frozen=True, slots=True)
class Hand:
    """How this candidate's marks look on this page, and how empty its empty bubbles are."""

    tone: float = _USUAL[0]
    depth: float = _USUAL[1]  # darkness of what is inked
    noise: float = _USUAL[2]
    marks: int = 0  # how many marks it was learnt from
    weak: float = 0.0  # share of them that is hardly more than an empty bubble may be
    pale: bool = False  # hardly any mark, but row after row one bubble that is a little darker than the others

    def numbers(self) -> Floats:
        return np.array([self.tone, self.depth, self.noise, self.marks, self.weak, self.pale], np.float64)

    @classmethod
    def of(cls, numbers: Floats) -> Hand:
        tone, depth, noise, marks, weak, pale = numbers.tolist()
        return cls(tone, depth, noise, int(marks), weak, bool(pale))


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
        if tone[top] > MARK and next_ < 0.4 * tone[top]:
            tones[marks], depths[marks] = tone[top], depth[top]
            marks += 1
    out = np.array([_USUAL[0], _USUAL[1], _USUAL[2], float(marks), 0.0, 0.0])
    if rest >= 20:
        out[2] = ranked(others, rest, 0.98)
    if marks < _FEW:
        out[5] = 1.0 if pale >= max(float(_FEW), rows / 2) else 0.0
        return out
    out[0], out[1] = ranked(tones, marks, 0.5), ranked(depths, marks, 0.5)
    empty = thresholds(out)[0]
    for k in range(marks):
        out[4] += (tones[k] < 2 * empty) / marks
    return out


@njit(cache=True, nogil=True)
def thresholds(hand: Floats) -> tuple[float, float, float]:
    """Empty below the first; a mark above the second if its ink is as dark as the hand's, above the third in any case."""
    own = min(EMPTY, max(LEAST_EMPTY, EMPTY_SHARE * hand[0]))
    empty = max(own, min(TAIL * hand[2], 0.12))
    dark = max(min(MARK, MARK_SHARE * hand[0]), 1.25 * empty)
    return empty, dark, max(dark, min(FILLED * hand[0], 0.25))


@njit(cache=True, nogil=True)
def probability(tone: float, empty: float, mark: float) -> float:
    """That a bubble is marked: SURE at `empty`, 1 - SURE at `mark`, a logistic of the tone between and beyond."""
    middle, half = (empty + mark) / 2, max((mark - empty) / 2, 1e-6)
    return float(1.0 / (1.0 + np.exp(-max(-40.0, min(40.0, (tone - middle) / half * _TAIL)))))


@njit(cache=True, nogil=True)
def decide(
    tone: Floats, depth: Floats, known: Bools, starts: Ints, multiple: Bools, counted: Bools, hand: Floats, thin: bool
) -> tuple[Ints, Floats, Ints]:
    """The marked bubbles of each row, the probability that this is wrong, and why a person must look.

    Parameters
    ----------
    tone, depth : (n,) float64, mean new darkness and the darkness of what is inked; tone is negative where not seen
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
    empty, dark, filled = thresholds(hand)
    for r in range(rows):
        right, seen, unsure, marks = 1.0, True, False, 0
        most, least = 0.0, 1.0
        for i in range(starts[r], starts[r + 1]):
            if tone[i] < 0.0:
                seen = False
                continue
            mark = (dark if depth[i] >= LIKE * hand[1] else filled) + (0.0 if known[i] else PRINTED)
            p = probability(tone[i], empty, mark)
            right *= max(p, 1.0 - p)
            unsure = unsure or min(p, 1.0 - p) > SURE
            if p > 0.5:
                masks[r] |= 1 << (i - starts[r])
                marks += 1
                most, least = max(most, tone[i]), min(least, tone[i])
        if not seen:
            masks[r], whys[r], right = 0, UNSEEN, 0.5
        elif unsure:
            whys[r] = UNSURE
        elif marks > 1 and not multiple[r] and least < PEER * most:
            whys[r] = ERASED
        elif counted[r] and (marks == 0 or multiple[r]):
            whys[r] = _lost(marks, hand, thin)
        wrong[r] = 1.0 - right
    return masks, wrong, whys


@njit(cache=True, nogil=True)
def _lost(marks: int, hand: Floats, thin: bool) -> int:
    """Why a row that shows fewer marks than it might have cannot be believed, or 0."""
    if thin:
        return THIN
    if marks == 0 and hand[5] > 0.0:
        return FAINT
    return WEAK if marks == 0 and hand[4] > LOST else 0
