"""Anything may happen in any order: marks, revisions, problems, stops, processes that die, an empty Redis. The laws hold after each step.

On both databases and a real Valkey, with windows of a few tasks so that they run dry all the time. Twenty steps an example in
the tests; MARKHALL_EXAMPLES=2000 makes many long ones (run it as `make fuzz` is run, for an evening).
"""

import os
import random
import secrets
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import select

from core.errors import Conflict, Forbidden
from core.quality import PutBack
from core.site import Site
from core.states import MarkState, ResponseState
from core.tables import Mark, Problem, Response, Task
from marking import handout, intake, queues, recover, stopping
from marking.handout import prefix
from marking.problems import problem, resolve_problem
from marking.submit import revise, submit
from marking.values import as_typed
from marking.work import TaskView, next_tasks, release
from tests.marking.crash import Died, dying, without_queue_server
from tests.marking.exams import Hall, one_group, open_hall, read_all
from tests.marking.laws import check_conservation, check_holding, check_reachable, check_rows, check_stops
from tests.parts.postgres import PostgresServer

GROUPS = one_group("{name: 1+1, tolerance: {marks: 1}}", '[{id: "a", marks: 10}, {id: "b", marks: 10}]', "G1") + one_group(
    "{name: 2+1+1, tolerance: {marks: 2}, reading: either, zeros: 4}",
    '[{id: "c", marks: 10, steps: [{id: c1, title: x, marks: 4}, {id: c2, title: y, marks: 6}]}]',
    "G2",
)
SCRIPTS = 4
EXAMPLES = int(os.environ.get("MARKHALL_EXAMPLES", "0"))  # of the long form
ARBITER = 5  # among the people
WRITERS = st.integers(0, 5)
ANY = st.integers(0, 1000)
LEVEL = st.sampled_from([0, 0, 1, 4])  # in marks; small, so that pairs, thirds and zeros all come up
EVENTS = ("leases end", "sign out", "flush", "recover", "sweep", "new paper", "time", "all comes out")
DISASTERS = ("before the commit", "after the commit", "no queue server")


@dataclass(frozen=True)
class Words:
    """What somebody has sent, or will send again."""

    user: int
    token: str
    key: str
    values: dict[str, object]
    revises: bool = False

    def say(self, hall: Hall, site: Site) -> int:
        """The number of the mark that was acknowledged."""
        send = revise if self.revises else submit
        return send(site, hall.exam_id, self.user, self.token, self.key, self.values).mark_id


