"""Which side of which form a page is, and how it lies: the forms that a reader knows, compiled once, tried on a page.

Owns the order of the tries. A page code decides where there is one; without one every way in which the page may lie is
given back, and what is printed on the form decides (`omr.reading`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from core.ids import PageCode
from core.template import Code, Side, Template
from omr.rows import BubblePlan, plan_bubbles
from scanner.codes import code_on
from scanner.decode import Page
from scanner.furnishing import Furnishing, furnish
from scanner.laid import Laid
from scanner.register import lay_over


@dataclass(frozen=True, slots=True, eq=False)
class Form:
    """A side of a template with all that reading it needs."""

    template: Template
    side: Side
    furnishing: Furnishing
    plan: BubblePlan
    codes: tuple[Code, ...]  # all but the page codes
    bounded: bool  # it has boxes that state their own bounds

    def owns(self, code: PageCode) -> bool:
        t = self.template
        same = (t.exam in (None, code.exam), t.paper in (None, code.paper), t.edition in (None, code.edition))
        return all(same) and code.side == self.side.side


@dataclass(frozen=True, slots=True, eq=False)
class Alike:
    """Forms that share registration marks and page code windows, so that each is looked for once."""

    forms: tuple[Form, ...]
    codes: tuple[Code, ...]  # page codes

    @property
    def furnishing(self) -> Furnishing:
        return self.forms[0].furnishing


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """A form laid over the page."""

    form: Form
    laid: Laid
    code: PageCode | None = None
    decoders: int = 0


@dataclass(frozen=True, slots=True)
class Placed:
    """Every way in which the page may be a side of a form; with a page code that belongs to one, those as that one."""

    ways: tuple[Found, ...]
    coded: bool  # a page code was looked for
    texts: tuple[str, ...] = ()  # what page codes said that belong to none of the forms

    @property
    def is_known(self) -> bool:
        return not self.coded or (bool(self.ways) and self.ways[0].code is not None)


def compile_forms(templates: Sequence[Template]) -> tuple[Alike, ...]:
    groups: dict[Any, list[Form]] = {}
    for template in templates:
        for side in template.sides:
            codes = tuple(c for c in side.codes if c.role == "page")
            key = template.unit, template.width, template.height, side.registration, codes
            rest = tuple(c for c in side.codes if c.role != "page")
            bounded = any(grid.bubble.bounds is not None for grid in side.grids)
            form = Form(template, side, furnish(template, side), plan_bubbles(template, side), rest, bounded)
            groups.setdefault(key, []).append(form)
    return tuple(Alike(tuple(forms), key[4]) for key, forms in groups.items())


def place(page: Page, groups: Sequence[Alike], holds: Callable[[Found], bool], *, confirm: bool) -> Placed:
    """Try the forms on the page, the quick ways first.

    `holds` says of a way whether the form's print is where it should be: slower ways are tried only when none of the
    quicker ones holds. `confirm`: page codes are read by the second decoder too.
    """
    ways: list[Found] = []
    known: list[Found] = []  # by a page code, though the print is not where it should be
    texts: list[str] = []
    for group in groups:
        mine: list[Found] = []
        enough = partial(_one_holds, group, mine, holds)
        for laid in lay_over(page.pixels, group.furnishing, dpi=page.dpi, enough=enough):
            if mine and mine[-1].laid.way != laid.way and enough():
                break
            mine.extend(Found(form, laid) for form in group.forms)
            for code in group.codes:
                decoded = code_on(page.pixels, laid, code, confirm=confirm)
                if decoded.text is None:
                    continue
                texts.append(decoded.text)
                parsed = PageCode.parse(decoded.text)
                owner = next((f for f in group.forms if parsed is not None and f.owns(parsed)), None)
                if owner is not None:
                    known.append(Found(owner, laid, parsed, decoded.decoders))
                    if holds(known[-1]):
                        return Placed((known[-1],), coded=True)
        ways += mine
    if known:
        return Placed(tuple(known), coded=True)
    return Placed(tuple(ways), any(group.codes for group in groups), tuple(texts))


def _one_holds(group: Alike, ways: Sequence[Found], holds: Callable[[Found], bool]) -> bool:
    """Whether no slower way need be tried: one of these holds, and no page code could say that the form is another."""
    return not group.codes and any(map(holds, ways))
