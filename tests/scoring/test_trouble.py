"""The laws of zero error under trouble: late marks, second thoughts, problems, re-scans, wrong owners, changed keys.

Pages, desk, marking and scoring are the real ones; only what a reader sees on the paper is made up. Each story ends with
a release whose folder proves itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from uuid import uuid4

import pytest
from sqlalchemy import select

from core import ledger
from core.errors import Conflict, NotProven
from core.exam import ExamDefinition
from core.loading import load_exam
from core.states import CaseState, ScriptState
from core.tables import CandidateDetails, Response, Role, Score, Script, Task, User
from marking import intake
from marking.problems import open_problems, problem, resolve_problem
from marking.submit import revise, submit
from marking.work import next_tasks
from omr import desk
from scoring import release as releases
from scoring.check import verify_release
from scoring.export import export
from scoring.verify import verify
from tests.omr.hall import Hall, open_hall

Action = Literal["back", "mark", "void"]
PAIR, ALONE = {"name": "1+1", "tolerance": {"marks": 1}}, {"name": "1", "tolerance": {"marks": 0}}
WRITTEN = [
    {"id": "W1", "title": "One", "items": [{"id": "w1", "marks": 10}], "height_mm": 60, "scheme": PAIR},
    {"id": "W2", "title": "Two", "items": [{"id": "w2", "marks": 10}], "height_mm": 190, "scheme": ALONE},
]
ROLES = ("marker", "marker", "marker", "leader", "office", "chief")


@dataclass
class Story:
    hall: Hall
    folder: Path
    people: list[int] = field(default_factory=list)

    @property
    def leader(self) -> int:
        return self.people[3]

    def sweep(self) -> None:
        self.hall.site.redis.flushall()
        intake.sweep(self.hall.site, self.hall.exam_id)

    def next(self, user: int, group: str) -> str:
        (task,) = next_tasks(self.hall.site, self.hall.exam_id, user, f"P/{group}").tasks
        return task.task

    def give(self, user: int, token: str, item: str, value: str) -> str:
        return submit(self.hall.site, self.hall.exam_id, user, token, str(uuid4()), {item: value}).outcome

    def mark_all(self) -> None:
        """Everything that waits is marked: 7 by whoever is asked."""
        for user in self.people[:4]:
            while found := next_tasks(self.hall.site, self.hall.exam_id, user).tasks:
                self.give(user, found[0].task, found[0].items[0].id, "7")

    def problems(self) -> list[int]:
        return [found.id for found in open_problems(self.hall.site, self.hall.exam_id, self.leader)]

    def problem(self) -> int:
        (number,) = self.problems()
        return number

    def draft(self) -> int:
        return releases.draft(self.hall.site, self.hall.exam_id, "user:1").number

    def ledger(self) -> list[dict[str, Any]]:
        with self.hall.site.database.read() as session:
            return list(ledger.entries(session, self.hall.exam_id))

    def settle(self, number: int, action: Action, values: object = None) -> None:
        resolve_problem(self.hall.site, self.hall.exam_id, self.leader, number, action, key=str(uuid4()), values=values)

    def failing(self) -> dict[str, str]:
        return {law.law: law.detail.en for law in verify(self.hall.site, self.hall.exam_id) if not law.holds}

    def release(self) -> dict[str, tuple[str, int | None]]:
        """All laws hold, two people sign, the folder proves itself: {number: (status, score)}."""
        assert self.failing() == {}
        site, exam = self.hall.site, self.hall.exam_id
        number = self.draft()
        for user in self.people[4:]:
            releases.sign(site, exam, number, user)
        release = releases.publish(site, exam, number)
        check = verify_release(export(site, exam, number, self.folder / f"release-{number}"))
        assert [c for c in check.checks if not c.holds] == []
        assert self.failing() == {}
        query = select(CandidateDetails.number, Score.status, Score.published)
        query = query.join(Score, Score.candidate_id == CandidateDetails.candidate_id)
        with site.database.read() as session:
            return {n: (str(s), p) for n, s, p in session.execute(query.where(Score.release_id == release.id))}


@pytest.fixture
def unread(sqlite_url: str, redis_url: str, tmp_path: Path) -> Iterator[Story]:
    """Two candidates, whose cards are not scanned yet."""
    made = Story(open_hall(sqlite_url, redis_url, tmp_path / "home", candidates=2, changes={"written": WRITTEN}), tmp_path)
    for role in ROLES:
        made.people.append(add_person(made, role))
    yield made
    made.hall.site.close()


@pytest.fixture
def story(unread: Story) -> Story:
    """Both cards are read without a doubt; the four written answers wait."""
    unread.hall.scan((0, {}), (1, {"Q2": "C"}))
    unread.hall.close()
    unread.sweep()
    return unread


def add_person(story: Story, role: str) -> int:
    with story.hall.site.database.write() as session:
        login = f"person{len(session.scalars(select(User.id)).all())}"
        user = User(login=login, name=login, password_hash="-", made_at=story.hall.clock())
        session.add(user)
        session.flush()
        session.add(Role(user_id=user.id, role=role, exam_id=story.hall.exam_id))
        return user.id


BOTH = {"20260000": ("present", 1800), "20260001": ("present", 1600)}


def scan_again(story: Story, candidate: int, side: int) -> None:
    """Another scan of a side, which says something else of Q1, is taken in place of the first. The laws see it at once."""
    story.hall.send(story.hall.reading(candidate, side, {"Q1": "B"}), batch="b2", face=1)
    story.hall.close("b2")
    story.hall.read()
    story.hall.resolve(story.hall.case("page_twice"), "take_this")
    assert "was replaced" in story.failing()["Z5"]
    story.sweep()


def test_plain_marking(story: Story) -> None:
    assert set(story.failing()) == {"Z5"}
    story.mark_all()
    assert story.release() == BOTH


def test_marks_that_come_after_lease_agreement_and_release_are_kept_and_change_nothing(story: Story) -> None:
    late, later = add_person(story, "marker"), add_person(story, "marker")
    tokens = story.next(late, "W2"), story.next(later, "W1")
    story.sweep()  # the queue server was emptied: nobody holds anything
    story.mark_all()
    assert story.give(late, tokens[0], "w2", "1") == "surplus"
    assert story.release() == BOTH
    assert story.give(later, tokens[1], "w1", "0") == "surplus"
    assert story.release() == BOTH


def test_a_second_thought_after_the_agreement(story: Story) -> None:
    user = story.people[0]
    token = story.next(user, "W1")
    story.give(user, token, "w1", "6")
    story.mark_all()
    revise(story.hall.site, story.hall.exam_id, user, token, "second thought", {"w1": "7"})
    assert story.release() == BOTH


@pytest.mark.parametrize(("action", "values", "score"), [("back", None, 1800), ("mark", {"w1": "7"}, 1800), ("void", None, 1800)])
def test_a_problem_that_a_leader_settles(story: Story, action: Action, values: dict[str, str] | None, score: int) -> None:
    user = story.people[0]
    with story.hall.site.database.read() as session:
        mine = story.hall.script(0).id
        tokens = session.scalars(
            select(Task.token).join(Response, Response.id == Task.response_id).where(Response.script_id == mine, Task.group == "W1")
        ).all()
    problem(story.hall.site, story.hall.exam_id, user, tokens[0], "a good key", "illegible")
    story.mark_all()
    assert set(story.failing()) == {"Z5"}
    story.settle(story.problem(), action, values=values)
    story.sweep()
    story.mark_all()
    assert story.release()["20260000"] == ("present", score)


@pytest.mark.parametrize("action", ["back", "mark", "void"])
def test_a_page_that_is_scanned_again_after_it_was_marked(story: Story, action: Action) -> None:
    story.mark_all()
    scan_again(story, 0, 1)
    assert set(story.failing()) == {"Z5"}
    story.settle(story.problem(), action, values={"w1": "7"} if action == "mark" else None)
    story.sweep()
    story.mark_all()
    assert story.release() == BOTH | {"20260000": ("present", 1600)}  # Q1 is now read as B


def test_a_page_that_is_scanned_again_after_the_release_makes_a_second_release(story: Story) -> None:
    story.mark_all()
    assert story.release() == BOTH
    scan_again(story, 0, 1)
    assert set(story.failing()) == {"Z5"}
    with pytest.raises(NotProven, match="does not hold"):
        releases.sign(story.hall.site, story.hall.exam_id, story.draft(), story.people[4])
    story.settle(story.problem(), "back")
    assert story.release() == BOTH | {"20260000": ("present", 1600)}
    changes = (story.folder / "release-3" / "changes.csv").read_text("utf-8").splitlines()
    assert [line.split(",", 1)[1] for line in changes[1:]] == ["P,present,18,present,16"]


def load(story: Story, **changed: str) -> None:
    """A later version of the definition: `Q1="given"`, `w1="voided"`, or a letter for another key."""
    body = story.hall.definition.model_dump(mode="json")
    (paper,) = body["papers"]
    for item in [*paper["objective"], *(item for group in paper["written"] for item in group["items"])]:
        word = changed.get(item["id"], "")
        item |= {"treatment": word} if len(word) > 1 else {"key": {"*": [[word]]}} if word else {}
    load_exam(story.hall.site, ExamDefinition.model_validate(body), [], {}, [], by="user:1")


@pytest.mark.parametrize(
    ("changed", "first", "second"),
    [
        ({"Q2": "C"}, 1600, 1800),  # another key
        ({"Q2": "voided"}, 1600, 1600),
        ({"Q2": "given"}, 1800, 1800),
        ({"w1": "voided"}, 1100, 900),
        ({"w1": "given"}, 2100, 1900),
        ({"Q2": "given", "w2": "given", "w1": "voided"}, 1400, 1400),
    ],
)
def test_another_key_or_treatment_after_the_release_makes_a_second_release(
    story: Story, changed: dict[str, str], first: int, second: int
) -> None:
    story.mark_all()
    assert story.release() == BOTH
    load(story, **changed)
    assert story.release() == {"20260000": ("present", first), "20260001": ("present", second)}


def test_a_candidate_who_is_found_to_have_been_absent_after_marks_were_given(story: Story) -> None:
    story.mark_all()
    secret = story.hall.script(1).secret
    told = next(e for e in story.ledger() if e["kind"] == "script" and e["script"] == secret)
    with story.hall.site.database.write() as session:  # as the desk writes it
        session.get_one(Script, story.hall.script(1).id).state = ScriptState.ABSENT
        entry = {k: told[k] for k in ("kind", "script", "candidate", "paper")} | {"state": "absent", "by": "user:7"}
        ledger.append(session, story.hall.exam_id, ledger.OFFICE, [entry], story.hall.clock())
    story.sweep()
    assert len(story.problems()) == 2
    assert story.release() == BOTH | {"20260001": ("absent", None)}


def test_a_sheet_that_turns_out_to_be_anothers_takes_its_marks_to_nobody(unread: Story) -> None:
    hall = unread.hall
    hall.scan((0, {"number": "20260001"}))
    hall.close()
    hall.resolve(hall.case("facts_disagree"), "set_candidate", candidate="20260000")
    unread.sweep()
    unread.mark_all()
    (case,) = [c for c in desk.list_cases(hall.site, hall.exam_id, state=CaseState.RESOLVED) if c.kind == "facts_disagree"]
    hall.resolve(hall.undo(case), "set_candidate", candidate="20260001")
    hall.look_for_missing()
    hall.resolve(hall.case("script_missing"), "mark_absent")
    unread.sweep()
    waiting = unread.problems()
    assert len(waiting) == 2
    for number in waiting:
        with pytest.raises(Conflict, match="not this script's"):
            unread.settle(number, "back")
        unread.settle(number, "void")
    unread.sweep()
    assert set(unread.failing()) == {"Z5"}
    unread.mark_all()
    assert unread.release() == {"20260000": ("absent", None), "20260001": ("present", 1800)}


def test_no_entry_of_the_ledger_holds_a_number_or_a_name(unread: Story) -> None:
    hall = unread.hall
    hall.scan((0, {}), (1, {"number": "99999999"}))
    hall.close()
    hall.resolve(hall.case("facts_disagree"), "set_candidate", candidate="20260001")
    hall.send(hall.reading(0, 1, {"Q1": "B"}), batch="b2", face=1)
    hall.close("b2")
    hall.read()
    hall.resolve(hall.case("page_twice"), "take_this")
    unread.sweep()
    unread.mark_all()
    unread.release()
    with hall.site.database.read() as session:
        details = session.scalars(select(CandidateDetails)).all()
    personal = {word for d in details for word in (d.number, d.name)} | {"99999999", "School"}
    written = [json.dumps(entry, ensure_ascii=False) for entry in unread.ledger()]
    assert {entry["kind"] for entry in unread.ledger()} >= {"sheet", "script", "answers", "case", "response", "mark", "final", "release"}
    assert [(word, entry) for word in sorted(personal) for entry in written if word in entry] == []
