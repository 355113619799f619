"""Handing out tasks however many wait: its rate, Plom's way beside it, what Redis holds for a task, and filling Redis again.

A hand-out here is `marking.serving.serve` with all that a marker's page is told of the task, for eight who ask at a time,
without HTTP; Plom's is its search and its claim (benchmarks/plom_way.py) by eight clients at a time, on the same PostgreSQL.
MARKHALL_HANDOUT_TASKS says how many wait in the large exam (10,000,000 for the whole claim: it takes 6 GB); both exams are made
once and kept in .make/handout.
"""

from __future__ import annotations

import hashlib
import os
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import redis
from sqlalchemy import select, text

from api.lifeline import die_with_parent
from benchmarks import marking_exam, plom_way
from benchmarks.harness import Row
from benchmarks.marking_exam import SCHOOLS, Marker, MarkingExam, add_markers, make_exam, scripts_for
from benchmarks.marking_house import Cluster, cluster
from core.db import MIGRATIONS, migrate
from core.local import start_queue_server
from core.settings import Settings
from core.site import Site, open_site
from core.tables import Exam, User
from marking import recover, work
from marking.serving import Wish, Work, serve

KEPT = Path(__file__).resolve().parents[1] / ".make" / "handout"
SMALL, LARGE, PLOM = 10_000, 1_000_000, 1_000_000
MARKERS, CLIENTS, CLAIMS, ROUNDS = 4000, 8, 1000, 5
PLOM_SECONDS, PLOM_USERS = 15.0, 50
RATIO, TIMES, BYTES, REBUILD = 0.8, 20, 200, 60  # goals
Claim = Callable[[], bool]


@dataclass(frozen=True)
class Hall:
    """An exam, its own numbered database of the queue server, and who marks."""

    site: Site
    exam: MarkingExam
    markers: Sequence[Marker]

    @property
    def queue(self) -> redis.Redis:
        return self.site.redis

    def used(self) -> int:
        """Bytes of the queue server, all its databases."""
        return int(cast(dict[str, int], self.queue.info("memory"))["used_memory"])


@dataclass
class Rebuild:
    seconds: float = 0.0
    waits: list[float] = field(default_factory=list)  # of those who asked for a task meanwhile
    errors: list[str] = field(default_factory=list)


def rows() -> list[Row]:
    large = int(os.environ.get("MARKHALL_HANDOUT_TASKS", str(LARGE)))
    with cluster(KEPT / "pg") as server, _queue_server() as queue:
        empty = _used(queue)
        few, many = _hall(server, SMALL, f"{queue}?db=0"), _hall(server, large, f"{queue}?db=1")
        try:
            first = rebuild(many, meanwhile=False)
            a_task = (many.used() - empty) / many.exam.tasks
            rebuild(few, meanwhile=False)
            rates = [(handed_out(few), handed_out(many)) for _ in range(ROUNDS)]
            again = rebuild(many)
            held, seen = _held(few), _seen(few)
        finally:
            few.site.close()
            many.site.close()
        theirs, lost = plom(server, PLOM)
    ours = statistics.median(rate for _, rate in rates)
    name = f"{many.exam.tasks:,} tasks"
    return [
        Row.judged(f"hand-out with {name} open, over 10,000", statistics.median(m / f for f, m in rates), "above", RATIO, "times"),
        Row.told(f"... {name} open", ours, "tasks/s"),
        Row.told("... 10,000 open", statistics.median(rate for rate, _ in rates), "tasks/s"),
        Row.judged(f"hand-out with {name} open, over Plom's way with {PLOM:,}", ours / theirs, "above", TIMES, "times"),
        Row.told("... Plom's way, eight clients, a claim that is theirs", theirs, "tasks/s"),
        Row.told("... races that one of its clients lost, a claim", lost, "times"),
        Row.judged("memory of Redis, a waiting task", a_task, "below", BYTES, "bytes"),
        Row.judged("... every task of an exam of 10,000 handed out", held, "below", BYTES, "bytes"),
        Row.judged("... every task of an exam of 10,000 marked", seen, "below", BYTES, "bytes"),
        Row.judged(f"Redis filled again from {name}, markers asking meanwhile", again.seconds, "below", REBUILD, "s"),
        Row.told("... with nobody asking", first.seconds, "s"),
        Row.told("... hand-outs meanwhile", len(again.waits) / max(again.seconds, 1e-9), "tasks/s"),
        Row.told("... the longest that one of them took", 1000 * max(again.waits, default=0.0), "ms"),
        Row.judged("... of them refused", len(again.errors), "below", 0, "hand-outs"),
    ]  # fmt: skip


