"""The questions of marking chaos about seeds, own responses, looks and stops: each finds what it asks for, where it is so."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import case, delete, select, update

from benchmarks.chaos_marking_browser import Browser
from benchmarks.chaos_marking_check import check_marking, check_meanwhile
from benchmarks.chaos_marking_crew import Crew
from benchmarks.chaos_marking_exam import KINDS, Member, add_crew, agree_seeds, halves, make_exam, read_pages
from benchmarks.chaos_marking_witness import Witnesses
from benchmarks.chaos_run import Found
from core.quality import PutBack
from core.settings import Settings
from core.site import Site, open_site
from core.states import CheckKind, MarkState, StandingState, TaskPurpose, TaskState
from core.tables import Check, Mark, Standing, Task
from marking import backreading, giving, stopping
from marking.submit import submit
from marking.work import next_tasks

SCRIPTS = 16
MARKER, LEADER = 1, KINDS.index("leader") + 1
Ask = Callable[..., dict[str, int]]


@pytest.fixture(scope="module")
def morning(tmp_path_factory: pytest.TempPathFactory, migrated_sqlite: Path, redis_socket: Path) -> Path:
    """A folder with an exam and journals: seeds, own responses once more, a look, a stop whose marks went back."""
    folder = tmp_path_factory.mktemp("morning")
    shutil.copyfile(migrated_sqlite, folder / "exam.sqlite")
    site = _open(folder, redis_socket)
    site.redis.flushall()
    exam_id = make_exam(site, SCRIPTS)
    read_pages(site, exam_id, SCRIPTS)
    agree_seeds(site, exam_id, add_crew(site, exam_id), 3)
    marker, leader = _browsers(folder)
    for turn in range(14):
        for task in next_tasks(site, exam_id, MARKER, "M/W2").tasks:
            key, marks = f"the key of {turn:03d}", halves("W2")
            marker.note(handed=[task.task], began=float(turn), after="")
            marker.note(sent=key, what="mark", task=task.task, marks=marks)
            submit(site, exam_id, MARKER, task.task, key, marks)
            marker.note(kept=key, outcome="counted", number=None)
        giving.give(site, exam_id)
    _look(site, exam_id, leader)
    _stop(site, exam_id, leader)
    site.close()
    return folder


def _open(folder: Path, redis_socket: Path) -> Site:
    url = f"sqlite:///{folder / 'exam.sqlite'}"
    return open_site(Settings.at(folder / "site", database_url=url, redis_url=f"unix://{redis_socket}"))


def _browsers(folder: Path) -> list[Browser]:
    members = [Member(MARKER, "marker", "t", 1), Member(LEADER, "leader", "t", 1)]
    return Crew.gather(members, "http://nowhere", folder / "journals", "a seed").browsers


@pytest.fixture
def folder(tmp_path: Path, morning: Path) -> Path:
    shutil.copytree(morning, tmp_path, dirs_exist_ok=True)
    return tmp_path


@pytest.fixture
def site(folder: Path, redis_socket: Path) -> Iterator[Site]:
    opened = _open(folder, redis_socket)
    yield opened
    opened.close()


@pytest.fixture
def browsers(folder: Path) -> list[Browser]:
    return _browsers(folder)


def _look(site: Site, exam_id: int, leader: Browser) -> None:
    look = backreading.next_look(site, exam_id, LEADER, "M", "W2")
    assert look is not None
    leader.note(sent="a look at it", what="look", task="", marks=None, mark=look.mark, outcome="confirm")
    backreading.confirm(site, exam_id, LEADER, look.mark)
    leader.note(kept="a look at it", outcome="confirm", number=None)


def _stop(site: Site, exam_id: int, leader: Browser) -> None:
    choose, who = PutBack(since="today"), (site, exam_id, LEADER, MARKER, "M", "W2")
    shown = stopping.what_would_happen(*who, choose)
    assert shown.marks > 0
    leader.note(sent="the stop of it", what="stop", task="", marks=None, marker=MARKER, group="W2")
    done = stopping.stop_as_shown(*who, choose, "to see", (shown.newest, shown.digest))
    leader.note(kept="the stop of it", outcome="done", number=done.stop)


@pytest.fixture
def ask(site: Site, browsers: list[Browser]) -> Ask:
    """How many faults each question finds, after a change to the tables."""

    def asked(change: Any = None, *, meanwhile: bool = True) -> dict[str, int]:
        if change is not None:
            with site.database.write() as session:
                session.execute(change)
        seen, found = Witnesses.read(browsers[0].journal.parent, browsers), Found()
        if meanwhile:
            check_meanwhile(site, 1, seen, found, "now: ")
        else:
            found, _ = check_marking(site, 1, SCRIPTS, seen)
        return {question: len(faults) for question, faults in found.faults.items() if faults}

    return asked


def test_of_what_was_done_as_it_should_be_nothing_is_found(ask: Ask, site: Site) -> None:
    with site.database.read() as session:
        assert {TaskPurpose.LIVE, TaskPurpose.SEED, TaskPurpose.SELF} <= set(session.scalars(select(Mark.purpose)))
        assert MarkState.VOID in set(session.scalars(select(Mark.state)))
    assert ask() == {}
    assert "stops" not in ask(meanwhile=False)


SELF = Mark.purpose == TaskPurpose.SELF
AGAIN = select(Mark.response_id).where(SELF)
UNPLANNED = case((SELF, TaskPurpose.APPEAL), else_=TaskPurpose.LIVE)


@pytest.mark.parametrize(
    ("change", "question"),
    [
        (delete(Check).where(Check.kind == CheckKind.SEED), "checks"),
        (delete(Check).where(Check.kind == CheckKind.SELF), "checks"),
        (update(Check).where(Check.kind == CheckKind.SEED).values(differences={"2": 100}), "checks"),
        (update(Check).where(Check.kind == CheckKind.SELF).values(outcome="failed"), "checks"),
        (update(Check).where(Check.kind == CheckKind.SEED).values(seed_id=6), "checks"),
        (update(Check).where(Check.kind == CheckKind.BACK).values(outcome="corrected"), "checks"),
        (delete(Check).where(Check.kind == CheckKind.BACK), "checks"),
        (update(Mark).where(Mark.purpose == TaskPurpose.SEED).values(key=Mark.key + "?"), "acknowledged"),
        (update(Mark).where(SELF).values(state=MarkState.VOID), "conservation"),
        (update(Mark).where(Mark.response_id.in_(AGAIN)).values(state=MarkState.COUNTED, purpose=UNPLANNED), "twice"),
        (update(Standing).values(marks=Standing.marks + 1), "standings"),
        (update(Standing).values(today=Standing.today - 1), "standings"),
        (update(Standing).values(state=StandingState.LIVE), "standings"),
        (delete(Standing), "standings"),
        (update(Mark).where(Mark.state == MarkState.VOID).values(state=MarkState.SURPLUS), "stops"),
        (update(Task).where(Task.purpose == TaskPurpose.SEED).values(state=TaskState.OPEN), "stops"),
    ],
    ids=[
        "a seed without its check", "an own response without its check", "another difference", "another outcome", "another's seed",
        "a correction that is none", "a look that is gone", "a seed's mark that is gone", "a re-mark that is void",
        "a second mark that nobody planned", "more marks than there are", "fewer today", "a stopped one who is live",
        "nobody stands anywhere", "what went back is not void", "a seed that waits for a stopped one",
    ],
)  # fmt: skip
def test_the_question_finds_it(ask: Ask, change: Any, question: str) -> None:
    assert ask(change).get(question, 0) > 0


def test_a_mark_that_went_back_and_counts_is_found_in_the_end(ask: Ask) -> None:
    assert ask(update(Mark).where(Mark.state == MarkState.VOID).values(state=MarkState.COUNTED), meanwhile=False)["stops"] > 0


def test_failed_seeds_in_a_row_are_counted_anew(ask: Ask, site: Site) -> None:
    with site.database.read() as session:
        begun = session.scalars(select(Mark.at).order_by(Mark.id)).first()
    lifted = update(Standing).values(state=StandingState.LIVE, at=begun)
    ask(lifted)
    assert ask(update(Standing).values(failed=1))["standings"] == 2  # he is stopped besides


def test_work_that_is_handed_to_a_stopped_marker_is_found(ask: Ask, site: Site, browsers: list[Browser]) -> None:
    with site.database.read() as session:
        live = select(Task.token).where(Task.group == "W2", Task.state == TaskState.OPEN, Task.response_id.not_in(select(Mark.response_id)))
        token = session.scalars(live).first()
    browsers[0].note(handed=[token], began=float("9e9"), after="")
    assert ask() == {"stops": 1}


def test_an_own_response_once_more_is_planned_once(ask: Ask, site: Site, browsers: list[Browser]) -> None:
    """Its one task may be handed out; the same task again after its mark may not."""
    with site.database.read() as session:
        token = session.scalars(select(Task.token).where(Task.purpose == TaskPurpose.SELF, Task.state == TaskState.DONE)).first()
    browsers[0].note(handed=[token], began=float("9e9"), after="")
    assert ask()["twice"] == 1
