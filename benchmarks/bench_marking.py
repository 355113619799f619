"""Submit-and-next over HTTP with 3,500 markers signed in: how many pairs a second, how long one waits, what one costs.

Web processes, PostgreSQL with its waits for the disk, Valkey and the load itself share this machine's cores. A pair is one
mark that was durable when it was answered, and the next task in the same reply. After each run the database is asked whether
it has every acknowledged mark once, and nobody's two marks on one response but where he was given an own one again. The last rows
are of an exam that watches its markers.
MARKHALL_MARKING_SECONDS says how long each run takes; MARKHALL_MARKING_TASKS how many tasks wait at the start.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import func, select

from api.lifeline import die_with_parent
from api.processes import listening
from benchmarks.harness import Row
from benchmarks.installation import Installation, wait_for
from benchmarks.marking_exam import QUALITY, Marker, MarkingExam, add_markers, agree_seeds, definition, make_exam, scripts_for
from benchmarks.marking_house import close_webs, listeners, marking_house, open_webs
from benchmarks.marking_load import Load, Markers
from core.states import TaskPurpose
from core.tables import Mark
from marking.recover import recover
from tests.parts import children

MARKERS = 3500
WINDOW = 400  # requests under way at saturation
OFFERED = 1000  # pairs a second
SEEDS = 60  # of each item group, in the exam that watches; nobody meets one twice
RATE, PATIENCE, CPU = 1500, 100, 0.8  # goals: pairs a second, ms (p99), ms CPU a pair


@dataclass(frozen=True)
class Run:
    load: Load
    cpu: dict[str, float]  # ms a pair, by kind of process
    lost: int  # acknowledged marks that the database does not have
    twice: int  # markers with two marks on one response

    @property
    def servers(self) -> float:
        return sum(self.cpu.values())


def rows() -> list[Row]:
    seconds = float(os.environ.get("MARKHALL_MARKING_SECONDS", "20"))
    tasks = int(os.environ.get("MARKHALL_MARKING_TASKS", "300000"))
    made: list[Row] = []
    with marking_house() as house:
        exam, markers = _made(house, tasks)
        two, one = _measured(house, exam, markers, 2, seconds), _measured(house, exam, markers, 1, seconds)
        floor = bare(exam, markers, seconds / 2)
        made += _judged(*two)
        made += [
            Row.told("... over two web processes that keep nothing, with the same load", two[0].load.rate / floor.rate, "times"),
            Row.told("... those alone", floor.rate, "pairs/s"),
        ]
        made += _told("one web process", *one)
    with marking_house(postgres=False) as house:
        exam, markers = _made(house, tasks)
        made += _told("SQLite, one web process", *_measured(house, exam, markers, 1, seconds))
    return made + _watched(tasks, seconds, beside=two[0])


def _watched(tasks: int, seconds: float, *, beside: Run) -> list[Row]:
    """Seeds and own responses come among the marks, and a mark that comes too soon is refused; none does."""
    with marking_house() as house:
        exam, markers = _made(house, tasks, QUALITY)
        most, offered = _measured(house, exam, markers, 2, seconds)
        kinds = _by_purpose(house)
    return [
        *_told("a seed and an own response in 20 marks each, two web processes", most, offered),
        Row.told("... over an exam that watches nobody: pairs/s", most.load.rate / beside.load.rate, "times"),
        Row.told("... CPU of all server processes, over that", most.servers / beside.servers, "times"),
        Row.told("... of its marks, on seeds", 100 * kinds[TaskPurpose.SEED] / kinds.total(), "%"),
        Row.told("... of its marks, on own responses again", 100 * kinds[TaskPurpose.SELF] / kinds.total(), "%"),
    ]


def _made(house: Installation, tasks: int, quality: str = "") -> tuple[MarkingExam, list[Marker]]:
    exam = make_exam(house.site, scripts_for(tasks), definition(quality))
    markers = add_markers(house.site, exam, MARKERS + bool(quality))
    if quality:
        agree_seeds(house.site, exam, markers.pop(), SEEDS)
    recover(house.site, exam.exam_id)
    return exam, markers


def _measured(house: Installation, exam: MarkingExam, markers: list[Marker], webs: int, seconds: float) -> tuple[Run, Run]:
    """At saturation, and with so many a second offered."""
    host, port = open_webs(house, webs)
    at_desks = Markers(host, port, markers, exam.definition)
    try:
        first = at_desks.sit_down()
        at_desks.at_most(min(3.0, seconds), window=WINDOW)  # warm
        most = measured(house, lambda: at_desks.at_most(seconds, window=WINDOW))
        most.load.faults.extend(first.faults)
        return most, measured(house, lambda: at_desks.offered(OFFERED, seconds))
    finally:
        at_desks.close()
        close_webs(house)


def measured(house: Installation, run: Callable[[], Load]) -> Run:
    """A load, what it cost each kind of process, and what the database says of it."""
    marks, before = _marks(house), house.cpu()
    load = run()
    after = house.cpu()
    cpu = {kind: 1000 * (after[kind] - before.get(kind, 0.0)) / max(1, load.pairs) for kind in after}
    return Run(load, cpu, max(0, load.pairs - (_marks(house) - marks)), _twice(house))


def bare(exam: MarkingExam, markers: list[Marker], seconds: float) -> Load:
    """The same load on two web processes that keep nothing."""
    with listening("127.0.0.1", 0, share=True) as probe:
        port = int(probe.getsockname()[1])
    command = [sys.executable, "-m", "benchmarks.bare_web", str(port)]
    webs = [subprocess.Popen(command, preexec_fn=die_with_parent) for _ in range(2)]
    at_desks = Markers("127.0.0.1", port, markers, exam.definition)
    try:
        wait_for(lambda: listeners(port) == len(webs))
        at_desks.sit_down()
        return at_desks.at_most(seconds, window=WINDOW)
    finally:
        at_desks.close()
        for web in webs:
            children.stop(web, signal.SIGTERM)


def _marks(house: Installation) -> int:
    with house.site.database.read() as session:
        return session.scalar(select(func.count()).select_from(Mark)) or 0


def _twice(house: Installation) -> int:
    once = select(Mark.response_id).where(Mark.purpose != TaskPurpose.SELF)
    again = once.group_by(Mark.response_id, Mark.marker_id).having(func.count() > 1).subquery()
    with house.site.database.read() as session:
        return session.scalar(select(func.count()).select_from(again)) or 0


def _by_purpose(house: Installation) -> Counter[TaskPurpose]:
    with house.site.database.read() as session:
        return Counter(dict(session.execute(select(Mark.purpose, func.count()).group_by(Mark.purpose)).all()))


def _judged(most: Run, offered: Run) -> list[Row]:
    kinds = ", ".join(f"{kind} {value:.2f}" for kind, value in most.cpu.items())
    return [
        Row.judged("submit and next, 3,500 markers, two web processes", most.load.rate, "above", RATE, "pairs/s"),
        Row.judged(f"... p99 of a pair, {OFFERED} a second offered", offered.load.percentile(0.99), "below", PATIENCE, "ms"),
        Row.told("... p50 of a pair there", offered.load.percentile(0.5), "ms"),
        Row.told("... pairs a second there", offered.load.rate, "pairs/s"),
        Row.judged(f"... CPU of all server processes ({kinds})", most.servers, "below", CPU, "ms a pair"),
        Row.told("... CPU of the load itself", 1000 * most.load.cpu / max(1, most.load.pairs), "ms a pair"),
        Row.judged("... faults in replies, acknowledged marks that are lost, second marks", faults_of(most, offered), "below", 0,
                   "faults"),
    ]  # fmt: skip


def _told(name: str, most: Run, offered: Run) -> list[Row]:
    return [
        Row.told(f"{name}: submit and next", most.load.rate, "pairs/s"),
        Row.told(f"... p99 of a pair, {OFFERED} a second offered", offered.load.percentile(0.99), "ms"),
        Row.told("... pairs a second there", offered.load.rate, "pairs/s"),
        Row.told("... CPU of all server processes", most.servers, "ms a pair"),
        Row.judged("... faults", faults_of(most, offered), "below", 0, "faults"),
    ]


def faults_of(*runs: Run) -> int:
    for fault in (fault for run in runs for fault in run.load.faults):
        print(f"fault: {fault}")
    return sum(len(run.load.faults) + run.lost + run.twice for run in runs)
