"""The fit of the readers' probabilities: made of the readers' own terms, bound to their signs, and blind to what is left out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from benchmarks import refitted
from benchmarks.fit_readers import Sample, fit, joined, judged, left_out, sample_of
from benchmarks.gathered import UNKNOWN, Gathered, gather_set, told_rows
from benchmarks.make_sets import make_set
from benchmarks.refitted import COEFFICIENTS, asked_of, believing, committed, terms_of
from omr import answers
from scanner.simulator.rates import Rates

darkness = st.floats(0, 1)
hands = st.tuples(st.floats(0.05, 0.9), st.floats(0.2, 0.95), st.floats(0, 0.2), st.integers(0, 100), st.floats(0.1, 0.5), st.just(0.0))


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> list[Gathered]:
    folder = tmp_path_factory.mktemp("sets") / "only-faint"
    make_set(folder, "hundred", Rates("harsh", frozenset({"faint"})), batches=1, cards=3, first_seed=3)
    return gather_set(folder)


def said(page: Gathered) -> dict[str, answers.FieldReading]:
    return answers._fields(page.plan, page.first, page.second)


@given(st.tuples(darkness, darkness, darkness, st.floats(0, 5), hands))
def test_the_log_odds_are_the_sum_of_the_terms_that_are_fitted(asked: tuple[object, ...]) -> None:
    assert terms_of([asked]).shape == (1, len(COEFFICIENTS))  # it raises where they are not


def test_a_coefficient_that_the_fit_does_not_know_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refitted, "COEFFICIENTS", COEFFICIENTS[:-2])
    with pytest.raises(ValueError, match="not named"):
        terms_of([(0.2, 0.2, 0.3, 0.5, (0.4, 0.5, 0.03, 50, 0.2, 0.0))])


def test_the_committed_coefficients_give_the_readers_own_answers(pages: list[Gathered]) -> None:
    own = [said(page) for page in pages]
    with believing(committed()):
        assert [said(page) for page in pages] == own
    with believing(np.zeros(len(COEFFICIENTS))):
        assert said(pages[0]) != own[0]


def test_every_bubble_of_a_page_that_is_seen_is_asked_about(pages: list[Gathered]) -> None:
    assert pages
    assert all(len(asked_of(page)) == page.plan.size for page in pages)
    assert all("faint" in page.trouble for page in pages)


def test_told_are_the_bubbles_of_the_truth(pages: list[Gathered]) -> None:
    page = pages[0]
    truth = {"Q1": "A|C", "Q2": "", "number": "0123456789"}
    told = {(line.field, line.position): m for line, m in zip(page.plan.lines, told_rows(page.plan, truth).tolist(), strict=True)}
    assert (told["Q1", 0], told["Q2", 0], told["Q3", 0]) == (0b101, 0, UNKNOWN)
    assert [told["number", i] for i in range(10)] == [1 << i for i in range(10)]


def test_a_fit_finds_the_odds_that_made_its_sample() -> None:
    dice = np.random.default_rng(5)
    true = np.array([-1.0, 2.0, 0.0, 3.0])
    terms = np.c_[np.ones(40_000), dice.normal(size=(40_000, 3))]
    marked = (dice.random(40_000) < 1 / (1 + np.exp(-terms @ true))).astype(float)
    assert fit(Sample(terms, marked, np.ones(40_000))) == pytest.approx(true, abs=0.12)


def test_no_term_ever_speaks_against_its_sign() -> None:
    dice = np.random.default_rng(6)
    terms = np.c_[np.ones(2_000), dice.normal(size=(2_000, 2))]
    marked = (terms[:, 1] - terms[:, 2] > 0).astype(float)
    found = fit(Sample(terms, marked, np.ones(2_000)))
    assert found[1] > 1
    assert found[2] == 0


def test_what_is_left_out_is_not_fitted_but_judged(pages: list[Gathered], monkeypatch: pytest.MonkeyPatch) -> None:
    samples = [sample_of(page) for page in pages]
    fitted: list[Sample] = []

    def as_committed(sample: Sample) -> NDArray[np.float64]:
        fitted.append(sample)
        return committed()

    monkeypatch.setattr("benchmarks.fit_readers.fit", as_committed)
    other = [Gathered(p.where, frozenset(), p.plan, p.first, p.second, p.truth, p.told) for p in pages[:1]]
    line = left_out("faint", [*pages, *other], [*samples, *samples[:1]])
    assert len(fitted[0].marked) == len(joined([s for s in samples[:1] if s is not None]).marked)
    assert (line.pages, line.silent) == (len(pages), 0)
    assert line.answers == judged("", pages).answers > 50 * len(pages)
