"""How markers are admitted to live work: what a marker is shown of his rounds, what a leader sees, admits or asks again."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from core import events
from core.errors import BadInput, Conflict, NotFound
from core.quality import Quality
from core.site import Site
from core.states import CheckKind, SeedUse, StandingState, TaskPurpose
from core.tables import Check, Mark, Seed, Standing, Task, User
from marking import given, standing
from marking.definitions import current_definition
from marking.reach import reach_of
from marking.standing import IN_ROUNDS, OUT, Standings
from marking.values import as_typed

Marks = dict[str, str | dict[str, str]]
MOST = 200


@dataclass(frozen=True, slots=True)
class Tried:
    """A trial that the marker has done: the own marks beside the agreed ones, and why these."""

    task: str
    paper: str
    group: str
    mine: Marks
    agreed: Marks
    note: str
    within: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class OwnStanding:
    """What a marker is told of where he stands. Nothing of seeds or stops by them."""

    paper: str
    group: str
    state: str  # trial, first, second, live, failed, stopped
    done: int  # of the round
    asked: int
    within: int


@dataclass(frozen=True, slots=True)
class MarkerStanding:
    """What a leader sees of a marker."""

    user: int
    name: str
    state: str
    since: datetime
    today: int
    marks: int
    done: int
    asked: int
    within: int
    seeds: int
    seeds_passed: int
    selves: int
    selves_passed: int


def trials(site: Site, exam_id: int, user_id: int, limit: int = 50) -> list[Tried]:
    """The marker's own trial marks, the newest first. Of no other use are agreed marks ever shown."""
    query = (
        select(Task.token, Check.paper, Check.group, Mark.values, Seed.values, Seed.note, Check.outcome, Check.at)
        .join(Mark, Mark.id == Check.mark_id)
        .join(Task, Task.id == Mark.task_id)
        .join(Seed, Seed.id == Check.seed_id)
        .where(Check.user_id == user_id, Check.exam_id == exam_id, Check.kind == CheckKind.SEED, Check.use == SeedUse.TRIAL)
        .order_by(Check.id.desc())
        .limit(max(1, min(limit, MOST)))
    )
    with site.database.read() as session:
        rows = session.execute(query).all()
    return [
        Tried(token, paper, group, as_typed(mine), as_typed(agreed), note, outcome == "passed", at)
        for token, paper, group, mine, agreed, note, outcome, at in rows
    ]


def own(site: Site, exam_id: int, user_id: int) -> list[OwnStanding]:
    """Where the marker stands in each watched item group that he has begun."""
    with site.database.read() as session:
        standings = _standings(session, site, exam_id, user_id, lock=False)
        found: list[OwnStanding] = []
        for row in standings:
            rules, state = standings.rules(row.paper, row.group), standings.state(*row.place)
            past = _past(session, exam_id, row.user_id, row.paper, row.group, state, row.at)
            shown = "stopped" if state in OUT else str(state)
            found.append(OwnStanding(row.paper, row.group, shown, sum(past.values()), _asked(rules, state), past["passed"]))
    return found


def table(site: Site, exam_id: int, leader_id: int, paper: str, group: str) -> list[MarkerStanding]:
    """Every marker who has begun in an item group, by name."""
    with site.database.read() as session:
        reach_of(session, exam_id, leader_id).require_lead(paper, group)
        _, definition = current_definition(session, exam_id)
        Standings(exam_id, definition, site.now()).require_group(paper, group)
        rules = definition.quality_of(paper, group)
        here = Standing.exam_id == exam_id, Standing.paper == paper, Standing.group == group
        rows = session.execute(select(Standing, User.name).join(User, User.id == Standing.user_id).where(*here).order_by(User.name)).all()
        held = _held(session, exam_id, paper, group)
        found: list[MarkerStanding] = []
        for row, name in rows:
            past = _past(session, exam_id, row.user_id, paper, group, row.state, row.at) if row.state in IN_ROUNDS else Counter[str]()
            counts = [held[row.user_id, kind, which] for kind in ("seed", "self") for which in ("all", "passed")]
            progress = sum(past.values()), _asked(rules, row.state), past["passed"]
            found.append(MarkerStanding(row.user_id, name, str(row.state), row.at, row.today, row.marks, *progress, *counts))
    return found


