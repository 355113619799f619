"""`markhall sheets`: the printed sheets of an exam, the template that reads them, and the list of what was printed.

Beside `<stem>.pdf` stand `<stem>.template.json` and `<stem>.sheets.csv`; an exam of several papers gets
`<stem>-<PAPER>.*` for each. Files appear whole or not at all.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.definition import RosterRow, check_roster
from core.exam import ExamDefinition, Paper
from core.fonts import font_for, unprintable
from core.ids import PageCode
from core.template import dump_template
from omr.copies import copies_of
from omr.draw import SheetPrinter
from omr.layout_ink import Words
from omr.sheet import Face, SheetDesign, lay_out

COLUMNS = ("sheet", "paper", "candidate", "name", "sheet_index", "page", "side")

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class PrintedPaper:
    paper: str
    pdf: Path
    template: Path
    list: Path
    sheets: int
    pages: int


@dataclass(frozen=True, slots=True)
class PrintedSheets:
    papers: tuple[PrintedPaper, ...]
    missing: str  # characters that the font lacks; an empty box is printed for each

    @property
    def pages(self) -> int:
        return sum(p.pages for p in self.papers)


@dataclass(frozen=True, slots=True)
class _Side:
    """One side of one physical sheet that is to be printed."""

    face: Face
    serial: str
    row: RosterRow | None


def print_sheets(exam: ExamDefinition, roster: Sequence[RosterRow], out_pdf: Path, *, progress: Progress | None = None) -> PrintedSheets:
    """Print a set of sheets for each row of `roster` (an empty roster: one set without a name) and what belongs to it.

    `progress` is called with the pages that are done and all pages.
    """
    check_roster(exam, roster)
    designs = [lay_out(exam, paper) for paper in exam.papers]
    font = font_for(_texts(designs, roster))
    jobs = [list(_sides(design, i, roster)) for i, design in enumerate(designs)]
    total, done = sum(len(j) for j in jobs), 0
    printed = []
    for paper, design, job in zip(exam.papers, designs, jobs, strict=True):
        stem = out_pdf.stem if len(exam.papers) == 1 else f"{out_pdf.stem}-{paper.code}"
        printed.append(_print_paper(exam, paper, design, job, out_pdf.parent / stem, font, _after(progress, done, total)))
        done += len(job)
    return PrintedSheets(tuple(printed), missing=unprintable(_texts(designs, roster)))


def _after(progress: Progress | None, before: int, total: int) -> Callable[[int], None]:
    return (lambda pages: progress(before + pages, total)) if progress else (lambda pages: None)


def _texts(designs: Sequence[SheetDesign], roster: Sequence[RosterRow]) -> Iterator[str]:
    for design in designs:
        yield from (item.text for face in design.faces for item in face.items if isinstance(item, Words))
    for row in roster:
        yield from (row.name, row.school, row.class_name, row.room, row.seat)


def _sides(design: SheetDesign, paper_index: int, roster: Sequence[RosterRow]) -> Iterator[_Side]:
    for copy in copies_of(design, paper_index, len(roster)):
        row = None if copy.row is None else roster[copy.row]
        yield from (_Side(face, copy.serial, row) for face in copy.faces)


def _print_paper(
    exam: ExamDefinition,
    paper: Paper,
    design: SheetDesign,
    sides: Sequence[_Side],
    stem: Path,
    font: str,
    progress: Callable[[int], None],
) -> PrintedPaper:
    pdf, template, listing = (stem.with_name(stem.name + end) for end in (".pdf", ".template.json", ".sheets.csv"))
    stem.parent.mkdir(parents=True, exist_ok=True)
    unfinished = pdf.with_name(pdf.name + ".part")
    with SheetPrinter(unfinished, design.faces, paper, font, f"{exam.title.zh} {paper.title.zh}") as printer:
        for page, side in enumerate(sides, start=1):
            code = PageCode(exam.exam, paper.code, paper.edition, side.serial, side.face.side)
            printer.page(side.face, str(code), _own_texts(paper, side))
            progress(page)
        printer.save()
    _write_list(listing, paper, sides)
    template.write_text(dump_template(design.template), encoding="utf-8")
    unfinished.replace(pdf)
    return PrintedPaper(paper.code, pdf, template, listing, len({s.serial for s in sides}), len(sides))


def _own_texts(paper: Paper, side: _Side) -> dict[str, str]:
    texts = {"serial": f"№ {side.serial}-{side.face.side}"}
    row = side.row
    if row is not None and paper.sheet.personalised:
        texts |= {"name": row.name, "school": row.school, "class": row.class_name, "room": row.room, "seat": row.seat, "number": row.number}
    return texts


def _write_list(path: Path, paper: Paper, sides: Sequence[_Side]) -> None:
    unfinished = path.with_name(path.name + ".part")
    with unfinished.open("w", encoding="utf-8", newline="") as f:
        writer = csv.writer(f, lineterminator="\n")
        writer.writerow(COLUMNS)
        for page, side in enumerate(sides, start=1):
            known = side.row if paper.sheet.personalised else None
            index = "" if side.face.sheet_index is None else str(side.face.sheet_index)
            number, name = (known.number, known.name) if known else ("", "")
            writer.writerow((side.serial, paper.code, number, name, index, page, side.face.side))
    unfinished.replace(path)
