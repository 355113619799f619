"""What a candidate wrote on an extra sheet is marked with the rest of the answer, also when the sheet comes late."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import select

from core.tables import Response, ResponsePicture
from marking import intake
from tests.omr.exams import group, paper_of
from tests.omr.kinds import Kind, numbers, set_up

(A,) = numbers(1)


def pictures(kind: Kind) -> dict[str, int]:
    intake.sweep(kind.site, kind.exam_id)
    with kind.site.database.read() as session:
        query = select(Response.group).join(ResponsePicture, ResponsePicture.response_id == Response.id).where(Response.current)
        groups = list(session.scalars(query))
    return {name: groups.count(name) for name in sorted(set(groups))}


def test_an_extra_sheet_that_comes_late_is_shown_with_its_answer(tmp_path: Path, redis_url: str, sqlite_url: str) -> None:
    definition, _ = paper_of(written=[group("W1", 60), group("W2", 60)], sheet={"extra_sheets": True})
    kind = set_up(definition, tmp_path, candidates=1, redis_url=redis_url, database_url=sqlite_url)
    kind.read({kind.serial(0): {"number": A, "Q1": "A", "Q2": "B", "W1": 0.5, "W2": 0.5}})
    for case in kind.cases():
        kind.resolve(case, "accept")
    assert pictures(kind) == {"W1": 1, "W2": 1}
    kind.read({kind.extra(): {"number.extra": A, "extra": "W2"}}, batch="b2")
    assert pictures(kind) == {"W1": 1, "W2": 1}
    (case,) = kind.cases()
    kind.resolve(case, "set_candidate", candidate=A)
    assert pictures(kind) == {"W1": 1, "W2": 3}
    assert pictures(kind) == {"W1": 1, "W2": 3}
    kind.site.close()
