"""One side of a filled card: the printed page, everything that people and chance put on it, and what its ink means.

Orders the painters and keeps account of what was really done; each painter draws from a stream of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from core.geometry import Box
from core.template import Line, Template, lines_of
from core.template import Side as TemplateSide
from scanner.simulator import feed, paper
from scanner.simulator.cards import Card
from scanner.simulator.draws import stream, within
from scanner.simulator.handwriting import ruling_rows, write
from scanner.simulator.ink import Plane, Sheet
from scanner.simulator.marks import draw_marks
from scanner.simulator.meaning import meaning_of
from scanner.simulator.plan import CardPlan, MarkPlan
from scanner.simulator.printed import render
from scanner.simulator.rates import Rates

Page = NDArray[np.uint8]
BLUE_PEN = np.array([0.45, 0.85, 1.0], np.float32)  # how much of blue, green and red light blue ink takes
EDGE = 226
"""The thin shadow at the paper's edge."""


@dataclass(frozen=True, slots=True)
class TruthRow:
    sheet: str
    side: int
    field: str
    value: str
    note: str


@dataclass(frozen=True, slots=True)
class Painted:
    page: Page  # reflectance, 255 white
    bends: tuple[feed.Bend, ...]  # how the paper itself is bent
    done: tuple[str, ...]  # the troubles that are really there
    truth: tuple[TruthRow, ...]


@dataclass(frozen=True, slots=True)
class Studio:
    """What painting a side needs to know, apart from the side."""

    pdf: Path
    template: Template
    rates: Rates
    seed: int

    @property
    def size(self) -> tuple[float, float]:
        return self.template.width, self.template.height


def paint_side(studio: Studio, plan: CardPlan, side: int, dpi: int, *, colour: bool, background: int, whole: bool = False) -> Painted:
    """`whole`: the paper as an operator smooths it for a second scan, without the damage of an event."""
    face = next(f for f in plan.card.faces if f.side == side)
    page = render(studio.pdf, face.page, dpi, colour=colour, drop_out=studio.template.drop_out)
    template_side = studio.template.side(side)
    lines = list(lines_of(template_side))
    marks = [m for m in plan.marks if m.side == side]
    sheet = Sheet.empty(page.shape[:2], dpi, pen_blue=plan.hand.write_with == "blue")
    wanted = [n for n in plan.paper[side] if not (whole and (n.startswith("damaged_") or n == "torn_corner"))]
    draw_marks(sheet, lines, marks, studio.rates, studio.seed, plan.card.sheet)
    done = _write_answers(studio, plan, template_side, sheet, page, over_edge="writing_over_edge" in wanted)
    done += _soil(studio, plan, template_side, lines, marks, sheet, wanted)
    crease = _crease(studio, plan, side) if "fold" in wanted else None
    if crease is not None:
        shade = within(stream(studio.seed, plan.card.sheet, "shade"), studio.rates.span("fold_shade"))
        paper.crease_shade(sheet, *crease, shade, stream(studio.seed, plan.card.sheet, "fold", side))
        done.append("fold")
    truth = _truth(plan, side, lines, marks, sheet)
    page = compose(page, sheet)
    done += _damage(studio, plan, template_side, page, sheet.per_mm, wanted, background)
    if any(row.value == "ambiguous" for row in truth):
        done.append("ambiguous")
    bends, bent = _bends(studio, plan, crease, wanted)
    return Painted(page, bends, (*_mark_troubles(plan, marks), *done, *bent), tuple(truth))


def compose(page: Page, sheet: Sheet) -> Page:
    """Ink and soil over print: light passes through all of them. The paper's edge throws a thin shadow."""
    if sheet.soil.any():
        page = paper.paint_soil(page, sheet.soil)
    if sheet.graphite.any():
        page = _through(page, sheet.graphite, None)
    if sheet.pen.any():
        page = _through(page, sheet.pen, BLUE_PEN if sheet.pen_blue else None)
    page[:1], page[-1:], page[:, :1], page[:, -1:] = EDGE, EDGE, EDGE, EDGE
    return page


