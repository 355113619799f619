"""What the exam office may see of tasks: whose answer each is. Never for a marker."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.tables import Response, Script, Task


@dataclass(frozen=True, slots=True)
class TaskRow:
    token: str
    script: str  # the script's secret number
    candidate_id: int
    paper: str
    group: str
    purpose: str
    level: str
    ordinal: int
    state: str


def task_export(session: Session, exam_id: int) -> Iterator[TaskRow]:
    """Every slot of the exam, response by response."""
    query = (
        select(Task.token, Script.secret, Script.candidate_id, Task.paper, Task.group, Task.purpose, Task.level, Task.ordinal, Task.state)
        .join(Response, Response.id == Task.response_id)
        .join(Script, Script.id == Response.script_id)
        .where(Task.exam_id == exam_id)
        .order_by(Task.response_id, Task.ordinal)
        .execution_options(yield_per=2000)
    )
    for token, secret, candidate, paper, group, purpose, level, ordinal, state in session.execute(query):
        yield TaskRow(token, secret, candidate, paper, group, str(purpose), str(level), ordinal, str(state))
