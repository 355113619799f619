"""Files, folders and PDFs -> a CSV of answers, without a database: what `markhall read` does.

One row a side, in the order of the files. A page that cannot be read is a row with its reason; it never stops the
pages after it.
"""

from __future__ import annotations

import csv
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from core.errors import BadInput, FrameUnreadable
from core.template import Column, Template
from omr.foreign import load_form
from omr.foreign.middles import doubt_by_middles
from omr.foreign.printed import fitted_to
from omr.looks import Chance, Looks, put_under_review
from omr.reading import PageReading, Reader, doubts
from scanner.decode import LIMITS, Channel
from scanner.frames import pages_in

SUFFIXES = {".jpg", ".jpeg", ".png", ".tif", ".tiff", ".pdf", ".bmp", ".webp"}

Row = list[str]


@dataclass(frozen=True, slots=True)
class PageRow:
    """One row of the table, and how likely each of its answers is wrong of which no reader doubts."""

    row: Row
    chances: tuple[Chance, ...] = ()


@dataclass(frozen=True, slots=True)
class FilesRead:
    pages: int
    ok: int
    review: int
    rejected: int
    expected_wrong: float  # answers that are wrong, on average, among those that nobody is asked to look at


def read_files(
    template_path: Path,
    paths: Sequence[Path],
    out_csv: Path,
    *,
    jobs: int = 1,
    expected_wrong: float | None = None,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> FilesRead:
    """Reads every page of every path and writes the table; `progress` hears (files done, files).

    With `expected_wrong` the likeliest mistakes are put under review too, until no more wrong answers are expected.
    """
    if expected_wrong is not None and not expected_wrong > 0:
        raise BadInput(
            "the number of wrong answers that are expected must be above zero.", where="--expected-wrong", remedy="Give 0.1, for instance."
        )
    files = list(files_of(paths))
    template = fitted_to(load_form(template_path), files)
    statuses: Counter[str] = Counter()
    looks = Looks()
    part = out_csv.with_name(f"{out_csv.name}.part")
    try:
        with part.open("w", encoding="utf-8", newline="") as sink:
            table = csv.writer(sink)
            table.writerow(header(template))
            for done, pages in enumerate(_pages(template, files, jobs), 1):
                for page in pages:
                    statuses[page.row[2]] += 1
                    looks.note(statuses.total(), page.chances)
                    table.writerow(page.row)
                progress(done, len(files))
        if expected_wrong is not None:
            moved = put_under_review(part, looks.choose(expected_wrong))
            statuses.update(ok=-moved, review=moved)
        os.replace(part, out_csv)
    except OSError as e:
        raise BadInput(f"the answers cannot be written ({e.strerror}).", where=str(out_csv), remedy="Name another file.") from e
    return FilesRead(statuses.total(), statuses["ok"], statuses["review"], statuses["rejected"], looks.expected)


def files_of(paths: Sequence[Path]) -> Iterator[Path]:
    """The files themselves; of a folder everything below it that is named like a picture or PDF, by name."""
    for path in paths:
        if path.is_dir():
            yield from sorted(p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
        elif path.exists():
            yield path
        else:
            raise BadInput("there is no such file or folder.", where=str(path), remedy="Check its name.")


def header(template: Template) -> Row:
    return ["file", "page", "status", "candidate", *(column.name for column in template.table()), "doubt", "reason"]


def _pages(template: Template, files: Sequence[Path], jobs: int) -> Iterator[list[PageRow]]:
    if jobs <= 1 or len(files) <= 1:
        reader = Reader([template])
        for path in files:
            yield read_file(reader, path)
        return
    spawn = get_context("spawn")
    with ProcessPoolExecutor(min(jobs, len(files)), mp_context=spawn, initializer=_begin, initargs=(template,)) as workers:
        yield from workers.map(_read_here, files, chunksize=max(1, min(20, len(files) // (4 * jobs))))


_here: list[Reader] = []  # the reader of a process that was started to read


def _begin(template: Template) -> None:
    _here.append(Reader([template]))


def _read_here(path: Path) -> list[PageRow]:
    return read_file(_here[0], path)


def read_file(reader: Reader, path: Path) -> list[PageRow]:
    """The rows of one file, one a page."""
    (template,) = reader.templates
    fields = [column.name for column in template.table()]
    channel: Channel = "grey" if template.drop_out == "none" else template.drop_out
    try:
        if path.stat().st_size > LIMITS.file_bytes:
            raise FrameUnreadable(f"the file is larger than {LIMITS.file_bytes // 2**20} MiB.", where=str(path), remedy="Split it.")
        data = path.read_bytes()
    except OSError as e:
        return [_refused(path, 1, fields, f"cannot be opened ({e.strerror})")]
    except FrameUnreadable as e:
        return [_refused(path, 1, fields, f"{e.message} {e.remedy}".strip())]
    rows = []
    for number, page in enumerate(pages_in(data, where=str(path), channel=channel), 1):
        if isinstance(page, FrameUnreadable):
            rows.append(_refused(path, number, fields, f"{page.message} {page.remedy}".strip()))
        else:
            rows.append(_row(path, number, template, doubt_by_middles(page.pixels, reader.read(page, cut=False))))
    return rows


def _refused(path: Path, number: int, fields: Sequence[str], reason: str) -> PageRow:
    return PageRow([str(path), str(number), "rejected", "", *("" for _ in fields), "", reason])


def _row(path: Path, number: int, template: Template, reading: PageReading) -> PageRow:
    read = {name: field.value for name, field in reading.fields.items()}
    doubtful = set(doubts(reading))
    table = template.table()
    row = [
        str(path),
        str(number),
        reading.status,
        read.get(template.candidate or "", "") or reading.barcode or "",
        *(column.value(read) if read else "" for column in table),
        " ".join(column.name for column in table if doubtful.intersection(column.fields)),
        reading.reason,
    ]
    sure = (column for column in table if read and not doubtful.intersection(column.fields))
    return PageRow(row, tuple((column.name, _chance(column, reading)) for column in sure))


def _chance(column: Column, reading: PageReading) -> float:
    """That at least one of a column's fields is wrong, at most the sum."""
    return min(1.0, sum(reading.fields[name].p_wrong for name in column.fields if name in reading.fields))
