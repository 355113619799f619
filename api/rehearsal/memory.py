"""What is looked up while people mark: whose each response is, what each person has marked already, how far all of it is."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import cast

from sqlalchemy import func, select

from api.rehearsal.exam import ITEMS, PAPER
from core.site import Site
from core.states import MarkState, ResponseState, TaskLevel, TaskPurpose
from core.tables import Candidate, Mark, Response, ResponsePicture, Script
from marking import snapshot


@dataclass(slots=True)
class Memory:
    """What a person has marked."""

    count: int = 0
    rows: Counter[int] = field(default_factory=Counter)


def rows_by_picture(site: Site, exam_id: int) -> dict[bytes, int]:
    """The candidate's row by the hash of a picture. Two candidates never wrote the same, byte by byte."""
    query = (
        select(ResponsePicture.sha256, Candidate.row)
        .join(Response, Response.id == ResponsePicture.response_id)
        .join(Script, Script.id == Response.script_id)
        .join(Candidate, Candidate.id == Script.candidate_id)
        .where(Response.exam_id == exam_id)
    )
    with site.database.read() as session:
        return {bytes.fromhex(sha256): row for sha256, row in session.execute(query)}


def marked_before(site: Site, exam_id: int) -> dict[int, Memory]:
    query = (
        select(Mark.marker_id, Candidate.row)
        .join(Response, Response.id == Mark.response_id)
        .join(Script, Script.id == Response.script_id)
        .join(Candidate, Candidate.id == Script.candidate_id)
        .where(Mark.exam_id == exam_id)
    )
    found: dict[int, Memory] = {}
    with site.database.read() as session:
        for marker, row in session.execute(query):
            one = found.setdefault(marker, Memory())
            one.count += 1
            one.rows[row] += 1
    return found


def responses_by_state(site: Site, exam_id: int) -> dict[str, int]:
    query = select(Response.state, func.count()).where(Response.exam_id == exam_id, Response.current.is_(True)).group_by(Response.state)
    with site.database.read() as session:
        return {str(state): count for state, count in session.execute(query)}


def decided(states: dict[str, int]) -> int:
    return states.get(ResponseState.AGREED, 0) + states.get(ResponseState.FINAL, 0)


def measures_behind(site: Site, exam_id: int) -> int:
    """How many marks the measures of markers have not counted yet. Alarms were held against all that were."""
    kept = (
        Mark.exam_id == exam_id,
        Mark.level == TaskLevel.MARKER,
        Mark.purpose.in_((TaskPurpose.LIVE, TaskPurpose.SEED, TaskPurpose.SELF)),
        Mark.state.in_((MarkState.COUNTED, MarkState.SURPLUS)),
    )
    with site.database.read() as session:
        there = session.scalar(select(func.count()).where(*kept)) or 0
    for group in ITEMS:
        text = cast("bytes | None", site.redis.get(snapshot.key(exam_id, PAPER, group)))
        there -= json.loads(text)["whole"]["group"]["n"] if text else 0
    return there


def acknowledged_but_lost(site: Site, exam_id: int, keys: list[str]) -> int:
    """How many marks the server acknowledged and the database does not hold once. None, or the engine is broken."""
    with site.database.read() as session:
        kept = Counter(session.scalars(select(Mark.key).where(Mark.exam_id == exam_id)))
    return sum(kept[key] != 1 for key in keys)
