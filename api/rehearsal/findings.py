"""What a rehearsal found out: of each item group, of each marker whose severity is known, of whoever was careless or stopped.

Reads the records when marking is over, and compares them with what the simulation knows and the engine never saw.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from sqlalchemy import ColumnElement, exists, func, select
from sqlalchemy.orm import Session

from api.rehearsal.exam import ITEMS, PAPER, Person
from api.rehearsal.markers import Simulated, definitive, known_severity
from core.exam import ExamDefinition
from core.site import Site
from core.states import TaskLevel, TaskPurpose, TaskState
from core.tables import Alarm, Candidate, Check, FinalMark, Mark, Response, Script, Seed, Stop, Task
from marking.severity import Z95, severities

FEWEST = 20  # marks: a severity that rests on fewer is not judged
DRIFTS_FAR = 0.06  # of full marks, over all that a marker marks
OTHERS = Fraction(1, 10)  # of full marks: what counts as near where a scheme has no tolerance


@dataclass(frozen=True, slots=True)
class GroupFound:
    """An item group after marking."""

    group: str
    scheme: str
    responses: int
    marks: int  # by markers, for score
    thirds: int  # marks of markers beyond the second
    leaders: int
    arbiters: int
    exact: float  # share of final marks that are the definitive one
    near: float  # share within the tolerance of it
    single: float  # the same share of single marks: what one marker alone would give
    judged: int  # markers whose severity was estimated
    covered: float  # share of them whose known severity lies in the 95 % interval
    connected: bool


@dataclass(frozen=True, slots=True)
class Caught:
    """A marker who was stopped, or who should have been."""

    login: str
    group: str
    careless: bool
    rule: str  # that stopped the marker; empty: nobody did
    marks: int  # given until then
    put_back: int
    alarms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Found:
    groups: tuple[GroupFound, ...]
    caught: tuple[Caught, ...]
    drifting: int  # markers whose severity moves far
    drift_found: int  # how many of them a drift alarm named or a rule stopped
    drift_false: int  # how many others a drift alarm named
    marks: Mapping[str, int]  # by purpose
    checks: Mapping[str, int]  # seeds and self re-marks, by outcome


@dataclass(frozen=True, slots=True)
class Known:
    """What the simulation knows: the exam, who each marker is."""

    exam_id: int
    definition: ExamDefinition
    markers: Mapping[int, Person]  # by user
    simulated: Sequence[Simulated]  # by a person's number
    paces: Mapping[str, float]  # by item group: marks of a day that one mark stood for

    def marker(self, user: int) -> Simulated:
        return self.simulated[self.markers[user].number]

    @property
    def seed(self) -> int:
        return self.simulated[0].seed


def look(site: Site, known: Known) -> Found:
    exam_id = known.exam_id
    with site.database.read() as session:
        groups = tuple(_group(session, known, name) for name in ITEMS)
        caught = _caught(session, known)
        drifting, named, false = _drift(session, known)
        purposes = select(Mark.purpose, func.count()).where(Mark.exam_id == exam_id).group_by(Mark.purpose)
        outcomes = select(Check.kind, Check.outcome, func.count()).where(Check.exam_id == exam_id).group_by(Check.kind, Check.outcome)
        marks = {str(purpose): count for purpose, count in session.execute(purposes)}
        checks = {f"{kind} {outcome}": count for kind, outcome, count in session.execute(outcomes)}
    return Found(groups, caught, drifting, named, false, marks, checks)


def _group(session: Session, known: Known, name: str) -> GroupFound:
    exam_id, item, asked = known.exam_id, ITEMS[name], known.definition.paper(PAPER).group(name)
    tolerance = asked.scheme.tolerance.of(item.full) or OTHERS * item.full
    rows, finals = _finals(session, exam_id, name)
    truth = definitive(known.seed, rows, item)
    apart = [abs(final - int(right)) for final, right in zip(finals, truth, strict=True)]
    given = _marks(session, exam_id, name)
    single = np.abs(given.hundredths - definitive(known.seed, given.rows, item)) <= float(tolerance)
    judged, covered, connected = _severity(given, name, known)
    levels = _levels(session, exam_id, name)
    return GroupFound(
        group=name,
        scheme=asked.scheme.name,
        responses=len(rows),
        marks=len(given.rows),
        thirds=levels["third"],
        leaders=levels["leader"],
        arbiters=levels["arbiter"],
        exact=_share(sum(a == 0 for a in apart), len(apart)),
        near=_share(sum(a <= tolerance for a in apart), len(apart)),
        single=_share(int(single.sum()), len(single)),
        judged=judged,
        covered=covered,
        connected=connected,
    )


def _finals(session: Session, exam_id: int, group: str) -> tuple[list[int], list[Fraction]]:
    query = (
        select(Candidate.row, FinalMark.numerator, FinalMark.denominator)
        .join(Response, Response.id == FinalMark.response_id)
        .join(Script, Script.id == Response.script_id)
        .join(Candidate, Candidate.id == Script.candidate_id)
        .where(Response.exam_id == exam_id, Response.group == group, Response.current, FinalMark.current, ~_is_seed())
    )
    found = session.execute(query).all()
    return [row for row, _, _ in found], [Fraction(n, d) for _, n, d in found]


def _is_seed() -> ColumnElement[bool]:
    """Responses whose final mark the chief examiners gave show nothing of how markers did."""
    return exists().where(Seed.response_id == Response.id)


@dataclass(frozen=True, slots=True)
class _Given:
    """Every blind mark that a marker gave for score, whatever became of it."""

    rows: np.ndarray[Any, np.dtype[np.int64]]
    markers: np.ndarray[Any, np.dtype[np.int64]]
    hundredths: np.ndarray[Any, np.dtype[np.int64]]


def _marks(session: Session, exam_id: int, group: str) -> _Given:
    query = (
        select(Candidate.row, Mark.marker_id, Mark.values)
        .join(Response, Response.id == Mark.response_id)
        .join(Script, Script.id == Response.script_id)
        .join(Candidate, Candidate.id == Script.candidate_id)
        .where(Response.exam_id == exam_id, Response.group == group)
        .where(Mark.level == TaskLevel.MARKER, Mark.purpose == TaskPurpose.LIVE)
    )
    found = [(row, marker, _total(values[ITEMS[group].id])) for row, marker, values in session.execute(query)]
    columns = np.array(found, np.int64).reshape(-1, 3)
    return _Given(columns[:, 0], columns[:, 1], columns[:, 2])


def _total(value: int | Mapping[str, int]) -> int:
    return sum(value.values()) if isinstance(value, Mapping) else value


def _severity(given: _Given, group: str, known: Known) -> tuple[int, float, bool]:
    """How many markers of the group were judged, and the share whose known severity lies in the interval.

    Known is what each gives over the usual responses, halfway through the marks that were given; both are taken above the
    mean of the same markers.
    """
    item = ITEMS[group]
    estimate = severities(given.rows.tolist(), given.markers.tolist(), given.hundredths.tolist(), item.full)
    judged = [one for one in estimate.markers.values() if one.n >= FEWEST and one.marker in known.markers]
    if not judged:
        return 0, 0.0, estimate.connected
    nobody = Simulated(0, seed=known.seed)
    pairs = [known_severity([nobody, known.marker(one.marker)], item, known.paces[group] * one.n / 2) for one in judged]
    true = np.array([above - below for below, above in pairs])
    found = np.array([one.marks for one in judged])
    apart = np.abs((true - true.mean()) - (found - found.mean()))
    inside = apart <= Z95 * np.array([one.marks_error for one in judged])
    return len(judged), float(inside.mean()), estimate.connected


def _levels(session: Session, exam_id: int, group: str) -> Counter[str]:
    """Marks beyond the second of a response, by who gave them."""
    query = (
        select(Task.level, Task.ordinal, func.count())
        .join(Mark, Mark.task_id == Task.id)
        .where(Task.exam_id == exam_id, Task.group == group, Task.state == TaskState.DONE, Mark.purpose == TaskPurpose.LIVE)
        .where(~exists().where(Seed.response_id == Task.response_id))
        .group_by(Task.level, Task.ordinal)
    )
    found = Counter[str]()
    for level, ordinal, count in session.execute(query):
        if level is not TaskLevel.MARKER:
            found[str(level)] += count
        elif ordinal > 2:
            found["third"] += count
    return found


def _caught(session: Session, known: Known) -> tuple[Caught, ...]:
    """Whoever is careless, and whoever else was stopped."""
    exam_id = known.exam_id
    stops = {s.user_id: s for s in session.scalars(select(Stop).where(Stop.exam_id == exam_id).order_by(Stop.id.desc()))}  # first one
    alarms: dict[int, list[str]] = {}
    for user, rule in session.execute(select(Alarm.user_id, Alarm.rule).where(Alarm.exam_id == exam_id).order_by(Alarm.id)):
        alarms.setdefault(user or 0, []).append(rule)
    found = []
    for user, person in known.markers.items():
        careless, stop = known.marker(user).careless > 0, stops.get(user)
        if not careless and stop is None:
            continue
        given = select(func.count()).where(Mark.exam_id == exam_id, Mark.marker_id == user)
        count = session.scalar(given.where(Mark.at <= stop.at) if stop else given) or 0
        rule, back = (stop.rule, len(stop.put_back)) if stop else ("", 0)
        found.append(Caught(person.login, person.group, careless, rule, count, back, tuple(dict.fromkeys(alarms.get(user, ())))))
    return tuple(sorted(found, key=lambda c: (not c.careless, c.login)))


def _drift(session: Session, known: Known) -> tuple[int, int, int]:
    """How many drift far, how many of them an alarm of drift named or a rule stopped, and how many others such an alarm named."""
    far = {user for user in known.markers if abs(known.marker(user).drift) >= DRIFTS_FAR}
    query = select(Alarm.user_id).where(Alarm.exam_id == known.exam_id, Alarm.rule == "drift")
    named = {user for user in session.scalars(query) if user in known.markers}
    stopped = set(session.scalars(select(Stop.user_id).where(Stop.exam_id == known.exam_id)))
    return len(far), len(far & (named | stopped)), len(named - far)


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