def admit(site: Site, exam_id: int, leader_id: int, user_id: int, paper: str, group: str) -> None:
    """To live work, whatever the rounds say."""
    _move(site, exam_id, leader_id, user_id, paper, group, StandingState.LIVE)


def again(site: Site, exam_id: int, leader_id: int, user_id: int, paper: str, group: str, name: str) -> None:
    """A round from its beginning, on responses that the marker has not met."""
    if name not in IN_ROUNDS:
        raise BadInput(f"there is no round {name!r}.", where="round", remedy="Use trial, first or second.")
    _move(site, exam_id, leader_id, user_id, paper, group, StandingState(name))


def _move(site: Site, exam_id: int, leader_id: int, user_id: int, paper: str, group: str, to: StandingState) -> None:
    with site.database.write() as session:
        reach_of(session, exam_id, leader_id).require_lead(paper, group)
        standings = _standings(session, site, exam_id, user_id)
        standings.require_group(paper, group)
        if session.get(User, user_id) is None:
            raise NotFound("there is no such person.", where="marker")
        rules = standings.rules(paper, group)
        if rules is None or (to in IN_ROUNDS and _asked(rules, to) == 0):
            raise BadInput(f"{paper}/{group} has no such round.", where="quality", remedy="See `rounds` of the exam definition.")
        if standings.is_out(user_id, paper, group):
            raise Conflict("this marker is stopped.", where="marker", remedy="Lift the stop; it asks how to go on.")
        row = standings.get(user_id, paper, group)
        body = {"paper": paper, "group": group, "marker": user_id, "from": str(row.state), "to": str(to), "by": leader_id}
        row.become(to, standings.now)
        standings.save(session)
        given.take_away(session, exam_id, user_id, paper, group, [TaskPurpose.TRIAL])
        events.emit(session, exam_id, "standing", body, standings.now)


def _standings(session: Session, site: Site, exam_id: int, user_id: int, *, lock: bool = True) -> Standings:
    _, definition = current_definition(session, exam_id)
    return standing.load(session, exam_id, [user_id], definition, site.now(), lock=lock)


def _asked(rules: Quality | None, state: StandingState) -> int:
    rule = rules.rounds.of(state.value) if rules is not None and state in IN_ROUNDS else None
    return rule.responses if rule is not None else 0


def _past(session: Session, exam_id: int, user_id: int, paper: str, group: str, state: StandingState, since: datetime) -> Counter[str]:
    query = (
        select(Check.outcome, func.count())
        .where(Check.user_id == user_id, Check.exam_id == exam_id, Check.paper == paper, Check.group == group)
        .where(Check.kind == CheckKind.SEED, Check.use == str(state), Check.at >= since)
        .group_by(Check.outcome)
    )
    return Counter(dict(session.execute(query).all())) if state in IN_ROUNDS else Counter()


def _held(session: Session, exam_id: int, paper: str, group: str) -> Counter[tuple[int, str, str]]:
    """Checks on live work by marker: of seeds and self re-marks all, and those passed."""
    passed = func.sum(case((Check.outcome == "passed", 1), else_=0))
    query = (
        select(Check.user_id, Check.kind, func.count(), passed)
        .where(Check.exam_id == exam_id, Check.paper == paper, Check.group == group, Check.use.in_(("", str(SeedUse.LIVE))))
        .where(Check.kind.in_((CheckKind.SEED, CheckKind.SELF)))
        .group_by(Check.user_id, Check.kind)
    )
    found: Counter[tuple[int, str, str]] = Counter()
    for user, kind, count, good in session.execute(query):
        found[user, str(kind), "all"], found[user, str(kind), "passed"] = count, int(good)
    return found
