"""What must be true when all is marked, asked of the tables and of what each browser wrote down.

Every question is put to rows and journals, not to the code that kept the marks. An answer is a list of sentences; an empty
one is what is hoped for.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from benchmarks.chaos_marking_crew import Browser
from benchmarks.chaos_marking_exam import GROUPS
from core.site import Site
from core.states import MarkState, ResponseState, TaskPurpose, TaskState
from core.tables import Exam, Mark, Problem, Response, Task
from marking.values import as_typed
from scoring import verify_ledger, verify_marks

STANDING = (MarkState.COUNTED, MarkState.SURPLUS)
OUTCOMES = {
    "counted": (MarkState.COUNTED, MarkState.REVISED),
    "surplus": (MarkState.SURPLUS,),
    "revised": (MarkState.COUNTED, MarkState.REVISED),
}


@dataclass
class Found:
    """Faults by question."""

    faults: dict[str, list[str]] = field(default_factory=dict)

    def add(self, question: str, sentences: Iterable[str]) -> None:
        self.faults.setdefault(question, []).extend(sentences)

    @property
    def count(self) -> int:
        return sum(len(f) for f in self.faults.values())


@dataclass(frozen=True, slots=True)
class Handed:
    user_id: int
    began: float  # when the request was made
    tasks: tuple[str, ...]
    after: str  # the task whose mark the request carried


@dataclass
class Witnesses:
    """The journals of all browsers, read together. The clock of their lines is one clock."""

    sent: dict[str, dict[str, Any]] = field(default_factory=dict)  # by key
    kept: dict[str, dict[str, Any]] = field(default_factory=dict)
    refused: dict[str, dict[str, Any]] = field(default_factory=dict)
    handed: list[Handed] = field(default_factory=list)
    oddities: list[str] = field(default_factory=list)
    unlike: list[str] = field(default_factory=list)

    @classmethod
    def read(cls, folder: Path, browsers: Sequence[Browser]) -> Witnesses:
        found = cls()
        for browser in browsers:
            file = folder / f"{browser.number:03d}.jsonl"
            for text in file.read_bytes().splitlines() if file.exists() else ():
                found._take(browser.member.user_id, json.loads(text))
        return found

    def _take(self, user: int, line: dict[str, Any]) -> None:
        if "sent" in line:
            self.sent[line["sent"]] = line | {"user": user}
        elif "kept" in line:
            self.kept[line["kept"]] = line | {"user": user}
        elif "refused" in line:
            self.refused[line["refused"]] = line
            if line["status"] != 409:
                self.oddities.append(f"user {user}, {line['refused']}: {line['status']} {line['why']}")
        elif "handed" in line:
            self.handed.append(Handed(user, line["began"], tuple(line["handed"]), line["after"]))
        elif "unlike" in line:
            self.unlike.append(f"user {user}: {line['unlike']} was {line['was']}, sent again it is {line['now']}")
        else:
            self.oddities.append(f"user {user}: {line.get('unexpected', line)}")


def check_marking(site: Site, exam_id: int, scripts: int, seen: Witnesses) -> tuple[Found, Counter[str]]:
    """The faults, and what is only told."""
    found, told = Found(), Counter[str]()
    with site.database.read() as session:
        exam = session.get_one(Exam, exam_id)
        questions: dict[str, Callable[[], Iterator[str]]] = {
            "acknowledged": lambda: _acknowledged(session, exam, seen),
            "refused": lambda: _refused(session, exam, seen),
            "twice": lambda: _twice(session, exam, seen, told),
            "agreed": lambda: _agreed(session, exam, scripts),
            "conservation": lambda: _conservation(session, exam),
            "laws": lambda: _laws(session, exam),
            "replies": lambda: iter([*seen.unlike, *seen.oddities]),
        }
        for name, ask in questions.items():
            found.add(name, ask())
        states = select(Mark.state, func.count()).where(Mark.exam_id == exam_id).group_by(Mark.state)
        told.update({f"marks {state}": n for state, n in session.execute(states)})
        told["problems"] = session.scalar(select(func.count()).where(Problem.exam_id == exam_id)) or 0
    told["refusals"] = len(seen.refused)
    return found, told


def _acknowledged(session: Session, exam: Exam, seen: Witnesses) -> Iterator[str]:
    """Each acknowledged mark is there once, by its marker, with its values, as what the reply said that it is."""
    query = select(Mark, Task.token).join(Task, Task.id == Mark.task_id).where(Mark.exam_id == exam.id)
    here: dict[str, list[tuple[Mark, str]]] = defaultdict(list)
    for mark, token in session.execute(query):
        here[mark.key].append((mark, token))
    raised = Counter(session.scalars(select(Problem.key).where(Problem.exam_id == exam.id)))
    resolved = {r.get("key") for r in session.scalars(select(Problem.resolution).where(Problem.exam_id == exam.id))}
    for key, line in seen.kept.items():
        sent = seen.sent[key]
        if sent["what"] == "problem":
            if raised[key] != 1:
                yield f"problem {key} was acknowledged and is there {raised[key]} times"
            continue
        if sent["what"] == "resolve" and key not in resolved:
            yield f"the resolution {key} was acknowledged and is not there"
        if sent["marks"] is None:
            continue
        rows = here.get(key, [])
        if len(rows) != 1:
            yield f"mark {key} was acknowledged and is there {len(rows)} times"
            continue
        mark, token = rows[0]
        wanted = OUTCOMES.get(line["outcome"], (MarkState.COUNTED,))
        told = (mark.marker_id, as_typed(mark.values), token if sent["task"] else "")
        if told != (line["user"], sent["marks"], sent["task"]) or mark.state not in wanted:
            yield f"mark {key} of user {line['user']} was {line['outcome']} with {sent['marks']}; it is {mark.state} with {told}"


def _refused(session: Session, exam: Exam, seen: Witnesses) -> Iterator[str]:
    """What is there was acknowledged: nothing that was refused, nothing that nobody sent."""
    for key in session.scalars(select(Mark.key).where(Mark.exam_id == exam.id)):
        if key not in seen.kept:
            yield f"mark {key} is there, {'and was refused: ' + seen.refused[key]['why'] if key in seen.refused else 'nobody was told'}"


def _twice(session: Session, exam: Exam, seen: Witnesses, told: Counter[str]) -> Iterator[str]:
    """Nobody has two marks on a response, and nobody is handed a response again that was marked before the request."""
    pairs = select(Mark.response_id, Mark.marker_id, func.count()).where(Mark.exam_id == exam.id, Mark.state.in_(STANDING))
    for response, user, n in session.execute(pairs.group_by(Mark.response_id, Mark.marker_id)):
        if n > 1:
            yield f"user {user} has {n} marks on response {response}"
    response_of = dict(session.execute(select(Task.token, Task.response_id).where(Task.exam_id == exam.id)).all())
    marked: dict[tuple[int, int], float] = {}
    for key, line in seen.kept.items():
        if seen.sent[key]["what"] == "mark":
            marked[line["user"], response_of[seen.sent[key]["task"]]] = line["at"]
    slots: dict[tuple[int, int], set[str]] = defaultdict(set)
    for one in seen.handed:
        for token in one.tasks:
            response = response_of[token]
            slots[one.user_id, response].add(token)
            if marked.get((one.user_id, response), float("inf")) <= one.began:
                yield f"user {one.user_id} is handed response {response} that he has marked"
            elif one.after and response == response_of[one.after]:
                yield f"user {one.user_id} is handed response {response} in the reply to its mark"
        if len({response_of[token] for token in one.tasks}) < len(one.tasks):
            yield f"user {one.user_id} is handed a response twice in one reply"
    told["another slot of an unmarked response"] = sum(1 for tokens in slots.values() if len(tokens) > 1)


def _agreed(session: Session, exam: Exam, scripts: int) -> Iterator[str]:
    query = select(Response.state, func.count()).where(Response.exam_id == exam.id, Response.current).group_by(Response.state)
    states = dict(session.execute(query).all())
    if states != {ResponseState.AGREED: scripts * len(GROUPS)}:
        yield f"of {scripts * len(GROUPS)} responses: { ({str(s): n for s, n in states.items()}) }"
    waiting = session.scalar(select(func.count()).where(Problem.exam_id == exam.id, Problem.state == "open"))
    if waiting:
        yield f"{waiting} problems are open"


def _conservation(session: Session, exam: Exam) -> Iterator[str]:
    """open + leased + done + void = tasks: when all is marked none is open; each that is done has its one counted mark."""
    states = dict(session.execute(select(Task.state, func.count()).where(Task.exam_id == exam.id).group_by(Task.state)).all())
    if set(states) - {TaskState.DONE, TaskState.VOID}:
        yield f"tasks: { ({str(s): n for s, n in states.items()}) }"
    counted = Counter(
        session.scalars(
            select(Mark.task_id).where(Mark.exam_id == exam.id, Mark.state == MarkState.COUNTED, Mark.purpose == TaskPurpose.LIVE)
        )
    )
    done = set(session.scalars(select(Task.id).where(Task.exam_id == exam.id, Task.state == TaskState.DONE)))
    for task in sorted(done ^ set(counted)):
        yield f"task {task} is {'done' if task in done else 'not done'} and has {counted[task]} counted marks"
    yield from (f"task {task} has {n} counted marks" for task, n in counted.items() if n > 1)


def _laws(session: Session, exam: Exam) -> Iterator[str]:
    for law in (verify_marks.marks, verify_marks.blind, verify_ledger.ledger_whole):
        result = law(session, exam)
        if not result.holds:
            yield f"{result.law} does not hold: {result.detail.en}"
