"""What the leaders' page is told of item groups: what is asked in them, who marks them, who is stopped and why, how much waits.

Reads only. A leader sees the item groups that are his; what he does there: `backreading`, `stopping`, `qualify`, `seeds`, `problems`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, exists, false, func, or_, select
from sqlalchemy.orm import Session

from core.exam import ExamDefinition
from core.quality import Quality
from core.site import Site
from core.states import TaskLevel
from core.tables import Mark, Problem, Response, Role, Standing, Stop, User
from marking import standing
from marking.back_rates import missing
from marking.definitions import current_definition
from marking.faces import ItemView, Title, face_of
from marking.reach import Reach, reach_of
from marking.schemes import is_blind
from marking.standing import OUT, Standings

MOST_STOPS = 200
PERSON = "user:"
Place = tuple[str, str]  # paper, item group


@dataclass(frozen=True, slots=True)
class Led:
    """An item group of this leader's."""

    paper: str
    group: str
    title: Title
    items: tuple[ItemView, ...]
    agrees: bool  # whether this person agrees definitive marks here
    corrects: bool  # whether who has seen a mark may decide: not where an arbiter marks blind
    rounds: tuple[str, ...]
    share: str  # of each marker's day that is looked at; empty: the exam asks for none
    since: str  # which marks go back, unless a leader chooses otherwise
    hours: int | None
    looks: int  # until the share is reached of every marker
    problems: int  # answers that wait for a leader
    stopped: int


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who may mark an item group, and where he stands there."""

    id: int
    login: str
    name: str
    state: str


@dataclass(frozen=True, slots=True)
class StopView:
    id: int
    marker: int
    login: str
    name: str
    rule: str  # person, seeds, or an alarm's name
    reason: str
    put_back: int
    by: str  # whose name; empty: a rule's
    at: datetime
    lifted_by: str
    lifted_at: datetime | None


def led(site: Site, exam_id: int, leader_id: int) -> list[Led]:
    """The item groups that this person leads, with what waits in each."""
    with site.database.read() as session:
        reach = reach_of(session, exam_id, leader_id)
        _, definition = current_definition(session, exam_id)
        standings = Standings(exam_id, definition, site.now())
        every = ((paper.code, group.id) for paper in definition.papers for group in paper.written)
        places = [place for place in every if _leads(reach, *place)]
        looks, problems, stopped = missing(session, standings, places), _problems(session, exam_id), _stopped(session, exam_id)
    return [_led(definition, reach, place, looks[place], problems[place], stopped[place]) for place in places]


def people(site: Site, exam_id: int, leader_id: int, paper: str, group: str, also: int | None = None) -> list[Person]:
    """Who may mark there as a marker, or was watched there; by name. `also`: this one too, where there are marks of his."""
    scopes = Role.scope.in_(("", paper, f"{paper}/{group}"))
    may = select(Role.user_id).where(or_(Role.exam_id == exam_id, Role.exam_id.is_(None)), Role.role == str(TaskLevel.MARKER), scopes)
    stand = select(Standing.user_id).where(Standing.exam_id == exam_id, Standing.paper == paper, Standing.group == group)
    here = Response.paper == paper, Response.group == group
    marked = exists().where(Mark.marker_id == User.id, Mark.exam_id == exam_id, Mark.response_id == Response.id, *here)
    who = or_(User.id.in_(may), User.id.in_(stand), and_(User.id == also, marked) if also is not None else false())
    query = select(User.id, User.login, User.name).where(who).order_by(User.name, User.login)
    with site.database.read() as session:
        reach_of(session, exam_id, leader_id).require_lead(paper, group)
        _, definition = current_definition(session, exam_id)
        rows = session.execute(query).all()
        standings = standing.load(session, exam_id, [user for user, _, _ in rows], definition, site.now())
        standings.require_group(paper, group)
    return [Person(user, login, name, str(standings.state(user, paper, group))) for user, login, name in rows]


def stops(site: Site, exam_id: int, leader_id: int, paper: str, group: str) -> list[StopView]:
    """The newest stops, those that stand first."""
    query = (
        select(Stop, User.login, User.name)
        .join(User, User.id == Stop.user_id)
        .where(Stop.exam_id == exam_id, Stop.paper == paper, Stop.group == group)
        .order_by(Stop.lifted_at.is_not(None), Stop.id.desc())
        .limit(MOST_STOPS)
    )
    with site.database.read() as session:
        reach_of(session, exam_id, leader_id).require_lead(paper, group)
        rows = session.execute(query).all()
        names = _names(session, [by for row, _, _ in rows for by in (row.by, row.lifted_by)])
    return [
        StopView(
            row.id, row.user_id, login, name, row.rule, row.reason, len(row.put_back),
            names.get(row.by, ""), row.at, names.get(row.lifted_by, ""), row.lifted_at,
        )
        for row, login, name in rows
    ]  # fmt: skip


def _leads(reach: Reach, paper: str, group: str) -> bool:
    return reach.may(TaskLevel.LEADER, paper, group) or reach.may(TaskLevel.ARBITER, paper, group)


def _led(definition: ExamDefinition, reach: Reach, place: Place, looks: int, problems: int, stopped: int) -> Led:
    asked, rules = definition.paper(place[0]).group(place[1]), definition.quality_of(*place)
    face, back = face_of(place[0], asked), (rules or Quality()).put_back
    return Led(
        face.paper,
        face.group,
        face.title,
        face.items,
        agrees=reach.may(TaskLevel.ARBITER, *place),
        corrects=not is_blind(asked.scheme, TaskLevel.ARBITER),
        rounds=tuple(name for name in ("trial", "first", "second") if rules is not None and rules.rounds.of(name) is not None),
        share=rules.back_reading.share if rules is not None and rules.back_reading is not None else "",
        since=back.since,
        hours=back.hours,
        looks=looks,
        problems=problems,
        stopped=stopped,
    )


def _problems(session: Session, exam_id: int) -> Counter[Place]:
    query = (
        select(Response.paper, Response.group, func.count())
        .join(Problem, Problem.response_id == Response.id)
        .where(Problem.exam_id == exam_id, Problem.state == "open")
        .group_by(Response.paper, Response.group)
    )
    return Counter({(paper, group): n for paper, group, n in session.execute(query)})


def _stopped(session: Session, exam_id: int) -> Counter[Place]:
    query = select(Standing.paper, Standing.group, func.count()).where(Standing.exam_id == exam_id, Standing.state.in_(OUT))
    return Counter({(paper, group): n for paper, group, n in session.execute(query.group_by(Standing.paper, Standing.group))})


def _names(session: Session, actors: list[str]) -> dict[str, str]:
    """Of actors that are people, their names."""
    ids = {int(actor.removeprefix(PERSON)) for actor in actors if actor.startswith(PERSON)}
    query = select(User.id, User.login, User.name).where(User.id.in_(ids))
    return {f"{PERSON}{user}": name or login for user, login, name in session.execute(query)}
