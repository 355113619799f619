"""The statistics give the figures that were published for published data."""

from __future__ import annotations

import pytest

from core.definition import parse_definition
from core.exam import Paper
from scoring.records import ScoreRecord
from scoring.statistics import PaperStatistics, Rates, paper_statistics

# Law School Admission Test, sections 6 and 7 (Bock & Lieberman 1970): how many of 1,000 gave each of the 32 patterns.
LSAT6 = [3, 6, 2, 11, 1, 1, 3, 4, 1, 8, 0, 16, 0, 3, 2, 15, 10, 29, 14, 81, 3, 28, 15, 80, 16, 56, 21, 173, 11, 61, 28, 298]
LSAT7 = [12, 19, 1, 7, 3, 19, 3, 17, 10, 5, 3, 7, 7, 23, 8, 28, 7, 39, 11, 34, 14, 51, 15, 90, 6, 25, 7, 35, 18, 136, 32, 308]


def a_paper(objective: str, written: str = "[]", choices: str = "[]") -> Paper:
    text = f"{{exam: X, title: X, papers: [{{code: M, title: M, objective: {objective}, written: {written}, choices: {choices}}}]}}"
    return parse_definition(text, where="test").papers[0]


def record(name: int, items: dict[str, list[int | str]], full: int = 0) -> ScoreRecord:
    total = sum(int(v[0]) for v in items.values())
    return ScoreRecord(f"c{name}", "M", "present", total, 1, total, items)


def of_patterns(counts: list[int]) -> PaperStatistics:
    paper = a_paper("[{items: Q1-Q5, options: AB, marks: 1, keys: AAAAA}]")
    records: list[ScoreRecord] = []
    for pattern, count in enumerate(counts):
        right = [pattern >> (4 - i) & 1 for i in range(5)]
        items: dict[str, list[int | str]] = {f"Q{i + 1}": [100 * x, 1, "A" if x else "B"] for i, x in enumerate(right)}
        records += [record(len(records) + n, items) for n in range(count)]
    return paper_statistics(paper, records)


def test_lsat6_is_as_published() -> None:
    found = of_patterns(LSAT6)
    assert found.n == 1000
    assert (round(found.mean, 3), round(found.sd, 4)) == (3.819, 1.0350)
    assert found.alpha == pytest.approx(0.2950, abs=5e-5)
    assert [round(i.facility, 3) for i in found.items] == [0.924, 0.709, 0.553, 0.763, 0.870]
    assert [round(i.rest or 0, 3) for i in found.items] == [0.113, 0.153, 0.173, 0.144, 0.122]
    assert [round(i.alpha_without or 0, 3) for i in found.items] == [0.275, 0.238, 0.217, 0.246, 0.266]


def test_lsat7_is_as_published() -> None:
    found = of_patterns(LSAT7)
    assert (round(found.mean, 3), round(found.sd, 4)) == (3.707, 1.1986)
    assert found.alpha == pytest.approx(0.4534, abs=5e-5)
    assert [round(i.facility, 3) for i in found.items] == [0.828, 0.658, 0.772, 0.606, 0.843]
    assert [round(i.rest or 0, 3) for i in found.items] == [0.246, 0.247, 0.313, 0.223, 0.175]
    assert [round(i.alpha_without or 0, 3) for i in found.items] == [0.396, 0.394, 0.345, 0.415, 0.438]


def test_options_are_counted_one_by_one() -> None:
    paper = a_paper("[{id: Q1, type: multiple, options: ABC, marks: 2, key: AB}, {id: Q2, options: AB, marks: 1, key: A}]")
    answers = ["A|B", "A", "", "A|C"]
    found = paper_statistics(paper, [record(i, {"Q1": [0, 1, a], "Q2": [100, 1, "A"]}) for i, a in enumerate(answers)])
    assert found.items[0].options == {"": 1, "A": 3, "B": 1, "C": 1}
    assert found.items[0].key == "AB"


def test_who_ties_at_the_border_of_27_per_cent_counts_in_part() -> None:
    paper = a_paper("[{id: Q1, options: AB, marks: 1, key: A}, {id: Q2, options: AB, marks: 1, key: A}]")
    rows = [(1, 1)] * 2 + [(1, 0)] * 4 + [(0, 1)] * 2 + [(0, 0)] * 2  # 27 % of 10 are three
    found = [paper_statistics(paper, [record(i, {"Q1": [a * 100, 1, "A"], "Q2": [b * 100, 1, "A"]}) for i, (a, b) in enumerate(order)])
             for order in (rows, rows[::-1])]  # fmt: skip
    # Top: two full scores and one of the six with one mark, four of whom have Q1; bottom: two zeros and one of the same six.
    assert found[0].items[0].discrimination == pytest.approx((2 + 4 / 6) / 3 - (4 / 6) / 3)
    assert found[0].items[0].rating == "very good"
    assert found[1].items[0].discrimination == pytest.approx(found[0].items[0].discrimination)


def test_four_rates_are_exact_at_the_border() -> None:
    paper = a_paper("[{id: Q1, options: AB, marks: 20, key: A}]")
    marks = [1700, 1699, 1500, 1200, 1199, 800, 799]
    found = paper_statistics(paper, [record(i, {"Q1": [m, 1, ""]}) for i, m in enumerate(marks)])
    assert found.rates == {"excellent": 1 / 7, "good": 3 / 7, "passed": 4 / 7, "low": 1 / 7}
    assert paper_statistics(paper, [record(0, {"Q1": [1600, 1, ""]})], Rates(excellent=80)).rates["excellent"] == 1


def test_bands_leave_no_mark_out_and_count_from_the_top() -> None:
    paper = a_paper("[{id: Q1, options: AB, marks: 5, key: A}]")
    found = paper_statistics(paper, [record(i, {"Q1": [m, 1, ""]}) for i, m in enumerate([500, 450, 400, 200])])
    assert [(b.marks, b.count, b.above) for b in found.bands] == [(5, 1, 1), (4, 2, 3), (3, 0, 3), (2, 1, 4)]


def test_an_item_that_a_candidate_did_not_choose_is_not_a_zero() -> None:
    written = "[{id: W1, title: a, items: [{id: a, marks: 4}]}, {id: W2, title: b, items: [{id: b, marks: 4}]}]"
    paper = a_paper("[{id: Q1, options: AB, marks: 1, key: A}]", written, "[{id: X, among: [W1, W2]}]")
    rows: list[dict[str, list[int | str]]] = [{"Q1": [100, 1, "A"], "a": [400, 1]}, {"Q1": [0, 1, "B"], "b": [200, 1]}]
    found = paper_statistics(paper, [record(i, r) for i, r in enumerate(rows)])
    assert {i.item: (i.n, i.mean) for i in found.items} == {"Q1": (2, 0.5), "a": (1, 4.0), "b": (1, 2.0)}
    assert found.full == 500


def test_an_absent_candidate_is_counted_and_has_no_score() -> None:
    paper = a_paper("[{id: Q1, options: AB, marks: 5, key: A}]")
    found = paper_statistics(paper, [record(0, {"Q1": [500, 1, "A"]}), ScoreRecord("c1", "M", "absent", 0, 1, None, {})])
    assert (found.n, found.mean, found.statuses) == (1, 5.0, {"present": 1, "absent": 1})
    assert found.alpha is None


def test_nobody_at_all_is_no_error() -> None:
    found = paper_statistics(a_paper("[{id: Q1, options: AB, marks: 5, key: A}]"), [])
    assert (found.n, found.bands, found.items) == (0, (), ())
