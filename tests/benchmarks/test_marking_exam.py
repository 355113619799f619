"""The exams of the marking benchmarks are such as `marking.intake` leaves behind, and are handed out like those."""

import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Engine, func, select, text, update
from sqlalchemy.engine import make_url

from benchmarks import bench_handout, marking_exam, plom_way
from benchmarks.bench_handout import Hall, handed_out, in_threads, rebuild
from benchmarks.marking_exam import add_markers, make_exam
from core.settings import Settings
from core.site import Site, open_site
from core.states import ResponseState, TaskPurpose, TaskState
from core.tables import Response, ResponsePicture, Role, Script, Seed, Standing, Task
from marking import giving, recover, work
from marking.schemes import first_slots
from marking.submit import submit


@pytest.fixture
def site(tmp_path: Path, database_url: str, redis_url: str) -> Iterator[Site]:
    opened = open_site(Settings.at(tmp_path, database_url=database_url, redis_url=redis_url))
    yield opened
    opened.close()


def indexes(engine: Engine) -> set[str]:
    with engine.connect() as connection:
        return set(connection.scalars(text("SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'")))


def test_every_script_has_a_response_a_group_with_a_picture_and_the_slots_of_its_scheme(site: Site) -> None:
    exam = make_exam(site, 12)
    slots = {g.id: first_slots(g.scheme) for g in exam.definition.papers[0].written}
    with site.database.read() as session:
        assert session.scalar(select(func.count()).select_from(Script)) == 12
        pictured = select(Response.id).join(ResponsePicture, ResponsePicture.response_id == Response.id)
        responses = session.scalars(select(Response)).all()
        assert sorted(session.scalars(pictured)) == sorted(r.id for r in responses)
        assert {(r.script_id, r.group) for r in responses} == {(n, g) for n in range(1, 13) for g in slots}
        assert {r.state for r in responses} == {ResponseState.OPEN}
        tasks = session.scalars(select(Task)).all()
    assert len(tasks) == exam.tasks == 12 * sum(slots.values())
    assert {(t.response_id, t.ordinal) for t in tasks} == {(r.id, n) for r in responses for n in range(1, slots[r.group] + 1)}
    assert {t.state for t in tasks} == {TaskState.OPEN}
    assert len({t.token for t in tasks}) == len(tasks) == len({t.shuffle for t in tasks})
    assert min(len(t.token) for t in tasks) == 22


def test_markers_stand_at_all_groups_and_are_given_tasks_of_theirs(site: Site) -> None:
    exam = make_exam(site, 12)
    markers = add_markers(site, exam, 18)
    recover.recover(site, exam.exam_id)
    with site.database.read() as session:
        assert {f"{p}" for p in session.scalars(select(Role.scope))} == {f"M/{g}" for g in exam.groups}
    for marker in markers:
        given = work.next_tasks(site, exam.exam_id, marker.id, marker.group, 1).tasks
        assert [f"{t.paper}/{t.group}" for t in given] == [marker.group]


def test_an_exam_that_watches_gives_seeds_and_own_responses_again(site: Site) -> None:
    exam = make_exam(site, 12, marking_exam.definition(marking_exam.QUALITY))
    marker, chief = add_markers(site, exam, 2)
    marking_exam.agree_seeds(site, exam, chief, 3)
    recover.recover(site, exam.exam_id)
    with site.database.read() as session:
        found = session.scalars(select(Seed)).all()
        assert sorted(seed.group for seed in found) == sorted(exam.groups * 3)
        assert set(session.scalars(select(Response.state).where(Response.id.in_([s.response_id for s in found])))) == {ResponseState.AGREED}
    for key in ("the first key", "the second key"):
        (task,) = work.next_tasks(site, exam.exam_id, marker.id, marker.group, 1).tasks
        submit(site, exam.exam_id, marker.id, task.task, key, {"21": "4"}, 12.5)
    with site.database.write() as session:
        session.execute(update(Standing).values(until_seed=0, until_self=0))
    assert giving.give(site, exam.exam_id) == 2
    with site.database.read() as session:
        assert set(session.scalars(select(Task.purpose).where(Task.marker_id == marker.id, Task.state == TaskState.OPEN))) == {
            TaskPurpose.SEED,
            TaskPurpose.SELF,
        }


def test_rows_that_come_after_a_large_exam_get_numbers_of_their_own(site: Site) -> None:
    exam = make_exam(site, 3)
    again = {"version": 2, "definition_version": 1, "made_at": site.now()}
    with site.database.write() as session:
        new = Response(exam_id=exam.exam_id, script_id=1, paper="M", group="W21", state=ResponseState.OPEN, **again)
        session.add(new)
        session.flush()
        assert new.id == 3 * len(exam.groups) + 1


def test_a_large_exams_indexes_are_all_there_again(postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = open_site(Settings.at(tmp_path, database_url=postgres_url, redis_url="unix:///nowhere"))
    before = indexes(opened.database.engine)
    monkeypatch.setattr(marking_exam, "_BULKY", 1)
    make_exam(opened, 5)
    assert indexes(opened.database.engine) == before
    opened.close()


def test_what_was_handed_out_goes_back_and_filling_again_refuses_nobody(site: Site) -> None:
    exam = make_exam(site, 60)
    hall = Hall(site, exam, add_markers(site, exam, 40))
    recover.recover(site, exam.exam_id)
    waiting = [work.groups_for(site, exam.exam_id, m.id)[0].open for m in hall.markers]
    assert handed_out(hall, 40) > 0
    assert [work.groups_for(site, exam.exam_id, m.id)[0].open for m in hall.markers] == waiting
    met = rebuild(hall)
    assert met.errors == []
    assert met.seconds > 0


def test_eight_of_ploms_clients_claim_every_task_once(postgres_url: str) -> None:
    url = make_url(postgres_url)
    address = f"host={url.query['host']} user={url.username} dbname={url.database}"
    plom_way.fill(address, 100, 8)
    clients = [plom_way.Client(address, n) for n in range(1, 9)]
    claimed: list[int] = []
    lock = threading.Lock()

    def claimer(client: plom_way.Client) -> bench_handout.Claim:
        def claim() -> bool:
            task = client.claim()
            with lock:
                claimed.extend([] if task is None else [task])
            return task is not None

        return claim

    count, _ = in_threads([claimer(c) for c in clients])
    for client in clients:
        client.close()
    with psycopg.connect(address) as connection:
        out = connection.execute("SELECT count(*) FROM plom_task WHERE status = 2 AND assigned_user_id IS NOT NULL").fetchone()
    assert out is not None
    assert len(set(claimed)) == len(claimed) == count == out[0]
    assert count >= 10


def test_a_thread_that_fails_is_told() -> None:
    def fails() -> bool:
        raise ValueError("no task")

    with pytest.raises(ValueError, match="no task"):
        in_threads([fails, lambda: False])
