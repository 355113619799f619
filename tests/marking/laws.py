"""What must hold of the records of marking at any moment, checked from the rows themselves."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core import ledger
from core.states import MarkState, ResponseState, TaskPurpose, TaskState
from core.tables import FinalMark, Mark, Response, Stop, Task, User
from marking.adjudicate import Agreed, ResponseMark, adjudicate_response
from marking.definitions import item_group
from marking.handout import prefix, queue_name
from marking.objective import kept
from marking.schemes import is_blind
from scoring.replay import replay
from tests.marking.exams import Hall

STANDING = (MarkState.COUNTED, MarkState.SURPLUS)


def check_rows(hall: Hall) -> None:
    """Z5 and Z6, and that slots and marks fit."""
    with hall.site.database.read() as session:
        tasks: dict[int, list[Task]] = defaultdict(list)
        marks: dict[int, list[Mark]] = defaultdict(list)
        for task in session.scalars(select(Task).where(Task.purpose == TaskPurpose.LIVE).order_by(Task.ordinal)):
            tasks[task.response_id].append(task)
        for mark in session.scalars(select(Mark).where(Mark.purpose == TaskPurpose.LIVE).order_by(Mark.id)):
            marks[mark.response_id].append(mark)
        schools = dict(session.execute(select(User.id, User.affiliation)).all())
        for response in session.scalars(select(Response)):
            check_slots(response, tasks[response.id], marks[response.id])
            check_people(session, response, tasks[response.id], marks[response.id], schools)
            check_finals(session, response, tasks[response.id], marks[response.id])
        check_own(session)
        assert [chain.fault for chain in ledger.verify(session, hall.exam_id) if chain.fault] == []
        check_entries(session, hall.exam_id)
        check_replay(session, hall.exam_id)


def check_slots(response: Response, tasks: list[Task], marks: list[Mark]) -> None:
    counted = Counter(mark.task_id for mark in marks if mark.state is MarkState.COUNTED)
    assert [task.ordinal for task in tasks] == list(range(1, len(tasks) + 1))
    assert all(task.state in (TaskState.OPEN, TaskState.DONE, TaskState.VOID) for task in tasks)
    assert {task.id: 1 for task in tasks if task.state is TaskState.DONE} == counted
    has_open = any(task.state is TaskState.OPEN for task in tasks)
    assert has_open == (response.state is ResponseState.OPEN)


def check_own(session: Session) -> None:
    """Tasks for one alone: done by that one or by nobody, and of a response that the marker meets in no other way."""
    own = session.scalars(select(Task).where(Task.purpose.in_((TaskPurpose.SEED, TaskPurpose.TRIAL, TaskPurpose.SELF)))).all()
    marks: dict[int, list[Mark]] = defaultdict(list)
    met: dict[tuple[int, int], list[TaskPurpose]] = defaultdict(list)
    for mark in session.scalars(select(Mark)):
        marks[mark.task_id].append(mark)
        if mark.state in STANDING:
            met[mark.response_id, mark.marker_id].append(mark.purpose)
    for task in own:
        assert {mark.marker_id for mark in marks[task.id]} <= {task.marker_id}
        counted = [mark for mark in marks[task.id] if mark.state is MarkState.COUNTED]
        assert len(counted) == (task.state is TaskState.DONE)
    for purposes in met.values():
        assert sorted(purposes) in ([p] for p in TaskPurpose) or sorted(purposes) == [TaskPurpose.LIVE, TaskPurpose.SELF]


def check_people(session: Session, response: Response, tasks: list[Task], marks: list[Mark], schools: dict[int, str]) -> None:
    standing = Counter(mark.marker_id for mark in marks if mark.state in STANDING)
    assert all(count == 1 for count in standing.values()), "somebody marked a response twice"
    assert all(schools[user] != response.school_code for user in standing)
    scheme = item_group(session, response.exam_id, response.definition_version, response.paper, response.group).scheme
    ordinals = {task.id: task.ordinal for task in tasks}
    for mark in marks:
        if is_blind(scheme, mark.level):
            assert mark.shown == []
        else:
            before = [m.id for m in marks if ordinals[m.task_id] < ordinals[mark.task_id]]
            assert set(mark.shown) <= set(before)


def check_finals(session: Session, response: Response, tasks: list[Task], marks: list[Mark]) -> None:
    ordinals = {task.id: task.ordinal for task in tasks}
    counted = sorted((m for m in marks if m.state is MarkState.COUNTED), key=lambda m: ordinals[m.task_id])
    group = item_group(session, response.exam_id, response.definition_version, response.paper, response.group)
    verdict = adjudicate_response(
        group.scheme,
        group.items,
        [ResponseMark(m.id, m.level, m.values) for m in counted],
        objective=kept(response.objective),
        extra=response.extra,
    )
    wanted = {
        item: (v.mark.numerator, v.mark.denominator, v.rule, list(v.used)) for item, v in verdict.items.items() if isinstance(v, Agreed)
    }
    query = select(FinalMark).where(FinalMark.response_id == response.id, FinalMark.current)
    assert {f.item: (f.numerator, f.denominator, f.rule, f.mark_ids) for f in session.scalars(query)} == wanted
    if response.state is not ResponseState.PROBLEM:
        assert (response.state is ResponseState.AGREED) == (len(wanted) == len(group.items))


def check_replay(session: Session, exam_id: int) -> None:
    """What the release rests on: `scoring.replay` gives the same final marks from entries only."""
    state = replay(ledger.entries(session, exam_id))
    query = select(FinalMark).join(Response, Response.id == FinalMark.response_id).where(FinalMark.current, Response.current)
    current = {(f.response_id, f.item): (f.version, f.numerator, f.denominator) for f in session.scalars(query)}
    assert {(r.response, item): final for r in state.responses.values() for item, final in r.finals.items()} == current
    marks = {m.mark: (m.marker, m.state) for r in state.responses.values() for m in r.marks.values()}
    assert marks == {m.id: (f"user:{m.marker_id}", m.state) for m in session.scalars(select(Mark))}


def check_entries(session: Session, exam_id: int) -> None:
    """The ledger alone gives the marks with their states, and the standing final marks."""
    marks: dict[int, dict[str, Any]] = {}
    finals: dict[tuple[int, str], dict[str, Any]] = {}
    for entry in ledger.entries(session, exam_id):
        if entry["kind"] == "mark":
            marks[entry["mark"]] = entry
        elif entry["kind"] == "mark-state":
            marks[entry["mark"]] = marks[entry["mark"]] | {"state": entry["state"]}
        elif entry["kind"] == "final":
            finals[entry["response"], entry["item"]] = entry
        elif entry["kind"] == "final-withdrawn":
            assert finals.pop((entry["response"], entry["item"]))["version"] == entry["version"]
    kept = session.scalars(select(Mark)).all()
    assert {m.id: (m.state, json.dumps(m.values), f"user:{m.marker_id}") for m in kept} == {
        n: (e["state"], json.dumps(e["values"]), e["marker"]) for n, e in marks.items()
    }
    current = session.scalars(select(FinalMark).where(FinalMark.current)).all()
    assert {(f.response_id, f.item): (f.version, f.numerator, f.denominator, f.mark_ids) for f in current} == {
        place: (e["version"], e["numerator"], e["denominator"], e["marks"]) for place, e in finals.items()
    }


def check_redis(hall: Hall) -> None:
    """After a sweep."""
    check_holding(hall)
    check_reachable(hall)


def check_holding(hall: Hall) -> None:
    """At any moment: whoever holds a task holds it alone, for a time, and no two tasks of a response."""
    redis: Any = hall.site.redis
    p = prefix(hall.exam_id)
    waiting = [m.split(b"|")[0] for key in redis.scan_iter(f"{p}queue:*") for m in redis.zrange(key, 0, -1)]
    held: dict[bytes, list[list[bytes]]] = {
        key: [entry.split(b"|")[2:] for entry in redis.hvals(key)] for key in redis.scan_iter(f"{p}held:*")
    }
    for mine in held.values():
        assert len({response for _, response, _ in mine}) == len(mine), "two tasks of one response in one hand"
    names = [*waiting, *(task for mine in held.values() for task, *_ in mine)]
    assert len(set(names)) == len(names), "a task waits or is held twice"
    by_holder = {task: f"{p}held:{user.decode()}".encode() for task, user in redis.hgetall(f"{p}holders").items()}
    assert by_holder == {task: key for key, mine in held.items() for task, *_ in mine}
    assert set(redis.zrange(f"{p}leases", 0, -1)) == set(by_holder), "held without a lease, or a lease without a holder"


def check_conservation(hall: Hall) -> dict[str, int]:
    """open + leased + done + void = tasks, where a task is leased when the database has it open and somebody holds it."""
    redis: Any = hall.site.redis
    held = {int(task) for task in redis.hkeys(f"{prefix(hall.exam_id)}holders")}
    with hall.site.database.read() as session:
        states = dict(session.execute(select(Task.id, Task.state)).all())
        counted = session.scalar(select(func.count(Mark.id)).where(Mark.state == MarkState.COUNTED))
    there = Counter("leased" if s is TaskState.OPEN and n in held else str(s) for n, s in states.items())
    assert there["open"] + there["leased"] + there["done"] + there["void"] == len(states) == there.total()
    assert there["done"] == counted
    return there


def check_reachable(hall: Hall) -> None:
    """After a sweep every open task waits in a window, is held, or lies beyond its window, from where it is fetched."""
    redis: Any = hall.site.redis
    p = prefix(hall.exam_id)
    known = {int(m.split(b"|")[0]) for key in redis.scan_iter(f"{p}queue:*") for m in redis.zrange(key, 0, -1)}
    known |= {int(task) for task in redis.hkeys(f"{p}holders")}
    reach = {queue.decode(): float(far) for queue, far in redis.hgetall(f"{p}reach").items()}
    with hall.site.database.read() as session:
        for task in session.scalars(select(Task).where(Task.state == TaskState.OPEN)):
            queue = queue_name(task.paper, task.group, task.level)
            beyond = task.marker_id is None and task.shuffle > reach.get(queue, float("-inf"))
            assert task.id in known or beyond, f"task {task.id} of {queue} cannot be reached"


def check_stops(hall: Hall) -> None:
    """After a sweep: what went back with a stop counts no more, whoever died in between."""
    with hall.site.database.read() as session:
        back = [mark for marks in session.scalars(select(Stop.put_back)) for mark in marks]
        assert session.scalars(select(Mark.id).where(Mark.id.in_(back), Mark.state == MarkState.COUNTED)).all() == []
