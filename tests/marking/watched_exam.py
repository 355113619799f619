"""Marks written straight into the tables, under numbers that a test chooses: what others would write, in any order."""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import func, select

from core import ledger
from core.states import CheckKind, MarkState, TaskLevel, TaskPurpose, TaskState
from core.tables import Check, Mark, Response, Script, Task
from tests.marking.exams import Hall
from tests.marking.tallies import Made

GROUP = "W21"


def make_responses(hall: Hall, count: int) -> list[int]:
    """So many responses of the first script, each with three tasks that are done; `task_of` says their numbers."""
    with hall.site.database.write() as session:
        script = session.scalars(select(Script.id).order_by(Script.id)).first()
        assert script is not None
        before = session.scalar(select(func.count()).select_from(Response)) or 0
        made = [
            Response(
                exam_id=hall.exam_id,
                script_id=script,
                paper="M",
                group=GROUP,
                version=100 + before + n,
                definition_version=1,
                made_at=hall.clock(),
            )
            for n in range(count)
        ]
        session.add_all(made)
        session.flush()
        for response in made:
            for slot in range(1, 4):
                task = Task(exam_id=hall.exam_id, response_id=response.id, paper="M", group=GROUP, ordinal=slot, made_at=hall.clock())
                task.id, task.token, task.state = _task(response.id, slot), f"t{response.id}-{slot}", TaskState.DONE
                session.add(task)
        return [response.id for response in made]


def _task(response: int, slot: int) -> int:
    return 1000 + response * 10 + slot


def task_of(response: int, slot: int) -> int:
    return _task(response, slot)


def write_marks(hall: Hall, marks: Sequence[Made]) -> None:
    began = hall.clock.at.replace(minute=0, second=0, microsecond=0)
    with hall.site.database.write() as session:
        for made in marks:
            session.add(
                Mark(
                    id=made.id,
                    exam_id=hall.exam_id,
                    response_id=made.response,
                    task_id=made.task,
                    marker_id=made.marker,
                    purpose=TaskPurpose(made.purpose),
                    level=TaskLevel.MARKER,
                    revision=made.id,
                    state=MarkState(made.state),
                    values=made.values,
                    shown=[],
                    key=f"k{made.id}",
                    seconds=made.milliseconds / 1000,
                    at=began + timedelta(hours=made.hour, seconds=1),
                )
            )


def change_states(hall: Hall, states: dict[int, str]) -> None:
    with hall.site.database.write() as session:
        for mark_id, state in states.items():
            session.get_one(Mark, mark_id).state = MarkState(state)
        entries = [{"kind": "mark-state", "mark": i, "state": s, "reason": "a test", "by": "user:0"} for i, s in states.items()]
        ledger.append(session, hall.exam_id, ledger.group_shard("M", GROUP), entries, hall.clock())


def write_check(
    hall: Hall, mark: Made, differences: dict[str, int], kind: str = "seed", *, use: str = "live", passed: bool = False
) -> None:
    with hall.site.database.write() as session:
        session.add(
            Check(
                exam_id=hall.exam_id,
                mark_id=mark.id,
                user_id=mark.marker,
                paper="M",
                group=GROUP,
                kind=CheckKind(kind),
                use=use if kind == "seed" else "",
                differences=differences,
                outcome="passed" if passed else "failed",
                at=hall.clock(),
            )
        )
