"""Whose a sheet is: the truth table of facts, and what must hold whatever the facts are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omr.desk.identity import Fact, Source, decide

SOURCES: tuple[Source, ...] = ("printed", "barcode", "bubbled", "seat")
facts = st.builds(Fact, st.sampled_from(SOURCES), st.sampled_from(["1", "2"]), st.sampled_from([None, 1, 2]))


@pytest.mark.parametrize(
    ("printed", "barcode", "bubbled", "candidate", "doubt"),
    [
        (1, 1, 1, 1, ""),
        (1, 1, None, 1, ""),
        (1, None, 1, 1, ""),
        (None, 1, 1, 1, ""),
        (1, None, None, None, "candidate_unknown"),
        (None, 1, None, None, "candidate_unknown"),
        (None, None, None, None, "candidate_unknown"),
        (1, 2, None, None, "facts_disagree"),
        (1, 1, 2, None, "facts_disagree"),
        (None, 1, 2, None, "facts_disagree"),
        (1, 0, None, None, "facts_disagree"),  # 0: a number that nobody of the roster has
        (1, 1, 0, None, "facts_disagree"),
        (None, 0, None, None, "not_in_roster"),
        (None, 0, 0, None, "not_in_roster"),
    ],
)
def test_two_facts_that_agree_decide_and_nothing_else_does(
    printed: int | None, barcode: int | None, bubbled: int | None, candidate: int | None, doubt: str
) -> None:
    said: dict[Source, int | None] = {"printed": printed, "barcode": barcode, "bubbled": bubbled}
    verdict = decide(Fact(source, str(who), who or None) for source, who in said.items() if who is not None)
    assert (verdict.candidate, verdict.doubt) == (candidate, doubt)


def test_one_symbol_read_by_two_decoders_is_one_fact() -> None:
    assert decide([Fact("barcode", "1", 1), Fact("barcode", "1", 1)]).doubt == "candidate_unknown"


def test_one_source_that_says_two_things_disagrees_with_itself() -> None:
    assert decide([Fact("barcode", "1", 1), Fact("barcode", "2", 2), Fact("printed", "", 1)]).doubt == "facts_disagree"


@given(st.lists(facts, max_size=6))
def test_a_decision_rests_on_two_sources_and_contradicts_none(known: list[Fact]) -> None:
    verdict = decide(known)
    if verdict.doubt:
        assert verdict.candidate is None
    else:
        assert {f.candidate for f in known} == {verdict.candidate}
        assert len({f.source for f in known}) >= 2


@given(st.lists(facts, max_size=6).flatmap(lambda known: st.tuples(st.just(known), st.permutations(known))))
def test_the_order_in_which_facts_come_changes_nothing(orders: tuple[list[Fact], list[Fact]]) -> None:
    assert decide(orders[0]) == decide(orders[1])
