"""Whose a sheet is: two different facts that agree, or a person (law Z3). Pure.

A fact is one independent thing on the paper that names a candidate. Reading one symbol twice, or by two decoders, is
one fact. The roster is not a fact: it only says whether a number exists.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Source = Literal["printed", "barcode", "bubbled", "seat"]
Doubt = Literal["", "facts_disagree", "candidate_unknown", "not_in_roster"]
FACTS_NEEDED = 2


@dataclass(frozen=True, slots=True)
class Fact:
    source: Source  # printed: whom the serial in the page code was printed for
    said: str  # what was read
    candidate: int | None  # whom it names; None: nobody of the roster


@dataclass(frozen=True, slots=True)
class Verdict:
    candidate: int | None
    doubt: Doubt  # empty: decided
    facts: tuple[Fact, ...]


def decide(facts: Iterable[Fact]) -> Verdict:
    """The candidate on whom at least two different facts agree and no fact disagrees."""
    known = tuple(sorted(set(facts), key=lambda f: (f.source, f.said, f.candidate or 0)))
    named = {f.candidate for f in known}
    if len(named) > 1:
        return Verdict(None, "facts_disagree", known)
    if not known:
        return Verdict(None, "candidate_unknown", known)
    (candidate,) = named
    if candidate is None:
        return Verdict(None, "not_in_roster", known)
    if len({f.source for f in known}) < FACTS_NEEDED:
        return Verdict(None, "candidate_unknown", known)
    return Verdict(candidate, "", known)
