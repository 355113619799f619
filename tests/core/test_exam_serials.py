"""Serials follow from the order of papers, candidates and sheets alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ExamInvalid
from core.ids import PageCode
from core.serials import extra_serial_of, serial_of

places = st.tuples(st.integers(0, 98), st.integers(0, 999_998), st.integers(0, 8))


@given(places, places)
def test_two_sheets_never_share_a_serial(one: tuple[int, int, int], other: tuple[int, int, int]) -> None:
    assert (serial_of(*one) == serial_of(*other)) == (one == other)


@given(places)
def test_a_serial_is_nine_digits_and_stands_in_a_page_code(place: tuple[int, int, int]) -> None:
    serial = serial_of(*place)
    assert len(serial) == 9
    assert serial.isdigit()
    assert serial[-1] != "0"
    code = PageCode("DEMO", "M", "1", serial, 1)
    assert PageCode.parse(str(code)) == code


@given(st.integers(0, 98), st.integers(0, 999_998))
def test_an_extra_sheet_shows_as_one(paper: int, number: int) -> None:
    assert extra_serial_of(paper, number)[-1] == "0"


@pytest.mark.parametrize("place", [(99, 0, 0), (0, 999_999, 0), (0, 0, 9), (-1, 0, 0)])
def test_what_has_no_serial_is_refused(place: tuple[int, int, int]) -> None:
    with pytest.raises(ExamInvalid):
        serial_of(*place)
