"""Serials of printed sheets, from the definition's and the roster's order alone, so `exam load` and `sheets` agree.

Nine digits: two for the paper, six for the roster's row, one for the sheet of a candidate (0: an extra sheet, which
belongs to nobody until a candidate writes on it). A serial is unique within its exam and edition.
"""

from __future__ import annotations

from core.errors import ExamInvalid

MOST_PAPERS, MOST_ROWS, MOST_SHEETS = 99, 999_999, 9


def serial_of(paper_index: int, row_index: int, sheet_index: int) -> str:
    """The serial of a candidate's sheet; all three count from 0."""
    if not 0 <= sheet_index < MOST_SHEETS:
        raise ExamInvalid(f"a candidate can have {MOST_SHEETS} sheets, not {sheet_index + 1}.", where="the answer sheet")
    return _serial(paper_index, row_index, sheet_index + 1)


def extra_serial_of(paper_index: int, number: int) -> str:
    """The serial of the extra sheet `number` of a paper; both count from 0."""
    return _serial(paper_index, number, 0)


def _serial(paper_index: int, row_index: int, last: int) -> str:
    if not 0 <= paper_index < MOST_PAPERS:
        raise ExamInvalid(f"an exam can have {MOST_PAPERS} papers, not {paper_index + 1}.", where="papers")
    if not 0 <= row_index < MOST_ROWS:
        raise ExamInvalid(f"an exam can have {MOST_ROWS} candidates, not {row_index + 1}.", where="the roster")
    return f"{paper_index + 1:02d}{row_index + 1:06d}{last}"
