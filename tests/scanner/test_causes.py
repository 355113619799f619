"""Damp and dirt are named, and nothing is named where there is nothing."""

from __future__ import annotations

import pytest

from scanner.causes import TOLERATED, growth_of, streaks_in_words
from scanner.laid import Laid
from scanner.quality import look_at
from scanner.register import lay_over
from tests.scanner.warped import Scan, furnished


def laid(*, scale: tuple[float, float], turn: int = 0, skew: float = 0.0) -> tuple[Laid, Scan]:
    scan = Scan(scale=scale, turn=turn, skew=skew)
    return next(lay_over(scan.picture()[0], furnished(), dpi=None)), scan


@pytest.mark.parametrize("turn", [0, 90])
@pytest.mark.parametrize("grown", [(1.013, 1.004), (1.0, 1.018), (0.99, 0.985)])
def test_growth_is_measured_across_and_down_the_form(turn: int, grown: tuple[float, float]) -> None:
    way, scan = laid(turn=turn, scale=grown, skew=0.7)
    growth = growth_of(way, dpi=scan.dpi)
    assert growth.across == pytest.approx(grown[0] - 1, abs=5e-4)
    assert growth.down == pytest.approx(grown[1] - 1, abs=5e-4)
    assert growth.tolerated


def test_damp_is_named_with_its_amount() -> None:
    way, scan = laid(scale=(1.013, 1.004))
    assert str(growth_of(way, dpi=scan.dpi)) == "the paper is 1.3% larger across and 0.4% larger down than printed: it has grown (damp?)"
    assert str(growth_of(way)).startswith("the paper is 0.9% longer across than down")


def test_a_batch_whose_scanner_is_off_by_itself_is_not_damp() -> None:
    way, scan = laid(scale=(1.008, 1.008))
    usual = (1.008 * scan.dpi / 25.4, 1.008 * scan.dpi / 25.4)
    assert str(growth_of(way, usual=usual)) == ""
    assert str(growth_of(way, dpi=scan.dpi)) == ""


def test_growth_beyond_what_is_followed_is_said() -> None:
    way, scan = laid(scale=(1 + TOLERATED + 0.004, 1.002))
    growth = growth_of(way, dpi=scan.dpi)
    assert not growth.tolerated
    assert "2.9% larger across" in str(growth)


def test_a_resolution_that_was_never_true_is_not_taken_for_growth() -> None:
    way, _ = laid(scale=(1.01, 1.002))
    assert growth_of(way, dpi=72).against == "itself"


def test_a_streak_is_named_where_it_runs() -> None:
    pixels = Scan().picture()[0].copy()
    pixels[:, 600:602] //= 2
    assert list(streaks_in_words(look_at(pixels), 0.127)) == [
        "a dark line runs down the whole scan 76 mm from its left edge: dirt on the scanner's glass"
    ]
    assert list(streaks_in_words(look_at(Scan().picture()[0]), 0.127)) == []
