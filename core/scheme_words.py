"""The words of an adjudication table: conditions on the marks of an item, which mark is taken, whom to ask.

    when   A near B            the two are within tolerance
           no C, has C         the mark is not there yet, is there
           A is zero, A is full
           terms joined by `and`, or by `or`; `otherwise` always holds
    take   A    mean(A, B)    median(A, B, C)    highest(A, B)    lowest(A, B)    mean(C, nearest(A, B))

A, B, C, D are the markers' marks in the order of their slots, L is the leader's. An arbiter's mark is the last word in every
table and needs no row. `marking.adjudicate` evaluates the words.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

MARKERS = ("A", "B", "C", "D")
LEADER = "L"
_NAMES = (*MARKERS, LEADER)
_TERM = re.compile(r"(?:(no|has) ([A-Z]))|(?:([A-Z]) near ([A-Z]))|(?:([A-Z]) is (zero|full))")
_TAKE = re.compile(r"([a-z]+)\(([^()]*)(?:nearest\(([^()]*)\))?\)")
Kind = Literal["no", "has", "near", "zero", "full"]
How = Literal["only", "mean", "median", "highest", "lowest", "nearest"]
_HOW: dict[str, How] = {"mean": "mean", "median": "median", "highest": "highest", "lowest": "lowest"}


@dataclass(frozen=True, slots=True)
class Term:
    kind: Kind
    marks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Condition:
    """All of its terms hold, or (`any_of`) at least one does. Without terms it always holds."""

    terms: tuple[Term, ...] = ()
    any_of: bool = False


@dataclass(frozen=True, slots=True)
class Take:
    """`nearest`: the mean of the first of `marks` and the nearer of the two others."""

    how: How
    marks: tuple[str, ...]


def condition(text: str) -> Condition:
    """What `when` says. ValueError in one sentence where it says nothing."""
    plain = " ".join(text.split())
    if plain == "otherwise":
        return Condition()
    joined = {word for word in ("and", "or") if f" {word} " in plain}
    if len(joined) == 2:
        raise ValueError(f"{text!r} joins terms by `and` and by `or`; write it as two rows")
    word = joined.pop() if joined else "and"
    return Condition(tuple(_term(part, text) for part in plain.split(f" {word} ")), any_of=word == "or")


def _term(part: str, text: str) -> Term:
    found = _TERM.fullmatch(part.strip())
    if found is None:
        raise ValueError(f"{text!r} is no condition; write such as `A near B`, `no C`, `has L`, `A is zero` or `otherwise`")
    there, there_name, one, other, named, what = found.groups()
    if there:
        return Term("no" if there == "no" else "has", (_name(there_name),))
    if one:
        if one == other:
            raise ValueError(f"{text!r} compares a mark with itself")
        return Term("near", (_name(one), _name(other)))
    return Term("zero" if what == "zero" else "full", (_name(named),))


def take(text: str) -> Take:
    """What `take` says. ValueError in one sentence where it says nothing."""
    plain = "".join(text.split())
    if len(plain) == 1:
        return Take("only", (_name(plain),))
    found = _TAKE.fullmatch(plain)
    how = found[1] if found else ""
    if found is None or how not in _HOW:
        raise ValueError(f"{text!r} takes no mark; write such as `A`, `mean(A, B)`, `highest(A, B)` or `mean(C, nearest(A, B))`")
    names = tuple(_name(n) for n in found[2].split(",") if n)
    if found[3] is not None:
        near = tuple(_name(n) for n in found[3].split(","))
        if how != "mean" or len(names) != 1 or len(near) != 2 or len({*names, *near}) != 3:
            raise ValueError(f"{text!r}: the nearest is taken as `mean(C, nearest(A, B))`, of three different marks")
        return Take("nearest", (*names, *near))
    if len(names) < 2 or len(set(names)) != len(names) or (how == "median" and len(names) % 2 == 0):
        raise ValueError(f"{text!r} needs two or more different marks, a median an odd number of them")
    return Take(_HOW[how], names)


def _name(name: str) -> str:
    if name not in _NAMES:
        raise ValueError(f"{name!r} names no mark; the markers' are A to D, the leader's is L")
    return name


def in_words(when: Condition) -> str:
    """A condition as people read it."""
    if not when.terms:
        return "otherwise"
    return (" or " if when.any_of else " and ").join(_term_in_words(t) for t in when.terms)


def _term_in_words(term: Term) -> str:
    first = term.marks[0]
    who = "the leader's" if first == LEADER else f"the {('first', 'second', 'third', 'fourth')[MARKERS.index(first)]} marker's"
    match term.kind:
        case "no":
            return f"no mark {first} yet ({who})"
        case "has":
            return f"there is a mark {first}"
        case "near":
            return f"{first} is within tolerance of {term.marks[1]}"
        case _:
            return f"{first} is {term.kind}" + (" marks" if term.kind == "full" else "")


def taken_in_words(taken: Take) -> str:
    match taken.how:
        case "only":
            return taken.marks[0]
        case "nearest":
            one, *others = taken.marks
            return f"the mean of {one} and the nearer of {others[0]} and {others[1]}; when both are as near, by the tie rule"
        case how:
            *most, last = taken.marks
            return f"the {how} of {', '.join(most)} and {last}"
