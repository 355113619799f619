"""The exam that is rehearsed: one paper, a few objective items, four item groups under four schemes; its roster and its people.

Owns the definition and who may mark what. What candidates wrote and how people judge it is markers.py's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from api.rehearsal.markers import DAY, ESSAY, LONG, SHORT, STEPS, SimulatedItem
from core.definition import RosterRow, parse_definition
from core.exam import ExamDefinition

CODE = "REHEARSE"
PAPER = "R"
SCHOOLS = 40
SEATS = 30
OFFICERS = ("office1", "office2")
CLERK = "clerk1"
AT_WORK = ("marker", "leader", "arbiter")
TEXT = """
exam: REHEARSE
title: {zh: 演练, en: Rehearsal}
papers:
  - code: R
    title: {zh: 演练卷, en: Rehearsal paper}
    sheet: {duplex: false, absent_box: false, number: {barcode: printed, grid: false}}
    objective:
      - {items: Q1-Q8, options: ABCD, marks: 3, keys: BDACCABD}
    written:
      - id: short
        title: {zh: 简答题, en: Short answer}
        items: [{id: short, marks: 6}]
        scheme: {name: "1", tolerance: {marks: 1}}
        height_mm: 12
      - id: steps
        title: {zh: 解答题, en: Worked problem}
        items:
          - id: steps
            marks: 12
            steps:
              - {id: a, title: {zh: 第一步, en: First step}, marks: 2}
              - {id: b, title: {zh: 第二步, en: Second step}, marks: 4}
              - {id: c, title: {zh: 第三步, en: Third step}, marks: 6}
        scheme: {name: 1+1, tolerance: {marks: 2}}
        height_mm: 24
      - id: long
        title: {zh: 论述题, en: Long answer}
        items: [{id: long, marks: 15}]
        scheme: {name: 2+1+1, tolerance: {marks: 2}, reading: either}
        height_mm: 28
      - id: essay
        title: {zh: 作文, en: Essay}
        items: [{id: essay, marks: 60}]
        scheme: {name: 1+1+1, tolerance: {fraction: 1/6}}
        height_mm: 40
"""
ITEMS: dict[str, SimulatedItem] = {"short": SHORT, "steps": STEPS, "long": LONG, "essay": ESSAY}
# How many marks a response needs, about: teams are as large as their work.
_WEIGHTS = {"short": 1.0, "steps": 2.1, "long": 2.3, "essay": 2.1}
MARKERS_A_LEADER = 25
ALONE = "short"  # nobody else marks what its markers mark, so nothing shows a drift
TRIAL = 3  # responses that everybody marks to learn on, before live work
TOO_FAST = {"short": 3, "steps": 8, "long": 7, "essay": 25}  # mean seconds below which nobody can have read


@dataclass(frozen=True, slots=True)
class Person:
    """Who works in the rehearsal. `number`: which of the simulated markers this is; leaders' and arbiters' go on from there."""

    login: str
    role: str
    group: str = ""
    number: int = 0
    school: str = ""

    @property
    def scope(self) -> str:
        return f"{PAPER}/{self.group}" if self.group else ""


def definition() -> ExamDefinition:
    """The exam, each item group with the quality control that its kind of item asks for."""
    body = yaml.safe_load(TEXT)
    for group in body["papers"][0]["written"]:
        group["quality"] = _quality(group["id"])
    return parse_definition(yaml.safe_dump(body, allow_unicode=True), where="the rehearsal's exam")


def _quality(group: str) -> dict[str, Any]:
    return {
        "rounds": {"trial": {"responses": TRIAL}},
        "seeds": {"first_of_day": True, "one_in": 15, "stop_after": 3},
        "self_marks": {"one_in": 40, "after_marks": 20, "after_minutes": 0},
        "put_back": {"since": "today"},
        "blocking_first": "1/2",
        "alarms": [
            {"name": "too-fast", "when": f"seconds < {TOO_FAST[group]}", "over": 15, "then": "stop"},
            {"when": "drift beyond limits"},
        ],
    }


def roster(candidates: int) -> list[RosterRow]:
    rows = []
    for n in range(candidates):
        code = f"S{n % SCHOOLS + 1:02d}"
        room, seat = divmod(n, SEATS)
        rows.append(RosterRow(f"{26000001 + n}", f"考生{n + 1}", f"学校{code}", code, "1", f"{room + 1:03d}", f"{seat + 1:02d}"))
    return rows


def people(markers: int) -> list[Person]:
    """The office, the teams by item group, each with leaders and arbiters. Every marker comes from one of the schools."""
    found = [*(Person(login, "office") for login in OFFICERS), Person(CLERK, "clerk")]
    found += [Person(f"marker{n + 1}", "marker", group, n, f"S{n % SCHOOLS + 1:02d}") for n, group in enumerate(_teams(markers))]
    number = markers
    for group in ITEMS:
        team = sum(p.group == group and p.role == "marker" for p in found)
        for role in ("leader", "arbiter"):
            for k in range(max(1, team // MARKERS_A_LEADER)):
                found.append(Person(f"{role}-{group}-{k + 1}", role, group, number))
                number += 1
    return found


def paces(crowd: Sequence[Person], candidates: int) -> dict[str, float]:
    """By item group: how many marks of a full day one mark of the rehearsal stands for, so that all that a marker does is one day."""
    team = {group: sum(p.group == group and p.role == "marker" for p in crowd) for group in ITEMS}
    return {group: DAY * team[group] / (_WEIGHTS[group] * candidates) for group in ITEMS}


def _teams(markers: int) -> list[str]:
    """A group for each marker, dealt out so that any first few hold all groups in proportion."""
    dealt: dict[str, int] = dict.fromkeys(_WEIGHTS, 0)
    found = []
    for _ in range(markers):
        group = min(dealt, key=lambda g: (dealt[g] + 1) / _WEIGHTS[g])
        dealt[group] += 1
        found.append(group)
    return found
