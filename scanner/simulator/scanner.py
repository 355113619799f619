"""The scanner of a batch: its settings, its lamp, its lens and its dirt. Drawn once a batch.

Owns what is common to all frames of a batch; `optics` says what it does to a picture.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from scanner.simulator.draws import happens, signed, stream, within
from scanner.simulator.rates import BATCHES, Rates

Mode = Literal["grey", "colour", "one_bit", "dither"]
FileType = Literal["jpg", "tif", "png"]
SETTINGS = ("dpi_300", "dpi_240", "colour", "tiff_grey", "png_grey")
"""Other settings than the usual 200 dpi grey JPEG that do a page no harm: a side so scanned is still a clean side."""


@dataclass(frozen=True, slots=True)
class Streak:
    """Dirt on the glass: a column, over some cards in succession."""

    place: float  # share of the width
    width_mm: float
    darkness: float
    first: int  # sequence numbers of the batch
    last: int


@dataclass(frozen=True, slots=True)
class ScannerPlan:
    batch: str
    dpi: int
    mode: Mode
    file: FileType
    quality: int
    threshold: float
    gamma: float
    white: float
    black: float
    blur_px: float  # at 200 dpi
    grain: float
    scale: tuple[float, float]
    border_mm: float  # black scanner background that is scanned around the page; 0 when it crops
    fixed_frame: bool  # the frame is the page's size and no more, however the card lies
    light_drop: float  # weaker at the right edge; negative: at the left
    streak: Streak | None
    troubles: tuple[str, ...]

    def clean(self) -> ScannerPlan:
        """The same machine after a wipe, as an operator uses it for a second scan of one card."""
        return replace(
            self, mode="grey", file="jpg", quality=max(self.quality, 85), dpi=max(self.dpi, 200), border_mm=0.0, fixed_frame=False,
            light_drop=0.0, streak=None, blur_px=min(self.blur_px, 0.5), grain=min(self.grain, 2.5),
        )  # fmt: skip


def plan_scanner(number: int, rates: Rates, seed: int) -> ScannerPlan:
    rng = stream(seed, "batch", number)
    happened = [name for name in BATCHES if happens(rng, rates.chance(name))]
    mode, file = _settings(happened)
    return ScannerPlan(
        batch=f"B{number:03d}",
        dpi=next((d for d in (150, 300, 240) if f"dpi_{d}" in happened), 200),
        mode=mode,
        file=file,
        quality=round(within(rng, rates.span("jpeg_quality"))),
        threshold=within(rng, rates.span("threshold")),
        gamma=within(rng, rates.span("gamma")),
        white=within(rng, rates.span("paper_white")),
        black=within(rng, (0.03, 0.08)),
        blur_px=within(rng, rates.span("soft_blur_px" if "soft_focus" in happened else "blur_px")),
        grain=within(rng, rates.span("grain")),
        scale=(1.0 + signed(rng, rates.span("scale_error")), 1.0 + signed(rng, rates.span("scale_error"))),
        border_mm=within(rng, (2.0, 5.0)) if "black_border" in happened else 0.0,
        fixed_frame="fixed_frame" in happened,
        light_drop=signed(rng, rates.span("light_drop")) if "uneven_light" in happened else 0.0,
        streak=Streak(
            place=within(rng, (0.05, 0.95)), width_mm=within(rng, rates.span("streak_mm")),
            darkness=within(rng, rates.span("streak_darkness")), first=(first := int(rng.integers(1, 16))),
            last=first + round(within(rng, rates.span("streak_cards"))),
        ) if "streak" in happened else None,
        troubles=tuple(n for n in happened if n not in (*SETTINGS, "streak")),
    )  # fmt: skip


def _settings(happened: list[str]) -> tuple[Mode, FileType]:
    if "one_bit" in happened:
        return "one_bit", "tif"
    if "dither" in happened:
        return "dither", "tif"
    file: FileType = "tif" if "tiff_grey" in happened else "png" if "png_grey" in happened else "jpg"
    return ("colour" if "colour" in happened else "grey"), file
