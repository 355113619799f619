"""What the tables hold of an item group, for planning extra marks: responses, markers' marks, final marks, definitive marks."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core import ledger
from core.exam import ItemGroup, WrittenItem
from core.states import MarkState, ResponseState, TaskLevel, TaskPurpose
from core.tables import FinalMark, LedgerEntry, Mark, Response, Seed
from marking.adjudicate import Values, steps_of
from marking.definitions import current_definition, item_group

DECIDED = (ResponseState.AGREED, ResponseState.FINAL)
BY_TABLE_OF_ZEROS = "four zeros"  # four people have looked: the table asks nobody more


@dataclass(frozen=True, slots=True)
class Final:
    mark: Fraction
    rule: str
    marks: tuple[int, ...]  # which it was taken from


@dataclass(frozen=True, slots=True)
class Given:
    """A mark that was given blind by a marker; or, of a decided response, by whoever."""

    id: int
    response: int
    marker: int
    level: TaskLevel
    values: Values


@dataclass(frozen=True, slots=True)
class Group:
    group: ItemGroup
    responses: int  # current ones
    asked: int  # extra marks that were asked for
    extra: Mapping[int, int]  # by response
    decided: Mapping[int, Mapping[str, Final]]  # response -> item -> its final mark
    candidates: frozenset[int]  # decided by markers alone, and not asked for as often as may be
    live: Mapping[int, tuple[Given, ...]]  # counted live marks by response
    seen: tuple[Given, ...]  # markers' marks on responses whose definitive mark is known
    known: Mapping[int, Values]  # those definitive marks


@dataclass(frozen=True, slots=True)
class Told:
    """What the ledger says of a response that was asked for, and how many marks it has had since."""

    response: int
    before: int
    expected: int
    marks: int
    experts: int


def load(session: Session, exam_id: int, paper: str, group: str) -> Group:
    _, definition = current_definition(session, exam_id)
    items = definition.paper(paper).group(group)
    here = (Response.exam_id == exam_id, Response.paper == paper, Response.group == group, Response.current)
    rows = session.execute(select(Response.id, Response.state, Response.extra, Response.definition_version).where(*here)).all()
    known = _known(session, exam_id, paper, group)
    live = _live(session, here)
    finals = _finals(session, here)
    decided = {r: finals[r] for r, state, _, _ in rows if state in DECIDED and len(finals[r]) == len(items.items)}
    versions = {v for *_, v in rows}
    same = {v for v in versions if item_group(session, exam_id, v, paper, group).scheme == items.scheme}
    most = items.scheme.extra.most if items.scheme.extra is not None else 0
    candidates = frozenset(
        r
        for r, state, times, version in rows
        if r in decided and state is ResponseState.AGREED and times < most and version in same and r not in known
        if all(g.level is TaskLevel.MARKER for g in live[r]) and all(f.rule != BY_TABLE_OF_ZEROS for f in decided[r].values())
    )
    extra = {r: n for r, _, n, _ in rows}
    return Group(items, len(rows), sum(extra.values()), extra, decided, candidates, live, _seen(session, known), known)


def _live(session: Session, here: tuple[Any, ...]) -> dict[int, tuple[Given, ...]]:
    query = (
        select(Mark.id, Mark.response_id, Mark.marker_id, Mark.level, Mark.values)
        .join(Response, Response.id == Mark.response_id)
        .where(*here, Mark.purpose == TaskPurpose.LIVE, Mark.state == MarkState.COUNTED)
        .order_by(Mark.id)
    )
    found: dict[int, list[Given]] = defaultdict(list)
    for row in session.execute(query):
        found[row.response_id].append(Given(*row))
    return defaultdict(tuple, {response: tuple(marks) for response, marks in found.items()})


def _finals(session: Session, here: tuple[Any, ...]) -> dict[int, dict[str, Final]]:
    query = (
        select(FinalMark.response_id, FinalMark.item, FinalMark.numerator, FinalMark.denominator, FinalMark.rule, FinalMark.mark_ids)
        .join(Response, Response.id == FinalMark.response_id)
        .where(*here, FinalMark.current)
    )
    found: dict[int, dict[str, Final]] = defaultdict(dict)
    for response, item, n, d, rule, marks in session.execute(query):
        found[response][item] = Final(Fraction(n, d), rule, tuple(marks))
    return found


def _known(session: Session, exam_id: int, paper: str, group: str) -> dict[int, Values]:
    query = select(Seed.response_id, Seed.values).where(Seed.exam_id == exam_id, Seed.paper == paper, Seed.group == group)
    return dict(session.execute(query).all())


def _seen(session: Session, known: Mapping[int, Values]) -> tuple[Given, ...]:
    """How markers marked the seeds, in their trials and unannounced."""
    query = (
        select(Mark.id, Mark.response_id, Mark.marker_id, Mark.level, Mark.values)
        .where(Mark.response_id.in_(known), Mark.purpose.in_((TaskPurpose.SEED, TaskPurpose.TRIAL)), Mark.level == TaskLevel.MARKER)
        .where(Mark.state.in_((MarkState.COUNTED, MarkState.SURPLUS)))
        .order_by(Mark.id)
    )
    return tuple(Given(*row) for row in session.execute(query)) if known else ()


def told(session: Session, exam_id: int, rows: Group, paper: str) -> list[Told]:
    """Every response that was asked for, in the order of asking. A mark came after it if its entry did: clocks may differ."""
    shard = ledger.group_shard(paper, rows.group.id)
    here = (LedgerEntry.exam_id == exam_id, LedgerEntry.shard == shard, LedgerEntry.entry.contains('"kind":"extra"'))
    first = session.scalar(select(func.min(LedgerEntry.sequence)).where(*here))
    if first is None:
        return []
    query = select(LedgerEntry.entry).where(*here[:2], LedgerEntry.sequence >= first).order_by(LedgerEntry.sequence)
    asked: dict[int, Mapping[str, Any]] = {}
    since: dict[int, set[int]] = defaultdict(set)
    for entry in map(json.loads, session.scalars(query.execution_options(yield_per=1000))):
        if entry["kind"] == "extra":
            before = asked.get(entry["response"], entry)["before"]
            asked[entry["response"]] = {**entry, "before": before}
        elif entry["kind"] == "mark" and entry["response"] in asked:
            since[entry["response"]].add(entry["mark"])
    return [_told(entry, [g for g in rows.live[response] if g.id in since[response]]) for response, entry in asked.items()]


def _told(entry: Mapping[str, Any], given: list[Given]) -> Told:
    experts = sum(g.level is not TaskLevel.MARKER for g in given)
    return Told(entry["response"], entry["before"], entry["expected"], len(given), experts)


def hundredths(item: WrittenItem, given: Given) -> int:
    return sum(steps_of(item, given.values))
