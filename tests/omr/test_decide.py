"""The first reader's decision is pure: darkness in, marks or a doubt out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from omr.decide import WHYS, Hand, decide, learn_hand, missed, probability

HAND = Hand(tone=0.5, depth=0.6, noise=0.005, marks=40)


@dataclass(frozen=True)
class Said:
    marked: tuple[int, ...]
    doubt: bool
    p_wrong: float
    why: str


def decided(tones: list[float], hand: Hand = HAND, *, multiple: bool = False, thin: bool = False) -> Said:
    """The decision of one row by itself."""
    n = len(tones)
    masks, wrong, whys = decide(
        np.array(tones), np.ones(n, bool), np.array([0, n]), np.array([multiple]), np.ones(1, bool), hand.numbers(), thin
    )
    marked = tuple(i for i in range(n) if int(masks[0]) >> i & 1)
    return Said(marked, bool(whys[0]), float(wrong[0]), WHYS[int(whys[0])])


def learnt(rows: list[list[float]], *, multiple: bool = False) -> Hand:
    tone = np.array([t for row in rows for t in row])
    starts = np.cumsum([0, *(len(row) for row in rows)])
    return Hand.of(learn_hand(tone, np.full(tone.size, 0.6), starts, np.full(len(rows), multiple)))


@given(st.lists(st.floats(0, 0.03), min_size=2, max_size=10), st.integers(0, 9), st.floats(0.3, 0.8))
def test_one_plain_mark_among_empty_bubbles_is_that_answer(empties: list[float], at: int, tone: float) -> None:
    tones = list(empties)
    tones[at % len(tones)] = tone
    decision = decided(tones)
    assert (decision.marked, decision.doubt) == ((at % len(tones),), False)
    assert decision.p_wrong < 0.01


@given(st.lists(st.floats(0, 1), min_size=2, max_size=8), st.booleans())
def test_whatever_is_not_sure_is_a_doubt(tones: list[float], multiple: bool) -> None:
    decision = decided(tones, multiple=multiple)
    assert decision.doubt == bool(decision.why)
    assert decision.doubt or decision.p_wrong < 0.1
    assert 0 < decision.p_wrong <= 1


@given(st.lists(st.floats(0, 1), min_size=2, max_size=6), st.permutations(range(6)))
def test_the_order_of_the_options_does_not_matter(tones: list[float], order: list[int]) -> None:
    places = [i for i in order if i < len(tones)]
    straight, shuffled = decided(tones), decided([tones[i] for i in places])
    assert sorted(places[i] for i in shuffled.marked) == list(straight.marked)
    assert shuffled.doubt == straight.doubt


@given(st.floats(0, 1), st.floats(0, 0.5))
def test_more_ink_never_makes_a_mark_less_likely(tone: float, more: float) -> None:
    hand = HAND.numbers()
    assert probability(tone + more, 0.0, hand) >= probability(tone, 0.0, hand)
    assert probability(tone, tone + more, hand) <= probability(tone, tone, hand)


@given(st.floats(0, 0.3), st.floats(0, 0.3))
def test_the_more_a_blank_row_shows_the_likelier_a_mark_was_missed(top: float, more: float) -> None:
    assert missed(top + more, HAND.numbers()) >= missed(top, HAND.numbers())


def test_a_ghost_of_a_third_beside_a_mark_is_a_doubt() -> None:
    assert decided([0.55, 0.0, 0.2, 0.0]).doubt


def test_several_marks_of_different_strength_are_no_doubt_where_several_are_asked_for() -> None:
    decision = decided([0.55, 0.0, 0.3, 0.0], multiple=True)
    assert (decision.marked, decision.doubt) == ((0, 2), False)


def test_a_bubble_that_cannot_be_seen_is_a_doubt() -> None:
    assert decided([0.5, -1.0]).doubt


def test_a_blank_on_a_black_and_white_scan_is_a_doubt() -> None:
    assert decided([0.0, 0.0, 0.0], thin=True).doubt
    assert not decided([0.6, 0.0, 0.0], thin=True).doubt


def test_a_hand_is_learnt_from_plain_marks_only() -> None:
    hand = learnt([[0.3, 0.0, 0.01]] * 12 + [[0.5, 0.5, 0.0]] * 5)
    assert hand.marks == 12
    assert abs(hand.tone - 0.3) < 1e-9


def test_the_noise_is_learnt_from_bubbles_that_are_not_first() -> None:
    assert learnt([[0.3, 0.0, 0.01]] * 12).noise < 0.02


def test_a_page_of_blanks_has_the_usual_hand() -> None:
    assert learnt([[0.0, 0.01, 0.0]] * 20).marks == 0


def test_a_page_that_is_marked_too_faintly_to_read_is_not_a_page_of_blanks() -> None:
    faint = [[0.0, 0.02, 0.001, 0.0]] * 12
    assert decided(faint[0], learnt(faint)).doubt
    specks = [[0.0, 0.02, 0.001, 0.0]] * 4 + [[0.0, 0.001, 0.001, 0.0]] * 8
    assert not decided(specks[0], learnt(specks)).doubt
