"""One page and the templates it may be -> what is on it: a pure function of its arguments.

Owns the order of the steps and the verdict. A page whose printed furniture is not where the transform says is
never read. Whatever is doubtful is said to be; nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import cv2

from core.ids import PageCode
from core.template import Side, Template
from omr.answers import LEAST_RINGS, FieldReading, Read, read_bubbles
from omr.bounded import LEAST_HELD, read_bounded
from omr.regions import RegionCut, cut_region
from omr.rows import plan_bubbles
from scanner.codes import Decoded, barcodes_on, code_on
from scanner.decode import Page
from scanner.furnishing import furnish
from scanner.quality import Look, is_blank, look_at
from scanner.register import Furniture, Laid, check_furniture, lay_over

cv2.setNumThreads(1)

Status = Literal["ok", "review", "rejected"]

_LEAST_TIMING = 0.6  # share of the timing marks that must be where they belong
_MOST_RESIDUAL = 1.5  # mm, the median of the timing marks' distances before the local correction
_SOLID = 0.85  # darkness of the corner marks on a two-level scan from which it was made by a threshold, not by a halftone


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


@dataclass(frozen=True, slots=True)
class _Found:
    """A template's side laid over the page."""

    template: Template
    side: Side
    laid: Laid
    code: PageCode | None
    decoders: int


@dataclass(frozen=True, slots=True)
class _Checked:
    found: _Found
    furniture: Furniture
    rings: float | None  # share of the rings that are there; None where none is printed
    objection: str
    read: Read | None


def read_page(page: Page, templates: Sequence[Template], *, cut: bool) -> PageReading:
    """The reading of one scanned side; `cut` says whether written regions are cut out as well."""
    look = look_at(page.pixels)
    evidence: dict[str, Any] = {"paper": round(look.paper), "dpi": page.dpi, "streaks": len(look.streaks)}
    if look.verdict == "black":
        return PageReading("rejected", "the page is black or nearly so; nothing can be read on it", "unreadable", evidence=evidence)
    found, refusal = _place(page, templates, look)
    if not found:
        return _not_placed(page, look, refusal, templates, evidence)
    checked = _best([_check(page, f, look) for f in found])
    return _conclude(page, checked, refusal, cut, evidence)


def _conclude(page: Page, checked: _Checked, refusal: PageReading | None, cut: bool, evidence: dict[str, Any]) -> PageReading:
    found, laid = checked.found, checked.found.laid
    evidence |= _evidence(checked)
    known = PageReading("review", template=found.template, side=found.side.side, code=found.code, decoders=found.decoders)
    plain = replace(known, evidence=evidence)
    if checked.objection or checked.read is None:
        return replace(plain, reason=checked.objection, kind="registration")
    barcode, codes = _codes(page, laid, found.side)
    fields = {name: _code_field(decoded) for name, decoded in codes.items()} | checked.read.fields
    hand = checked.read.hand
    evidence["hand"] = {"tone": round(hand.tone, 3), "marks": hand.marks, "noise": round(hand.noise, 3)}
    regions = tuple(cut_region(page.pixels, laid, r) for r in found.side.regions) if cut else ()
    whole = replace(plain, fields=fields, regions=regions, barcode=barcode)
    if refusal is not None:
        return replace(whole, reason=refusal.reason, kind=refusal.kind)
    doubtful = [name for name, f in fields.items() if f.doubt]
    if doubtful:
        first = fields[doubtful[0]].why
        return replace(whole, reason=f"{', '.join(doubtful[:8])}{' and more' if len(doubtful) > 8 else ''}: {first}", kind="doubt")
    return replace(whole, status="ok")


def _place(page: Page, templates: Sequence[Template], look: Look) -> tuple[list[_Found], PageReading | None]:
    """Every way in which the page may be a side of a template; with a page code at most one.

    The second value says why it cannot be trusted though it is placed (or, with no way at all, why not).
    """
    ways: list[_Found] = []
    coded = False
    texts: list[str] = []
    for group in _alike(templates):
        template, side = group[0]
        codes = tuple(dict.fromkeys(c for _, s in group for c in s.codes if c.role == "page"))
        for laid in lay_over(page.pixels, furnish(template, side), dpi=page.dpi):
            if not codes and ways and ways[-1].laid.way != laid.way and any(not _check(page, w, look).objection for w in ways):
                break  # what is slower is asked for only when nothing that was found holds
            ways.extend(_Found(t, s, laid, None, 0) for t, s in group)
            for code in codes:
                coded = True
                decoded = code_on(page.pixels, laid, code)
                if decoded.text is None:
                    continue
                texts.append(decoded.text)
                for t, s in group:
                    parsed = PageCode.parse(decoded.text)
                    if parsed is not None and _belongs(parsed, t, s):
                        return [_Found(t, s, laid, parsed, decoded.decoders)], None
    if not coded:
        return ways, None
    if texts:
        return [], _foreign(texts[0])
    return ways, PageReading("review", "the page code cannot be read, so the sheet is not known", "code_unknown")