def handed_out(hall: Hall, claims: int = CLAIMS) -> float:
    """Tasks a second, each to another marker who has none, eight of whom ask at a time; all go back afterwards."""
    markers, given = hall.markers[:claims], 0
    begun = time.perf_counter()
    for first in range(0, len(markers), CLIENTS):
        wishes = [Wish(marker.id, marker.group, 1) for marker in markers[first : first + CLIENTS]]
        for answer in serve(hall.site, hall.exam.exam_id, wishes):
            assert isinstance(answer, Work), f"a marker was refused: {answer}"
            assert len(answer.tasks) == 1, f"a marker was given {len(answer.tasks)} tasks"
            given += 1
    seconds = time.perf_counter() - begun
    for marker in markers:
        work.release(hall.site, hall.exam.exam_id, marker.id)
    return given / seconds


def rebuild(hall: Hall, *, meanwhile: bool = True) -> Rebuild:
    """Empty the queue server and fill it as `markhall recover` does, while markers ask or not."""
    met, over = Rebuild(), threading.Event()

    def ask() -> None:
        for marker in iter(hall.markers):
            if over.is_set():
                return
            begun = time.perf_counter()
            try:
                work.next_tasks(hall.site, hall.exam.exam_id, marker.id, marker.group, 1)
            except Exception as e:  # whatever a marker would be told is what is counted
                met.errors.append(repr(e))
            met.waits.append(time.perf_counter() - begun)

    hall.queue.flushdb(asynchronous=False)
    asking = threading.Thread(target=ask, daemon=True)
    begun = time.perf_counter()
    if meanwhile:
        asking.start()
    recover.recover(hall.site, hall.exam.exam_id)
    met.seconds = time.perf_counter() - begun
    over.set()
    if meanwhile:
        asking.join(120)
        for marker in hall.markers:
            work.release(hall.site, hall.exam.exam_id, marker.id)
    return met


def _held(hall: Hall) -> float:
    """Bytes a task where as many as can be are in somebody's hands."""
    empty = _emptied(hall)
    recover.recover(hall.site, hall.exam.exam_id)
    given = sum(len(work.next_tasks(hall.site, hall.exam.exam_id, m.id, m.group, 5).tasks) for m in hall.markers)
    assert given >= hall.exam.tasks * 0.9, f"only {given} of {hall.exam.tasks} tasks could be handed out"
    return (hall.used() - empty) / hall.exam.tasks


def _seen(hall: Hall) -> float:
    """Bytes a task where everything is marked, and Redis was filled from that."""
    marks = (
        "INSERT INTO marks "
        "(exam_id, response_id, task_id, marker_id, purpose, level, revision, state, values, shown, key, seconds, at) "
        "SELECT exam_id, response_id, id, 1 + (id % :markers), 'live', 'marker', 1, 'counted', '{}', '[]', 'key-' || id, 1, now() "
        "FROM tasks"
    )
    with hall.site.database.write() as session:
        session.execute(text(marks), {"markers": len(hall.markers)})
        session.execute(text("UPDATE tasks SET state = 'done', marker_id = 1 + (id % :markers)"), {"markers": len(hall.markers)})
        session.execute(text("UPDATE responses SET state = 'agreed'"))
    empty = _emptied(hall)
    recover.recover(hall.site, hall.exam.exam_id)
    return (hall.used() - empty) / hall.exam.tasks


