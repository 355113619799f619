"""What happens to each card, mark and frame: every decision of a run, drawn before anything is painted.

Pure: the same seed and instructions give the same plan. Owns which troubles happen, not what they look like.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from core.template import Line, Template, lines_of
from scanner.simulator.cards import Card, Stack, told_values
from scanner.simulator.draws import happens, stream
from scanner.simulator.hand import INVIGILATOR, Hand, draw_hand
from scanner.simulator.rates import BATCH_CARDS, CARELESS_FACTOR, EVENTS, MARKS, Rates
from scanner.simulator.scanner import ScannerPlan, plan_scanner

Content = Literal["side", "white", "foreign", "extra"]
Kind = Literal["full", "partial", "stroke_out", "tick", "cross", "ring", "faint", "ghost", "heavy_ghost", "dot", "between", "cancelled"]

PAPER_TROUBLES = ("smudge", "stray_marks", "writing_over_edge", "fold", "stain", "holes", "torn_corner", "damp")
FEED_TROUBLES = ("skew", "shift", "stretch", "motion_blur")
WHOLE_CARD = ("fold", "holes", "torn_corner", "damp")
"""What goes through the paper and shows on both faces: decided once a card."""
SINGLE_KINDS: tuple[Kind, ...] = ("partial", "stroke_out", "tick", "cross", "ring", "faint", "dot", "between")
LINE_KINDS = ("erasure", "heavy_ghost", "cancelled", "cancelled_alone")


@dataclass(frozen=True, slots=True)
class MarkPlan:
    """Ink for one bubble. `meant` is what the candidate means by it in the end."""

    side: int
    line: int  # place in lines_of(side)
    value: int
    kind: Kind
    meant: bool
    hand: Hand


@dataclass(frozen=True, slots=True)
class FramePlan:
    """One picture that the scanner delivers."""

    batch: str
    sequence: int
    face: int
    sheet: str
    side: int
    page: int
    event: str
    content: Content
    again: int  # 0 the first pass of this paper through a scanner, 1 the second, 2 a rescan by an operator
    turned: bool
    feed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CardPlan:
    card: Card
    hand: Hand
    marks: tuple[MarkPlan, ...]
    paper: dict[int, tuple[str, ...]]
    event: str
    event_side: int  # 0: both, or none in particular
    wrong_digit: tuple[int, int, int] | None  # line of the number, told value, filled value
    frames: tuple[FramePlan, ...]
    rescans: tuple[FramePlan, ...]
    scanner: ScannerPlan


def plan_run(stack: Stack, rates: Rates, seed: int) -> list[CardPlan]:
    plans: list[CardPlan] = []
    spares = list(stack.spares)
    for start in range(0, len(stack.cards), BATCH_CARDS):
        scanner = plan_scanner(start // BATCH_CARDS + 1, rates, seed)
        sequence = 1
        for card in stack.cards[start : start + BATCH_CARDS]:
            plan = plan_card(stack.template, card, rates, seed, scanner, sequence)
            new = [plan]
            if plan.event == "extra" and spares:
                plan = replace(plan, frames=tuple(f for f in plan.frames if f.content == "side"))
                new = [plan, _plan_spare(stack.template, spares.pop(0), plan, rates, seed, sequence + 1)]
            plans += new
            sequence = max((f.sequence for p in new for f in p.frames), default=sequence - 1) + 1
    return plans


def _plan_spare(template: Template, spare: Card, plan: CardPlan, rates: Rates, seed: int, sequence: int) -> CardPlan:
    """A printed extra sheet with the candidate's number on it and more of his answer, behind his card."""
    rng = stream(seed, spare.sheet, "extra")
    told: dict[str, str] = {}
    for face in spare.faces:
        for grid in template.side(face.side).grids:
            if grid.role == "candidate":
                told[grid.fields[0]] = plan.card.told.get(template.candidate or "", plan.card.candidate)
            elif grid.role == "choice":
                told[grid.fields[0]] = str(rng.choice(grid.values))
    groups = {r.group for face in spare.faces for r in template.side(face.side).regions}
    card = replace(spare, candidate=plan.card.candidate, told=told, written={g: float(rng.uniform(0.2, 0.8)) for g in sorted(groups)})
    marks = [m for face in card.faces for m in plan_marks(template, card, face.side, plan.hand, rates, seed)]
    paper: dict[int, tuple[str, ...]] = {face.side: () for face in card.faces}
    frames = tuple(
        FramePlan(plan.scanner.batch, sequence, i + 1, card.sheet, face.side, face.page, "extra", "side", 0, False, ())
        for i, face in enumerate(card.faces)
    )
    return CardPlan(card, plan.hand, tuple(marks), paper, "extra", 0, None, frames, (), plan.scanner)


