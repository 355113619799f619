"""Which marks are always read, never read, always sent to a person: docs/reliable-marks.md, made from the reader itself.

    python -m benchmarks.reliable_marks

Draws each kind of mark on printed cards as the simulator's hands draw them, scans and reads the cards, and writes down
what the reader made of every one, with pictures cut from the scans. Nothing in the document is written by hand but the
descriptions of the kinds.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.cards import print_cards
from core.template import Line, Template, lines_of
from omr.reading import Reader
from scanner.decode import Page, decode
from scanner.furnishing import furnish
from scanner.register import check_furniture, lay_over
from scanner.simulator.cards import Stack
from scanner.simulator.hand import Hand
from scanner.simulator.paint import Studio
from scanner.simulator.plan import CardPlan, MarkPlan, plan_run
from scanner.simulator.plan import Kind as MarkKind
from scanner.simulator.rates import Rates
from scanner.simulator.scan import scan_card
from scanner.straighten import straighten

DOCS = Path(__file__).resolve().parents[1] / "docs"
PICTURES = DOCS / "pictures" / "marks"
SEED, CARDS = 77, 6
SHOWN = 3  # pictures of a kind
PENCIL = Hand(
    instrument="2b", darkness=0.72, spread=0.05, stroke_mm=0.7, tooth=0.25, slant=0.35, cover=(0.92, 1.0), offset_mm=0.15,
    habit="fill", faint=False, careless=False, writer=0, write_with="black",
)  # fmt: skip
Grey = NDArray[np.uint8]


@dataclass(frozen=True)
class Kind:
    name: str
    says: str
    mark: MarkKind | None  # what stands in the chosen bubble; None: nothing
    meant: bool = True  # whether the candidate means it
    beside: MarkKind | None = None  # what stands in the next bubble of the row
    hand: Hand = PENCIL  # of this mark
    page: Hand = PENCIL  # of all other marks of the page
    spans: dict[str, tuple[float, float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Amounts(Rates):
    """The rates of `typical` without any trouble, some amounts replaced."""

    replaced: tuple[tuple[str, tuple[float, float]], ...] = ()

    def span(self, name: str) -> tuple[float, float]:
        return dict(self.replaced).get(name) or Rates.span(self, name)


HB = replace(PENCIL, instrument="hb", darkness=0.5)
PEN = replace(PENCIL, instrument="pen", darkness=0.9, stroke_mm=0.5, tooth=0.05)
FAINT = replace(PENCIL, darkness=0.36, tooth=0.45, faint=True)
PALE = replace(PENCIL, darkness=0.16, tooth=0.45)
OFF = replace(PENCIL, offset_mm=0.6)

KINDS: tuple[Kind, ...] = (
    Kind("full-2b", "a full fill with a 2B pencil, as the instruction asks", "full"),
    Kind("full-hb", "a full fill with an HB pencil, on a card filled with HB", "full", hand=HB, page=HB),
    Kind("full-pen", "a full fill with a black pen, on a card filled with a pen", "full", hand=PEN, page=PEN),
    Kind("faint-card", "a full fill by a light hand, on a card filled lightly throughout", "full", hand=FAINT, page=FAINT),
    Kind("faint-mark", "one mark pressed lightly among dark ones", "faint"),
    Kind("two-thirds", "two thirds of the bubble filled", "partial", spans={"partial_cover": (0.62, 0.70)}),
    Kind("half", "half of the bubble filled", "partial", spans={"partial_cover": (0.46, 0.54)}),
    Kind("off-centre", "a full fill up to 0.6 mm off the bubble's centre", "full", hand=OFF),
    Kind("run-out", "a fill with a stroke that leaves the bubble", "stroke_out"),
    Kind("tick", "a tick through the bubble", "tick"),
    Kind("cross", "a cross through the bubble", "cross"),
    Kind("with-ghost", "a fill, and beside it a fill that was rubbed out well", "full", beside="ghost"),
    Kind("nothing", "nothing", None),
    Kind("ghost", "a fill that was rubbed out well, and nothing else", "ghost", meant=False),
    Kind("heavy-ghost", "a fill, and beside it one that was rubbed out badly", "full", beside="heavy_ghost"),
    Kind("two-marks", "two full fills where one answer is asked for", "full", beside="full"),
    Kind("cancelled", "a fill, and beside it one that was crossed out", "full", beside="cancelled"),
    Kind("cancelled-alone", "the only fill of the row, crossed out", "cancelled"),
    Kind("ring", "a ring around the bubble, nothing in it", "ring"),
    Kind("dot", "a dot of the pencil in the bubble", "dot"),
    Kind("between", "a fill that lies in the middle between two bubbles", "between"),
    Kind("palest", "a fill so pale that it is hardly there, among dark ones", "full", hand=PALE),
)


@dataclass(frozen=True)
class Outcome:
    kind: Kind
    counts: Counter[str]
    whys: Counter[str]
    picture: Grey

    @property
    def total(self) -> int:
        return self.counts.total()


def main() -> int:
    PICTURES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        stack = print_cards("hundred", CARDS, Path(scratch), seed=SEED).stack(0, CARDS)
        outcomes = [_try(kind, stack) for kind in KINDS]
    for outcome in outcomes:
        cv2.imwrite(str(PICTURES / f"{outcome.kind.name}.jpg"), outcome.picture, [cv2.IMWRITE_JPEG_QUALITY, 72])
        print(f"{outcome.kind.name:16} {dict(outcome.counts)}")
    (DOCS / "reliable-marks.md").write_text(document(outcomes), encoding="utf-8")
    return 0


def _try(kind: Kind, stack: Stack) -> Outcome:
    rates = Amounts("typical", frozenset(), tuple(kind.spans.items()))
    studio = Studio(stack.pdf, stack.template, rates, SEED)
    reader = Reader([stack.template])
    counts, whys, shown = Counter[str](), Counter[str](), list[Grey]()
    for plan in plan_run(stack, rates, SEED):
        changed, told = _marked(plan, stack.template, kind)
        (frame,) = scan_card(studio, changed).frames
        page = decode(frame.data, where=kind.name)
        reading = reader.read(page, cut=False)
        for name, (mark, beside) in told.items():
            found = reading.fields.get(name)
            outcome = _outcome(kind, found.value if found else "", found.doubt if found else True, mark, beside)
            counts[outcome] += 1
            if outcome == "person":
                whys[found.why if found else reading.reason] += 1
        if len(shown) < SHOWN:
            shown.append(_cut(page, stack.template, next(iter(told))))
    return Outcome(kind, counts, whys, _joined(shown))


def _marked(plan: CardPlan, template: Template, kind: Kind) -> tuple[CardPlan, dict[str, tuple[str, str]]]:
    """The card with the page's hand, and every third question with a mark of this kind; what these were told."""
    lines = list(lines_of(template.side(plan.card.faces[0].side)))
    marks: list[MarkPlan] = []
    told: dict[str, tuple[str, str]] = {}
    for mark in plan.marks:
        line = lines[mark.line]
        if line.grid.role != "answer" or mark.line % 3 or line.field in told:
            if line.field not in told:
                marks.append(replace(mark, kind="full", hand=kind.page))
            continue
        values = line.grid.values
        other = (mark.value + 1) % len(values)
        told[line.field] = values[mark.value], values[other]
        if kind.mark is not None:
            marks.append(replace(mark, kind=kind.mark, meant=kind.meant, hand=kind.hand))
        if kind.beside is not None:
            marks.append(replace(mark, value=other, kind=kind.beside, meant=kind.beside == "full", hand=kind.hand))
    return replace(plan, hand=kind.page, marks=tuple(marks)), told


