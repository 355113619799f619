"""What must be true while people mark and when all is marked, asked of the tables and of what each browser wrote down.

Every question is put to rows and journals, not to the code that kept the marks. An answer is a list of sentences; an empty
one is what is hoped for. Of seeds, own responses once more, looks and stops: benchmarks/chaos_marking_quality.py.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from benchmarks import chaos_marking_quality as quality
from benchmarks.chaos_marking_exam import GROUPS
from benchmarks.chaos_marking_witness import Witnesses
from benchmarks.chaos_run import Found
from core.site import Site
from core.states import MarkState, ResponseState, TaskPurpose, TaskState
from core.tables import Exam, Mark, Problem, Response, Task
from marking.values import as_typed
from scoring import verify_ledger, verify_marks
from scoring.law import LawResult

STANDING = (MarkState.COUNTED, MarkState.SURPLUS)
OUTCOMES = {
    "counted": (MarkState.COUNTED, MarkState.REVISED),
    "surplus": (MarkState.SURPLUS,),
    "revised": (MarkState.COUNTED, MarkState.REVISED),
}
Questions = dict[str, Callable[[], Iterator[str]]]


def check_meanwhile(site: Site, exam_id: int, seen: Witnesses, found: Found, when: str) -> None:
    """What must hold at any moment, in one snapshot; the witnesses were heard before it is taken."""
    with Session(site.database.engine) as session:
        if not site.database.is_sqlite:
            session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
        exam = session.get_one(Exam, exam_id)
        for name, ask in _always(session, exam, seen, Counter()).items():
            found.add(name, ask(), when)


def check_marking(site: Site, exam_id: int, scripts: int, seen: Witnesses, before: Found | None = None) -> tuple[Found, Counter[str]]:
    """The faults, with those that were found `before`, and what is only told."""
    found, told = before or Found(), Counter[str]()
    with site.database.read() as session:
        exam = session.get_one(Exam, exam_id)
        for name, ask in _always(session, exam, seen, told).items():
            found.add(name, ask())
        found.add("refused", _refused(session, exam, seen))
        found.add("agreed", _agreed(session, exam, scripts))
        found.add("conservation", _none_open(session, exam))
        found.add("laws", _laws(session, exam, (verify_marks.marks,)))
        found.add("stops", quality.carried_out(session, exam))
        found.add("replies", [*seen.unlike, *seen.oddities, *quality.refused_unstopped(session, exam, seen)])
        states = select(Mark.state, func.count()).where(Mark.exam_id == exam_id).group_by(Mark.state)
        told.update({f"marks {state}": n for state, n in session.execute(states)})
        told["problems"] = session.scalar(select(func.count()).where(Problem.exam_id == exam_id)) or 0
        told.update(quality.told(session, exam))
    told["refusals"] = len(seen.refused)
    return found, told


def _always(session: Session, exam: Exam, seen: Witnesses, told: Counter[str]) -> Questions:
    return {
        "acknowledged": lambda: _acknowledged(session, exam, seen),
        "twice": lambda: _twice(session, exam, seen, told),
        "conservation": lambda: _conservation(session, exam),
        "checks": lambda: quality.checks(session, exam, seen),
        "standings": lambda: quality.standings(session, exam),
        "stops": lambda: quality.stops(session, exam, seen),
        "laws": lambda: _laws(session, exam, (verify_marks.blind, verify_ledger.ledger_whole)),
    }


def _acknowledged(session: Session, exam: Exam, seen: Witnesses) -> Iterator[str]:
    """Each acknowledged mark is there once, by its marker, with its values, as what the reply said that it is."""
    query = select(Mark, Task.token).join(Task, Task.id == Mark.task_id).where(Mark.exam_id == exam.id)
    here: dict[str, list[tuple[Mark, str]]] = defaultdict(list)
    for mark, token in session.execute(query):
        here[mark.key].append((mark, token))
    raised = Counter(session.scalars(select(Problem.key).where(Problem.exam_id == exam.id)))
    purposes = select(Problem.resolution, Task.purpose).join(Task, Task.id == Problem.task_id).where(Problem.exam_id == exam.id)
    resolved = {resolution.get("key"): purpose for resolution, purpose in session.execute(purposes)}
    after = quality.Afterwards.of(session, exam)
    for key, sent, line in seen.said("mark", "revise", "problem", "resolve", "look"):
        if sent["what"] == "problem":
            if raised[key] != 1:
                yield f"problem {key} was acknowledged and is there {raised[key]} times"
            continue
        if sent["what"] == "resolve" and key not in resolved:
            yield f"the resolution {key} was acknowledged and is not there"
        if sent["marks"] is None or resolved.get(key, TaskPurpose.LIVE) is not TaskPurpose.LIVE:
            continue  # nothing waits for the word on a task that was for one marker alone
        rows = here.get(key, [])
        if len(rows) != 1:
            yield f"mark {key} was acknowledged and is there {len(rows)} times"
            continue
        mark, token = rows[0]
        wanted = {*OUTCOMES.get(line["outcome"], (MarkState.COUNTED,)), *after.may_be(mark)}
        told = (mark.marker_id, as_typed(mark.values), token if sent["task"] else "")
        if told != (line["user"], sent["marks"], sent["task"]) or mark.state not in wanted:
            yield f"mark {key} of user {line['user']} was {line['outcome']} with {sent['marks']}; it is {mark.state} with {told}"


def _refused(session: Session, exam: Exam, seen: Witnesses) -> Iterator[str]:
    """What is there was acknowledged: nothing that was refused, nothing that nobody sent."""
    agreed = quality.keys_of_seeds(session, exam)
    for key in session.scalars(select(Mark.key).where(Mark.exam_id == exam.id)):
        if key not in seen.kept and key not in agreed:
            yield f"mark {key} is there, {'and was refused: ' + seen.refused[key]['why'] if key in seen.refused else 'nobody was told'}"


def _twice(session: Session, exam: Exam, seen: Witnesses, told: Counter[str]) -> Iterator[str]:
    """Nobody marks or is handed a response again, but for the one task of an own response once more."""
    standing: dict[tuple[int, int], list[str]] = defaultdict(list)
    pairs = select(Mark.response_id, Mark.marker_id, Mark.purpose).where(Mark.exam_id == exam.id, Mark.state.in_(STANDING))
    for response, user, purpose in session.execute(pairs):
        standing[response, user].append(purpose)
    for (response, user), purposes in standing.items():
        if len(purposes) > 1 and sorted(purposes) != [TaskPurpose.LIVE, TaskPurpose.SELF]:
            yield f"user {user} has {len(purposes)} marks on response {response}: {', '.join(purposes)}"
    query = select(Task.token, Task.response_id, Task.purpose, Task.marker_id).where(Task.exam_id == exam.id)
    tasks = {token: (response, user if purpose is TaskPurpose.SELF else None) for token, response, purpose, user in session.execute(query)}
    marked: dict[tuple[int, int | str], float] = {}  # when a person's mark on a response, and on a task, was acknowledged
    for _, sent, line in seen.said("mark"):
        for what in (tasks[sent["task"]][0], sent["task"]):
            marked[line["user"], what] = min(line["at"], marked.get((line["user"], what), line["at"]))
    slots: dict[tuple[int, int], set[str]] = defaultdict(set)
    for one in seen.handed:
        for token in one.tasks:
            response, planned_for = tasks[token]
            again = token if planned_for == one.user_id else response
            if planned_for is None:
                slots[one.user_id, response].add(token)
            if marked.get((one.user_id, again), float("inf")) <= one.began:
                yield f"user {one.user_id} is handed response {response} that he has marked"
            elif (one.user_id, one.after) in marked and again in (tasks[one.after][0], one.after):  # a problem may come back to its finder
                yield f"user {one.user_id} is handed response {response} in the reply to its mark"
        if len({tasks[token][0] for token in one.tasks}) < len(one.tasks):
            yield f"user {one.user_id} is handed a response twice in one reply"
    told["another slot of an unmarked response"] = sum(1 for tokens in slots.values() if len(tokens) > 1)


def _agreed(session: Session, exam: Exam, scripts: int) -> Iterator[str]:
    query = select(Response.state, func.count()).where(Response.exam_id == exam.id, Response.current).group_by(Response.state)
    states = dict(session.execute(query).all())
    if states != {ResponseState.AGREED: scripts * len(GROUPS)}:
        yield f"of {scripts * len(GROUPS)} responses: { ({str(s): n for s, n in states.items()}) }"
    waiting = session.scalar(
        select(func.count(Problem.id)).join(Task, Task.id == Problem.task_id)
        .where(Problem.exam_id == exam.id, Problem.state == "open", Task.purpose == TaskPurpose.LIVE)
    )  # fmt: skip
    if waiting:
        yield f"{waiting} problems are open"


def _conservation(session: Session, exam: Exam) -> Iterator[str]:
    """open + leased + done + void = tasks: what is done has its one counted mark, nothing else has one; open ones are of open responses."""
    states = Counter(session.scalars(select(Task.state).where(Task.exam_id == exam.id)))
    if strange := set(states) - {TaskState.OPEN, TaskState.DONE, TaskState.VOID}:
        yield f"tasks that are {', '.join(sorted(strange))}"
    counted = Counter(session.scalars(select(Mark.task_id).where(Mark.exam_id == exam.id, Mark.state == MarkState.COUNTED)))
    query = select(Task.id).where(Task.exam_id == exam.id, Task.state == TaskState.DONE, Task.purpose != TaskPurpose.BACK)
    done = set(session.scalars(query))
    for task in sorted(done ^ set(counted)):
        yield f"task {task} is {'done' if task in done else 'not done'} and has {counted[task]} counted marks"
    yield from (f"task {task} has {n} counted marks" for task, n in counted.items() if n > 1)
    live = select(Response.id, Response.state, Task.state).join(Task, Task.response_id == Response.id)
    open_tasks: dict[int, int] = defaultdict(int)
    states_of: dict[int, ResponseState] = {}
    for response, state, task_state in session.execute(live.where(Response.exam_id == exam.id, Task.purpose == TaskPurpose.LIVE)):
        states_of[response], open_tasks[response] = state, open_tasks[response] + (task_state is TaskState.OPEN)
    for response, state in states_of.items():
        if (state is ResponseState.OPEN) != (open_tasks[response] > 0):
            yield f"response {response} is {state} with {open_tasks[response]} open tasks"


def _none_open(session: Session, exam: Exam) -> Iterator[str]:
    waiting = session.scalar(select(func.count()).where(Task.exam_id == exam.id, Task.state == TaskState.OPEN))
    if waiting:
        yield f"{waiting} tasks are open when all is marked"


def _laws(session: Session, exam: Exam, laws: Iterable[Callable[[Session, Exam], LawResult]]) -> Iterator[str]:
    for law in laws:
        result = law(session, exam)
        if not result.holds:
            yield f"{result.law} does not hold: {result.detail.en}"