class Marking(RuleBasedStateMachine):
    """`known` is what each person's page has been given, `acknowledged` what the server has said it keeps."""

    open_new: Callable[[], Hall]

    def __init__(self) -> None:
        super().__init__()
        self.keys = count()
        self.hall = self.open_new()
        self.read = 2  # scripts that are here; the others come while marking goes on
        read_all(self.hall, only=range(self.read))
        intake.sweep(self.hall.site, self.hall.exam_id)
        self.people = [self.hall.person("marker", school=school) for school in ("S1", "S2", "", "")]
        self.people += [self.hall.person("leader"), self.hall.person("leader", "arbiter")]
        self.fresh = [self.hall.person("marker", "leader", "arbiter") for _ in range(5)]  # as many as may hold all that is open
        self.known: list[tuple[int, TaskView]] = []
        self.acknowledged: dict[str, tuple[Words, int]] = {}  # by key: what was said, and the mark that it became
        self.unanswered: list[Words] = []
        self.refused: set[str] = set()
        self.stopped: set[tuple[int, str]] = set()

    def new_key(self) -> str:
        return f"key {next(self.keys):06d}"

    def teardown(self) -> None:
        try:
            self.finish()
        finally:
            self.hall.site.close()

    # What people do.

    @rule(hold=st.integers(1, 3), levels=st.lists(LEVEL, min_size=3, max_size=6), data=st.data())
    def all_ask_and_some_mark(self, hold: int, levels: list[int], data: st.DataObject) -> None:
        for user in self.people:
            for task in self.ask(user, hold):
                if (user, task) not in self.known:
                    self.known.append((user, task))
        for level in levels[: len(self.known)]:
            self.hear(self.words(data, level), self.hall.site)

    @precondition(lambda self: self.known or self.acknowledged)
    @rule(data=st.data(), level=LEVEL, how=st.sampled_from(DISASTERS))
    def mark_and_die(self, data: st.DataObject, level: int, how: str) -> None:
        """The process ends around the commit, or Valkey is away. Whoever sent the mark is told nothing, and sends it again later."""
        words = self.words(data, level) if self.known else self.revision(data, level)
        with self.disaster(how) as site:
            if how == "no queue server":
                self.hear(words, site)
                return
            try:
                words.say(self.hall, site)
            except (Conflict, Forbidden):
                return
            except Died:
                self.unanswered.append(words)

    @precondition(lambda self: self.acknowledged)
    @rule(data=st.data(), level=LEVEL, what=st.sampled_from(["what was not answered", "what was answered", "another mark"]))
    def say_again(self, data: st.DataObject, level: int, what: str) -> None:
        if what == "another mark":
            self.hear(self.revision(data, level), self.hall.site)
        elif what == "what was answered" or not self.unanswered:
            words, mark = self.said(data)
            assert words.say(self.hall, self.hall.site) == mark
        else:
            self.hear(self.unanswered.pop(data.draw(ANY) % len(self.unanswered)), self.hall.site)

    @precondition(lambda self: self.known)
    @rule(data=st.data(), action=st.sampled_from(["raise", "back", "mark"]), level=LEVEL)
    def a_problem(self, data: st.DataObject, action: str, level: int) -> None:
        if action == "raise":
            user, task = self.known.pop(data.draw(ANY) % len(self.known))
            with suppress(Conflict, Forbidden):
                problem(self.hall.site, self.hall.exam_id, user, task.task, self.new_key(), "illegible")
            return
        with self.hall.site.database.read() as session:
            found = session.execute(select(Problem.id, Response.group).join(Response).where(Problem.state == "open")).first()
        if found is None:
            return
        values = {"a": str(level), "b": "0"} if found.group == "G1" else {"c": {"c1": "0", "c2": str(level)}}
        try:
            resolve_problem(
                self.hall.site, self.hall.exam_id, self.people[ARBITER], found.id, "mark" if action == "mark" else "back",
                key=self.new_key(), values=values,
            )  # fmt: skip
        except Conflict:
            assert action == "mark"  # the leader has marked it before

    # What happens to them.

    @rule(what=st.sampled_from(EVENTS), who=WRITERS)
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
                with site.database.read() as session:
                    assert recover.recover(site, exam_id) == len(session.scalars(select(Task.id).where(Task.state == "open")).all())
            case "sweep":
                self.sweep()
            case "new paper":
                if self.read < SCRIPTS:
                    read_all(self.hall, only=[self.read])
                    self.read += 1
            case "time":
                self.hall.clock.pass_by(minutes=11)
            case _:
                self.everything_open_comes_out()

    @precondition(lambda self: self.acknowledged)
    @rule(data=st.data(), since=st.sampled_from(["today", "today", "never"]), dies=st.booleans())
    def stop(self, data: st.DataObject, since: Any, dies: bool) -> None:
        """Somebody who has marked, by a rule; what goes back may be left for the next sweep by a process that dies."""
        words, _ = self.said(data)
        user, group, site = words.user, "G2" if "c" in words.values else "G1", self.hall.site
        if user not in self.people[:4]:
            return
        if (user, group) in self.stopped:
            stopping.lift(site, self.hall.exam_id, self.people[ARBITER], user, "M", group)
            self.stopped.remove((user, group))
            return
        try:
            stopping.stop(
                dying(site, "after the commit") if dies else site, self.hall.exam_id, user, "M", group,
                rule="seeds", reason="two failed", by="system", choose=PutBack(since=since),
            )  # fmt: skip
        except Died:
            assert dies
        self.stopped.add((user, group))

    def everything_open_comes_out(self) -> None:
        """People who have marked nothing, and ask until nothing more comes, are given every open task; then they sign out."""
        site, exam_id = self.hall.site, self.hall.exam_id
        for user in self.people:
            release(site, exam_id, user)
        self.sweep()
        shown = {task.task for _ in range(3) for user in self.fresh for task in self.ask(user, 5)}
        with site.database.read() as session:
            assert shown == set(session.scalars(select(Task.token).where(Task.state == "open")))
        for user in self.fresh:
            release(site, exam_id, user)

    # What must hold.

    @invariant()
    def the_records_are_sound(self) -> None:
        check_rows(self.hall)
        check_holding(self.hall)
        check_conservation(self.hall)

    @invariant()
    def each_acknowledged_mark_is_kept_once(self) -> None:
        with self.hall.site.database.read() as session:
            kept = {mark.key: mark for mark in session.scalars(select(Mark))}
        owed = {words.key for words in self.unanswered}
        leaders = [m for key, m in kept.items() if key not in self.acknowledged and key not in owed]
        assert all(m.marker_id == self.people[ARBITER] and m.state is MarkState.COUNTED for m in leaders)
        for key, (words, mark) in self.acknowledged.items():
            assert (kept[key].id, kept[key].marker_id, as_typed(kept[key].values)) == (mark, words.user, words.values)
        assert not self.refused & set(kept), "a mark that was refused is kept"

    # How it ends.

    def finish(self) -> None:
        """Everybody works on, fresh people too, until nothing waits: then every response without a problem is agreed."""
        for words in self.unanswered:
            self.hear(words, self.hall.site)
        self.unanswered = []
        crew = self.people + [self.hall.person("marker") for _ in range(4)] + [self.hall.person("leader"), self.hall.person("arbiter")]
        for _ in range(60):
            self.sweep()
            found = [(user, task) for user in crew for task in self.ask(user, 2)]
            if not found:
                break
            for user, task in found:
                self.hear(self.filled(user, task, 1), self.hall.site)
        with self.hall.site.database.read() as session:
            assert set(session.scalars(select(Response.state))) <= {ResponseState.AGREED, ResponseState.PROBLEM}
        self.the_records_are_sound()
        self.each_acknowledged_mark_is_kept_once()

    # What the rules are made of.

    def ask(self, user: int, hold: int) -> list[TaskView]:
        """What comes is open, is nobody's whom one may not mark, and is of no response that this person has marked."""
        try:
            tasks = next_tasks(self.hall.site, self.hall.exam_id, user, hold=hold).tasks
        except Forbidden:
            assert {(user, "G1"), (user, "G2")} <= self.stopped
            return []
        assert len({task.task for task in tasks}) == len(tasks) <= hold
        with self.hall.site.database.read() as session:
            query = select(Task.state, Task.response_id, Task.group).where(Task.token.in_([task.task for task in tasks]))
            rows = session.execute(query).all()
            marked = set(session.scalars(select(Mark.response_id).where(Mark.marker_id == user)))
        assert len({row.response_id for row in rows}) == len(tasks), "two tasks of one response"
        assert all(row.state == "open" and row.response_id not in marked and (user, row.group) not in self.stopped for row in rows)
        return list(tasks)

    def sweep(self) -> None:
        """As the web process does each second."""
        stopping.sweep(self.hall.site, self.hall.exam_id)
        intake.sweep(self.hall.site, self.hall.exam_id)
        check_stops(self.hall)
        check_holding(self.hall)
        check_reachable(self.hall)

    @contextmanager
    def disaster(self, how: str) -> Iterator[Site]:
        if how == "no queue server":
            yield without_queue_server(self.hall.site)
        else:
            yield dying(self.hall.site, "before the commit" if how == "before the commit" else "after the commit")

    def words(self, data: st.DataObject, level: int) -> Words:
        user, task = self.known.pop(data.draw(ANY) % len(self.known))
        return self.filled(user, task, level)

    def filled(self, user: int, task: TaskView, level: int) -> Words:
        values: dict[str, object] = {
            item.id: self.typed({s.id: "" for s in item.steps} if item.steps else "", level) for item in task.items
        }
        return Words(user, task.task, self.new_key(), values)

    def said(self, data: st.DataObject) -> tuple[Words, int]:
        return self.acknowledged[sorted(self.acknowledged)[data.draw(ANY) % len(self.acknowledged)]]

    def revision(self, data: st.DataObject, level: int) -> Words:
        old, _ = self.said(data)
        return Words(old.user, old.token, self.new_key(), {item: self.typed(m, level) for item, m in old.values.items()}, revises=True)

    def hear(self, words: Words, site: Site) -> None:
        """Send it, and remember what was answered."""
        try:
            self.acknowledged[words.key] = (words, words.say(self.hall, site))
        except (Conflict, Forbidden) as no:
            if isinstance(no, Forbidden):
                assert words.user in {user for user, _ in self.stopped}
            elif not words.revises:  # only who has marked it before is refused
                assert words.user in {said.user for said, _ in self.acknowledged.values()}
            self.refused.add(words.key)

    def typed(self, like: object, level: int) -> object:
        return {step: str(level) for step in like} if isinstance(like, dict) else str(2 * level)


