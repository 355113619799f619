"""What must be true of seeds, own responses once more, looks, standings and stops, whatever was killed between two words.

Counted and compared anew from the marks, by other means than the code that wrote them.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from benchmarks.chaos_marking_exam import EXAM, TOLERANCE, WATCHED
from benchmarks.chaos_marking_witness import Witnesses
from core import ledger
from core.states import CheckKind, MarkState, SeedUse, StandingState, TaskLevel, TaskPurpose, TaskState
from core.tables import Check, Exam, Mark, Response, Seed, Standing, Stop, Task

OUT = (StandingState.STOPPED, StandingState.SUSPENDED)
UNANNOUNCED = {TaskPurpose.SEED: CheckKind.SEED, TaskPurpose.SELF: CheckKind.SELF}
LOOKED = {"confirm": "confirmed", "correct": "corrected", "send_back": "sent_back"}
Place = tuple[int, str]  # user, item group


@dataclass(frozen=True)
class Afterwards:
    """What others have done to marks that were acknowledged: they may be void, or count no more."""

    gone_back: frozenset[int]  # marks that a stop named, or that a leader sent back
    overruled: frozenset[int]  # responses with a definitive mark, or a leader's correction

    @classmethod
    def of(cls, session: Session, exam: Exam) -> Afterwards:
        looks = select(Check.mark_id, Check.outcome, Mark.response_id).join(Mark, Mark.id == Check.mark_id)
        looks = looks.where(Check.exam_id == exam.id, Check.kind == CheckKind.BACK)
        rows = session.execute(looks).all()
        stopped = {mark for marks in session.scalars(select(Stop.put_back).where(Stop.exam_id == exam.id)) for mark in marks}
        seeds = session.scalars(select(Seed.response_id).where(Seed.exam_id == exam.id))
        return cls(
            frozenset(stopped | {mark for mark, outcome, _ in rows if outcome == "sent_back"}),
            frozenset({*seeds, *(response for _, outcome, response in rows if outcome == "corrected")}),
        )

    def may_be(self, mark: Mark) -> Iterator[MarkState]:
        if mark.id in self.gone_back:
            yield MarkState.VOID
        if mark.purpose is TaskPurpose.LIVE and mark.response_id in self.overruled:
            yield MarkState.SURPLUS


def keys_of_seeds(session: Session, exam: Exam) -> set[str]:
    """Of the marks that definitive marks were entered as."""
    return {f"seed:{response}:1" for response in session.scalars(select(Seed.response_id).where(Seed.exam_id == exam.id))}


def checks(session: Session, exam: Exam, seen: Witnesses) -> Iterator[str]:
    """Each mark on a seed or an own response has its check once, each check its mark, and says of it what is so; looks as acknowledged."""
    marks = {m.id: m for m in session.scalars(select(Mark).where(Mark.exam_id == exam.id))}
    groups = dict(session.execute(select(Response.id, Response.group).where(Response.exam_id == exam.id)).all())
    agreed = {s.id: s for s in session.scalars(select(Seed).where(Seed.exam_id == exam.id))}
    rows = session.scalars(select(Check).where(Check.exam_id == exam.id)).all()
    unannounced = Counter(c.mark_id for c in rows if c.kind is not CheckKind.BACK)
    for mark in marks.values():
        if unannounced[mark.id] != (mark.purpose in UNANNOUNCED):
            yield f"mark {mark.id} ({mark.purpose}) was held against another {unannounced[mark.id]} times"
    for check in rows:
        mark, what = marks[check.mark_id], f"check {check.id} ({check.kind})"
        if (mark.marker_id, groups[mark.response_id]) != (check.user_id, check.group):
            yield f"{what} is of mark {mark.id}, which is another's"
        elif check.kind is CheckKind.BACK:
            yield from _look_is_so(check, mark, marks)
        elif UNANNOUNCED.get(mark.purpose) is not check.kind:
            yield f"{what} is of mark {mark.id}, whose purpose is {mark.purpose}"
        else:
            other = agreed[check.seed_id] if check.seed_id else marks.get(check.against or 0)
            if other is None or other.response_id != mark.response_id or other is mark:
                yield f"{what} holds mark {mark.id} against what is not of its response"
            else:
                yield from _says_what_is_so(check, what, mark.values, other.values)
    looks = {(c.mark_id, c.by): c.outcome for c in rows if c.kind is CheckKind.BACK}
    for key, sent, line in seen.said("look"):
        if looks.get((sent["mark"], f"user:{line['user']}")) != LOOKED[sent["outcome"]]:
            yield f"look {key} at mark {sent['mark']} was acknowledged as {sent['outcome']} and is not there"
    proposed = {s.response_id for s in agreed.values() if s.active}
    yield from (f"seed {key} was acknowledged and is not there" for key, sent, _ in seen.said("seed") if sent["response"] not in proposed)


def _look_is_so(check: Check, mark: Mark, marks: Mapping[int, Mark]) -> Iterator[str]:
    correction = marks.get(check.against or 0)
    if mark.purpose is not TaskPurpose.LIVE:
        yield f"a look at mark {mark.id}, which is {mark.purpose}"
    if check.outcome == "sent_back" and mark.state is not MarkState.VOID:
        yield f"mark {mark.id} was sent back and is {mark.state}"
    if check.outcome == "corrected" and (
        mark.state is MarkState.COUNTED or correction is None or correction.state is not MarkState.COUNTED
    ):
        yield f"mark {mark.id} was corrected and is {mark.state}; the correction is {correction and correction.state}"


def _says_what_is_so(check: Check, what: str, values: Mapping[str, Any], other: Mapping[str, Any]) -> Iterator[str]:
    wanted = {item: _whole(given) - _whole(other[item]) for item, given in values.items()}
    outcome = "passed" if all(abs(d) <= TOLERANCE for d in wanted.values()) else "failed"
    if (check.differences, check.outcome) != (wanted, outcome):
        yield f"{what} of mark {check.mark_id} says {check.outcome} by {check.differences}, it is {outcome} by {wanted}"


def _whole(given: Any) -> int:
    return sum(given.values()) if isinstance(given, dict) else int(given)


def standings(session: Session, exam: Exam) -> Iterator[str]:
    """How many marks somebody has given, in all and today, how many seeds in a row failed, and whether he is stopped."""
    zone = ZoneInfo(EXAM.time_zone)
    here = Mark.exam_id == exam.id, Response.group.in_(WATCHED), Mark.level == TaskLevel.MARKER, Mark.revision == 1
    query = select(Mark.marker_id, Response.group, Mark.at).join(Response, Response.id == Mark.response_id)
    given: dict[Place, list[str]] = defaultdict(list)
    for user, group, at in session.execute(query.where(*here, Mark.purpose.in_((TaskPurpose.LIVE, *UNANNOUNCED)))):
        given[user, group].append(at.astimezone(zone).date().isoformat())
    stopped = _stopped(session, exam)
    rows = {(row.user_id, row.group): row for row in session.scalars(select(Standing).where(Standing.exam_id == exam.id))}
    for user, group in given:
        if (user, group) not in rows:
            yield f"user {user} has marked in {group} and stands nowhere"
    for (user, group), row in rows.items():
        days = given[user, group]
        if group in WATCHED and (row.marks, row.today) != (len(days), days.count(row.day)):
            yield f"user {user} in {group} has {row.marks} marks, {row.today} today; there are {len(days)}, {days.count(row.day)} today"
        if (row.state in OUT) != ((user, group) in stopped):
            yield f"user {user} in {group} is {row.state} and has {stopped[user, group]} stops that stand"
        failed = _failed(session, exam, row)
        if row.state is StandingState.LIVE and row.failed != failed:
            yield f"user {user} in {group} stands with {row.failed} failed seeds in a row; there are {failed}"


def _failed(session: Session, exam: Exam, row: Standing) -> int:
    """The latest seeds that failed, one after the other, since he is in his state; of a revised mark as it was left."""
    query = (
        select(Check.outcome)
        .join(Mark, Mark.id == Check.mark_id)
        .where(Check.exam_id == exam.id, Check.user_id == row.user_id, Check.group == row.group, Check.kind == CheckKind.SEED)
        .where(Check.use == SeedUse.LIVE, Check.at >= row.at, Mark.state == MarkState.COUNTED)
        .order_by(Mark.id.desc())
    )
    outcomes = [*session.scalars(query), "passed"]
    return outcomes.index("passed")


def _stopped(session: Session, exam: Exam) -> Counter[Place]:
    query = select(Stop.user_id, Stop.group).where(Stop.exam_id == exam.id, Stop.lifted_at.is_(None))
    return Counter((user, group) for user, group in session.execute(query))


def stops(session: Session, exam: Exam, seen: Witnesses) -> Iterator[str]:
    """What a stop does at once: it is there, nothing waits for whom it stopped, nothing more is handed to him; marks go back once."""
    rows = session.scalars(select(Stop).where(Stop.exam_id == exam.id)).all()
    numbers = {row.id: row for row in rows}
    for key, sent, line in seen.said("stop"):
        row = numbers.get(line["number"])
        if row is None or (row.user_id, row.group, row.by) != (sent["marker"], sent["group"], f"user:{line['user']}"):
            yield f"stop {key} was acknowledged as {line['number']}, which is {row and (row.user_id, row.group, row.by)}"
    own = select(Task.id, Task.marker_id, Task.group).where(Task.exam_id == exam.id, Task.state == TaskState.OPEN)
    stopped = _stopped(session, exam)
    for task, user, group in session.execute(own.where(Task.marker_id.is_not(None))):
        if (user, group) in stopped:
            yield f"task {task} waits for user {user}, who is stopped in {group}"
    states = {m.id: m for m in session.scalars(select(Mark).where(Mark.exam_id == exam.id))}
    for row in rows:
        if strange := [m for m in row.put_back if states[m].marker_id != row.user_id]:
            yield f"stop {row.id} of user {row.user_id} puts back marks of others: {strange}"
    entries = (e for e in ledger.entries(session, exam.id) if e["kind"] == "mark-state" and e["state"] == "void")
    voided = Counter(e["mark"] for e in entries)
    for mark in states.values():
        if voided[mark.id] != (mark.state is MarkState.VOID):
            yield f"mark {mark.id} is {mark.state} and became void {voided[mark.id]} times"
    yield from _handed_to_the_stopped(session, exam, seen)


def _handed_to_the_stopped(session: Session, exam: Exam, seen: Witnesses) -> Iterator[str]:
    """From when a leader was told of a stop, unless somebody asked to lift one about then or later."""
    begun: dict[Place, list[tuple[float, float]]] = defaultdict(list)  # sent, acknowledged
    lifted: dict[Place, list[tuple[float, float]]] = defaultdict(list)  # sent, answered
    for _, sent, line in seen.said("stop"):
        begun[sent["marker"], sent["group"]].append((sent["at"], line["at"]))
    for key, sent in seen.sent.items():
        if sent["what"] == "lift":
            answer = seen.kept.get(key) or seen.refused.get(key) or {"at": float("inf")}
            lifted[sent["marker"], sent["group"]].append((sent["at"], answer["at"]))
    groups = dict(session.execute(select(Task.token, Task.group).where(Task.exam_id == exam.id)).all())
    for one in seen.handed:
        for group in {groups[token] for token in one.tasks}:
            stopped = [at for at, known in begun[one.user_id, group] if known <= one.began]
            if stopped and not any(at <= one.at and end >= max(stopped) for at, end in lifted[one.user_id, group]):
                yield f"user {one.user_id} is handed work of {group} after he was stopped there"


def carried_out(session: Session, exam: Exam) -> Iterator[str]:
    """In the end: what a stop named counts no more."""
    named = {mark: row.id for row in session.scalars(select(Stop).where(Stop.exam_id == exam.id)) for mark in row.put_back}
    for mark in session.scalars(select(Mark.id).where(Mark.exam_id == exam.id, Mark.state == MarkState.COUNTED)):
        if mark in named:
            yield f"mark {mark} went back with stop {named[mark]} and still counts"


def refused_unstopped(session: Session, exam: Exam, seen: Witnesses) -> Iterator[str]:
    """Nobody is told that he is stopped who never was."""
    ever = set(session.scalars(select(Stop.user_id).where(Stop.exam_id == exam.id)))
    for key, line in seen.refused.items():
        if line["status"] == 403 and line["user"] not in ever:
            yield f"{key} of user {line['user']} was refused though he was never stopped: {line['why']}"


def told(session: Session, exam: Exam) -> Counter[str]:
    """How much of it there was."""
    found = Counter[str]()
    purposes = select(Mark.purpose, func.count()).where(Mark.exam_id == exam.id, Mark.purpose.in_(UNANNOUNCED)).group_by(Mark.purpose)
    found.update({f"marks {purpose}": n for purpose, n in session.execute(purposes)})
    found["looks"] = session.scalar(select(func.count()).where(Check.exam_id == exam.id, Check.kind == CheckKind.BACK)) or 0
    for rule, marks in session.execute(select(Stop.rule, Stop.put_back).where(Stop.exam_id == exam.id)):
        found[f"stops by {'a leader' if rule == 'person' else 'a rule'}"] += 1
        found["marks put back"] += len(marks)
    return found