def _outcome(kind: Kind, value: str, doubt: bool, mark: str, beside: str) -> str:
    if doubt:
        return "person"
    if kind.beside == "full":
        return "read" if set(value.split("|")) == {mark, beside} else "otherwise"
    return "read" if value == mark else "blank" if not value else "otherwise"


def _cut(page: Page, template: Template, name: str) -> Grey:
    """The row of a question, straight from the scan, twice as large."""
    side = next(s for s in template.sides if s.grids)
    furnishing = furnish(template, side)
    laid = next(iter(lay_over(page.pixels, furnishing, dpi=page.dpi)))
    _, laid = check_furniture(page.pixels, laid, furnishing)
    line: Line = next(ln for ln in lines_of(side) if ln.field == name)
    xs, ys = zip(*line.bubbles, strict=True)
    wide, high = line.grid.bubble.width, line.grid.bubble.height
    box = (min(xs) - wide, min(ys) - high, max(xs) - min(xs) + 2 * wide, max(ys) - min(ys) + 2 * high)
    cut = straighten(page.pixels, laid, box)
    return np.asarray(cv2.resize(cut, None, fx=2.0, fy=2.0, interpolation=cv2.INTER_CUBIC), np.uint8)


def _joined(pictures: Sequence[Grey]) -> Grey:
    height, width = min(p.shape[0] for p in pictures), min(p.shape[1] for p in pictures)
    gap = np.full((height, 24), 255, np.uint8)
    parts = [part for p in pictures for part in (p[:height, :width], gap)]
    return np.ascontiguousarray(np.hstack(parts[:-1]))


