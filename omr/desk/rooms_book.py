"""Reconciliation as a workbook: the sums, every room, and the seats that do not balance. Rows go to the disk as they come."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from core.exam import Language
from omr.desk.rooms import Counts, Room
from omr.desk.rooms_seats import Seat
from omr.desk.rooms_words import case_word, word

COLUMNS = (
    "expected",
    "present",
    "complete",
    "incomplete",
    "arriving",
    "absent",
    "absent_box",
    "absent_person",
    "withheld",
    "missing",
    "unclear",
    "extra",
    "waiting",
)


def write_book(path: Path, language: Language, found: Sequence[Room], seats: Iterable[Seat]) -> None:
    import xlsxwriter  # only the process that writes a workbook loads what writes it

    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(str(path), options) as book:
        _summary(book, language, found)
        _rooms(book, language, found)
        _seats(book, language, seats)


def by_school(found: Iterable[Room]) -> dict[tuple[str, str], tuple[str, Counts, int, int]]:
    """Of each paper and school: its name, the sums, how many rooms, how many of them are closed."""
    sums: dict[tuple[str, str], tuple[str, Counts, int, int]] = {}
    for room in found:
        name, counts, rooms, closed = sums.get((room.paper, room.school), (room.name, Counts(), 0, 0))
        real = bool(room.counts.expected)
        sums[room.paper, room.school] = (name, counts + room.counts, rooms + real, closed + room.closed)
    return sums


def _sheet(book: Any, title: str, headings: Sequence[str], widths: Sequence[int]) -> Any:
    sheet = book.add_worksheet(title)
    look = book.add_format({"bold": True, "bg_color": "#DCE6F2", "bottom": 1, "text_wrap": True, "valign": "top"})
    for column, width in enumerate(widths):
        sheet.set_column(column, column, width)
    sheet.write_row(0, 0, headings, look)
    sheet.freeze_panes(1, 0)
    return sheet


def _numbers(counts: Counts) -> list[int]:
    return [int(getattr(counts, name)) for name in COLUMNS]


def _headings(language: Language, *names: str) -> list[str]:
    return [word(name, language) for name in names]


def _summary(book: Any, language: Language, found: Sequence[Room]) -> None:
    headings = _headings(language, "paper", "school_code", "school", *COLUMNS, "rooms", "closed_rooms", "balances")
    sheet = _sheet(book, word("summary", language), headings, [8, 12, 24, *[10] * (len(COLUMNS) + 3)])
    bold = book.add_format({"bold": True, "top": 1})
    row, sums = 0, by_school(found)
    for (paper, school), (name, counts, rooms, closed) in sums.items():
        row += 1
        sheet.write_row(
            row, 0, [paper, school, name or word("nowhere", language), *_numbers(counts), rooms, closed, _yes(counts, language)]
        )
    whole = sum((counts for _, counts, _, _ in sums.values()), Counts())
    rooms, closed = sum(s[2] for s in sums.values()), sum(s[3] for s in sums.values())
    sheet.write_row(row + 1, 0, [word("total", language), "", "", *_numbers(whole), rooms, closed, _yes(whole, language)], bold)


def _rooms(book: Any, language: Language, found: Sequence[Room]) -> None:
    headings = _headings(language, "paper", "school_code", "school", "room", *COLUMNS, "balances", "closed", "closed_by", "reason")
    sheet = _sheet(book, word("rooms", language), headings, [8, 12, 24, 10, *[10] * len(COLUMNS), 10, 14, 14, 30])
    for row, room in enumerate(found, 1):
        closing = room.closing if room.closed else None
        state = "changed" if room.changed else "closed" if room.closed else "open"
        said = [word(state, language), closing.by if closing else "", closing.reason if closing else ""]
        place = [room.paper, room.school, room.name, room.room or word("nowhere", language)]
        sheet.write_row(row, 0, [*place, *_numbers(room.counts), _yes(room.counts, language), *said])


def _seats(book: Any, language: Language, seats: Iterable[Seat]) -> None:
    headings = _headings(language, "paper", "school_code", "room", "seat", "number", "name", "stand", "sheets", "cases")
    sheet = _sheet(book, word("seats", language), headings, [8, 12, 10, 8, 14, 14, 16, 30, 40])
    for row, seat in enumerate(seats, 1):
        sheets = "; ".join(f"{s.serial}: {', '.join(map(str, s.sides))}" + (f" ({s.other})" if s.other else "") for s in seat.sheets)
        cases = "; ".join(case_word(c.kind, language) for c in seat.cases)
        place = [seat.paper, seat.school, seat.room, seat.seat, seat.number, seat.name]
        sheet.write_row(row, 0, [*place, word(seat.stand, language), sheets, cases])


def _yes(counts: Counts, language: Language) -> str:
    return word("yes" if counts.balances else "no", language)


def as_rows(sums: Mapping[tuple[str, str], tuple[str, Counts, int, int]]) -> list[tuple[str, ...]]:
    """The sums as a table of text."""
    shown = ("expected", "present", "absent", "withheld", "missing", "unclear", "extra", "waiting")
    rows = []
    for (paper, school), (_, counts, rooms, closed) in sums.items():
        numbers = [str(getattr(counts, name)) for name in shown]
        rows.append((paper or "-", school or "-", *numbers, f"{closed}/{rooms}", "yes" if counts.balances else "NO"))
    return rows
