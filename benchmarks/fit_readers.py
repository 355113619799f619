"""Fits the coefficients of `omr.calibration` again, and tests it on troubles that were left out of the fit.

    python -m benchmarks.fit_readers --sets FOLDER... [--leave-out TROUBLE...]

The sets are those of `benchmarks.make_sets`, so of fitting seeds. Prints the committed coefficients beside the fitted ones
and, for each trouble, what a fit without any page that has it says of the pages that have it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.gathered import UNKNOWN, Gathered, gather_set
from benchmarks.refitted import COEFFICIENTS, asked_of, believing, committed, own_odds, terms_of
from omr import answers, decide

Floats = NDArray[np.float64]

PLAIN = 15.0  # log odds from which one bubble in so many is taken, and counts so many times
EVERY = 20
RIDGE = 1.0  # of the squares, in units of a term's spread: two measures of one thing are not played against each other
STEPS, CLOSE = 60, 1e-9


@dataclass(frozen=True)
class Sample:
    """Bubbles for a fit."""

    terms: Floats  # (n, coefficients)
    marked: Floats  # (n,) 0 or 1
    weight: Floats  # (n,)


@dataclass(frozen=True)
class LeftOut:
    """What the answers of some pages are like when the fit has seen no such page."""

    trouble: str  # or a name of the fit
    pages: int
    answers: int  # with one meaning, and without an objection that no probability makes
    expected: float  # mistakes among these, if the probabilities are true
    wrong: int
    unsure: int  # in doubt for their probability
    silent: int  # wrong without a doubt


def sample_of(page: Gathered) -> Sample | None:
    """The bubbles of the rows to which no reader objects; None where the calibration does not apply or cannot be asked."""
    asked = asked_of(page)
    if len(asked) != page.plan.size or page.first.hand[1] > decide.TWO_LEVEL:
        return None
    fit_rows = (page.told != UNKNOWN) & (page.second.whys == 0) & np.isin(page.first.whys, (0, decide.UNSURE, decide.ERASED))
    odds = own_odds(asked)
    hard = np.abs(odds) < PLAIN
    taken = np.flatnonzero(fit_rows[page.plan.line_of] & (hard | (np.arange(len(odds)) % EVERY == 0)))
    bit = taken - page.plan.starts[page.plan.line_of[taken]]
    marked = (page.told[page.plan.line_of[taken]] >> bit & 1).astype(np.float64)
    return Sample(terms_of([asked[i] for i in taken]), marked, np.where(hard[taken], 1.0, EVERY))


def joined(samples: Iterable[Sample]) -> Sample:
    pile = list(samples)
    return Sample(*(np.concatenate([getattr(one, name) for one in pile]) for name in ("terms", "marked", "weight")))


def fit(sample: Sample) -> Floats:
    """The likeliest coefficients by Newton's steps, halved while they lead too far; all but the first at least 0."""
    count = sample.terms.shape[1]
    ridge = np.r_[0.0, RIDGE * sample.terms[:, 1:].var(axis=0)]
    found: Floats = np.r_[5.0, np.ones(count - 1)]
    loss = _loss(sample, found, ridge)
    for _ in range(STEPS):
        chance = 1.0 / (1.0 + np.exp(-np.clip(sample.terms @ found, -35.0, 35.0)))
        slope = sample.terms.T @ (sample.weight * (chance - sample.marked)) + ridge * found
        free = (found > 0.0) | (slope < 0.0)
        free[0] = True
        bent = sample.terms[:, free] * (sample.weight * np.maximum(chance * (1.0 - chance), 1e-9))[:, None]
        step = np.zeros(count)
        step[free] = np.linalg.solve(bent.T @ sample.terms[:, free] + np.diag(ridge[free] + 1e-6), slope[free])
        for halving in range(20):
            there: Floats = found - step / 2**halving
            there[1:] = np.maximum(there[1:], 0.0)
            less = _loss(sample, there, ridge)
            if less < loss - CLOSE:
                break
        else:
            return found
        found, loss = there, less
    return found


def _loss(sample: Sample, coefficients: Floats, ridge: Floats) -> float:
    odds = sample.terms @ coefficients
    return float((sample.weight * (np.logaddexp(0.0, odds) - sample.marked * odds)).sum() + 0.5 * (ridge * coefficients**2).sum())


def left_out(trouble: str, pages: Sequence[Gathered], samples: Sequence[Sample | None]) -> LeftOut:
    """`samples` of the same pages."""
    seen = [one for page, one in zip(pages, samples, strict=True) if one is not None and trouble not in page.trouble]
    strange = [page for page in pages if trouble in page.trouble]
    with believing(fit(joined(seen))):
        return judged(trouble, strange)


def judged(trouble: str, pages: Sequence[Gathered]) -> LeftOut:
    """The answers to these pages as the reader gives them, with the probabilities that are believed now."""
    count, expected, wrong, unsure, silent = 0, 0.0, 0, 0, 0
    for page in pages:
        for name, found in answers._fields(page.plan, page.first, page.second).items():
            if name in page.truth and (not found.doubt or found.why == decide.WHYS[decide.UNSURE]):
                mistaken = found.value != page.truth[name]
                count, expected, wrong = count + 1, expected + found.p_wrong, wrong + mistaken
                unsure, silent = unsure + found.doubt, silent + (mistaken and not found.doubt)
    return LeftOut(trouble, len(pages), count, expected, wrong, unsure, silent)


def _as_a_whole(pages: Sequence[Gathered], fits: dict[str, Floats]) -> Iterator[LeftOut]:
    for name, coefficients in fits.items():
        with believing(coefficients):
            yield judged(name, pages)


def table_of(lines: Iterable[LeftOut]) -> str:
    head = [
        "| fit without | pages | answers | wrong: expected | wrong: found | in doubt | wrong in silence |",
        "|---|---|---|---|---|---|---|",
    ]
    return "\n".join(
        [*head, *(f"| {o.trouble} | {o.pages} | {o.answers:,} | {o.expected:.1f} | {o.wrong} | {o.unsure} | {o.silent} |" for o in lines)]
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=Path, nargs="+", required=True)
    parser.add_argument("--leave-out", nargs="*", default=(), metavar="TROUBLE", help="each in turn")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    with ProcessPoolExecutor(options.workers, mp_context=get_context("spawn")) as pool:
        pages = [page for found in pool.map(gather_set, options.sets) for page in found]
        samples = list(pool.map(sample_of, pages, chunksize=20))
    known = joined(one for one in samples if one is not None)
    found = fit(known)
    print(f"{len(pages)} pages, {sum(p.plan.size for p in pages):,} bubbles, of which {len(known.marked):,} are fitted\n")
    print("| coefficient | committed | fitted |\n|---|---|---|")
    for name, was, now in zip(COEFFICIENTS, committed(), found, strict=True):
        print(f"| {name} | {was:g} | {now:.3g} |")
    print("\nOn all of these pages:\n\n" + table_of(_as_a_whole(pages, {"as committed": committed(), "as fitted": found})))
    if options.leave_out:
        print("\n" + table_of(left_out(trouble, pages, samples) for trouble in options.leave_out))
    return 0


if __name__ == "__main__":
    sys.exit(main())