SECTIONS: tuple[tuple[str, str, Callable[[Outcome], bool]], ...] = (
    ("Always read", "Every one of them was read as the candidate marked it.", lambda o: o.counts["read"] == o.total),
    ("Never read", "Every one of them was read as blank: nobody looks, and no mark is seen.", lambda o: o.counts["blank"] == o.total),
    ("Always sent to a person", "Every one of them was a doubt.", lambda o: o.counts["person"] == o.total),
)
HEAD = """# Marks that are read, that are not, and that a person sees

Made by `python -m benchmarks.reliable_marks` from the reader itself: each kind of mark was drawn on {cards} cards among
ordinary marks, scanned at 200 dpi with a scanner's usual blur and noise, and read. What counts is what came out, by no
judgement of ours. The pictures are cut from those scans, twice as large. How the reader decides is in
[how a bubble is read](how-a-bubble-is-read.md).

What to tell candidates: **fill the bubble with a 2B pencil; rub out fully what you do not mean; nothing else.**
"""


def document(outcomes: Sequence[Outcome]) -> str:
    parts = [HEAD.format(cards=CARDS)]
    rest = list(outcomes)
    for title, says, belongs in SECTIONS:
        mine = [o for o in rest if belongs(o)]
        rest = [o for o in rest if o not in mine]
        if mine:
            parts.append(f"## {title}\n\n{says}\n\n" + "\n".join(_rows(mine)))
    if rest:
        says = "Some were read, others went to a person. Under *blank* stand marks that were taken for none, without anybody being asked."
        parts.append(f"## In between\n\n{says}\n\n" + "\n".join(_rows(rest)))
    return "\n\n".join(part.rstrip("\n") for part in parts) + "\n"


def _rows(outcomes: Sequence[Outcome]) -> Iterator[str]:
    yield "| mark | as the scanner sees it | read | blank | to a person | read as something else |"
    yield "|---|---|---|---|---|---|"
    for o in outcomes:
        c = o.counts
        why = o.whys.most_common(1)
        person = f"{c['person']}: {why[0][0]}" if why else f"{c['person']}"
        picture = f"![{o.kind.name}](pictures/marks/{o.kind.name}.jpg)"
        yield f"| {o.kind.says} | {picture} | {c['read']} | {c['blank']} | {person} | {c['otherwise']} |"


if __name__ == "__main__":
    raise SystemExit(main())
