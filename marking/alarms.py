"""Alarms: the rules of the exam definition held against the measures, as rows that people see and that end by themselves.

An alarm is opened once for a rule, marker and item, and is over when the rule holds no more; a person may have seen it
meanwhile. `then: stop` stops the marker, through `marking.stopping`, when the alarm opens: if a person lifts the stop while
the rule still holds, that is a decision and stands. Writer of `alarms`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core import events
from core.alarms import MEASURES, AlarmRule, Term
from core.errors import NotFound
from core.site import Site
from core.states import AlarmState
from core.tables import Alarm

Key = tuple[str, int | None, str]  # rule, marker, item
MeasuredOver = Callable[[int | None], Any]  # the Measured of the last so many hours, or of all


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule that holds."""

    rule: AlarmRule
    user_id: int | None
    item: str
    value: float
    limit: float
    marks: int

    @property
    def key(self) -> Key:
        return self.rule.name, self.user_id, self.item


def findings(rules: Sequence[AlarmRule], measured_over: MeasuredOver) -> list[Finding]:
    """Which rules hold of whom. Pure."""
    return [finding for rule in rules for finding in _of_rule(rule, measured_over(rule.hours))]


def _of_rule(rule: AlarmRule, measured: Any) -> Iterator[Finding]:
    users = measured.users if rule.of == "marker" else (None,)
    found = measured.markers if rule.of == "marker" else measured.group
    items = list(enumerate(measured.shape.names)) if rule.by_item else [(0, "")]
    for k, item in items:
        columns = [_column(found, term, k) for term in rule.terms]
        for at, user in enumerate(users):
            said = [_holds(rule, term, column, at) for term, column in zip(rule.terms, columns, strict=True)]
            if all(said):
                value, limit, marks = next(one for one in said if one)
                yield Finding(rule, user, item, value, limit, marks)


def _column(found: Any, term: Term, k: int) -> tuple[Any, Any, Any]:
    """A measure's values, limits, and how much each rests on; severity's nearest end, so that its alarm is sure."""
    measure = MEASURES[term.measure]
    columns = found.items[k] if measure.by_item else found.whole
    values = columns[term.measure].tolist()
    rests = columns["severity_n" if term.measure == "severity" else {"marks": "n"}.get(measure.rests, measure.rests)].tolist()
    limits = columns["drift_limit"].tolist() if term.limit is None else [term.limit] * len(values)
    if term.measure == "severity" and term.comparison == "beyond":
        ends = zip(columns["severity_low"].tolist(), columns["severity_high"].tolist(), strict=True)
        values = [low if low > 0 else high if high < 0 else 0.0 if high - low >= 0 else math.nan for low, high in ends]
    return values, limits, rests


def _holds(rule: AlarmRule, term: Term, column: tuple[Any, Any, Any], at: int) -> tuple[float, float, int] | None:
    values, limits, rests = column
    value, limit, marks = values[at], limits[at], int(rests[at])
    if marks < rule.least(term) or math.isnan(value) or math.isnan(limit) or not term.holds(value, limit):
        return None
    return value, limit, marks


@dataclass(frozen=True, slots=True)
class ToStop:
    """A marker whom an open alarm's rule stops, and who is not stopped yet."""

    alarm_id: int
    user_id: int
    rule: AlarmRule
    reason: str


def record(site: Site, exam_id: int, paper: str, group: str, found: Sequence[Finding]) -> list[ToStop]:
    """Open what holds and was not open, end what holds no more; who is to be stopped. Writes only where something changed."""
    by_key = {finding.key: finding for finding in found}
    with site.database.read() as session:
        standing = {_key(row): row for row in _standing(session, exam_id, paper, group)}
    if by_key.keys() != standing.keys():
        with site.database.write() as session:
            standing = _write(session, site.now(), (exam_id, paper, group), by_key)
    return [
        ToStop(row.id, row.user_id, by_key[key].rule, sentence(row))
        for key, row in standing.items()
        if key in by_key and by_key[key].rule.then == "stop" and row.user_id is not None and not row.by.startswith("rule:")
    ]


def _write(session: Session, now: datetime, where: tuple[int, str, str], found: dict[Key, Finding]) -> dict[Key, Alarm]:
    exam_id, paper, group = where
    standing = {_key(row): row for row in _standing(session, exam_id, paper, group, lock=True)}
    for key in [key for key in standing if key not in found]:
        row = standing.pop(key)
        row.state, row.ended_at = AlarmState.OVER, now
        _emit(session, row, now)
    for key, one in found.items():
        if key not in standing:
            rule, user_id, item = key
            row = Alarm(exam_id=exam_id, rule=rule, user_id=user_id, paper=paper, group=group, item=item, value=one.value, limit=one.limit)
            row.marks, row.state, row.at = one.marks, AlarmState.OPEN, now
            session.add(row)
            standing[key] = row
            _emit(session, row, now)
    session.flush()
    return standing


def _standing(session: Session, exam_id: int, paper: str, group: str, *, lock: bool = False) -> Sequence[Alarm]:
    query = select(Alarm).where(
        Alarm.exam_id == exam_id, Alarm.state.in_((AlarmState.OPEN, AlarmState.SEEN)), Alarm.paper == paper, Alarm.group == group
    )
    return session.scalars((query.with_for_update() if lock else query).order_by(Alarm.id)).all()


def _key(row: Alarm) -> Key:
    return row.rule, row.user_id, row.item


def _emit(session: Session, row: Alarm, now: datetime) -> None:
    body = {"rule": row.rule, "marker": row.user_id, "paper": row.paper, "group": row.group, "item": row.item, "state": str(row.state)}
    events.emit(session, row.exam_id, "alarm", body, now)


def sentence(row: Alarm) -> str:
    """For the record of a stop: what was measured."""
    item = f", item {row.item}" if row.item else ""
    return f"alarm {row.rule}{item}: {row.value:.4g} against the limit {row.limit:.4g}, over {row.marks}"


def led_to_stop(site: Site, alarm_id: int) -> None:
    with site.database.write() as session:
        row = session.get_one(Alarm, alarm_id)
        row.by = f"rule:{row.rule}"


def see(site: Site, exam_id: int, alarm_id: int, by: str, may: Callable[[str, str], bool]) -> Alarm:
    """A person knows of it. One that is over, or seen, stays as it is; `may`: whether this person sees this paper and group."""
    with site.database.write() as session:
        row = session.scalar(select(Alarm).where(Alarm.id == alarm_id, Alarm.exam_id == exam_id).with_for_update())
        if row is None or not may(row.paper, row.group):
            raise NotFound("there is no such alarm among yours.", where="alarm", remedy="Look at the list again.")
        if row.state is AlarmState.OPEN:
            row.state = AlarmState.SEEN
            row.by = row.by or by
            _emit(session, row, site.now())
        return row


def listed(session: Session, exam_id: int, *, over: int = 50) -> list[Alarm]:
    """Those that stand, and the newest that are over."""
    of_exam = select(Alarm).where(Alarm.exam_id == exam_id)
    standing = session.scalars(of_exam.where(Alarm.state != AlarmState.OVER).order_by(Alarm.id.desc())).all()
    past = session.scalars(of_exam.where(Alarm.state == AlarmState.OVER).order_by(Alarm.id.desc()).limit(over)).all()
    return [*standing, *past]
