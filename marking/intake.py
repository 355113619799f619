"""Regions that were read become responses with their first tasks, once. The writer of responses and their pictures.

A group is ready when its script is present, every side that holds one of its regions has a current page that was read,
and, for optional groups, the candidate chose it. `sweep` looks for such groups in the database, so no message can be
lost; two sweeps at once make each response once (unique constraint).
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from redis.exceptions import RedisError
from sqlalchemy import ColumnElement, and_, func, insert, or_, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from core import events, ledger
from core.errors import Unavailable
from core.exam import Paper
from core.ids import new_token
from core.site import Site
from core.states import PageState, ResponseState, ScriptState, SheetState, TaskLevel, TaskPurpose, TaskState
from core.tables import Candidate, Page, Response, ResponsePicture, Script, Sheet, Task
from marking import recover, replaced
from marking.definitions import current_definition
from marking.handout import place_for
from marking.objective import shares_of
from marking.places import Place, places
from marking.schemes import first_slots
from marking.touched import Mark, is_known, newest, remember, stamp_of, touched

DECIDED = (ScriptState.COMPLETE, ScriptState.INCOMPLETE, ScriptState.WITHHELD)  # no answer of the script is in doubt any more
PRESENT = (ScriptState.PRESENT, ScriptState.COMPLETE, ScriptState.INCOMPLETE, ScriptState.WITHHELD)
CHUNK = 200  # scripts a transaction: others write between two of them
log = logging.getLogger("markhall.marking")


@dataclass(frozen=True, slots=True)
class Cut:
    """One region of a page as it was stored."""

    page_id: int
    side: int
    name: str
    group: str
    sha256: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Ready:
    """A response that can be made."""

    script_id: int
    secret: str
    school: str
    group: str
    cuts: tuple[Cut, ...]
    objective: str = ""  # marking.objective, where the group's scheme has a rule on outliers


def sweep(site: Site, exam_id: int) -> int:
    """Make every response that is ready, and see that waiting tasks are in Redis. Returns how many responses were made."""
    stamp = stamp_of(site, exam_id)
    if is_known(site, exam_id, stamp):
        _top_up(site, exam_id)
        return 0
    made = _look(site, exam_id, None)
    remember(site, exam_id, stamp)
    return made


def sweep_touched(site: Site, exam_id: int, since: Mark) -> Mark:
    """The same for scripts that were touched after `since`, and no others; how far it looked."""
    with site.database.read() as session:
        mark = newest(session, exam_id)
        scripts = touched(session, exam_id, since) if mark != since else []
    for start in range(0, len(scripts), CHUNK):
        _look(site, exam_id, scripts[start : start + CHUNK])
    if not scripts:
        _top_up(site, exam_id)
    return mark


def _look(site: Site, exam_id: int, scripts: Sequence[int] | None) -> int:
    """At some scripts, or at all."""
    with site.database.read() as session:
        version, definition = current_definition(session, exam_id)
        before = session.scalar(select(func.max(Task.id)).where(Task.exam_id == exam_id)) or 0
    replaced.look(site, exam_id, scripts)
    made = sum(_sweep_paper(site, exam_id, version, paper, scripts) for paper in definition.papers)
    _top_up(site, exam_id, before if made else None)
    return made


def _top_up(site: Site, exam_id: int, since: int | None = None) -> None:
    try:
        recover.top_up(site, exam_id, since)
    except (RedisError, Unavailable):
        log.warning("the queue server cannot be reached; tasks wait in the database")


def _sweep_paper(site: Site, exam_id: int, version: int, paper: Paper, among: Sequence[int] | None) -> int:
    made, after = 0, 0
    while True:
        with site.database.read() as session:
            scripts = _unfinished(session, exam_id, paper, after, among)
            ready = _ready(session, paper, places(session, exam_id, paper.code), scripts) if scripts else []
        if ready:
            with site.database.write() as session:
                made += _make(session, exam_id, version, paper, ready, site.now())
        if len(scripts) < CHUNK:
            return made
        after = scripts[-1][0].id


def _unfinished(session: Session, exam_id: int, paper: Paper, after: int, among: Sequence[int] | None) -> list[tuple[Script, str]]:
    """Present scripts, in order, that have fewer responses than the paper asks of a candidate; with their school."""
    optional = {group for choice in paper.choices for group in choice.among}
    wanted = len(paper.written) - len(optional) + len(paper.choices)
    # An optional group that is not chosen any more may have a response: it must not stand for the one that is.
    asked: list[ColumnElement[bool]] = [Response.group.not_in(optional)]
    asked += [and_(Response.group == g, Script.chosen[choice.id].as_string() == g) for choice in paper.choices for g in choice.among]
    have = select(func.count()).where(Response.script_id == Script.id, Response.current, or_(*asked)).correlate(Script).scalar_subquery()
    query = (
        select(Script, Candidate.school_code)
        .join(Candidate, Candidate.id == Script.candidate_id)
        .where(Script.exam_id == exam_id, Script.paper == paper.code, Script.id > after)
        .where(Script.state.in_(PRESENT), have < wanted, *(() if among is None else (Script.id.in_(among),)))
        .order_by(Script.id)
        .limit(CHUNK)
    )
    return [(script, school) for script, school in session.execute(query)]


def _ready(session: Session, paper: Paper, sides: Mapping[str, set[Place]], scripts: Sequence[tuple[Script, str]]) -> list[Ready]:
    ids = [script.id for script, _ in scripts]
    made = {
        (script_id, group)
        for script_id, group in session.execute(
            select(Response.script_id, Response.group).where(Response.script_id.in_(ids), Response.current)
        )
    }
    cuts = _cuts(session, ids)
    by_objective = {g.id for g in paper.written if g.scheme.outliers is not None}
    shares = shares_of(session, paper, ids) if by_objective else {}
    ready: list[Ready] = []
    for script, school in scripts:
        for group in _groups_of(paper, script.chosen):
            found = cuts.get((script.id, group), [])
            needed = sides.get(group, set())
            waits = group in by_objective and script.state not in DECIDED
            if (script.id, group) not in made and not waits and needed and needed <= {(cut.side, cut.name) for cut in found}:
                objective = shares[script.id] if group in by_objective else ""
                ready.append(Ready(script.id, script.secret, school, group, tuple(found), objective))
    return ready


def _groups_of(paper: Paper, chosen: Mapping[str, Any]) -> list[str]:
    """The groups that this candidate is marked in: of optional ones only the chosen."""
    optional = {group for choice in paper.choices for group in choice.among}
    taken = {chosen.get(choice.id) for choice in paper.choices}
    return [group.id for group in paper.written if group.id not in optional or group.id in taken]


def _cuts(session: Session, script_ids: Sequence[int]) -> dict[tuple[int, str], list[Cut]]:
    """The stored regions of the scripts' current pages, by script and group, in reading order.

    Of two cards for the same side (one replaced the other) the page read last stands.
    """
    query = (
        select(Sheet.script_id, Sheet.extra, Sheet.id, Page.id, Page.side, Page.regions)
        .join(Page, Page.sheet_id == Sheet.id)
        .where(Sheet.script_id.in_(script_ids), Sheet.state == SheetState.ASSIGNED, Page.state == PageState.READ)
        .order_by(Page.id)
    )
    standing: dict[tuple[int, int, int | None], tuple[int, int, list[Any]]] = {}
    for script_id, extra, sheet_id, page_id, side, regions in session.execute(query):
        standing[script_id, sheet_id if extra else 0, side] = (page_id, side or 0, regions)
    cuts: dict[tuple[int, str], list[Cut]] = defaultdict(list)
    for (script_id, _, _), (page_id, side, regions) in sorted(standing.items(), key=lambda entry: (entry[0][:2], entry[1][1])):
        for r in regions:
            cut = Cut(page_id, side, r["name"], r["group"], r["sha256"], r["width"], r["height"])
            cuts[script_id, cut.group].append(cut)
    return cuts


def _make(session: Session, exam_id: int, version: int, paper: Paper, ready: Sequence[Ready], now: datetime) -> int:
    """Insert what nobody else has inserted yet: response, pictures, first tasks, ledger entry."""
    kind = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    known = _versions(session, [r.script_id for r in ready])
    # Another sweep may have made some since they were looked for. One that is at it now meets the unique constraint.
    ready = [r for r in ready if not known.get((r.script_id, r.group), (0, False))[1]]
    if not ready:
        return 0
    rows = [_response_row(exam_id, version, paper.code, r, known.get((r.script_id, r.group), (0, False))[0] + 1, now) for r in ready]
    statement = kind.insert(Response).on_conflict_do_nothing().returning(Response.id, Response.script_id, Response.group, Response.version)
    mine = {(script, group): (response, number) for response, script, group, number in session.execute(statement, rows)}
    made = [(r, *mine[r.script_id, r.group]) for r in ready if (r.script_id, r.group) in mine]
    if not made:
        return 0
    session.execute(insert(ResponsePicture), [row for r, response, _ in made for row in _picture_rows(response, r)])
    session.execute(insert(Task), [row for r, response, _ in made for row in _task_rows(exam_id, paper, response, r, now)])
    for group in sorted({r.group for r, _, _ in made}):
        entries = [_entry(paper.code, r, response, number) for r, response, number in made if r.group == group]
        ledger.append(session, exam_id, ledger.group_shard(paper.code, group), entries, now)
    events.emit(session, exam_id, "responses", {"paper": paper.code, "made": len(made)}, now)
    return len(made)


def _versions(session: Session, script_ids: Sequence[int]) -> dict[tuple[int, str], tuple[int, bool]]:
    """By script and group: the newest version there is, and whether one is current."""
    query = select(Response.script_id, Response.group, Response.version, Response.current).where(Response.script_id.in_(script_ids))
    known: dict[tuple[int, str], tuple[int, bool]] = {}
    for script_id, group, number, current in session.execute(query):
        newest, has_current = known.get((script_id, group), (0, False))
        known[script_id, group] = (max(newest, number), has_current or current)
    return known


def _response_row(exam_id: int, version: int, paper: str, ready: Ready, number: int, now: datetime) -> dict[str, Any]:
    return {
        "exam_id": exam_id,
        "script_id": ready.script_id,
        "paper": paper,
        "group": ready.group,
        "version": number,
        "current": True,
        "state": ResponseState.OPEN,
        "school_code": ready.school,
        "definition_version": version,
        "objective": ready.objective,
        "made_at": now,
    }


def _picture_rows(response_id: int, ready: Ready) -> list[dict[str, Any]]:
    return [
        {"response_id": response_id, "ordinal": n, "sha256": c.sha256, "width": c.width, "height": c.height, "page_id": c.page_id}
        for n, c in enumerate(ready.cuts, start=1)
    ]


def _task_rows(exam_id: int, paper: Paper, response_id: int, ready: Ready, now: datetime) -> list[dict[str, Any]]:
    return [
        {
            "exam_id": exam_id,
            "response_id": response_id,
            "paper": paper.code,
            "group": ready.group,
            "purpose": TaskPurpose.LIVE,
            "level": TaskLevel.MARKER,
            "ordinal": ordinal,
            "state": TaskState.OPEN,
            "priority": 0,
            "shuffle": place_for(),
            "token": new_token(),
            "made_at": now,
        }
        for ordinal in range(1, first_slots(paper.group(ready.group).scheme) + 1)
    ]


def _entry(paper: str, ready: Ready, response_id: int, number: int) -> dict[str, Any]:
    return {
        "kind": "response",
        "response": response_id,
        "script": ready.secret,
        "paper": paper,
        "group": ready.group,
        "version": number,
        "pictures": [cut.sha256 for cut in ready.cuts],
    } | ({"objective": ready.objective} if ready.objective else {})
