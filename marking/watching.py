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
from marking.standing import IN_ROUNDS, NONE, OUT, Stand, Standings

COMMON = frozenset({TaskPurpose.LIVE, TaskPurpose.SEED, TaskPurpose.SELF})  # what a marker counts as work, knowing no difference


@dataclass(slots=True)
class After:
    tasks: list[NewTask] = field(default_factory=list)  # to insert, open, and to announce after the commit
    gone: list[tuple[int, int]] = field(default_factory=list)  # (task, marker): own tasks that are void now, for Redis
    entries: list[tuple[str, Entry]] = field(default_factory=list)  # (shard, entry) for the ledger
    stops: list[int] = field(default_factory=list)  # `marking.stopping.finish` carries these out, after the commit


def after_marks(session: Session, standings: Standings, done: Sequence[Done]) -> After:
    """The consequences of marks that were just written, in the order in which they came."""
    after = After()
    own = [d for d in done if d.purpose in given.OWN]
    for d in done:
        rules = standings.rules(d.paper, d.group)
        if rules is not None and d.replaces is None and d.level is TaskLevel.MARKER and d.purpose in COMMON:
            _count(standings, rules, d)
    for judged in checks.judge(session, standings, own) if own else ():
        _follow(session, standings, judged, after)
    return after


def on_next(session: Session, standings: Standings, user_id: int, groups: Sequence[tuple[str, str]]) -> After:
    """What is due before this marker is given work of these item groups: own tasks of a round, the first seed of a day."""
    after = After()
    for paper, group in groups:
        rules = standings.rules(paper, group)
        if rules is None:
            continue
        row, state = standings.get(user_id, paper, group), standings.state(user_id, paper, group)
        if state in IN_ROUNDS:
            _fill_round(session, standings, rules, row, state, after)
        elif state is StandingState.LIVE and _is_new_day(standings, row) and rules.seeds is not None and rules.seeds.first_of_day:
            give_seed(session, standings, rules, row, after)
    return after


def give_seed(session: Session, standings: Standings, rules: Quality, row: Stand, after: After) -> None:
    """One that the marker has not met, unless one waits; and the way to the next is drawn."""
    exam_id, one_in = standings.exam_id, rules.seeds.one_in if rules.seeds is not None else None
    row.until_seed, row.changed = gap(one_in) if one_in is not None else NONE, True
    if given.waiting(session, exam_id, *row.place, TaskPurpose.SEED):
        return
    found = given.a_seed(session, exam_id, *row.place, SeedUse.LIVE)
    after.tasks += [NewTask(r, row.paper, row.group, TaskPurpose.SEED, TaskLevel.MARKER, row.user_id) for r in found]
    if not found:  # the office must agree more
        events.emit(session, exam_id, "seeds-short", {"paper": row.paper, "group": row.group, "marker": row.user_id}, standings.now)


def not_again(session: Session, standings: Standings, met: Sequence[tuple[int, int]], after: After) -> None:
    """A response may become a seed while somebody has it on the screen: who marks it then is not given it once more as a seed,
    which would be known for one, but another."""
    for task_id, user_id, paper, group, purpose in given.void_own(session, standings.exam_id, met):
        after.gone.append((task_id, user_id))
        row = standings.known(user_id, paper, group)
        if row is not None and purpose is TaskPurpose.SEED:
            row.until_seed, row.changed = 0, True


def give_own(session: Session, standings: Standings, rules: Quality, row: Stand, after: After) -> None:
    """A response of the marker's own once more, where one is old enough; and the way to the next is drawn."""
    row.until_self, row.changed = gap(rules.self_marks.one_in) if rules.self_marks is not None else NONE, True
    again = given.own_again(session, standings, *row.place, rules.self_marks) if rules.self_marks is not None else None
    if again is not None:
        after.tasks.append(NewTask(again, row.paper, row.group, TaskPurpose.SELF, TaskLevel.MARKER, row.user_id))


def gap(one_in: int) -> int:
    """How many marks until the next: drawn, so that nobody can count; `one_in` on average."""
    return 1 + secrets.randbelow(2 * one_in - 1)


def _is_new_day(standings: Standings, row: Stand) -> bool:
    if row.day == standings.day:
        return False
    row.day, row.today, row.changed = standings.day, 0, True
    return True


def _count(standings: Standings, rules: Quality, d: Done) -> None:
    """What becomes due (a countdown at 0) is given by `marking.giving`, not in this reply: the time it takes would tell."""
    row = standings.get(d.user_id, d.paper, d.group)
    midnight = _is_new_day(standings, row)
    row.marks, row.today, row.changed = row.marks + 1, row.today + 1, True
    if d.purpose is not TaskPurpose.LIVE or row.state in OUT:
        return
    if rules.seeds is not None:
        row.until_seed = 0 if midnight and rules.seeds.first_of_day else _less(row.until_seed, rules.seeds.one_in)
    if rules.self_marks is not None:
        row.until_self = _less(row.until_self, rules.self_marks.one_in)


def _less(until: int, one_in: int | None) -> int:
    if until == 0 or one_in is None:
        return until
    return (gap(one_in) if until < 0 else until) - 1


def _follow(session: Session, standings: Standings, judged: Judged, after: After) -> None:
    d = judged.done
    row = standings.get(d.user_id, d.paper, d.group)
    if judged.kind is not CheckKind.SEED or row.state in OUT:
        return
    if judged.use == SeedUse.LIVE:
        _after_seed(session, standings, judged, row, after)
    elif judged.use == standings.state(*row.place):
        _after_round(session, standings, judged, row)


def _after_seed(session: Session, standings: Standings, judged: Judged, row: Stand, after: After) -> None:
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
        row.until_seed = 0


def _after_round(session: Session, standings: Standings, judged: Judged, row: Stand) -> None:
    """The next state, where this was the last response of a round."""
    rules, state = standings.rules(row.paper, row.group), row.state
    rule = rules.rounds.of(state.value) if rules is not None else None
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
    rule, use, exam_id = rules.rounds.of(state.value), SeedUse(state.value), standings.exam_id
    if rule is None:
        return
    done = len(checks.past(session, exam_id, row, use))
    missing = rule.responses - done - given.waiting(session, exam_id, *row.place, TaskPurpose.TRIAL)
    for response in given.a_seed(session, exam_id, *row.place, use, missing) if missing > 0 else ():
        after.tasks.append(NewTask(response, row.paper, row.group, TaskPurpose.TRIAL, TaskLevel.MARKER, row.user_id))