def _through(page: Page, plane: Plane, weight: NDArray[np.float32] | None) -> Page:
    if page.ndim == 2:
        return np.asarray(cv2.multiply(page, cv2.bitwise_not(plane), scale=1 / 255), np.uint8)
    absorbed = plane[..., None] * (weight if weight is not None else np.ones(3, np.float32))
    return np.asarray(page * (255.0 - absorbed) / 255, np.uint8)


def shares_of(card: Card, template: Template) -> dict[tuple[int, str], float]:
    """How full each region gets: a group's writing fills its regions one after another."""
    shares: dict[tuple[int, str], float] = {}
    for group, amount in card.written.items():
        regions = [(f.side, r) for f in card.faces for r in template.side(f.side).regions if r.group == group]
        left = amount * sum(r.box[3] for _, r in regions)
        for side, region in regions:
            shares[side, region.name] = min(1.0, max(0.0, left / region.box[3]))
            left -= region.box[3]
    return shares


def _write_answers(studio: Studio, plan: CardPlan, side: TemplateSide, sheet: Sheet, page: Page, *, over_edge: bool) -> list[str]:
    shares = shares_of(plan.card, studio.template)
    filled = [r for r in side.regions if not plan.card.absent and shares.get((side.side, r.name), 0.0) > 0]
    for i, region in enumerate(filled):
        rng = stream(studio.seed, plan.card.sheet, side.side, "writing", region.name)
        box = Box(*region.box)
        amount = shares[side.side, region.name]
        write(sheet, box, ruling_rows(page, box, sheet.per_mm), amount, plan.hand, rng, over_edge=over_edge and i == 0)
    return ["writing_over_edge"] if over_edge and filled else []


def _soil(
    studio: Studio, plan: CardPlan, side: TemplateSide, lines: list[Line], marks: list[MarkPlan], sheet: Sheet, wanted: list[str]
) -> list[str]:
    done = []
    for name in wanted:
        rng = stream(studio.seed, plan.card.sheet, side.side, name)
        if name == "smudge" and (marks or any(plan.card.written.values())):
            mark = marks[int(rng.integers(len(marks)))] if marks else None
            start = lines[mark.line].bubbles[mark.value] if mark else (studio.size[0] / 2, rng.uniform(60, studio.size[1] - 60))
            paper.smudge(sheet, start, studio.rates, rng)
            done.append(name)
        elif name == "stray_marks":
            places = [paper.place_on(side, lines, studio.size, 1.5, studio.rates, rng) for _ in range(int(rng.integers(1, 4)))]
            for at in (p for p in places if p is not None):
                paper.stray_mark(sheet, at, plan.hand, rng)
            done += [name] if any(places) else []
        elif name == "stain":
            radius, darkness = (within(rng, studio.rates.span(n)) for n in ("stain_mm", "stain_darkness"))
            place = paper.place_on(side, lines, studio.size, 1.3 * radius, studio.rates, rng)
            if place is not None:
                paper.stain(sheet, place, radius, darkness, rng)
                done.append(name)
    return done


def _crease(studio: Studio, plan: CardPlan, side: int) -> tuple[tuple[float, float], tuple[float, float]] | None:
    """Where the card was folded: the same line on both faces; at `typical` across the page, clear of bubbles and codes."""
    rng = stream(studio.seed, plan.card.sheet, "crease")
    width, height = studio.size
    sides = [studio.template.side(f.side) for f in plan.card.faces]
    first = plan.card.faces[0].side
    for _ in range(paper.TRIES):
        left, tilt = rng.uniform(0.2, 0.8) * height, rng.normal(0, 0.01 if studio.rates.level != "harsh" else 0.25) * width
        ends = ((-2.0, left), (width + 2.0, left + tilt))
        if studio.rates.level == "harsh" or all(_clear_line(s, ends, mirrored=s.side != first, width=width) for s in sides):
            return ends if side == first else ((-2.0, left + tilt), (width + 2.0, left))
    return None


