"""How probable it is that an answer is wrong, from what both readers measured: a calibrated frequency, not a score.

A logistic of both readers' measures, fitted on simulated pages and tested on others with an
ink, a paper or a scanner left out of the fit (docs/how-a-bubble-is-read.md). It promises no more than was counted:
no bubble is called surer than `FLOOR`.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from omr.decide import BLACK, FEW, MISSED, MOST_BESIDE, MOST_INK, TWO_LEVEL
from scanner.kernels import njit

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

# Log odds that a bubble is marked; every coefficient is of a quantity that speaks for a mark or, with its sign, against.
AT_ZERO = 9.46
INK_FIRST, INK_SECOND = 3.34, 1.41  # of the logarithms of the readers' measures
FULL, STROKE = 25.2, 8.62  # of the first reader's measure itself, and of the darkness of the second's strokes
HAND, NOISE, BESIDE = 4.34, 4.15, 2.48
NOTHING, LITTLE = 1.39, 0.02  # against, where the second reader finds nothing new; less so up to this new darkness
SHRUNK = (0.9, 0.6)  # of the odds against and for a mark are left on a black and white scan, of which few pages were fitted

FLOOR = 5e-6  # a bubble: three over the number of bubbles fitted and tested without a mistake, the 95 % bound
DOUBT = 0.004  # a row that is wrong with more than this probability goes to a person
_SHORT = 4.0  # values of a row: each of a longer one is the less likely to be the marked one
FILM = 2.5  # against, where no cell of the bubble is inked and the hand is not faint: of 5,688 such none was a mark
_NOT_FAINT = 0.35  # tone of such a hand


@njit(cache=True, nogil=True)
def log_odds(tone: float, other: float, stroke: float, beside: float, hand: Floats) -> float:
    """Of one bubble being marked.

    Parameters
    ----------
    tone, other : new darkness as the first and as the second reader have it, without streaks
    stroke : of the second reader: the new darkness that a tenth of the bubble exceeds
    beside : how much weaker it is than its row's strongest, as a logarithm; 0 where several answers are asked for
    hand : (6,) float64, the numbers of a `Hand`
    """
    own, noise = min(max(hand[0], 0.1), 0.8), min(max(hand[2], 0.012), 0.15)
    odds = AT_ZERO + INK_FIRST * np.log(tone + 0.01) + INK_SECOND * np.log(other + 0.01)
    odds += FULL * min(tone, MOST_INK) + STROKE * min(stroke, 0.6)
    odds -= HAND * np.log(own / 0.45) + NOISE * np.log((noise + 0.01) / 0.03)
    two_level = hand[1] > TWO_LEVEL
    odds -= (BLACK if two_level else 1.0) * BESIDE * min(beside, MOST_BESIDE) + NOTHING * max(0.0, 1.0 - other / LITTLE)
    return float(odds * (SHRUNK[0] if odds < 0.0 else SHRUNK[1])) if two_level else float(odds)


@njit(cache=True, nogil=True)
def chances(tone: Floats, streak: Floats, ink: Floats, masks: Ints, starts: Ints, multiple: Bools, counted: Bools, hand: Floats) -> Floats:
    """The probability that the reading of each row is wrong.

    Parameters
    ----------
    tone, streak : (n,) float64 of the first reader
    ink : (n, 5) float64 of the second reader
    masks : (rows,) int64, the reading: a bit for each marked bubble
    starts, multiple, counted : as in `BubblePlan`
    hand : (6,) float64, the numbers of a `Hand`

    Returns
    -------
    (rows,) float64; a blank row's includes that a mark of this hand left so little.
    """
    rows = starts.shape[0] - 1
    out = np.zeros(rows)
    for r in range(rows):
        right, most, seen = 1.0, 0.0, True
        for i in range(starts[r], starts[r + 1]):
            seen = seen and tone[i] >= 0.0 and ink[i, 0] >= 0.0
            most = max(most, _both(tone[i], ink[i, 0] - 1.1 * streak[i]))
        if not seen:
            out[r] = 0.5
            continue
        long = 0.0 if multiple[r] else np.log(max((starts[r + 1] - starts[r]) / _SHORT, 1.0))
        for i in range(starts[r], starts[r + 1]):
            other = max(ink[i, 0] - 1.1 * streak[i], 0.0)
            stroke = min(ink[i, 3], 2.5 * other + 0.02) if streak[i] > 0.0 or hand[1] > TWO_LEVEL else ink[i, 3]
            beside = 0.0 if multiple[r] else np.log(most / _both(tone[i], other))
            odds = (
                log_odds(tone[i], other, stroke, beside, hand)
                - long
                - (FILM if ink[i, 2] <= 0.0 and hand[0] > _NOT_FAINT and hand[3] >= FEW else 0.0)
            )
            against = odds if masks[r] >> (i - starts[r]) & 1 else -odds
            right *= 1.0 - max(1.0 / (1.0 + math.exp(min(against, 30.0))), FLOOR)
        if masks[r] == 0 and counted[r] and hand[3] >= FEW:
            away = (np.log(max(hand[0], 0.1)) - np.log(most + 0.01)) / hand[4]
            tail = MISSED * 0.5 * math.erfc(away / math.sqrt(2.0))
            right *= 1.0 / (1.0 + tail)
        out[r] = 1.0 - right
    return out


@njit(cache=True, nogil=True)
def _both(tone: float, other: float) -> float:
    """The geometric mean of two measures of one darkness."""
    return float(np.sqrt(max(tone, 0.002) * max(other, 0.002)))