def plan_card(template: Template, card: Card, rates: Rates, seed: int, scanner: ScannerPlan, sequence: int) -> CardPlan:
    rng = stream(seed, card.sheet, "card")
    hand = draw_hand(rng, rates)
    event, event_side = _event(rng, template, card, rates)
    wrong = _wrong_digit(rng, template, card, event_side) if event == "wrong_number" else None
    paper = _paper(rng, card, rates)
    if event in ("unreadable_code", "unreadable_barcode"):
        paper[event_side] = (*paper[event_side], f"damaged_{event.removeprefix('unreadable_')}")
    marks = [m for face in card.faces for m in plan_marks(template, card, face.side, hand, rates, seed)]
    if wrong is not None:
        marks = _with_wrong_digit(marks, event_side, wrong)
    if event == "absent_conflict":
        marks.append(_absent_mark(template, event_side))
    frames, rescans = _frames(rng, card, event, event_side, paper, rates, scanner, sequence)
    return CardPlan(
        card=card, hand=hand, marks=tuple(marks), paper=paper, event=event, event_side=event_side,
        wrong_digit=wrong, frames=frames, rescans=rescans, scanner=scanner,
    )  # fmt: skip


def plan_marks(template: Template, card: Card, side: int, hand: Hand, rates: Rates, seed: int) -> list[MarkPlan]:
    """The ink of one side's bubbles. An absent candidate's card bears the invigilator's mark and nothing else."""
    rng = stream(seed, card.sheet, side, "marks")
    marks: list[MarkPlan] = []
    for index, line in enumerate(lines_of(template.side(side))):
        is_absent_box = line.grid.role == "absent"
        if (card.absent and not is_absent_box) or line.field not in card.told:
            continue
        told = told_values(line.grid, card.told[line.field], line.index)
        if is_absent_box:
            marks += [MarkPlan(side, index, value, "full", True, INVIGILATOR) for value in told]
        else:
            marks += _line_marks(rng, side, index, line, told, hand, rates)
    return marks


def _line_marks(
    rng: np.random.Generator, side: int, index: int, line: Line, told: tuple[int, ...], hand: Hand, rates: Rates
) -> list[MarkPlan]:
    kinds: dict[int, Kind] = {value: _kind(rng, hand, rates) for value in told}
    others = [v for v in range(len(line.grid.values)) if v not in told]
    draw = rng.random()
    for name in LINE_KINDS:
        draw -= rates.chance(name)
        if draw < 0:
            if name == "cancelled_alone" and told:
                kinds[told[0]] = "cancelled"
            elif others and (told or name == "erasure"):
                other = int(rng.choice(others))
                kinds[other] = "ghost" if name == "erasure" else "heavy_ghost" if name == "heavy_ghost" else "cancelled"
            break
    return [MarkPlan(side, index, value, kind, value in told, hand) for value, kind in sorted(kinds.items())]


def _kind(rng: np.random.Generator, hand: Hand, rates: Rates) -> Kind:
    draw = rng.random()
    for name in SINGLE_KINDS:
        more = CARELESS_FACTOR if hand.careless and name in ("partial", "stroke_out") else 1
        draw -= rates.chance(name) * more
        if draw < 0:
            return "full" if name == "faint" and hand.faint else name
    return "full" if hand.habit == "fill" else hand.habit


def _event(rng: np.random.Generator, template: Template, card: Card, rates: Rates) -> tuple[str, int]:
    draw = rng.random()
    side = int(rng.choice([f.side for f in card.faces]))
    for name in EVENTS:
        draw -= rates.chance(name)
        if draw < 0:
            found = _place(name, template, card, side)
            return (name, found) if found else ("normal", side)
    return "normal", side


def _place(event: str, template: Template, card: Card, side: int) -> int:
    """The side on which `event` can happen to this card, or 0."""
    sides = [template.side(f.side) for f in card.faces]
    if (event == "swapped" and len(sides) < 2) or (event == "extra" and card.absent):
        return 0
    if event == "unreadable_code":
        return side if any(c.role == "page" for c in template.side(side).codes) else 0
    if event == "unreadable_barcode":
        return next((s.side for s in sides if any(c.role == "candidate" for c in s.codes)), 0)
    if event == "absent_conflict":
        return next((s.side for s in sides for g in s.grids if g.role == "absent" and not card.absent), 0)
    if event == "wrong_number":
        return next((s.side for s in sides for g in s.grids if g.role == "candidate" and g.joined and _told_number(card, g.fields[0])), 0)
    return side


