"""`markhall sheets`: the printed sheets of an exam, the template that reads them, and the list of what was printed.

Beside `<stem>.pdf` stand `<stem>.template.json` and `<stem>.sheets.csv`; an exam of several papers gets
`<stem>-<PAPER>.*` for each. Files appear whole or not at all.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.definition import RosterRow
from core.errors import ExamInvalid
from core.exam import ExamDefinition, Paper
from core.fonts import font_for
from core.ids import PageCode
from core.serials import extra_serial_of, serial_of
from core.template import dump_template
from omr.draw import SheetPrinter
from omr.layout_ink import Words
from omr.sheet import Face, SheetDesign, lay_out

COLUMNS = ("sheet", "paper", "candidate", "name", "sheet_index", "page", "side")
EXTRA_SHARE = 20  # one extra sheet for so many candidates, and at least one

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

    @property
    def pages(self) -> int:
        return sum(p.pages for p in self.papers)


@dataclass(frozen=True, slots=True)
class _Copy:
    """One side of one physical sheet that is to be printed."""

    face: Face
    serial: str
    row: RosterRow | None


def print_sheets(exam: ExamDefinition, roster: Sequence[RosterRow], out_pdf: Path, *, progress: Progress | None = None) -> PrintedSheets:
    """Print a set of sheets for each row of `roster` (an empty roster: one set without a name) and what belongs to it.

    `progress` is called with the pages that are done and all pages.
    """
    for paper in exam.papers:
        check_numbers(paper, roster)
    designs = [lay_out(exam, paper) for paper in exam.papers]
    font = font_for(_texts(designs, roster))
    jobs = [list(_copies(design, i, len(roster))) for i, design in enumerate(designs)]
    total, done = sum(len(j) for j in jobs), 0
    printed = []
    for paper, design, job in zip(exam.papers, designs, jobs, strict=True):
        stem = out_pdf.stem if len(exam.papers) == 1 else f"{out_pdf.stem}-{paper.code}"
        copies = [_Copy(face, serial, roster[row] if row is not None and roster else None) for face, serial, row in job]
        printed.append(_print_paper(exam, paper, design, copies, out_pdf.parent / stem, font, _after(progress, done, total)))
        done += len(copies)
    return PrintedSheets(tuple(printed))


def check_numbers(paper: Paper, roster: Sequence[RosterRow]) -> None:
    """Every candidate's number has as many digits as the paper says, or the grid could not hold it."""
    digits = paper.sheet.number.digits
    for row in roster:
        if len(row.number) != digits:
            raise ExamInvalid(
                f"the candidate number {row.number} has {len(row.number)} digits, paper {paper.code} asks for {digits}.",
                where="the roster",
                remedy="Change sheet.number.digits or the roster.",
            )


def _after(progress: Progress | None, before: int, total: int) -> Callable[[int], None]:
    return (lambda pages: progress(before + pages, total)) if progress else (lambda pages: None)


def _texts(designs: Sequence[SheetDesign], roster: Sequence[RosterRow]) -> Iterator[str]:
    for design in designs:
        yield from (item.text for face in design.faces for item in face.items if isinstance(item, Words))
    for row in roster:
        yield from (row.name, row.school, row.class_name, row.room, row.seat)


def _copies(design: SheetDesign, paper_index: int, rows: int) -> Iterator[tuple[Face, str, int | None]]:
    """Every side that is printed, in page order: face, serial and the roster's row."""
    sheets, extra = design.sheets(), design.extra()
    for row in range(max(rows, 1)):
        for index, faces in enumerate(sheets):
            serial = serial_of(paper_index, row, index)
            yield from ((face, serial, row) for face in faces)
    for n in range(-(-max(rows, 1) // EXTRA_SHARE) if extra else 0):
        yield from ((face, extra_serial_of(paper_index, n), None) for face in extra)


def _print_paper(
    exam: ExamDefinition,
    paper: Paper,
    design: SheetDesign,
    copies: Sequence[_Copy],
    stem: Path,
    font: str,
    progress: Callable[[int], None],
) -> PrintedPaper:
    pdf, template, listing = (stem.with_name(stem.name + end) for end in (".pdf", ".template.json", ".sheets.csv"))
    stem.parent.mkdir(parents=True, exist_ok=True)
    unfinished = pdf.with_name(pdf.name + ".part")
    with SheetPrinter(unfinished, design.faces, paper, font, f"{exam.title.zh} {paper.title.zh}") as printer:
        for page, copy in enumerate(copies, start=1):
            code = PageCode(exam.exam, paper.code, paper.edition, copy.serial, copy.face.side)
            printer.page(copy.face, str(code), _own_texts(paper, copy))
            progress(page)
        printer.save()
    _write_list(listing, paper, copies)
    template.write_text(dump_template(design.template), encoding="utf-8")
    unfinished.replace(pdf)
    return PrintedPaper(paper.code, pdf, template, listing, len({c.serial for c in copies}), len(copies))


def _own_texts(paper: Paper, copy: _Copy) -> dict[str, str]:
    texts = {"serial": f"№ {copy.serial}-{copy.face.side}"}
    row = copy.row
    if row is not None and paper.sheet.personalised:
        texts |= {"name": row.name, "school": row.school, "class": row.class_name, "room": row.room, "seat": row.seat, "number": row.number}
    return texts


def _write_list(path: Path, paper: Paper, copies: Sequence[_Copy]) -> None:
    unfinished = path.with_name(path.name + ".part")
    with unfinished.open("w", encoding="utf-8", newline="") as f:
        writer = csv.writer(f, lineterminator="\n")
        writer.writerow(COLUMNS)
        for page, copy in enumerate(copies, start=1):
            known = copy.row if paper.sheet.personalised else None
            index = "" if copy.face.sheet_index is None else str(copy.face.sheet_index)
            number, name = (known.number, known.name) if known else ("", "")
            writer.writerow((copy.serial, paper.code, number, name, index, page, copy.face.side))
    unfinished.replace(path)
