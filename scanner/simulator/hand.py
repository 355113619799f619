"""A candidate's hand: what he writes with, how hard, how neatly. Drawn once a card.

Owns the character of a hand, not the strokes it makes (`strokes`, `handwriting`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from scanner.simulator.draws import happens, within
from scanner.simulator.rates import Pair, Rates

Instrument = Literal["2b", "hb", "pen"]
WriteWith = Literal["black", "blue", "pencil"]
WRITERS = 12
"""Different handwritings; each is a set of letter shapes that a process draws once."""


@dataclass(frozen=True, slots=True)
class Hand:
    instrument: Instrument
    darkness: float  # of a full load, 0..1
    spread: float  # standard deviation of a mark's darkness over the mean
    stroke_mm: float
    tooth: float  # share of the paper's tooth that stays white
    slant: float  # direction of the hatching, radians
    cover: Pair  # share of a bubble that a full fill covers
    offset_mm: float
    habit: Literal["fill", "tick", "cross"]
    faint: bool
    careless: bool
    writer: int
    write_with: WriteWith

    @property
    def troubles(self) -> tuple[str, ...]:
        """What is out of the ordinary about the bubbles of this hand."""
        names = {
            "pen": self.instrument == "pen",
            "faint_hand": self.faint,
            "careless_hand": self.careless,
            "ticking_hand": self.habit != "fill",
        }
        return tuple(name for name, true in names.items() if true)


def draw_hand(rng: np.random.Generator, rates: Rates) -> Hand:
    instrument = _instrument(rng, rates)
    ticking = happens(rng, rates.chance("ticking_hand"))
    faint = happens(rng, rates.chance("faint_hand")) and instrument != "pen" and not ticking
    careless = happens(rng, rates.chance("careless_hand"))
    low, high = rates.span("fill_cover")
    darkness = within(rng, rates.span(f"darkness_{instrument}"))
    if faint:
        darkness *= within(rng, rates.span("faint_factor"))
    return Hand(
        instrument=instrument,
        darkness=darkness,
        spread=within(rng, rates.span("mark_spread")),
        stroke_mm=within(rng, rates.span("pen_mm" if instrument == "pen" else "stroke_mm")),
        tooth=0.05 if instrument == "pen" else within(rng, rates.span("tooth")),
        slant=float(rng.normal(0.35, 0.35)),
        cover=(low - 0.5 * (high - low), low + 0.5 * (high - low)) if careless else (0.5 * (low + high), high),
        offset_mm=rates.span("offset_mm")[1] * (1.0 if careless else 0.5),
        habit=("tick" if rng.random() < 0.6 else "cross") if ticking else "fill",
        faint=faint,
        careless=careless,
        writer=int(rng.integers(WRITERS)),
        write_with=_write_with(rng, rates),
    )


INVIGILATOR = Hand(
    instrument="2b", darkness=0.75, spread=0.02, stroke_mm=0.7, tooth=0.15, slant=0.3, cover=(0.95, 1.0), offset_mm=0.1,
    habit="fill", faint=False, careless=False, writer=0, write_with="black",
)  # fmt: skip
"""Who fills the absent boxes: one trained person with the right pencil."""


def _instrument(rng: np.random.Generator, rates: Rates) -> Instrument:
    draw = rng.random()
    if draw < rates.chance("pen"):
        return "pen"
    return "hb" if draw < rates.chance("pen") + rates.chance("pencil_hb") else "2b"


def _write_with(rng: np.random.Generator, rates: Rates) -> WriteWith:
    draw = rng.random()
    if draw < rates.chance("written_in_pencil"):
        return "pencil"
    return "blue" if draw < rates.chance("written_in_pencil") + rates.chance("written_in_blue") else "black"
