"""Marks held against others: seeds against definitive marks, self re-marks against the marker's own first mark.

Writer of the `checks` of kind seed and self. Within or not is the scheme's own tolerance, item by item, as the truth table
has it: a check passes when every item does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.bulk import among, insert_rows
from core.exam import ItemGroup
from core.quality import Qualification, Rounds
from core.scheme import Tolerance
from core.states import CheckKind, MarkState, SeedUse, StandingState, TaskLevel, TaskPurpose
from core.tables import Check, Mark, Seed
from marking.adjudicate import Given, Values, steps_of, within
from marking.standing import IN_ROUNDS, Stand, Standings


@dataclass(frozen=True, slots=True)
class Done:
    """A mark that was just kept, and its number."""

    user_id: int
    paper: str
    group: str
    level: TaskLevel
    purpose: TaskPurpose
    response_id: int
    mark_id: int
    values: Values
    seconds: float
    asked: ItemGroup  # by the definition that its response cites
    replaces: int | None = None  # the marker's own earlier mark, which this one revises


@dataclass(frozen=True, slots=True)
class Judged:
    """A mark that was held against another."""

    done: Done
    kind: CheckKind
    use: str
    passed: bool


@dataclass(frozen=True, slots=True)
class Past:
    """An earlier check of a marker, as rounds count them."""

    passed: bool
    differences: Mapping[str, int]


def differences(asked: ItemGroup, values: Values, other: Values) -> dict[str, int]:
    """Of each item in hundredths, signed: the mark less what it is held against."""
    return {item.id: sum(steps_of(item, values)) - sum(steps_of(item, other)) for item in asked.items}


def passes(asked: ItemGroup, values: Values, other: Values) -> bool:
    def given(item: Any, of: Values) -> Given:
        return Given(TaskLevel.MARKER, steps_of(item, of))

    return all(within(asked.scheme, item, given(item, values), given(item, other)) for item in asked.items)


def judge(session: Session, standings: Standings, done: Sequence[Done]) -> list[Judged]:
    """Hold the seeds, trials and self re-marks among these marks against what they should be, and keep what came of it."""
    on_seeds = [d for d in done if d.purpose in (TaskPurpose.SEED, TaskPurpose.TRIAL)]
    again = [d for d in done if d.purpose is TaskPurpose.SELF]
    seeds = _seeds(session, [d.response_id for d in on_seeds])
    first = _first_marks(session, again)
    found: list[tuple[Judged, dict[str, Any]]] = []
    for d in on_seeds:
        seed = _meant(standings, seeds.get(d.response_id, {}), d)
        if seed is not None:
            found.append(_held(standings, d, CheckKind.SEED, seed.values, use=str(seed.use), seed_id=seed.id))
    for d in again:
        mark = first.get((d.user_id, d.response_id))
        if mark is not None:
            found.append(_held(standings, d, CheckKind.SELF, mark[1], against=mark[0]))
    insert_rows(session, Check, [row for _, row in found])
    return [judged for judged, _ in found]


def _held(
    standings: Standings, d: Done, kind: CheckKind, other: Values, *, use: str = "", against: int | None = None, seed_id: int | None = None
) -> tuple[Judged, dict[str, Any]]:
    passed = passes(d.asked, d.values, other)
    row = {
        "exam_id": standings.exam_id,
        "mark_id": d.mark_id,
        "user_id": d.user_id,
        "paper": d.paper,
        "group": d.group,
        "kind": kind,
        "use": use,
        "against": against,
        "seed_id": seed_id,
        "differences": differences(d.asked, d.values, other),
        "outcome": "passed" if passed else "failed",
        "by": "",
        "note": "",
        "at": standings.now,
    }
    return Judged(d, kind, use, passed), row


def _seeds(session: Session, response_ids: Sequence[int]) -> dict[int, dict[SeedUse, Seed]]:
    found: dict[int, dict[SeedUse, Seed]] = {}
    query = select(Seed).where(among(session, Seed.response_id, sorted(set(response_ids))), Seed.active)
    for seed in session.scalars(query) if response_ids else ():
        found.setdefault(seed.response_id, {})[seed.use] = seed
    return found


def _meant(standings: Standings, seeds: Mapping[SeedUse, Seed], d: Done) -> Seed | None:
    """For which use a marker was given this seed: live, or that of the round he is in."""
    if d.purpose is TaskPurpose.SEED:
        return seeds.get(SeedUse.LIVE)
    state = standings.state(d.user_id, d.paper, d.group)
    return seeds.get(SeedUse(state.value)) if state in IN_ROUNDS else None


def _first_marks(session: Session, again: Sequence[Done]) -> dict[tuple[int, int], tuple[int, Values]]:
    """The mark for score that a marker gave the response the first time, as it stands or last stood."""
    if not again:
        return {}
    query = (
        select(Mark.marker_id, Mark.response_id, Mark.id, Mark.values)
        .where(among(session, Mark.response_id, sorted({d.response_id for d in again})), Mark.purpose == TaskPurpose.LIVE)
        .where(Mark.marker_id.in_({d.user_id for d in again}), Mark.state != MarkState.REVISED)
        .order_by(Mark.id)
    )
    return {(marker, response): (mark, values) for marker, response, mark, values in session.execute(query)}


def past(session: Session, exam_id: int, row: Stand, use: SeedUse) -> list[Past]:
    """A marker's checks on seeds since he is in his state, the newest first; what he revised counts as he left it."""
    query = (
        select(Check.outcome, Check.differences)
        .join(Mark, Mark.id == Check.mark_id)
        .where(Check.user_id == row.user_id, Check.exam_id == exam_id, Check.paper == row.paper, Check.group == row.group)
        .where(Check.kind == CheckKind.SEED, Check.use == use, Check.at >= row.at, Mark.state == MarkState.COUNTED)
        .order_by(Check.mark_id.desc())
    )
    return [Past(outcome == "passed", found) for outcome, found in session.execute(query)]


def failed_in_a_row(session: Session, exam_id: int, row: Stand) -> int:
    count = 0
    for one in past(session, exam_id, row, SeedUse.LIVE):
        if one.passed:
            break
        count += 1
    return count


def is_big(tolerance: Tolerance, full: int, difference: int) -> bool:
    limit = tolerance.of(full)
    return abs(difference) > limit or (not tolerance.inclusive and difference != 0 and abs(difference) == limit)


def round_passed(rule: Qualification, rounds: Rounds, asked: ItemGroup, checks: Sequence[Past]) -> bool:
    full = {item.id: item.marks for item in asked.items}
    big = sum(any(is_big(rounds.big, full[item], d) for item, d in one.differences.items()) for one in checks)
    near = Fraction(sum(one.passed for one in checks), len(checks))
    return near >= Fraction(rule.within) and big <= rule.big


def after_round(rounds: Rounds, state: StandingState, passed: bool) -> StandingState:
    """The state that follows a round that is over."""
    match state:
        case StandingState.TRIAL:
            return StandingState.FIRST if rounds.first is not None else StandingState.LIVE
        case StandingState.FIRST:
            if rounds.second is not None and (passed if rounds.second_for == "all" else not passed):
                return StandingState.SECOND
            return StandingState.LIVE if passed else StandingState.FAILED
        case _:
            return StandingState.LIVE if passed else StandingState.FAILED
