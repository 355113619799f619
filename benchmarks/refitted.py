"""`omr.calibration` with other coefficients: what each contributes to the log odds, and the probabilities of a fit.

The terms are not written down a second time. The log odds are linear in their coefficients, so with one of them 1 and the
others 0 the reader's own function gives that coefficient's term.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FunctionType
from typing import Any
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

from benchmarks.gathered import Gathered
from omr import answers, calibration
from scanner.kernels import njit

Floats = NDArray[np.float64]

COEFFICIENTS = ("AT_ZERO", "INK_FIRST", "INK_SECOND", "FULL", "STROKE", "HAND", "NOISE", "BESIDE", "NOTHING")
"""The fitted numbers of `omr.calibration`; the first may have any sign, the others none but plus."""


def committed() -> Floats:
    return np.array([getattr(calibration, name) for name in COEFFICIENTS])


def other_self(kernel: Any, names: Mapping[str, object]) -> FunctionType:
    """The Python function of a compiled one, with other values for some names of its module."""
    function = kernel.py_func
    return FunctionType(function.__code__, {**function.__globals__, **names}, function.__name__, function.__defaults__)


def asked_of(page: Gathered) -> list[tuple[Any, ...]]:
    """What the log odds are asked for on a page, bubble after bubble of the rows that are seen."""
    asked: list[tuple[Any, ...]] = []

    def listen(*arguments: Any) -> float:
        asked.append(tuple(a.tolist() if isinstance(a, np.ndarray | np.generic) else a for a in arguments))
        return 0.0

    with patch.object(answers, "chances", other_self(calibration.chances, {"log_odds": listen})):
        answers._chances(page.plan, page.first, page.second)
    return asked


def terms_of(asked: list[tuple[Any, ...]]) -> Floats:
    """(bubbles, coefficients) float64, of pages that are not black and white, whose odds are shrunk afterwards."""
    none = dict.fromkeys(COEFFICIENTS, 0.0)
    units = [other_self(calibration.log_odds, none | {name: 1.0}) for name in COEFFICIENTS]
    terms = np.array([[unit(*arguments) for unit in units] for arguments in asked]).reshape(-1, len(units))
    if not np.allclose(terms @ committed(), own_odds(asked)):
        raise ValueError("omr.calibration.log_odds is not the sum of the coefficients that are fitted: one is not named here")
    return terms


def own_odds(asked: list[tuple[Any, ...]]) -> Floats:
    """The log odds as the reader gives them."""
    odds: Callable[..., float] = calibration.log_odds
    return np.array([odds(*numbers, np.array(hand)) for *numbers, hand in asked])


@contextmanager
def believing(coefficients: Floats) -> Iterator[None]:
    """Inside, answers get their probabilities from these coefficients."""
    numbers = dict(zip(COEFFICIENTS, coefficients.tolist(), strict=True))
    odds = compiled(other_self(calibration.log_odds, numbers))
    with patch.object(answers, "chances", compiled(other_self(calibration.chances, {"log_odds": odds}))):
        yield


def compiled(function: Callable[..., Any]) -> Any:
    return njit(nogil=True)(function)
