"""Measures of markers while they mark: one process that follows the database, counts, and publishes what it finds.

`Live` reads what is new (`marking.tailing`, `marking.changed`), counts it (`marking.tally`), writes a snapshot of each item
group to the queue server (`marking.snapshot`) and holds the alarms' rules against it (`marking.alarms`). It begins empty and
reads everything once. `markhall measures` runs it; the web process only reads snapshots.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np
from redis.exceptions import RedisError
from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from core.alarms import AlarmRule
from core.errors import MarkhallError
from core.exam import ExamDefinition, ItemGroup
from core.site import Site
from core.tables import Check, Exam, Mark
from marking import alarms, readings, snapshot
from marking.alarm_stops import stop_by_alarm
from marking.changed import Changes
from marking.columns import Places
from marking.definitions import definition
from marking.keeper import Keeper
from marking.measured import Measured, measure
from marking.readings import COUNTED, SURPLUS, Where
from marking.severing import Severing
from marking.shape import Shape
from marking.tailing import Tail
from marking.tally import Held, Tally

EVERY = 1.5  # seconds from one look to the next
LOOK_AT_EXAMS = 5.0  # seconds between looks for new exams and versions
AGAIN = 30.0  # seconds after which alarms are held against the database though nothing changed
RESTING = 60.0  # seconds after which a group is measured again though no mark came: time passes, too
TRIES = 100  # looks for the mark that a check is about
log = logging.getLogger("markhall.measures")


@dataclass(slots=True)
class Watched:
    """One item group."""

    group: ItemGroup
    rules: tuple[AlarmRule, ...]
    tally: Tally
    measured_at: float = -1e9
    dirty: bool = True
    alarmed: frozenset[alarms.Key] = frozenset()
    alarmed_at: float = -1e9
    waiting: list[tuple[int, Held]] = field(default_factory=list)  # checks whose mark was not read yet, and how often looked for


class Live:
    def __init__(self, site: Site) -> None:
        self._site = site
        self._severing = Severing()
        self._begin()

    def _begin(self) -> None:
        """From nothing."""
        self._groups: dict[Where, Watched] = {}
        self._versions: dict[int, int] = {}
        self._rows, self._heads = Places(), Places()
        self._reader = readings.Reader(self._shape)
        sqlite = self._site.database.is_sqlite
        self._marks = Tail(Mark.id, readings.marks_query(sqlite=sqlite), *readings.MEASURED_MARKS)
        self._checks = Tail(Check.id, readings.checks_query(), *readings.MEASURED_CHECKS)
        self._changes: Changes | None = None
        self._looked_at_exams = -1e9

    def _shape(self, where: Where) -> Shape | None:
        found = self._groups.get(where)
        return found.tally.shape if found else None

    def read(self) -> int:
        """Count all that is new; how many marks."""
        count = 0
        with self._site.database.read() as session:
            self._look_at_exams(session)
            if self._changes is None:
                self._changes = Changes()
                self._changes.begin(session)
            for rows in self._marks.rows(session):
                count += len(rows)
                for where, batch in self._reader.batches(rows):
                    self._groups[where].tally.add(batch)
                    self._groups[where].dirty = True
            self._change(self._changes.states(session))
            for rows in self._checks.rows(session):
                for where, held in readings.held(rows).items():
                    if where in self._groups:
                        self._groups[where].waiting += [(0, one) for one in held]
        for group in self._groups.values():
            _place_checks(group)
        return count

    def _look_at_exams(self, session: Session) -> None:
        if time.monotonic() - self._looked_at_exams < LOOK_AT_EXAMS:
            return
        self._looked_at_exams = time.monotonic()
        for exam_id, version in session.execute(select(Exam.id, Exam.definition_version)).all():
            if version and self._versions.get(exam_id) != version:
                if not self._fits(exam_id, definition(session, exam_id, version)):
                    log.info("the marks of exam %s mean something else now: all are read again", exam_id)
                    self._begin()
                    self._look_at_exams(session)
                    return
                self._versions[exam_id] = version

    def _fits(self, exam_id: int, exam: ExamDefinition) -> bool:
        """Take a definition up; False where marks that were counted would count in another way."""
        for paper in exam.papers:
            for group in paper.written:
                quality = exam.quality_of(paper.code, group.id)
                rules, where = quality.alarms if quality else (), (exam_id, paper.code, group.id)
                known = self._groups.get(where)
                if known is None:
                    self._groups[where] = Watched(group, rules, Tally(group, self._rows, self._heads))
                elif (known.group.items, known.group.scheme) == (group.items, group.scheme):
                    known.rules, known.dirty = rules, True
                else:
                    return False
        return True

    def _change(self, states: Mapping[int, str]) -> None:
        if not states:
            return
        ids = np.array(list(states), np.int64)
        counted = np.array([s == COUNTED for s in states.values()], np.bool_)
        good = counted | np.array([s == SURPLUS for s in states.values()], np.bool_)
        for group in self._groups.values():
            group.dirty |= group.tally.change(ids, counted, good)

    def publish(self) -> int:
        """Measure what changed, write it down, hold the alarms against it; how many groups."""
        now, mono = self._site.now(), time.monotonic()
        due = {w: g for w, g in self._groups.items() if g.tally.users and (g.dirty or mono - g.measured_at > RESTING)}
        texts: dict[int, dict[tuple[str, str], str]] = {}
        for where, group in due.items():
            severe = self._severing.of(where)
            measured = measure(group.tally, now.timestamp(), severe)
            texts.setdefault(where[0], {})[where[1:]] = snapshot.written(measured, severe, now)
            group.dirty, group.measured_at = False, mono
            if group.rules or group.alarmed:
                self._alarms(where, group, measured)
        for exam_id, of_exam in texts.items():
            snapshot.publish(self._site.redis, exam_id, of_exam)
        for where in self._severing.step({w: g.tally for w, g in self._groups.items()}, now.timestamp()):
            self._groups[where].dirty = True
        return len(due)

    def _alarms(self, where: Where, group: Watched, measured: Measured) -> None:
        """The database is asked only where something changed, and now and then."""
        now = self._site.now().timestamp()
        over: dict[int | None, Measured] = {None: measured}

        def measured_over(hours: int | None) -> Measured:
            if hours not in over:
                over[hours] = measure(group.tally, now, hours=hours)
            return over[hours]

        found = alarms.findings(group.rules, measured_over)
        keys = frozenset(finding.key for finding in found)
        if keys == group.alarmed and time.monotonic() - group.alarmed_at < AGAIN:
            return
        for one in alarms.record(self._site, *where, found):
            try:
                stop_by_alarm(self._site, *where, one)
            except MarkhallError as e:
                log.warning("the alarm %s could not stop user:%s: %s", one.rule.name, one.user_id, e)
        group.alarmed, group.alarmed_at = keys, time.monotonic()

    def tallies(self) -> Iterator[tuple[Where, Tally]]:
        for where, group in self._groups.items():
            yield where, group.tally

    def close(self) -> None:
        self._severing.close()


def _place_checks(group: Watched) -> None:
    """A check may be read before its mark is."""
    if not group.waiting:
        return
    missing = set(map(id, group.tally.check([one for _, one in group.waiting])))
    group.dirty |= len(missing) < len(group.waiting)
    group.waiting = [(tries + 1, one) for tries, one in group.waiting if id(one) in missing and tries < TRIES]


def run(site: Site, stop: threading.Event) -> None:
    """Until told to stop. What the database or the queue server does not answer is asked again; nothing is lost by it."""
    keeper, live = Keeper(site.redis, "measures"), None
    try:
        while not stop.is_set():
            began = time.monotonic()
            try:
                if keeper.holds():
                    live = live or Live(site)
                    live.read()
                    live.publish()
                elif live is not None:  # another took over while this one could not say that it lives
                    live.close()
                    live = None
            except (RedisError, OperationalError) as e:
                log.warning("a look was left out: %s", e)
            stop.wait(max(0.05, EVERY - (time.monotonic() - began)))
    finally:
        if live is not None:
            live.close()
        with suppress(RedisError):
            keeper.end()
