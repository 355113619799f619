"""Answers gathered by what the reader says of them: none lost, and the mistakes counted where they belong."""

from hypothesis import given
from hypothesis import strategies as st

from benchmarks.reliability import Answer, bins_of, table_of

answers = st.builds(Answer, p_wrong=st.floats(0, 1), wrong=st.booleans(), doubt=st.booleans())


@given(st.lists(answers, max_size=60))
def test_every_answer_is_in_one_bin(pile: list[Answer]) -> None:
    bins = list(bins_of(pile))
    assert sum(b.answers for b in bins) == len(pile)
    assert sum(b.wrong for b in bins) == sum(a.wrong for a in pile)
    assert all(b.low * b.answers <= b.expected + 1e-9 <= b.high * b.answers + 2e-9 for b in bins)


def test_a_line_says_what_was_expected_and_what_was_seen() -> None:
    pile = [Answer(0.02, i == 0, False) for i in range(50)]
    (line,) = table_of(list(bins_of(pile))).splitlines()[2:]
    assert line == "| 0.01 to 0.03 | 50 | 0 | 1 | 1 | 0.02, 0.091 |"
