"""How often and how badly things go wrong on paper: the rates of `none`, `typical` and `harsh`, with reasons.

Written down before any reader was fitted; a later change needs a note in docs/decisions/. This file owns the
numbers and nothing else. `none` is a perfect fill on a clean scan. `typical` is a well-run regional exam: about
one side in a hundred carries something that truly needs a person. `harsh` is a badly run one, about ten times
worse. Darkness is 1 - reflectance of the ink alone: 0 bare paper, 1 black. Lengths are millimetres.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

LevelName = Literal["none", "typical", "harsh"]
LEVELS: tuple[LevelName, ...] = ("none", "typical", "harsh")
Pair = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Chance:
    """A probability for each level."""

    none: float
    typical: float
    harsh: float
    reason: str


@dataclass(frozen=True, slots=True)
class Span:
    """The lowest and highest value for each level; what is drawn lies between, evenly unless said otherwise."""

    none: Pair
    typical: Pair
    harsh: Pair
    reason: str


# Events: at most one a sheet. Chances are per sheet (both its sides).
EVENTS: dict[str, Chance] = {
    "missing_side": Chance(0, 0.0010, 0.008, "one image is lost between scanner and folder; the other face of the card arrives"),
    "missing_sheet": Chance(0, 0.0004, 0.004, "two cards are pulled in together, or a card stays in the envelope"),
    "double": Chance(0, 0.0008, 0.008, "after a jam the operator lays the last card on the stack again; both faces come twice"),
    "foreign": Chance(0, 0.0004, 0.004, "a question paper or a card of another exam lies in the stack; both its faces are scanned"),
    "extra": Chance(0, 0.0004, 0.004, "a loose ruled sheet with more of an answer, scanned behind the candidate's card"),
    "blank": Chance(0, 0.0010, 0.008, "a white frame in the place of a side: an interleaf or another card covered it"),
    "swapped": Chance(0, 0.0100, 0.060, "the card was laid face down, so side 2 is seen first; no person is needed"),
    "unreadable_code": Chance(0, 0.0030, 0.020, "the page code of one side is under a sticker, a tear or a blot"),
    "unreadable_barcode": Chance(0, 0.0010, 0.010, "the candidate barcode is scratched; the page code still names the card"),
    "wrong_number": Chance(0, 0.0030, 0.020, "one digit of the bubbled number is another one: a candidate's common slip"),
    "absent_conflict": Chance(0, 0.0010, 0.008, "the absent box is filled on the card of a candidate who was there"),
}

# Candidates' hands: drawn once a sheet.
HANDS: dict[str, Chance] = {
    "pencil_hb": Chance(0, 0.10, 0.25, "2B is asked for and mostly brought; HB is what is in the pencil case"),
    "pen": Chance(0, 0.02, 0.12, "ink in the bubbles although pencil was asked for"),
    "faint_hand": Chance(0, 0.02, 0.10, "a light hand or a hard lead on the whole card"),
    "careless_hand": Chance(0, 0.12, 0.35, "fills in a hurry: partial, ragged, out of the bubble"),
    "ticking_hand": Chance(0, 0.003, 0.02, "ticks or crosses every bubble instead of filling it"),
    "written_in_pencil": Chance(0, 0.05, 0.20, "written answers in pencil instead of black pen"),
    "written_in_blue": Chance(0, 0.10, 0.25, "written answers in blue pen"),
}

# Marks: per mark that the candidate was told to make.
MARKS: dict[str, Chance] = {
    "partial": Chance(0, 0.012, 0.06, "two thirds to nearly all of the bubble is filled"),
    "stroke_out": Chance(0, 0.010, 0.05, "a stroke leaves the bubble by up to two millimetres"),
    "tick": Chance(0, 0.0004, 0.008, "one tick among fills"),
    "cross": Chance(0, 0.0004, 0.008, "one cross among fills"),
    "ring": Chance(0, 0.00001, 0.0004, "a ring around the bubble, nothing in it: against the instruction"),
    "faint": Chance(0, 0.004, 0.03, "one mark pressed lightly"),
    "erasure": Chance(0, 0.010, 0.05, "another bubble was filled first and rubbed out: its ghost stays"),
    "cancelled": Chance(0, 0.00007, 0.0005, "a wrong fill is crossed out instead of rubbed out, and another bubble is filled"),
    "heavy_ghost": Chance(0, 0.00003, 0.0003, "rubbed out so badly that the ghost is as dark as a faint mark"),
    "dot": Chance(0, 0.00002, 0.0001, "only a dot of the pencil where a mark was meant"),
    "between": Chance(0, 0.00002, 0.00015, "the mark lies in the middle between two bubbles"),
    "cancelled_alone": Chance(0, 0.00002, 0.00015, "the only fill is crossed out and none other made"),
}

# Troubles of a side, apart from its marks.
SIDES: dict[str, Chance] = {
    "smudge": Chance(0, 0.040, 0.15, "the hand drags graphite from a mark over the paper"),
    "stray_marks": Chance(0, 0.020, 0.10, "a slip of the pencil or a resting point, away from the bubbles' insides at typical"),
    "writing_over_edge": Chance(0, 0.020, 0.12, "a written answer runs a little over its frame"),
    "fold": Chance(0, 0.015, 0.10, "a crease that was smoothed: a shade line and a kink of some tenths of a millimetre"),
    "stain": Chance(0, 0.015, 0.10, "a small spot of tea, a finger or food; pale at typical and away from codes"),
    "holes": Chance(0, 0.010, 0.05, "two holes punched at the left edge"),
    "torn_corner": Chance(0, 0.0, 0.02, "a corner of the card is gone, with its registration mark"),
    "skew": Chance(0, 0.15, 0.50, "the card went in visibly askew, beyond the feeder's ordinary play"),
    "shift": Chance(0, 0.10, 0.30, "the card lies some millimetres off"),
    "upside_down": Chance(0, 0.010, 0.08, "the card was turned round in the stack; both faces are"),
    "stretch": Chance(0, 0.030, 0.20, "the feed rollers slip: a smooth local displacement"),
    "damp": Chance(0, 0.005, 0.05, "the paper grew by damp, more across the fibre than along it, and waves"),
    "motion_blur": Chance(0, 0.010, 0.06, "the card shook along the feed"),
}

# Troubles of a scanner: drawn once a batch.
BATCHES: dict[str, Chance] = {
    "dpi_150": Chance(0, 0.02, 0.15, "set low to save space"),
    "dpi_300": Chance(0, 0.02, 0.15, "set high"),
    "dpi_240": Chance(0, 0.01, 0.10, "the odd setting of older production scanners"),
    "colour": Chance(0, 0.02, 0.15, "the driver's default was left at colour"),
    "one_bit": Chance(0, 0.0, 0.06, "black and white by a threshold, written as TIFF G4; an office that wants marks read knows better"),
    "dither": Chance(0, 0.0, 0.03, "one bit by error diffusion: fax-like drivers"),
    "tiff_grey": Chance(0, 0.01, 0.05, "grey TIFF instead of JPEG"),
    "png_grey": Chance(0, 0.01, 0.05, "grey PNG instead of JPEG"),
    "black_border": Chance(0, 0.20, 0.50, "a scanner with a black background that does not crop: a skewed card shows black wedges"),
    "fixed_frame": Chance(
        0, 0.05, 0.10, "set to A4 exactly: what of a skewed card leaves the frame is lost; others follow the card's outline"
    ),
    "streak": Chance(0, 0.04, 0.25, "dirt on the glass: one column over many cards in succession"),
    "uneven_light": Chance(0, 0.20, 0.60, "the lamp is weaker at one edge"),
    "soft_focus": Chance(0, 0.10, 0.40, "the lens is not at its best"),
}

# How much of each. Ranges are cut-off: nothing beyond them is drawn.
AMOUNTS: dict[str, Span] = {
    # hands
    "darkness_2b": Span((0.74, 0.80), (0.55, 0.86), (0.50, 0.90), "a full load of 2B graphite: grey 35 to 115 on white"),
    "darkness_hb": Span((0.74, 0.80), (0.42, 0.62), (0.36, 0.62), "HB is paler and cannot be pressed to black"),
    "darkness_pen": Span((0.85, 0.90), (0.75, 0.95), (0.60, 0.95), "gel and ball pens, black to blue, in a grey scan"),
    "faint_factor": Span((1.0, 1.0), (0.55, 0.75), (0.45, 0.70), "share of the ordinary darkness when the hand presses lightly"),
    "mark_spread": Span((0.0, 0.02), (0.02, 0.07), (0.04, 0.14), "how much one hand's marks differ (standard deviation over the mean)"),
    "fill_cover": Span((0.97, 1.0), (0.86, 1.0), (0.75, 1.0), "share of the bubble that an ordinary fill covers"),
    "partial_cover": Span((0.9, 1.0), (0.50, 0.85), (0.45, 0.80), "share of the bubble that a partial fill covers"),
    "stroke_mm": Span((0.65, 0.75), (0.50, 0.95), (0.35, 1.10), "width of a pencil stroke, sharp to blunt"),
    "pen_mm": Span((0.45, 0.50), (0.40, 0.65), (0.30, 0.80), "width of a pen stroke"),
    "tooth": Span((0.10, 0.15), (0.15, 0.40), (0.20, 0.60), "how much of the paper's tooth stays white under graphite (speckle)"),
    "stroke_out_mm": Span((0.0, 0.0), (0.4, 1.6), (0.6, 2.2), "how far a stroke leaves the bubble"),
    "ghost_share": Span((0.0, 0.0), (0.02, 0.06), (0.02, 0.08), "darkness that an erasure leaves, of what was there"),
    "heavy_ghost_share": Span((0.3, 0.5), (0.30, 0.50), (0.30, 0.50), "the same for an erasure that means nothing any more"),
    "offset_mm": Span((0.0, 0.10), (0.0, 0.30), (0.0, 0.60), "how far from the bubble's centre a fill is centred"),
    # paper
    "smudge_darkness": Span((0.0, 0.0), (0.02, 0.05), (0.03, 0.07), "graphite film that a sleeve leaves"),
    "stain_darkness": Span((0.0, 0.0), (0.03, 0.12), (0.06, 0.45), "tea to coffee"),
    "stain_mm": Span((0.0, 0.0), (2.0, 9.0), (4.0, 30.0), "radius of a stain"),
    "fold_kink_mm": Span((0.0, 0.0), (0.05, 0.20), (0.10, 0.60), "how far the paper beyond a crease is displaced"),
    "fold_shade": Span((0.0, 0.0), (0.04, 0.12), (0.08, 0.35), "darkness of the crease's shadow"),
    "stretch_mm": Span((0.0, 0.0), (0.10, 0.30), (0.20, 0.90), "largest local displacement by slipping rollers"),
    "damp_growth": Span((0.0, 0.0), (0.003, 0.008), (0.006, 0.018), "growth across the fibre; a third of it along"),
    "damp_wave_mm": Span((0.0, 0.0), (0.05, 0.20), (0.10, 0.50), "waviness of damp paper"),
    "hole_mm": Span((5.0, 5.5), (5.0, 6.0), (5.0, 7.0), "a punch makes holes of 5.5 mm, 12 mm from the edge"),
    "tear_mm": Span((0.0, 0.0), (0.0, 0.0), (10.0, 28.0), "legs of a torn-off corner"),
    # feeding
    "play_degrees": Span((0.0, 0.10), (0.0, 0.35), (0.0, 0.60), "skew of any card: the feeder's ordinary play"),
    "skew_degrees": Span((0.0, 0.0), (0.5, 1.5), (1.0, 4.0), "skew of a card that went in askew"),
    "play_mm": Span((0.0, 0.4), (0.0, 1.0), (0.0, 1.5), "shift of any card"),
    "shift_mm": Span((0.0, 0.0), (1.5, 4.0), (3.0, 8.0), "shift of a card that lies off"),
    "scale_error": Span((0.0, 0.0005), (0.0, 0.005), (0.0, 0.010), "a scanner's own error of scale, drawn for x and y apart"),
    # optics
    "blur_px": Span((0.30, 0.40), (0.35, 0.60), (0.40, 0.80), "Gaussian blur of lens and sensor at 200 dpi, standard deviation"),
    "soft_blur_px": Span((0.0, 0.0), (0.70, 1.00), (0.90, 1.50), "the same for a soft lens"),
    "motion_mm": Span((0.0, 0.0), (0.15, 0.35), (0.25, 0.80), "length of the smear along the feed"),
    "grain": Span((0.8, 1.2), (1.5, 3.5), (2.5, 7.0), "standard deviation of the sensor's noise, grey levels of 255"),
    "gamma": Span((0.98, 1.02), (0.88, 1.15), (0.70, 1.40), "tone curve of the driver"),
    "paper_white": Span((0.96, 0.98), (0.91, 0.98), (0.82, 0.98), "reflectance of the paper as the scanner sees it"),
    "light_drop": Span((0.0, 0.0), (0.02, 0.07), (0.05, 0.20), "how much weaker the lamp is at one edge"),
    "streak_darkness": Span((0.0, 0.0), (0.05, 0.20), (0.10, 0.80), "how much of the light the dirt takes away"),
    "streak_mm": Span((0.0, 0.0), (0.10, 0.25), (0.10, 0.60), "width of the streak"),
    "streak_cards": Span((0.0, 0.0), (15.0, 50.0), (20.0, 50.0), "cards in succession until somebody wipes the glass"),
    "jpeg_quality": Span((90.0, 92.0), (75.0, 88.0), (50.0, 88.0), "drivers' usual settings; harsh includes an economy setting"),
    "threshold": Span((0.55, 0.60), (0.50, 0.62), (0.42, 0.70), "reflectance below which a one-bit scanner makes black"),
}  # fmt: skip

CARELESS_FACTOR = 4
"""A careless hand leaves so many times more bubbles partly filled or overrun than the chance for all marks says."""

BATCH_CARDS = 50
"""Cards in a batch: what a feeder's tray takes comfortably."""

