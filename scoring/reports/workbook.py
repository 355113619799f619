"""The workbook of a release: scores, item marks, item statistics and the distribution, with headings in both languages."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import xlsxwriter

from core.exam import Language
from scoring.records import WHOLE
from scoring.reports.gather import ReportData
from scoring.reports.words import rating_word, word

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class _Book:
    book: Any
    language: Language

    def sheet(self, name: str, headings: Sequence[str], widths: Sequence[float], formats: Mapping[int, str] | None = None) -> Any:
        """`formats`: by column, how its numbers look; the cells keep what was computed."""
        sheet = self.book.add_worksheet(word(name, self.language))
        looks = {column: self.book.add_format({"num_format": look}) for column, look in (formats or {}).items()}
        sheet.write_row(
            0, 0, headings, self.book.add_format({"bold": True, "bg_color": "#DCE6F2", "bottom": 1, "text_wrap": True, "valign": "top"})
        )
        for column, width in enumerate(widths):
            sheet.set_column(column, column, width, looks.get(column))
        sheet.freeze_panes(1, min(2, len(headings) - 1))
        return sheet


def write_workbook(data: ReportData, path: Path, language: Language) -> None:
    """Rows go to the disk as they are written, so that the size of an exam is no matter."""
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "default_date_format": "yyyy-mm-dd"}
    book = xlsxwriter.Workbook(str(path), options)
    book.set_properties({"title": data.definition.title[language], "comments": f"release {data.number}, digest {data.digest}"})
    made = _Book(book, language)
    _scores(made, data)
    _items(made, data)
    _statistics(made, data)
    _bands(made, data)
    book.close()


def _scores(book: _Book, data: ReportData) -> None:
    language, papers = book.language, data.definition.papers
    headings = [word(n, language) for n in ("number", "name", "school", "class")]
    for paper in papers:
        headings += [paper.title[language], word("status", language)]
    several = len(papers) > 1
    sheet = book.sheet(
        "scores", headings + ([word("total", language)] if several else []), [14, 14, 20, 10] + [12, 10] * len(papers) + [10]
    )
    for row, (person, records) in enumerate(data.people, 1):
        cells: list[Any] = [person.number, person.name, person.school, person.class_name]
        for paper in papers:
            record = records.get(paper.code)
            cells += [_marks(record.published if record else None), word(record.status, language) if record else ""]
        if several:
            whole = records.get(WHOLE)
            cells.append(_marks(whole.published if whole else None))
        sheet.write_row(row, 0, cells)
    sheet.autofilter(0, 0, max(1, len(data.people)), len(headings) - 1)


def _marks(hundredths: int | None) -> float | str:
    return "" if hundredths is None else hundredths / 100


def _items(book: _Book, data: ReportData) -> None:
    language = book.language
    columns = [(paper.code, item) for paper, s in data.papers for item in (i.item for i in s.items)]
    several = len(data.papers) > 1
    headings = [word("number", language), word("name", language)] + [f"{paper} {item}" if several else item for paper, item in columns]
    sheet = book.sheet("item scores", headings, [14, 14] + [7] * len(columns))
    for row, (person, records) in enumerate(data.people, 1):
        cells: list[Any] = [person.number, person.name]
        for paper, item in columns:
            value = records[paper].items.get(item) if paper in records else None
            cells.append("" if value is None else round(value[0] / value[1] / 100, 6))
        sheet.write_row(row, 0, cells)


def _statistics(book: _Book, data: ReportData) -> None:
    names = (
        "paper",
        "item",
        "kind",
        "full",
        "count",
        "mean",
        "sd",
        "facility",
        "discrimination",
        "rating",
        "rest",
        "alpha_without",
        "key",
        "options",
    )
    headings = [word(n, book.language) for n in names]
    looks = dict.fromkeys((5, 6), "0.00") | dict.fromkeys((7, 8, 10, 11), "0.000")
    sheet = book.sheet("item statistics", headings, [14, 10, 10, 8, 11, 8, 8, 10, 14, 11, 10, 10, 8, 40], looks)
    row = 1
    for paper, s in data.papers:
        for i in s.items:
            options = "  ".join(f"{o or word('empty', book.language)} {n}" for o, n in i.options.items())
            kind, rating = word("objective" if i.objective else "written", book.language), rating_word(i.rating, book.language)
            figures = [i.full / 100, i.n, *(_figure(x) for x in (i.mean, i.sd, i.facility, i.discrimination))]
            cells = [paper.title[book.language], i.item, kind, *figures, rating, _figure(i.rest), _figure(i.alpha_without), i.key, options]
            sheet.write_row(row, 0, cells)
            row += 1
    sheet.autofilter(0, 0, max(1, row - 1), len(headings) - 1)


def _figure(value: float | None) -> float | str:
    return "" if value is None else round(value, 4)


def _bands(book: _Book, data: ReportData) -> None:
    headings = [word(n, book.language) for n in ("paper", "score", "count", "cumulative", "share")]
    sheet = book.sheet("sheet bands", headings, [14, 10, 12, 12, 12], {4: "0.00%"})
    row = 1
    for paper, s in data.papers:
        for b in s.bands:
            sheet.write_row(row, 0, [paper.title[book.language], b.marks, b.count, b.above, b.above / s.n])
            row += 1