def small_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of three tasks: with real ones nothing would ever lie beyond."""
    for module in (handout, queues):
        for name, few in (("WINDOW", 3), ("LOW", 2), ("MOST_WAITING", 5), ("LONGEST_SEARCH", 4)):
            if hasattr(module, name):
                monkeypatch.setattr(module, name, few)


def open_again(home: Path, url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Hall:
    """The same order of tasks each time, so that an example that fails can be run again."""
    monkeypatch.setattr(secrets, "randbits", random.Random(7).getrandbits)
    home.mkdir(exist_ok=True)
    hall = open_hall(home, url, redis_url, GROUPS, scripts=SCRIPTS, durable=False)
    hall.site.redis.flushall()
    return hall


def run(open_new: Callable[[], Hall]) -> None:
    machine = type("Machine", (Marking,), {"open_new": staticmethod(open_new)})
    quick = settings(max_examples=EXAMPLES or 7, stateful_step_count=60 if EXAMPLES else 20, deadline=None)
    run_state_machine_as_test(machine, settings=settings(quick, suppress_health_check=list(HealthCheck)))


def test_the_laws_hold_whatever_happens_on_sqlite(
    migrated_sqlite: Path, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = count()
    small_windows(monkeypatch)

    def open_new() -> Hall:
        file = tmp_path / f"{next(numbers)}.sqlite"
        source, copy = sqlite3.connect(migrated_sqlite), sqlite3.connect(file)
        source.backup(copy)
        source.close()
        copy.close()
        return open_again(tmp_path / file.stem, f"sqlite:///{file}", redis_url, monkeypatch)

    run(open_new)


def test_the_laws_hold_whatever_happens_on_postgresql(
    postgres_server: PostgresServer, migrated_template: str, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []
    small_windows(monkeypatch)

    def open_new() -> Hall:
        made.append(postgres_server.create(migrated_template))
        return open_again(tmp_path / made[-1], postgres_server.url(made[-1]), redis_url, monkeypatch)

    try:
        run(open_new)
    finally:
        for name in made:
            postgres_server.drop(name)