# What a mark means. Decided from the ink that was drawn over a bubble's inside, before any scanner sees it:
# ink = mean darkness over the bubble's inner ellipse. Written down once, the same at every level.
MARK_LEAST = 0.085
"""A told mark with less ink than this has no one meaning (a dot, a ghost of a stroke, a ring): `ambiguous`.
A pencil tick through a 5 x 3 mm bubble leaves 0.10 to 0.20, a faint full fill 0.2, an ordinary one 0.5 and more."""
STRAY_MOST = 0.065
"""A bubble that is not told may carry this much (ghost, smudge, spill) and still be plainly empty. More is
`ambiguous`, whatever the mark beside it."""
STRAY_RATIO = 0.50
"""... and never more than this share of the weakest told mark of its line, or the two could be taken for each other."""


@dataclass(frozen=True, slots=True)
class Rates:
    """The rates of one level. With `only`, those troubles are certain and no other happens."""

    level: LevelName
    only: frozenset[str] | None = None

    def chance(self, name: str) -> float:
        for table in (EVENTS, HANDS, MARKS, SIDES, BATCHES):
            if name in table:
                if self.only is not None:
                    return float(name in self.only)
                return float(getattr(table[name], self.level))
        raise KeyError(name)

    def span(self, name: str) -> Pair:
        low, high = getattr(AMOUNTS[name], self.level)
        return float(low), float(high)


# Sides that truly need a person, for each event and kind of mark (the expectation that docs/simulator.md states).
SIDES_FOR_A_PERSON: dict[str, float] = {
    "missing_side": 1,
    "missing_sheet": 2,
    "double": 2,
    "foreign": 2,
    "extra": 2,
    "blank": 1,
    "swapped": 0,
    "unreadable_code": 1,
    "unreadable_barcode": 1,
    "wrong_number": 1,
    "absent_conflict": 1,
}
MARKS_FOR_A_PERSON = ("ring", "cancelled", "heavy_ghost", "dot", "between", "cancelled_alone")


def share_for_a_person(level: LevelName, *, marks_a_sheet: float, sides_a_sheet: int = 2) -> float:
    """The expected share of sides that carry something which truly needs a person."""
    rates = Rates(level)
    events = sum(rates.chance(name) * sides for name, sides in SIDES_FOR_A_PERSON.items())
    marks = marks_a_sheet * sum(rates.chance(name) for name in MARKS_FOR_A_PERSON)
    return (events + marks) / sides_a_sheet
