"""One page and the forms that it may be -> what is on it: a pure function of its arguments.

Owns the order of the steps and the verdict. A page whose printed furniture is not where the transform says is
never read. Whatever is doubtful is said to be; nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, Literal

import cv2

from core.ids import PageCode
from core.template import Template
from omr.answers import LEAST_RINGS, FieldReading, Read, read_bubbles
from omr.bounded import LEAST_HELD, Bounded, read_bounded
from omr.placing import Found, Placed, compile_forms, place
from omr.regions import RegionCut, cut_region
from scanner.causes import growth_of, streaks_in_words
from scanner.codes import Decoded, barcodes_on, code_on
from scanner.decode import Page
from scanner.laid import Laid
from scanner.quality import Look, is_blank, look_at
from scanner.register import Furniture, check_furniture

cv2.setNumThreads(1)

Status = Literal["ok", "review", "rejected"]

_LEAST_TIMING = 0.6  # share of the timing marks that must be where they belong
_MOST_RESIDUAL = 1.5  # mm, the median of the timing marks' distances before the local correction
_SOLID = 0.85  # darkness of the corner marks on a two-level scan from which it was made by a threshold, not by a halftone
_NAMED = 8  # doubtful fields that a reason names
_CODE_WRONG = 1e-6  # that a symbol with its own check digits was read as another one


@dataclass(frozen=True)
class PageReading:
    status: Status
    reason: str = ""
    kind: str = ""  # why it is not ok: unreadable, blank, foreign, code_unknown, registration, doubt
    template: Template | None = None
    side: int | None = None
    code: PageCode | None = None
    decoders: int = 0
    barcode: str | None = None
    fields: dict[str, FieldReading] = field(default_factory=dict)
    regions: tuple[RegionCut, ...] = ()
    evidence: dict[str, Any] = field(default_factory=dict)
    laid: Laid | None = None  # how the form lies on the page, where it holds


@dataclass(frozen=True, slots=True)
class _Checked:
    found: Found
    furniture: Furniture
    read: Read | None
    objection: str = ""
    rings: float | None = None  # share of the bubbles' rings, or the boxes' outlines, that are there; None where none is printed


class Reader:
    """Reads pages of the forms that it is given. Compiled once; holds nothing of any page."""

    def __init__(self, templates: Sequence[Template]) -> None:
        self.templates = tuple(templates)
        self._groups = compile_forms(templates)

    def read(self, page: Page, *, cut: bool, whole: bool = True) -> PageReading:
        """The reading of one scanned side.

        `cut`: written regions are cut out as well. `whole`: everything that grading needs; else a first reading, by one
        decoder and one reader, which may say `ok` of an answer that the second reader would doubt.
        """
        look = look_at(page.pixels, streaks=whole)
        evidence: dict[str, Any] = {"paper": round(look.paper), "dpi": page.dpi, "streaks": len(look.streaks)}
        if look.verdict == "black":
            return PageReading("rejected", "the page is black or nearly so; nothing can be read on it", "unreadable", evidence=evidence)
        check = cache(lambda found: _check(page, found, look, whole))
        placed = place(page, self._groups, lambda found: not check(found).objection, confirm=whole)
        refusal = _refusal(placed)
        if not placed.ways or (refusal is not None and refusal.kind == "foreign"):
            return self._not_placed(page, look, refusal, evidence)
        return _conclude(page, look, _best(placed.ways, check), refusal, cut, whole, evidence)

    def _not_placed(self, page: Page, look: Look, refusal: PageReading | None, evidence: dict[str, Any]) -> PageReading:
        if refusal is not None and refusal.kind == "foreign":
            return replace(refusal, evidence=evidence)
        if is_blank(page.pixels, look):
            return PageReading("review", "the page is blank", "blank", evidence=evidence)
        forms = [form for group in self._groups for form in group.forms]
        for kind in sorted({c.symbology for group in self._groups for c in group.codes}):
            for text in barcodes_on(page.pixels, kind):
                parsed = PageCode.parse(text)
                if parsed is None or not any(form.owns(parsed) for form in forms):
                    return replace(_foreign(text), evidence=evidence)
                reason = "the registration marks were not found: a corner is covered, torn off or off the scan"
                return PageReading("review", reason, "registration", side=parsed.side, code=parsed, decoders=1, evidence=evidence)
        return PageReading("review", "neither registration marks nor a page code were found", "registration", evidence=evidence)


def read_page(page: Page, templates: Sequence[Template], *, cut: bool) -> PageReading:
    """`Reader.read` for whoever has a page and no reader: one is kept for the templates that were used last."""
    return _kept(tuple(templates)).read(page, cut=cut)


_readers: dict[tuple[int, ...], Reader] = {}
_MOST_KEPT = 8


def _kept(templates: tuple[Template, ...]) -> Reader:
    key = tuple(map(id, templates))  # of templates that the reader holds, so that no other can have these ids
    if key not in _readers:
        if len(_readers) >= _MOST_KEPT:
            _readers.clear()
        _readers[key] = Reader(templates)
    return _readers[key]


def _refusal(placed: Placed) -> PageReading | None:
    """Why a page is not believed though it may be placed."""
    if placed.is_known:
        return None
    if placed.texts:
        return _foreign(placed.texts[0])
    return PageReading("review", "the page code cannot be read, so the sheet is not known", "code_unknown")


def _foreign(text: str) -> PageReading:
    parsed = PageCode.parse(text)
    if parsed is None:
        return PageReading("rejected", "the page carries a code that is none of this engine's", "foreign")
    said = f"exam {parsed.exam}, paper {parsed.paper}, edition {parsed.edition}, side {parsed.side}"
    return PageReading("rejected", f"the page belongs to another form ({said})", "foreign", code=parsed)


def _check(page: Page, found: Found, look: Look, whole: bool) -> _Checked:
    """Whether the printed furniture is where it should be, and the reading only when it is."""
    form = found.form
    furniture, laid = check_furniture(page.pixels, found.laid, form.furnishing)
    found = replace(found, laid=laid)
    objection = _misplaced(furniture, found)
    if objection:
        return _Checked(found, furniture, None, objection)
    bounded = read_bounded(page.pixels, laid, form.side, paper=look.paper) if form.bounded else Bounded({}, None)
    if bounded.held is not None and bounded.held < LEAST_HELD:
        objection = f"only {bounded.held:.0%} of the printed boxes are where the registration marks say"
        return _Checked(found, furniture, None, objection, bounded.held)
    thin = look.two_level and furniture.black > _SOLID
    read = read_bubbles(page.pixels, form.plan, laid, paper=look.paper, thin=thin, whole=whole)
    if read.rings is not None and read.rings < LEAST_RINGS:
        objection = f"only {read.rings:.0%} of the printed bubbles are where the registration marks say"
        return _Checked(found, furniture, None, objection, read.rings)
    if bounded.fields:
        read = replace(read, fields=bounded.fields | read.fields)
    return _Checked(found, furniture, read, "", bounded.held if read.rings is None else read.rings)


def _misplaced(furniture: Furniture, found: Found) -> str:
    if furniture.oriented == 0.0 and found.code is None:
        return "the marks that tell which way up the page is are not where they should be"
    if furniture.expected and furniture.found < _LEAST_TIMING * furniture.expected:
        return f"only {furniture.found} of {furniture.expected} timing marks are where the registration marks say"
    if furniture.residual_mm > _MOST_RESIDUAL:
        return f"the timing marks are {furniture.residual_mm:.1f} mm from where the registration marks say"
    return ""


def _best(ways: Sequence[Found], check: Callable[[Found], _Checked]) -> _Checked:
    """The way whose furniture fits best; a way that passes beats one that does not. None is checked after one that no
    other can beat."""
    furnished = [found.form.furnishing for found in ways]
    oriented, timed = any(len(f.oriented) for f in furnished), any(len(f.timing) for f in furnished)
    perfect = (True, 1.0 if oriented else 0.5, 1.0, 4, float(timed))
    best = check(ways[0])
    for found in ways[1:]:
        if _score(best) >= perfect:
            break
        best = max(best, check(found), key=_score)
    return best


def _score(checked: _Checked) -> tuple[bool, float, float, int, float]:
    furniture = checked.furniture
    share = furniture.found / furniture.expected if furniture.expected else 0.0
    return not checked.objection, furniture.oriented, checked.rings or 0.0, checked.found.laid.marks, share


def _conclude(
    page: Page, look: Look, checked: _Checked, refusal: PageReading | None, cut: bool, whole: bool, evidence: dict[str, Any]
) -> PageReading:
    found, form = checked.found, checked.found.form
    known: dict[str, Any] = {"template": form.template, "side": form.side.side, "code": found.code, "decoders": found.decoders}
    evidence |= _evidence(checked) | _causes(page, checked, look)
    if checked.read is None:
        because = "".join(f"; {evidence[cause]}" for cause in ("growth", "dirt") if cause in evidence)
        return PageReading("review", checked.objection + because, "registration", evidence=evidence, **known)
    barcode, fields = _codes(page, found, whole)
    fields |= checked.read.fields
    hand = checked.read.hand
    evidence["hand"] = {"tone": round(hand.tone, 3), "marks": hand.marks, "noise": round(hand.noise, 3)}
    regions = tuple(cut_region(page.pixels, found.laid, r) for r in form.side.regions) if cut else ()
    status, reason, kind = _verdict(fields, refusal)
    return PageReading(status, reason, kind, barcode=barcode, fields=fields, regions=regions, evidence=evidence, laid=found.laid, **known)


def _verdict(fields: dict[str, FieldReading], refusal: PageReading | None) -> tuple[Status, str, str]:
    if refusal is not None:
        return "review", refusal.reason, refusal.kind
    doubtful = [name for name, f in fields.items() if f.doubt]
    if not doubtful:
        return "ok", "", ""
    named = f"{', '.join(doubtful[:_NAMED])}{' and more' if len(doubtful) > _NAMED else ''}"
    return "review", f"{named}: {fields[doubtful[0]].why}", "doubt"


def _codes(page: Page, found: Found, confirm: bool) -> tuple[str | None, dict[str, FieldReading]]:
    """The candidate barcode's text and every code that fills a field."""
    barcode: str | None = None
    fields: dict[str, FieldReading] = {}
    for code in found.form.codes:
        decoded = code_on(page.pixels, found.laid, code, confirm=confirm)
        if code.role == "candidate" and barcode is None:
            barcode = decoded.text
        if not (code.optional and decoded.text is None and not decoded.disagree):
            fields[code.name] = _code_field(decoded)
    return barcode, fields


