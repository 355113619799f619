"""A print that is filled again and again need not be drawn each time, and comes out as it was drawn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from scanner.simulator import printed
from scanner.simulator.printed import Kept, render
from tests.scanner.simulator_form import stack

KEY = ("a print", 1)


@pytest.mark.parametrize("colour", [False, True])
def test_a_print_comes_out_the_same_however_often_it_is_asked_for(colour: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pdf = stack(tmp_path).pdf
    first = render(pdf, 1, 100, colour=colour)
    as_drawn = first.copy()
    for _ in range(3):
        again = render(pdf, 1, 100, colour=colour)
        assert np.array_equal(again, as_drawn)
        again[:] = 0  # the painters write into what they get
    monkeypatch.setattr(printed, "_drawn", None)  # what is kept by now is not drawn
    assert np.array_equal(render(pdf, 1, 100, colour=colour), as_drawn)


def test_what_is_asked_for_once_is_not_packed_and_only_so_many_are_kept() -> None:
    kept = Kept(2)
    picture = np.arange(12, dtype=np.uint8).reshape(3, 4)
    kept.drawn(KEY, picture)
    assert kept.get(KEY) is None
    kept.drawn(KEY, picture)
    again = kept.get(KEY)
    assert again is not None
    assert np.array_equal(again, picture)
    for other in (("b",), ("c",)):
        kept.drawn(other, picture)
    assert kept.get(KEY) is None
