"""An agreed mark far from the candidate's objective part goes to the arbiter, and the ledger knows why."""

from __future__ import annotations

from uuid import uuid4

from sqlalchemy import select, update

from core.states import AnswerState, ResponseState, ScriptState
from core.tables import AnswerRow, FinalMark, LedgerEntry, Response, Script
from marking import intake
from marking.submit import submit
from marking.work import next_tasks
from tests.marking.conftest import OpenHall
from tests.marking.exams import Hall, one_group, read_all
from tests.marking.laws import check_rows

FAR = '{name: 1+1, tolerance: {marks: 1}, outliers: {difference: "1/2"}}'
QUESTIONS = "    objective:\n      - {items: Q1-Q4, keys: AAAA, options: ABCD, marks: 1}\n"


def answer(hall: Hall, values: str, state: ScriptState) -> None:
    with hall.site.database.write() as session:
        script = session.scalars(select(Script)).one()
        for n, value in enumerate(values, start=1):
            row = AnswerRow(
                exam_id=hall.exam_id, script_id=script.id, item=f"Q{n}", state=AnswerState.READERS, value=value, first=value, second=value,
                p_wrong=0.0, at=hall.clock(),
            )  # fmt: skip
            session.add(row)
        script.state = state


def give(hall: Hall, user: int, value: str) -> None:
    (task,) = next_tasks(hall.site, hall.exam_id, user).tasks
    submit(hall.site, hall.exam_id, user, task.task, str(uuid4()), {"21": value})


def test_it_waits_for_all_answers_and_then_asks_the_arbiter(open_anywhere: OpenHall) -> None:
    hall = open_anywhere(one_group(FAR) + QUESTIONS, scripts=1, sweep=False)
    first, second, arbiter = hall.person("marker"), hall.person("marker"), hall.person("arbiter")
    read_all(hall)
    answer(hall, "ABBB", ScriptState.PRESENT)
    assert intake.sweep(hall.site, hall.exam_id) == 0
    with hall.site.database.write() as session:
        session.execute(update(Script).values(state=ScriptState.COMPLETE))
    hall.site.redis.flushall()
    assert intake.sweep(hall.site, hall.exam_id) == 1
    give(hall, first, "9")
    give(hall, second, "10")
    with hall.site.database.read() as session:
        response = session.scalars(select(Response)).one()
        assert (response.objective, response.state) == ("1/4", ResponseState.OPEN)
        assert any('"objective":"1/4"' in entry for entry in session.scalars(select(LedgerEntry.entry)))
    give(hall, arbiter, "6")
    with hall.site.database.read() as session:
        (final,) = session.scalars(select(FinalMark).where(FinalMark.current))
        assert (final.numerator, final.rule) == (600, "arbiter")
    check_rows(hall)
