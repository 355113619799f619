"""What leaders and chief examiners see of how their markers mark: measures, alarms. Markers see nothing of it, nor that it is there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from api.asking import Asking, AskingDep
from api.routes.guarded import Guarded, Number
from core.alarms import AlarmRule
from core.errors import Forbidden, NotFound
from core.exam import ExamDefinition, ItemGroup
from core.tables import Alarm, User
from marking import alarms, measures_table, snapshot
from marking.definitions import current_definition

router = APIRouter(prefix="/api/measures/{exam}", tags=["measures"], route_class=Guarded)
LEADERS = ("leader", "arbiter", "chief", "office")
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
PaperCode = Annotated[str, Path(min_length=1, max_length=4)]
GroupId = Annotated[str, Path(min_length=1, max_length=24)]
Names = dict[int, tuple[str, str]]


def _may(asking: Asking, paper: str, group: str) -> bool:
    scopes = ("", paper, f"{paper}/{group}")
    return any(g.role in LEADERS and g.exam_id in (None, asking.exam_id) and g.scope in scopes for g in asking.person.grants)


def _group(asking: Asking, session: Session, paper: str, group: str) -> tuple[ExamDefinition, ItemGroup]:
    asking.require(*LEADERS)
    _, exam = current_definition(session, asking.exam_id)
    found = next((g for p in exam.papers if p.code == paper for g in p.written if g.id == group), None)
    if found is None:
        raise NotFound(f"there is no item group {paper}/{group}.", where="group", remedy="Choose one of the list.")
    if not _may(asking, paper, group):
        raise Forbidden(f"{paper}/{group} is not yours to lead.", where="group", remedy="Ask the exam office for it.")
    return exam, found


@router.get("")
def groups(asking: AskingDep) -> dict[str, Any]:
    """The groups that this person leads, with how much was marked and how many alarms are open."""
    asking.require(*LEADERS)
    with asking.site.database.read() as session:
        _, exam = current_definition(session, asking.exam_id)
        standing = [a for a in alarms.listed(session, asking.exam_id, over=0) if _may(asking, a.paper, a.group)]
    found = []
    for paper in exam.papers:
        for group in paper.written:
            if _may(asking, paper.code, group.id):
                read = snapshot.read(asking.site.redis, asking.exam_id, paper.code, group.id)
                counts = {"marks": read["whole"]["group"]["n"] if read else 0, "markers": len(read["markers"]) if read else 0}
                here = [a for a in standing if (a.paper, a.group) == (paper.code, group.id)]
                found.append(
                    {
                        "paper": paper.code,
                        "group": group.id,
                        "title": group.title.model_dump(),
                        **counts,
                        "at": read["at"] if read else None,
                        "alarms": sum(str(a.state) == "open" for a in here),
                        "seen": sum(str(a.state) == "seen" for a in here),
                    }
                )
    return {"groups": found}


@router.get("/groups/{paper}/{group}")
def table(asking: AskingDep, paper: PaperCode, group: GroupId) -> dict[str, Any]:
    """All measures of all markers of a group, as they were last published, and the group's alarms."""
    with asking.site.database.read() as session:
        exam, found = _group(asking, session, paper, group)
        read = snapshot.read(asking.site.redis, asking.exam_id, paper, group)
        listed = [a for a in alarms.listed(session, asking.exam_id) if (a.paper, a.group) == (paper, group)]
        names = _names(session, [*(read["markers"] if read else []), *(a.user_id for a in listed if a.user_id)])
    quality = exam.quality_of(paper, group)
    rules = quality.alarms if quality else ()
    return {
        "title": found.title.model_dump(),
        "measures": read,
        "names": {user: {"login": login, "name": name} for user, (login, name) in names.items()},
        "rules": [rule.model_dump(mode="json") for rule in rules],
        "alarms": [_alarm(a, rules) for a in listed],
    }


@router.get("/groups/{paper}/{group}/markers/{user}")
def marker(asking: AskingDep, paper: PaperCode, group: GroupId, user: Number) -> dict[str, Any]:
    """One marker's hours, counted from the database."""
    from marking.marker_hours import marker_hours

    with asking.site.database.read() as session:
        _, found = _group(asking, session, paper, group)
        names = _names(session, [user])
        if user not in names:
            raise NotFound("there is no such person.", where="marker")
        login, name = names[user]
        return {"marker": {"id": user, "login": login, "name": name}, **marker_hours(session, asking.exam_id, paper, found, user)}


@router.get("/groups/{paper}/{group}/table.{kind}")
def export(asking: AskingDep, paper: PaperCode, group: GroupId, kind: Literal["csv", "xlsx"], lang: Literal["zh", "en"] = "zh") -> Response:
    with asking.site.database.read() as session:
        _, found = _group(asking, session, paper, group)
        read = snapshot.read(asking.site.redis, asking.exam_id, paper, group)
        if read is None:
            raise NotFound(
                "nothing was measured here yet.", where=f"{paper}/{group}", remedy="Wait for the first marks; `markhall measures` must run."
            )
        names = _names(session, read["markers"])
    title = f"{asking.exam.code} {paper}/{group} {found.title[lang]}"
    body = measures_table.as_csv(read, names, lang) if kind == "csv" else measures_table.as_workbook(read, names, lang, title)
    headers = {"Content-Disposition": f'attachment; filename="{asking.exam.code}-{paper}-{group}-markers.{kind}"'}
    return Response(body, media_type="text/csv; charset=utf-8" if kind == "csv" else XLSX, headers=headers)


@router.post("/alarms/{number}/seen")
def seen(asking: AskingDep, number: Number) -> dict[str, Any]:
    asking.require(*LEADERS)
    row = alarms.see(asking.site, asking.exam_id, number, asking.person.actor, lambda paper, group: _may(asking, paper, group))
    return _alarm(row, ())


def _alarm(row: Alarm, rules: Sequence[AlarmRule]) -> dict[str, Any]:
    """`when`: the rule's own words, where the definition still has it."""
    words = next((rule.when for rule in rules if rule.name == row.rule), "")
    shown = {"id": row.id, "rule": row.rule, "when": words, "marker": row.user_id, "item": row.item, "value": row.value, "limit": row.limit}
    times = {"at": row.at.isoformat(), "ended_at": row.ended_at.isoformat() if row.ended_at else None}
    return {**shown, "marks": row.marks, "state": str(row.state), "by": row.by, **times}


def _names(session: Session, users: Iterable[int]) -> Names:
    query = select(User.id, User.login, User.name).where(User.id.in_(set(users)))
    return {user: (login, name) for user, login, name in session.execute(query)}
