"""The decision is pure: measures in, marks or a doubt out."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from omr.decide import Hand, Measures, decide_row, learn_hand, probability, thresholds

HAND = Hand(tone=0.5, stroke=0.6, noise=0.005, marks=40)


def row(
    tones: list[float],
    *,
    multiple: bool = False,
    arms: list[int] | None = None,
    cover: list[float] | None = None,
    streak: list[float] | None = None,
) -> Measures:
    n = len(tones)
    tone = np.array(tones)
    return Measures(
        tone=tone,
        cover=np.array(cover) if cover else np.clip(tone * 2, 0, 1),
        stroke=np.minimum(1.0, tone * 1.2),
        spill=np.zeros(n),
        diagonals=np.zeros(n),
        arms=np.array(arms or [0] * n),
        streak=np.array(streak or [0.0] * n),
        seen=np.ones(n, bool),
        known=np.ones(n, bool),
        multiple=multiple,
    )


@given(st.lists(st.floats(0, 0.03), min_size=2, max_size=10), st.integers(0, 9), st.floats(0.3, 0.8))
def test_one_plain_mark_among_empty_bubbles_is_that_answer(empties: list[float], at: int, tone: float) -> None:
    tones = list(empties)
    tones[at % len(tones)] = tone
    decision = decide_row(row(tones), HAND)
    assert (decision.marked, decision.doubt) == ((at % len(tones),), False)
    assert decision.p_wrong < 0.01


@given(st.lists(st.floats(0, 1), min_size=2, max_size=8), st.booleans())
def test_whatever_is_not_sure_is_a_doubt(tones: list[float], multiple: bool) -> None:
    decision = decide_row(row(tones, multiple=multiple), HAND)
    assert decision.doubt == bool(decision.why)
    assert decision.doubt or decision.p_wrong < 0.1
    assert 0 < decision.p_wrong <= 1


@given(st.lists(st.floats(0, 1), min_size=2, max_size=6), st.permutations(range(6)))
def test_the_order_of_the_options_does_not_matter(tones: list[float], order: list[int]) -> None:
    places = [i for i in order if i < len(tones)]
    straight, shuffled = decide_row(row(tones), HAND), decide_row(row([tones[i] for i in places]), HAND)
    assert sorted(places[i] for i in shuffled.marked) == list(straight.marked)
    assert shuffled.doubt == straight.doubt


@given(st.floats(0, 1), st.floats(0, 0.5))
def test_more_ink_never_makes_a_mark_less_likely(tone: float, more: float) -> None:
    empty, mark, _ = thresholds(HAND)
    assert probability(tone + more, empty, mark) >= probability(tone, empty, mark)


def test_a_ghost_of_a_third_beside_a_mark_is_a_doubt() -> None:
    assert decide_row(row([0.55, 0.0, 0.2, 0.0]), HAND).doubt


def test_a_fill_that_is_crossed_out_is_a_doubt_and_a_cross_alone_is_a_mark() -> None:
    assert decide_row(row([0.6, 0.0], arms=[4, 0], cover=[1.0, 0.0]), HAND).doubt
    alone = decide_row(row([0.25, 0.0], arms=[4, 0], cover=[0.5, 0.0]), HAND)
    assert (alone.marked, alone.doubt) == ((0,), False)


def test_what_only_a_streak_makes_a_mark_is_a_doubt_and_a_fill_under_a_streak_is_none() -> None:
    assert decide_row(row([0.2, 0.0], streak=[0.18, 0.0]), HAND).doubt
    assert decide_row(row([0.2, 0.5], streak=[0.18, 0.0], multiple=True), HAND).doubt
    under = decide_row(row([0.6, 0.0], streak=[0.18, 0.0]), HAND)
    assert (under.marked, under.doubt) == ((0,), False)


def test_several_marks_of_different_strength_are_no_doubt_where_several_are_asked_for() -> None:
    decision = decide_row(row([0.55, 0.0, 0.3, 0.0], multiple=True), HAND)
    assert (decision.marked, decision.doubt) == ((0, 2), False)


def test_a_bubble_that_cannot_be_seen_is_a_doubt() -> None:
    hidden = row([0.5, 0.0])
    hidden.seen[1] = False
    assert decide_row(hidden, HAND).doubt


def test_a_blank_on_a_black_and_white_scan_is_a_doubt() -> None:
    thin = Hand(tone=0.6, stroke=0.9, noise=0.005, marks=40, thin=True)
    assert decide_row(row([0.0, 0.0, 0.0]), thin).doubt
    assert not decide_row(row([0.6, 0.0, 0.0]), thin).doubt


def test_a_hand_is_learnt_from_plain_marks_only() -> None:
    hand = learn_hand([row([0.3, 0.0, 0.01])] * 12 + [row([0.5, 0.5, 0.0], multiple=True)] * 5)
    assert hand.marks == 12
    assert abs(hand.tone - 0.3) < 1e-9
    assert hand.noise < 0.02


def test_a_page_of_blanks_has_the_usual_hand() -> None:
    assert learn_hand([row([0.0, 0.01, 0.0])] * 20).marks == 0


def test_a_page_that_is_marked_too_faintly_to_read_is_not_a_page_of_blanks() -> None:
    faint = [row([0.0, 0.02, 0.001, 0.0])] * 12
    assert decide_row(faint[0], learn_hand(faint)).doubt
    specks = [row([0.0, 0.02, 0.001, 0.0])] * 4 + [row([0.0, 0.001, 0.001, 0.0])] * 8
    assert not decide_row(specks[0], learn_hand(specks)).doubt
