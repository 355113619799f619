"""Which physical sheets a paper has for a roster, in printing order; what is printed and what is expected are one list."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from core.serials import extra_serial_of, serial_of
from omr.sheet import Face, SheetDesign

EXTRA_SHARE = 20  # one extra sheet for so many candidates, and at least one


@dataclass(frozen=True, slots=True)
class SheetCopy:
    serial: str
    index: int  # which sheet of its candidate, from 0; 0 for an extra sheet
    extra: bool
    row: int | None  # the roster's row that it is for; None: an extra sheet, or there is no roster
    faces: tuple[Face, ...]


def copies_of(design: SheetDesign, paper_index: int, candidates: int) -> Iterator[SheetCopy]:
    """The sheets of all candidates in the roster's order (without a roster one set), then the extra sheets."""
    sets = max(candidates, 1)
    for row in range(sets):
        for index, faces in enumerate(design.sheets()):
            yield SheetCopy(serial_of(paper_index, row, index), index, False, row if candidates else None, faces)
    faces = design.extra()
    for number in range(-(-sets // EXTRA_SHARE) if faces else 0):
        yield SheetCopy(extra_serial_of(paper_index, number), 0, True, None, faces)