def _clear_line(side: TemplateSide, ends: tuple[tuple[float, float], tuple[float, float]], *, mirrored: bool, width: float) -> bool:
    lines = list(lines_of(side))
    (x0, y0), (x1, y1) = ends
    spots = ((x, y0 + (y1 - y0) * (x - x0) / (x1 - x0)) for x in np.arange(2.0, width, 4.0))
    return all(paper.clear_of(side, lines, width - x if mirrored else x, y, paper.KEEP_CLEAR_MM) for x, y in spots)


def _damage(studio: Studio, plan: CardPlan, side: TemplateSide, page: Page, per_mm: float, wanted: list[str], background: int) -> list[str]:
    done = []
    for name in wanted:
        rng = stream(studio.seed, plan.card.sheet, side.side, name)
        if name == "holes":
            paper.punch(page, per_mm, studio.size, background, studio.rates, stream(studio.seed, plan.card.sheet, name))
        elif name == "torn_corner":
            paper.tear_corner(page, per_mm, background, studio.rates, stream(studio.seed, plan.card.sheet, name))
        elif name in ("damaged_code", "damaged_barcode"):
            role = "page" if name == "damaged_code" else "candidate"
            for code in (c for c in side.codes if c.role == role):
                (paper.hide_code if role == "page" else paper.scratch_code)(page, Box(*code.box), per_mm, rng)
        else:
            continue
        done.append(name)
    return done


def _bends(
    studio: Studio, plan: CardPlan, crease: tuple[tuple[float, float], tuple[float, float]] | None, wanted: list[str]
) -> tuple[tuple[feed.Bend, ...], list[str]]:
    bends: list[feed.Bend] = []
    if crease is not None:
        bends.append(feed.kink(*crease, studio.rates, stream(studio.seed, plan.card.sheet, "kink")))
    if "damp" in wanted:
        bends.append(feed.damp(studio.size, studio.rates, stream(studio.seed, plan.card.sheet, "damp")))
        return tuple(bends), ["damp"]
    return tuple(bends), []


def _mark_troubles(plan: CardPlan, marks: list[MarkPlan]) -> list[str]:
    named = {"ghost": "erasure"}
    kinds = dict.fromkeys(named.get(m.kind, m.kind) for m in marks if m.kind != "full")
    return [*(plan.hand.troubles if any(m.hand is plan.hand for m in marks) else ()), *kinds]


def _truth(plan: CardPlan, side: int, lines: list[Line], marks: list[MarkPlan], sheet: Sheet) -> list[TruthRow]:
    rows: dict[str, TruthRow] = {}
    for index, line in enumerate(lines):
        told = "" if plan.card.absent and line.grid.role != "absent" else plan.card.told.get(line.field, "")
        before = rows.get(line.field, TruthRow(plan.card.sheet, side, line.field, told, ""))
        meaning = meaning_of(sheet, line, [m for m in marks if m.line == index])
        notes = [before.note, meaning.note, _slip(plan, side, index, line)]
        value = "ambiguous" if meaning.ambiguous else before.value
        rows[line.field] = TruthRow(plan.card.sheet, side, line.field, value, "; ".join(n for n in notes if n))
    return list(rows.values())


def _slip(plan: CardPlan, side: int, index: int, line: Line) -> str:
    if plan.wrong_digit is not None and side == plan.event_side and plan.wrong_digit[0] == index:
        values = line.grid.values
        return f"digit {index_in_number(line)}: {values[plan.wrong_digit[2]]} is filled instead of {values[plan.wrong_digit[1]]}"
    if plan.event == "absent_conflict" and side == plan.event_side and line.grid.role == "absent":
        return "the absent box was filled by mistake"
    return ""


def index_in_number(line: Line) -> int:
    return line.position + 1