def _code_field(decoded: Decoded) -> FieldReading:
    text = decoded.text or ""
    why = "two decoders disagree" if decoded.disagree else "" if decoded.text is not None else "the barcode cannot be read"
    return FieldReading(text, text, text if decoded.decoders > 1 else "", bool(why), 0.5 if why else _CODE_WRONG, why)


def _evidence(checked: _Checked) -> dict[str, Any]:
    laid, furniture = checked.found.laid, checked.furniture
    return {
        "turn": laid.turn,
        "way": laid.way,
        "marks": laid.marks,
        "scale": [round(s, 4) for s in laid.scale],
        "skew": round(laid.skew, 3),
        "defect_mm": round(laid.defect_px * laid.mm_a_pixel, 3),
        "timing": [furniture.found, furniture.expected],
        "residual_mm": round(furniture.residual_mm, 3),
        "worst_mm": round(furniture.worst_mm, 3),
        "oriented": furniture.oriented,
        "black": round(furniture.black, 3),
        "rings": None if checked.rings is None else round(checked.rings, 3),
    }


def _causes(page: Page, checked: _Checked, look: Look) -> dict[str, str]:
    """Damp and dirt, in words, where there are any."""
    found, laid = checked.found, checked.found.laid
    grown = str(growth_of(laid, dpi=page.dpi)) if found.form.template.unit == "mm" else ""
    dirt = next(streaks_in_words(look, laid.mm_a_pixel), "") if look.streaks else ""
    return {name: said for name, said in (("growth", grown), ("dirt", dirt)) if said}


def doubts(reading: PageReading) -> Iterator[str]:
    return (name for name, f in reading.fields.items() if f.doubt)
