"""What damp and dirt did to a page, by name: paper that has grown, streaks of a dirty glass.

Owns the words. It changes no reading: growth is followed by the fit and the timing marks as far as they go; these
sentences tell a person why a page's check failed, and go into its evidence.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from scanner.laid import Laid
from scanner.quality import Look

TOLERATED = 0.025  # growth that is followed: damp paper grows by 2 % across its fibre, a scanner's own scale is off by 1 %
_NOTABLE = 0.006  # of one direction against the other, or against the batch: more than a scanner's error from page to page


@dataclass(frozen=True, slots=True)
class Growth:
    """By how much the paper is larger than printed, as a share; less than 0 where it is smaller."""

    across: float
    down: float
    against: str  # what it is measured by: "batch", "dpi", or "itself" when only one direction against the other is known

    @property
    def notable(self) -> bool:
        return abs(self.across - self.down) > _NOTABLE or (self.against == "batch" and max(abs(self.across), abs(self.down)) > _NOTABLE)

    @property
    def tolerated(self) -> bool:
        return max(abs(self.across), abs(self.down), abs(self.across - self.down)) <= TOLERATED

    def __str__(self) -> str:
        """The cause in words; empty where there is nothing notable."""
        if not self.notable and self.tolerated:
            return ""
        if self.against == "itself":
            more, way, other = abs(self.across), *(("across", "down") if self.across > 0 else ("down", "across"))
            return f"the paper is {more:.1%} longer {way} than {other}: it has grown (damp?) or slipped in the feeder"
        parts = [f"{abs(v):.1%} {'larger' if v > 0 else 'smaller'} {way}" for v, way in ((self.across, "across"), (self.down, "down"))]
        cause = "it has grown (damp?)" if max(self.across, self.down) > 0 else "it was scanned or copied smaller"
        return f"the paper is {parts[0]} and {parts[1]} than printed: {cause}"


def growth_of(laid: Laid, *, dpi: float | None = None, usual: tuple[float, float] | None = None) -> Growth:
    """The growth of a page laid in millimetres against the batch's usual scale (pixels a millimetre, across and down
    the form), else against the stated dots an inch, else of one direction against the other."""
    across, down = laid.scale
    if usual is not None:
        return Growth(across / usual[0] - 1, down / usual[1] - 1, "batch")
    if dpi:
        grown = Growth(across / (dpi / 25.4) - 1, down / (dpi / 25.4) - 1, "dpi")
        if max(abs(grown.across), abs(grown.down)) < 0.2:  # else the file states a resolution that was never true
            return grown
    return Growth(math.expm1(math.log(across / down)), 0.0, "itself")


def streaks_in_words(look: Look, mm_a_pixel: float) -> Iterator[str]:
    """A sentence a streak: which way it runs and where."""
    for kind, at in look.streaks:
        way, edge = ("down", "left") if kind == "column" else ("across", "top")
        yield f"a dark line runs {way} the whole scan {at * mm_a_pixel:.0f} mm from its {edge} edge: dirt on the scanner's glass"