def _emptied(hall: Hall) -> int:
    """Bytes of the queue server that holds nothing, once what it held is really gone."""
    before = 0
    hall.queue.flushall()
    while (now := hall.used()) != before:  # the server frees in a thread of its own
        before = now
        time.sleep(0.1)
    return now


def plom(server: Cluster, tasks: int) -> tuple[float, float]:
    """Claims a second of eight clients, and how often one lost its race, a claim."""
    name = f"plom_{tasks}"
    address = f"host={server.sockets} user=markhall dbname={name}"
    if name not in server.databases():
        server.create(name)
        plom_way.fill(address, tasks, PLOM_USERS)
    clients = [plom_way.Client(address, user + 1) for user in range(CLIENTS)]
    end = time.perf_counter() + PLOM_SECONDS

    def claimer(client: plom_way.Client) -> Claim:
        return lambda: time.perf_counter() < end and client.claim() is not None

    count, seconds = in_threads([claimer(client) for client in clients])
    lost = sum(client.met.lost for client in clients)
    for client in clients:
        client.close()
    return count / seconds, lost / max(1, count)


def in_threads(claims: Sequence[Claim]) -> tuple[int, float]:
    """Each thread calls its own until it says no; how often it was yes, and in how many seconds."""
    counts, failed = [0] * len(claims), list[BaseException]()

    def run(i: int) -> None:
        try:
            while claims[i]():
                counts[i] += 1
        except BaseException as e:  # told to the caller below
            failed.append(e)

    threads = [threading.Thread(target=run, args=(i,), daemon=True) for i in range(len(claims))]
    begun = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]
    return sum(counts), time.perf_counter() - begun


def _hall(server: Cluster, tasks: int, queue: str) -> Hall:
    """Made once, unless the tables have changed since; the small one is always fresh, for its tasks are marked in the end."""
    name = f"tasks_{tasks}_{_form()}"
    if tasks == SMALL:
        server.drop(name)
    for old in server.databases():
        if old.startswith("tasks_") and not old.endswith(_form()):
            server.drop(old)
    fresh = f"{name}_new"
    if name not in server.databases():
        server.drop(fresh)
        url, begun = server.create(fresh), time.perf_counter()
        migrate(url)
        site = open_site(Settings.at(KEPT / "site", database_url=url, redis_url=queue))
        add_markers(site, make_exam(site, scripts_for(tasks)), MARKERS, signed_in=False)
        site.close()
        server.rename(fresh, name)
        print(f"made an exam of {tasks:,} tasks in {time.perf_counter() - begun:.0f} s", flush=True)
    site = open_site(Settings.at(KEPT / "site", database_url=server.url(name), redis_url=queue))
    return _known(site)


def _known(site: Site) -> Hall:
    with site.database.read() as session:
        exam_id = session.scalars(select(Exam.id)).one()
        tasks = int(session.execute(text("SELECT count(*) FROM tasks WHERE state = 'open'")).scalar_one())
        users = session.scalars(select(User.id).order_by(User.id)).all()
        scopes = {int(user): str(scope) for user, scope in session.execute(text("SELECT user_id, scope FROM roles"))}
    exam = MarkingExam(exam_id, marking_exam.definition(), tasks)
    return Hall(site, exam, [Marker(user, "", scopes[user]) for user in users])


def _form() -> str:
    """Of the tables and of what is put into them."""
    tables = b"".join(file.read_bytes() for file in sorted((MIGRATIONS / "versions").glob("*.py")))
    return hashlib.sha256(tables + marking_exam.DEFINITION.encode() + str(SCHOOLS).encode()).hexdigest()[:10]


@contextmanager
def _queue_server() -> Iterator[str]:
    KEPT.mkdir(parents=True, exist_ok=True)
    server = start_queue_server(KEPT / "queue", before_start=die_with_parent)
    try:
        yield server.url
    finally:
        server.stop()


def _used(queue: str) -> int:
    with redis.Redis.from_url(queue) as client:
        return int(cast(dict[str, int], client.info("memory"))["used_memory"])