def _told_number(card: Card, field: str) -> bool:
    return bool(card.told.get(field)) and not card.absent


def _wrong_digit(rng: np.random.Generator, template: Template, card: Card, side: int) -> tuple[int, int, int]:
    candidates = [
        (i, told_values(line.grid, card.told[line.field], line.index)[0])
        for i, line in enumerate(lines_of(template.side(side)))
        if line.grid.role == "candidate" and line.grid.joined and told_values(line.grid, card.told.get(line.field, ""), line.index)
    ]
    index, told = candidates[int(rng.integers(len(candidates)))]
    count = len(list(lines_of(template.side(side)))[index].grid.values)
    return index, told, int((told + rng.integers(1, count)) % count)


def _with_wrong_digit(marks: list[MarkPlan], side: int, wrong: tuple[int, int, int]) -> list[MarkPlan]:
    index, _, filled = wrong
    line = [m for m in marks if m.side == side and m.line == index]
    rest = [m for m in marks if not (m.side == side and m.line == index)]
    return [*rest, MarkPlan(side, index, filled, "full", True, line[0].hand)]


def _absent_mark(template: Template, side: int) -> MarkPlan:
    index = next(i for i, line in enumerate(lines_of(template.side(side))) if line.grid.role == "absent")
    return MarkPlan(side, index, 0, "full", True, INVIGILATOR)


def _paper(rng: np.random.Generator, card: Card, rates: Rates) -> dict[int, tuple[str, ...]]:
    whole = [name for name in WHOLE_CARD if happens(rng, rates.chance(name))]
    found: dict[int, tuple[str, ...]] = {}
    for face in card.faces:
        own = [n for n in PAPER_TROUBLES if n not in WHOLE_CARD and happens(rng, rates.chance(n))]
        if card.absent:
            own = [n for n in own if n == "stain"]
        found[face.side] = tuple(n for n in PAPER_TROUBLES if n in own or n in whole)
    return found


def _frames(
    rng: np.random.Generator, card: Card, event: str, event_side: int, paper: dict[int, tuple[str, ...]],
    rates: Rates, scanner: ScannerPlan, sequence: int,
) -> tuple[tuple[FramePlan, ...], tuple[FramePlan, ...]]:  # fmt: skip
    turned = happens(rng, rates.chance("upside_down"))
    faces = card.faces[::-1] if event == "swapped" else card.faces

    def frame(number: int, position: int, *, name: str, content: Content = "side", again: int = 0) -> FramePlan:
        face = faces[position]
        feed = tuple(n for n in FEED_TROUBLES if happens(rng, rates.chance(n))) if again == 0 else ()
        own = content in ("side", "white")
        return FramePlan(
            batch=scanner.batch, sequence=number, face=position + 1, sheet=card.sheet if own else "", side=face.side if own else 0,
            page=face.page, event=name, content=content, again=again, turned=turned and again == 0, feed=feed,
        )  # fmt: skip

    frames = []
    for position, face in enumerate(faces):
        struck = face.side == event_side
        if event == "missing_sheet" or (event == "missing_side" and struck):
            continue
        shown = event if event == "swapped" or (struck and event in SIDE_EVENTS) else "normal"
        frames.append(frame(sequence, position, name=shown, content="white" if event == "blank" and struck else "side"))
    if event == "double":
        frames += [frame(sequence + 1, p, name=event, again=1) for p in range(len(faces))]
    elif event == "foreign" or event == "extra":
        content: Content = "foreign" if event == "foreign" else "extra"
        frames += [frame(sequence + 1, p, name=event, content=content) for p in range(len(faces))]
    rescans = [
        frame(sequence, p, name="rescan", again=2)
        for p, face in enumerate(faces)
        if event == "missing_sheet" or (face.side == event_side and event in RESCANNED) or "torn_corner" in paper[face.side]
    ]
    return tuple(frames), tuple(rescans)


SIDE_EVENTS = ("blank", "unreadable_code", "unreadable_barcode", "wrong_number", "absent_conflict")
RESCANNED = ("missing_side", "blank", "unreadable_code", "unreadable_barcode")
assert set(MARKS) == {*SINGLE_KINDS, *LINE_KINDS}