def _foreign(text: str) -> PageReading:
    parsed = PageCode.parse(text)
    if parsed is None:
        return PageReading("rejected", "the page carries a code that is none of this engine's", "foreign")
    said = f"exam {parsed.exam}, paper {parsed.paper}, edition {parsed.edition}, side {parsed.side}"
    return PageReading("rejected", f"the page belongs to another form ({said})", "foreign", code=parsed)


def _alike(templates: Sequence[Template]) -> list[list[tuple[Template, Side]]]:
    """The sides that share registration marks and page code windows, so that each is looked for once."""
    groups: dict[Any, list[tuple[Template, Side]]] = {}
    for template in templates:
        for side in template.sides:
            codes = tuple(c for c in side.codes if c.role == "page")
            groups.setdefault((template.unit, template.width, template.height, side.registration, codes), []).append((template, side))
    return list(groups.values())


def _belongs(code: PageCode, template: Template, side: Side) -> bool:
    same = (template.exam in (None, code.exam), template.paper in (None, code.paper), template.edition in (None, code.edition))
    return all(same) and code.side == side.side


def _not_placed(
    page: Page, look: Look, refusal: PageReading | None, templates: Sequence[Template], evidence: dict[str, Any]
) -> PageReading:
    if refusal is not None and refusal.kind == "foreign":
        return replace(refusal, evidence=evidence)
    if is_blank(page.pixels, look):
        return PageReading("review", "the page is blank", "blank", evidence=evidence)
    kinds = {c.symbology for t in templates for s in t.sides for c in s.codes if c.role == "page"}
    for text in (text for kind in sorted(kinds) for text in barcodes_on(page.pixels, kind)):
        parsed = PageCode.parse(text)
        if parsed is None or not any(_belongs(parsed, t, s) for t in templates for s in t.sides):
            return replace(_foreign(text), evidence=evidence)
        reason = "the registration marks were not found: a corner is covered, torn off or off the scan"
        return PageReading("review", reason, "registration", side=parsed.side, code=parsed, decoders=1, evidence=evidence)
    return PageReading("review", "neither registration marks nor a page code were found", "registration", evidence=evidence)


def _check(page: Page, found: _Found, look: Look) -> _Checked:
    """Whether the printed furniture is where it should be, and the reading only when it is."""
    furniture, laid = check_furniture(page.pixels, found.laid, furnish(found.template, found.side))
    found = replace(found, laid=laid)
    objection = _misplaced(furniture)
    if objection:
        return _Checked(found, furniture, None, objection, None)
    bounded = read_bounded(page.pixels, laid, found.side, paper=look.paper)
    if bounded.held is not None and bounded.held < LEAST_HELD:
        objection = f"only {bounded.held:.0%} of the printed boxes are where the registration marks say"
        return _Checked(found, furniture, bounded.held, objection, None)
    thin = look.two_level and furniture.black > _SOLID
    read = read_bubbles(page.pixels, plan_bubbles(found.template, found.side), laid, paper=look.paper, thin=thin)
    if read.rings is not None and read.rings < LEAST_RINGS:
        objection = f"only {read.rings:.0%} of the printed bubbles are where the registration marks say"
        return _Checked(found, furniture, read.rings, objection, None)
    held = bounded.held if read.rings is None else read.rings
    return _Checked(found, furniture, held, "", replace(read, fields=bounded.fields | read.fields))


def _misplaced(furniture: Furniture) -> str:
    if furniture.expected and furniture.found < _LEAST_TIMING * furniture.expected:
        return f"only {furniture.found} of {furniture.expected} timing marks are where the registration marks say"
    if furniture.residual_mm > _MOST_RESIDUAL:
        return f"the timing marks are {furniture.residual_mm:.1f} mm from where the registration marks say"
    return ""


def _best(checks: Sequence[_Checked]) -> _Checked:
    """The way whose furniture fits best; a way that passes beats one that does not."""

    def score(check: _Checked) -> tuple[bool, float, float, int, float]:
        share = check.furniture.found / check.furniture.expected if check.furniture.expected else 0.0
        return not check.objection, check.furniture.oriented, check.rings or 0.0, check.found.laid.marks, share

    return max(checks, key=score)


def _codes(page: Page, laid: Laid, side: Side) -> tuple[str | None, dict[str, Decoded]]:
    """The candidate barcode's text and every code that fills a field."""
    read = {c.name: (c, code_on(page.pixels, laid, c)) for c in side.codes if c.role != "page"}
    barcode = next((d.text for c, d in read.values() if c.role == "candidate" and d.text is not None), None)
    return barcode, {name: d for name, (c, d) in read.items() if not (c.optional and d.text is None and not d.disagree)}


def _code_field(decoded: Decoded) -> FieldReading:
    text = decoded.text or ""
    why = "two decoders disagree" if decoded.disagree else "" if decoded.text is not None else "the barcode cannot be read"
    return FieldReading(text, text, text if decoded.decoders > 1 else "", bool(why), 0.5 if why else 1e-6, why)


def _evidence(checked: _Checked) -> dict[str, Any]:
    laid, furniture = checked.found.laid, checked.furniture
    return {
        "turn": laid.turn,
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


def doubts(reading: PageReading) -> Iterator[str]:
    return (name for name, f in reading.fields.items() if f.doubt)
