"""Anything may happen in any order: submit, expire, revise, problem, flush, recover. The laws hold after each step."""

import random
import secrets
import sqlite3
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import select

from core.errors import Conflict
from core.states import MarkState, ResponseState
from core.tables import Mark, Problem, Response
from marking import intake, recover
from marking.handout import prefix, release
from marking.problems import problem, resolve_problem
from marking.submit import revise, submit
from marking.values import as_typed
from marking.work import TaskView, next_tasks
from tests.marking.exams import Hall, one_group, open_hall, read_all
from tests.marking.laws import check_redis, check_rows

GROUPS = one_group("{name: 1+1, tolerance: {marks: 1}}", '[{id: "a", marks: 10}, {id: "b", marks: 10}]', "G1") + one_group(
    "{name: 2+1+1, tolerance: {marks: 2}, reading: either, zeros: 4}",
    '[{id: "c", marks: 10, steps: [{id: c1, title: x, marks: 4}, {id: c2, title: y, marks: 6}]}]',
    "G2",
)
WRITERS = st.integers(0, 5)
ANY = st.integers(0, 1000)
LEVEL = st.sampled_from([0, 0, 1, 4])  # in marks; small, so that pairs, thirds and zeros all come up


class Marking(RuleBasedStateMachine):
    """`known` is what each person's page has been given, `acknowledged` what the server has said it keeps."""

    open_new: Callable[[], Hall]

    def __init__(self) -> None:
        super().__init__()
        self.keys = count()
        self.hall = self.open_new()
        read_all(self.hall)
        intake.sweep(self.hall.site, self.hall.exam_id)
        self.people = [self.hall.person("marker", school=school) for school in ("S1", "S2", "", "")]
        self.people += [self.hall.person("leader"), self.hall.person("leader", "arbiter")]
        self.known: list[tuple[int, TaskView]] = []
        self.acknowledged: dict[str, tuple[int, str, int, dict[str, object]]] = {}  # key -> user, token, mark, values

    def new_key(self) -> str:
        return f"key {next(self.keys):06d}"

    def teardown(self) -> None:
        self.finish()
        self.hall.site.close()

    # What people do.

    @rule(hold=st.integers(1, 2))
    def all_ask(self, hold: int) -> None:
        for user in self.people:
            work = next_tasks(self.hall.site, self.hall.exam_id, user, hold=hold)
            assert len({task.task for task in work.tasks}) == len(work.tasks) <= hold
            self.known += [(user, task) for task in work.tasks if (user, task) not in self.known]

    @precondition(lambda self: self.known)
    @rule(data=st.data(), levels=st.lists(LEVEL, min_size=2, max_size=4))
    def several_mark(self, data: st.DataObject, levels: list[int]) -> None:
        for level in levels[: len(self.known)]:
            self.mark(data, level)

    def mark(self, data: st.DataObject, level: int) -> None:
        user, task = self.known.pop(data.draw(ANY) % len(self.known))
        self.send(user, task, level)

    @precondition(lambda self: self.acknowledged)
    @rule(data=st.data())
    def send_again(self, data: st.DataObject) -> None:
        key = sorted(self.acknowledged)[data.draw(ANY) % len(self.acknowledged)]
        user, token, mark, _ = self.acknowledged[key]
        assert submit(self.hall.site, self.hall.exam_id, user, token, key, {}).mark_id == mark

    @precondition(lambda self: self.acknowledged)
    @rule(data=st.data(), level=LEVEL)
    def revise(self, data: st.DataObject, level: int) -> None:
        user, token, _, values = self.acknowledged[sorted(self.acknowledged)[data.draw(ANY) % len(self.acknowledged)]]
        key, wanted = self.new_key(), {item: self.typed(mark, level) for item, mark in values.items()}
        try:
            saved = revise(self.hall.site, self.hall.exam_id, user, token, key, wanted)
        except Conflict:
            return
        self.acknowledged[key] = (user, token, saved.mark_id, wanted)

    @precondition(lambda self: self.known)
    @rule(data=st.data())
    def raise_problem(self, data: st.DataObject) -> None:
        user, task = self.known.pop(data.draw(ANY) % len(self.known))
        try:
            problem(self.hall.site, self.hall.exam_id, user, task.task, self.new_key(), "illegible")
        except Conflict:
            return

    @rule(action=st.sampled_from(["back", "mark"]), level=LEVEL)
    def resolve(self, action: str, level: int) -> None:
        with self.hall.site.database.read() as session:
            found = session.execute(select(Problem.id, Response.group).join(Response).where(Problem.state == "open")).first()
        if found is None:
            return
        values = {"a": str(level), "b": "0"} if found.group == "G1" else {"c": {"c1": "0", "c2": str(level)}}
        try:
            resolve_problem(
                self.hall.site, self.hall.exam_id, self.people[5], found.id, "mark" if action == "mark" else "back",
                key=self.new_key(), values=values,
            )  # fmt: skip
        except Conflict:
            assert action == "mark"  # the leader has marked it before

    # What happens to them.

    @rule(what=st.sampled_from(["leases end", "leases end", "sign out", "flush", "recover", "sweep", "eleven minutes"]), who=WRITERS)
    def disturb(self, what: str, who: int) -> None:
        site, exam_id = self.hall.site, self.hall.exam_id
        redis: Any = site.redis
        match what:
            case "leases end":
                for task in redis.hkeys(f"{prefix(exam_id)}holders"):
                    redis.zadd(f"{prefix(exam_id)}leases", {task: 1})
            case "sign out":
                release(site, exam_id, self.people[who])
            case "flush":
                redis.flushall()
            case "recover":
                recover.recover(site, exam_id)
            case "sweep":
                assert intake.sweep(site, exam_id) == 0
                check_redis(self.hall)
            case _:
                self.hall.clock.pass_by(minutes=11)

    # What must hold.

    @invariant()
    def the_records_are_sound(self) -> None:
        check_rows(self.hall)

    @invariant()
    def each_acknowledged_mark_is_kept_once(self) -> None:
        with self.hall.site.database.read() as session:
            kept = {mark.key: mark for mark in session.scalars(select(Mark))}
        leaders = [m for key, m in kept.items() if key not in self.acknowledged]
        assert all(m.marker_id == self.people[5] and m.state is MarkState.COUNTED for m in leaders)
        for key, (user, _, mark, values) in self.acknowledged.items():
            assert (kept[key].id, kept[key].marker_id, as_typed(kept[key].values)) == (mark, user, values)

    # How it ends.

    def finish(self) -> None:
        """Everybody works on, fresh people too, until nothing waits: then every response without a problem is agreed."""
        crew = self.people + [self.hall.person("marker") for _ in range(4)] + [self.hall.person("leader"), self.hall.person("arbiter")]
        for _ in range(60):
            intake.sweep(self.hall.site, self.hall.exam_id)
            found = [(user, task) for user in crew for task in next_tasks(self.hall.site, self.hall.exam_id, user).tasks]
            if not found:
                break
            for user, task in found:
                self.send(user, task, 1)
        with self.hall.site.database.read() as session:
            assert set(session.scalars(select(Response.state))) <= {ResponseState.AGREED, ResponseState.PROBLEM}
        self.the_records_are_sound()
        self.each_acknowledged_mark_is_kept_once()

    def send(self, user: int, task: TaskView, level: int) -> None:
        key = self.new_key()
        values: dict[str, object] = {
            item.id: self.typed({s.id: "" for s in item.steps} if item.steps else "", level) for item in task.items
        }
        try:
            saved = submit(self.hall.site, self.hall.exam_id, user, task.task, key, values)
        except Conflict:
            assert any(u == user for u, *_ in self.acknowledged.values())  # only who has marked it before is refused
            return
        self.acknowledged[key] = (user, task.task, saved.mark_id, values)

    def typed(self, like: object, level: int) -> object:
        return {step: str(level) for step in like} if isinstance(like, dict) else str(2 * level)


def test_the_laws_hold_whatever_happens(migrated_sqlite: Path, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = count()

    def open_new() -> Hall:
        # The same order of tasks each time, so that an example that fails can be run again.
        monkeypatch.setattr(secrets, "randbits", random.Random(7).getrandbits)
        home = tmp_path / str(next(numbers))
        home.mkdir()
        source, copy = sqlite3.connect(migrated_sqlite), sqlite3.connect(home / "m.sqlite")
        source.backup(copy)
        source.close()
        copy.close()
        hall = open_hall(home, f"sqlite:///{home / 'm.sqlite'}", redis_url, GROUPS, durable=False)
        hall.site.redis.flushall()
        return hall

    machine = type("Machine", (Marking,), {"open_new": staticmethod(open_new)})
    quick = settings(max_examples=12, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck))
    run_state_machine_as_test(machine, settings=quick)
