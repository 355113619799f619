"""What follows from marks for those who gave them: checks, the next seed or own response, the next round, a stop.

Two hooks, called within the transaction of whoever writes: `after_marks` by submission, for all marks of a batch at once and
after they are written, and `on_next` by the hand-out, when `Standings.is_due` says so. They make no task themselves: the
caller inserts what `After` holds, saves the standings and writes the entries.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from core import events
from core.ledger import group_shard
from core.quality import Qualification, Quality
from core.states import CheckKind, SeedUse, StandingState, TaskLevel, TaskPurpose
from marking import checks, given, put_back
from marking.checks import Done as Done
from marking.checks import Judged
from marking.given import NewTask as NewTask
from marking.record import Entry
from marking.standing import IN_ROUNDS, OUT, Place, Stand, Standings

COMMON = frozenset({TaskPurpose.LIVE, TaskPurpose.SEED, TaskPurpose.SELF})  # what a marker counts as work, knowing no difference


@dataclass(slots=True)
class After:
    tasks: list[NewTask] = field(default_factory=list)  # to insert, open, and to announce after the commit
    gone: list[tuple[int, int]] = field(default_factory=list)  # (task, marker): own tasks that are void now, for Redis
    entries: list[tuple[str, Entry]] = field(default_factory=list)  # (shard, entry) for the ledger
    stops: list[int] = field(default_factory=list)  # `marking.stopping.finish` carries these out, after the commit


@dataclass(slots=True)
class _Due:
    """Who is to be given a seed, and who an own response, next. In order, each once."""

    seeds: dict[Place, None] = field(default_factory=dict)
    selves: dict[Place, None] = field(default_factory=dict)


def after_marks(session: Session, standings: Standings, done: Sequence[Done]) -> After:
    """The consequences of marks that were just written, in the order in which they came."""
    after, due = After(), _Due()
    own = [d for d in done if d.purpose in given.OWN]
    for d in done:
        rules = standings.rules(d.paper, d.group)
        if rules is not None and d.replaces is None and d.level is TaskLevel.MARKER and d.purpose in COMMON:
            _count(standings, rules, d, due)
    for judged in checks.judge(session, standings, own) if own else ():
        _follow(session, standings, judged, due, after)
    _give(session, standings, due, after)
    return after


def on_next(session: Session, standings: Standings, user_id: int, groups: Sequence[tuple[str, str]]) -> After:
    """What is due before this marker is given work of these item groups: own tasks of a round, the first seed of a day."""
    after, due = After(), _Due()
    for paper, group in groups:
        rules = standings.rules(paper, group)
        if rules is None:
            continue
        row, state = standings.get(user_id, paper, group), standings.state(user_id, paper, group)
        if state in IN_ROUNDS:
            _fill_round(session, standings, rules, row, state, after)
        elif state is StandingState.LIVE:
            _new_day(standings, rules, row, due)
    _give(session, standings, due, after)
    return after


def gap(one_in: int) -> int:
    """How many marks until the next: drawn, so that nobody can count; `one_in` on average."""
    return 1 + secrets.randbelow(2 * one_in - 1)


def _new_day(standings: Standings, rules: Quality, row: Stand, due: _Due) -> None:
    if row.day == standings.day:
        return
    row.day, row.today, row.changed = standings.day, 0, True
    if rules.seeds is not None and rules.seeds.first_of_day:
        due.seeds[row.place] = None


def _count(standings: Standings, rules: Quality, d: Done, due: _Due) -> None:
    row = standings.get(d.user_id, d.paper, d.group)
    _new_day(standings, rules, row, due)
    row.marks, row.today, row.changed = row.marks + 1, row.today + 1, True
    if d.purpose is not TaskPurpose.LIVE or row.state in OUT:
        return
    if rules.seeds is not None and rules.seeds.one_in is not None:
        row.until_seed = (row.until_seed or gap(rules.seeds.one_in)) - 1
        if row.until_seed == 0:
            due.seeds[row.place] = None
    if rules.self_marks is not None:
        row.until_self = (row.until_self or gap(rules.self_marks.one_in)) - 1
        if row.until_self == 0:
            due.selves[row.place] = None


def _follow(session: Session, standings: Standings, judged: Judged, due: _Due, after: After) -> None:
    d = judged.done
    row = standings.get(d.user_id, d.paper, d.group)
    if judged.kind is not CheckKind.SEED or row.state in OUT:
        return
    if judged.use == SeedUse.LIVE:
        _after_seed(session, standings, judged, row, due, after)
    elif judged.use == standings.state(*row.place):
        _after_round(session, standings, judged, row)


def _after_seed(session: Session, standings: Standings, judged: Judged, row: Stand, due: _Due, after: After) -> None:
    """A second seed after a failed one; so many failed in a row stop the marker."""
    d, rules = judged.done, standings.rules(row.paper, row.group)
    row.failed = checks.failed_in_a_row(session, standings.exam_id, row) if d.replaces else 0 if judged.passed else row.failed + 1
    row.changed = True
    if judged.passed or rules is None or rules.seeds is None:
        return
    most = rules.seeds.stop_after
    if most is not None and row.failed >= most:
        reason = f"{row.failed} seeds in a row were not within the tolerance"
        stop_id, entry = put_back.begin(session, standings, *row.place, rule="seeds", reason=reason, by="rule:seeds")
        after.stops.append(stop_id)
        after.entries.append((group_shard(row.paper, row.group), entry))
    elif d.replaces is None:
        due.seeds[row.place] = None


def _after_round(session: Session, standings: Standings, judged: Judged, row: Stand) -> None:
    """The next state, where this was the last response of a round."""
    rules, state = standings.rules(row.paper, row.group), row.state
    rule = rules.rounds.of(state.value) if rules is not None else None  # type: ignore[arg-type]  # a round's name
    if rules is None or rule is None:
        return
    past = checks.past(session, standings.exam_id, row, SeedUse(state.value))
    if len(past) < rule.responses:
        return
    passed = not isinstance(rule, Qualification) or checks.round_passed(rule, rules.rounds, judged.done.asked, past)
    row.become(checks.after_round(rules.rounds, state, passed), standings.now)
    body = {"paper": row.paper, "group": row.group, "marker": row.user_id, "from": str(state), "to": str(row.state)}
    events.emit(session, standings.exam_id, "standing", body, standings.now)


def _fill_round(session: Session, standings: Standings, rules: Quality, row: Stand, state: StandingState, after: After) -> None:
    """As many own tasks as the round still asks, of the seeds that there are."""
    rule, use, exam_id = rules.rounds.of(state.value), SeedUse(state.value), standings.exam_id  # type: ignore[arg-type]  # a round's name
    if rule is None:
        return
    done = len(checks.past(session, exam_id, row, use))
    missing = rule.responses - done - given.waiting(session, exam_id, *row.place, TaskPurpose.TRIAL)
    for response in given.a_seed(session, exam_id, *row.place, use, missing) if missing > 0 else ():
        after.tasks.append(NewTask(response, row.paper, row.group, TaskPurpose.TRIAL, TaskLevel.MARKER, row.user_id))


def _give(session: Session, standings: Standings, due: _Due, after: After) -> None:
    exam_id = standings.exam_id
    for user_id, paper, group in due.seeds:
        if standings.is_out(user_id, paper, group) or given.waiting(session, exam_id, user_id, paper, group, TaskPurpose.SEED):
            continue
        found = given.a_seed(session, exam_id, user_id, paper, group, SeedUse.LIVE)
        after.tasks += [NewTask(r, paper, group, TaskPurpose.SEED, TaskLevel.MARKER, user_id) for r in found]
        if not found:  # the office must agree more
            events.emit(session, exam_id, "seeds-short", {"paper": paper, "group": group, "marker": user_id}, standings.now)
    for user_id, paper, group in due.selves:
        rules = standings.rules(paper, group)
        if rules is None or rules.self_marks is None or standings.is_out(user_id, paper, group):
            continue
        again = given.own_again(session, standings, user_id, paper, group, rules.self_marks)
        if again is not None:
            after.tasks.append(NewTask(again, paper, group, TaskPurpose.SELF, TaskLevel.MARKER, user_id))
