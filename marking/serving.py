"""Tasks for everybody who asks in the same moment: proposed by Redis, each checked against the database before it is shown.

For a hundred who ask this is a few statements, and for one it is the same few. A seed, an own response and a third mark
come by the same way as any other task, and nothing that is sent tells them apart.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.errors import BadInput, Forbidden, MarkhallError
from core.exam import ExamDefinition
from core.questions import Question, ask
from core.site import Site
from core.states import MarkState, ResponseState, TaskLevel, TaskPurpose, TaskState
from core.tables import Mark, Response, ResponsePicture, Task
from marking import given, handout, queues, recover, standing, watching
from marking.batch import People
from marking.definitions import current_version, definition_from, item_group
from marking.faces import Face, ItemView, Title, face_of
from marking.handout import LEASE_SECONDS, Ask, Steps, own_queue, queue_name
from marking.reach import Reach, nobody, reaches_from, reaching
from marking.record import TASK, TaskRow, waiting_of
from marking.schemes import is_blind
from marking.standing import Standings, standing_of, stands_from
from marking.values import as_typed

FIRST_LEVELS = (TaskLevel.ARBITER, TaskLevel.LEADER, TaskLevel.MARKER)  # who may do several does the rarer work first
ROUNDS = 4  # how often stale proposals are dropped and others asked for, in one request
Key = tuple[str, str, TaskLevel]


@dataclass(frozen=True, slots=True)
class Wish:
    """Somebody asks for up to `hold` tasks of one item group ("M/W21") or of all."""

    user_id: int
    group: str | None = None
    hold: int = 1


@dataclass(frozen=True, slots=True)
class PictureView:
    token: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class ShownMarks:
    marks: dict[str, str | dict[str, str]]


@dataclass(frozen=True, slots=True)
class TaskView:
    """All that a marker's page is told of a task."""

    task: str
    face: Face
    pictures: tuple[PictureView, ...]
    lease_seconds: int
    level: str
    shown: tuple[ShownMarks, ...] | None  # None where the level is blind

    @property
    def paper(self) -> str:
        return self.face.paper

    @property
    def group(self) -> str:
        return self.face.group

    @property
    def title(self) -> Title:
        return self.face.title

    @property
    def items(self) -> tuple[ItemView, ...]:
        return self.face.items


@dataclass(frozen=True, slots=True)
class Work:
    tasks: tuple[TaskView, ...]
    open: int  # tasks that wait in the queues that were asked


@dataclass(slots=True)
class _Asking:
    """One wish on its way."""

    wish: Wish
    reach: Reach
    common: list[str]  # queues, without those for this one alone
    ask: Ask
    why: str = ""  # where there are none: why
    rough: bool = False  # counts are told about
    views: tuple[TaskView, ...] = ()


@dataclass(frozen=True, slots=True)
class _About:
    id: int
    state: ResponseState
    school_code: str
    exam_id: int
    definition_version: int


@dataclass(slots=True)
class _Found:
    """What the database says of proposed tasks."""

    tasks: dict[int, tuple[TaskRow, _About]] = field(default_factory=dict)
    marked: dict[int, set[int]] = field(default_factory=lambda: defaultdict(set))  # response -> who marked it, or was shown a mark
    shown: dict[int, list[tuple[int, Mapping[str, Any]]]] = field(default_factory=lambda: defaultdict(list))
    pictures: dict[int, list[tuple[int, int, int]]] = field(default_factory=lambda: defaultdict(list))


Answers = list[Work | MarkhallError]


def serve(site: Site, exam_id: int, wishes: Sequence[Wish], known: People | None = None, *, lease: int = LEASE_SECONDS) -> Answers:
    """An answer to each wish. `known`: what a transaction that just ended knows of these people, or of some of them."""
    answers: dict[int, Work | MarkhallError] = {}
    asking = _asking(site, exam_id, wishes, known, answers)
    waiting, counts = dict(asking), dict[str, int]()
    for attempt in range(ROUNDS):
        if not waiting:
            break
        taken = handout.take(site, exam_id, [one.ask for one in waiting.values()], lease=lease)
        empty = not taken.rebuilt and recover.ensure(site, exam_id)
        short = [n for n, found in zip(waiting, taken.tasks, strict=True) if not found]
        with site.database.glance() as session:
            refused = _show(site, session, exam_id, list(waiting.values()), taken.tasks, lease, taken.responses)
        counts |= taken.waiting
        for queue in taken.low if short else taken.low[: int(attempt == 0)]:  # where nobody waits for it one at a time
            queues.fill(site, exam_id, queue)
        again = {n for n, one in waiting.items() if not one.views and (taken.low or empty)}
        waiting = {n: one for n, one in waiting.items() if n in again or one.wish.user_id in refused}
    _look_further(site, exam_id, [one for one in asking.values() if not one.views], lease)
    for n, one in asking.items():
        nothing = not one.views and not one.common
        answers[n] = (
            Forbidden(one.why, where="group")
            if nothing
            else Work(one.views, told(sum(counts[queue] for queue in one.common), rough=one.rough))
        )
    return [answers[n] for n in range(len(wishes))]


def _asking(
    site: Site, exam_id: int, wishes: Sequence[Wish], known: People | None, answers: dict[int, Work | MarkhallError]
) -> dict[int, _Asking]:
    """Which queues each may be served from; who may be served from none gets his answer here."""
    others = sorted({wish.user_id for wish in wishes if known is None or wish.user_id not in known.reaches})
    new = _look_up(site, exam_id, others) if others or known is None else None
    asking: dict[int, _Asking] = {}
    for n, wish in enumerate(wishes):
        people = known if known is not None and wish.user_id in known.reaches else new
        try:
            reach = people.reaches.get(wish.user_id) if people is not None else None
            if people is None or reach is None:
                raise nobody()
            keys = keys_of(reach, people.definition, wish.group)
            if not keys:
                raise Forbidden("you may not mark this group.", where=f"group {wish.group}" if wish.group else "role")
            asking[n] = _asked(wish, reach, keys, _prepared(site, exam_id, people.standings, reach, keys))
        except MarkhallError as e:
            answers[n] = e
    return asking


def _look_up(site: Site, exam_id: int, users: Sequence[int]) -> People:
    with site.database.glance() as session:
        version, people, stands = ask(session, current_version(exam_id), reaching(exam_id, users), standing_of(exam_id, users))
        _, definition = definition_from(session, exam_id, version)
        return People(definition, reaches_from(people), Standings(exam_id, definition, site.now(), stands_from(stands)))


def _asked(wish: Wish, reach: Reach, keys: Sequence[Key], standings: Standings) -> _Asking:
    """Own tasks before those of everybody; a queue that the marker may not be served from is left out."""
    own, common, why, rough = list[str](), list[str](), "", False
    for paper, group, level in keys:
        queue = queue_name(paper, group, level)
        no, rules = standings.refusal(wish.user_id, paper, group, TaskPurpose.LIVE, level), standings.rules(paper, group)
        rough = rough or (rules is not None and rules.checks_unannounced)
        if rules is not None and standings.state(wish.user_id, paper, group) not in standing.OUT:
            own.append(own_queue(queue, wish.user_id))
        if no:
            why = no
        else:
            common.append(queue)
    if not common and not own:
        raise Forbidden(why, where="group")
    return _Asking(wish, reach, common, Ask(wish.user_id, wish.hold, [*own, *common], reach.schools), why, rough)


def _prepared(site: Site, exam_id: int, standings: Standings, reach: Reach, keys: Sequence[Key]) -> Standings:
    """What is due before this marker gets work: seeds of a round, the first of a day. Seldom, so a transaction of its own."""
    due = [(paper, group) for paper, group, level in keys if level is TaskLevel.MARKER and standings.is_due(reach.user_id, paper, group)]
    if not due:
        return standings
    with site.database.write() as session:
        mine = standing.load(session, exam_id, [reach.user_id], standings.definition, site.now(), lock=True)
        after = watching.on_next(session, mine, reach.user_id, due)
        mine.save(session)
        offered = given.add_own_tasks(session, exam_id, after.tasks, site.now())
    handout.apply(site, exam_id, Steps().offer(offered))
    return mine


_keys: dict[tuple[int, frozenset[tuple[TaskLevel, str]], str | None], tuple[ExamDefinition, tuple[Key, ...]]] = {}
_KEYS = 4096


def keys_of(reach: Reach, definition: ExamDefinition, group: str | None) -> Sequence[Key]:
    """The item groups and levels that somebody may mark, the rarest level first. Worked out once for all with the same roles."""
    place = (id(definition), reach.roles, group)
    kept = _keys.get(place)
    if kept is not None and kept[0] is definition:
        return kept[1]
    known = [(paper.code, g.id) for paper in definition.papers for g in paper.written]
    if group is not None and tuple(group.split("/", 1)) not in known:
        raise BadInput(f"there is no item group {group}.", where="group", remedy="Name it as PAPER/GROUP.")
    asked = [(paper, g) for paper, g in known if group in (None, f"{paper}/{g}")]
    keys = tuple((paper, g, level) for level in FIRST_LEVELS for paper, g in asked if reach.may(level, paper, g))
    if len(_keys) >= _KEYS:
        _keys.clear()
    _keys[place] = (definition, keys)
    return keys


def _show(
    site: Site,
    session: Session,
    exam_id: int,
    asking: Sequence[_Asking],
    proposed: Sequence[Sequence[int]],
    lease: int,
    responses: frozenset[int] = frozenset(),
) -> set[int]:
    """Set the views of each from what was proposed and holds; put the rest right in Redis. To whom something was proposed
    that does not hold. `responses`: whose tasks they are, as far as is known."""
    found = _find(session, sorted({task_id for ids in proposed for task_id in ids}), responses)
    if any(one.reach.leads for one in asking):
        for response_id, leader in given.looks(session, sorted({response.id for _, response in found.tasks.values()})):
            found.marked[response_id].add(leader)
    steps, refused = Steps(), set[int]()
    for one, ids in zip(asking, proposed, strict=True):
        good: list[tuple[TaskRow, _About]] = []
        for task_id in ids:
            held = found.tasks.get(task_id)
            if held is not None and _holds_good(held, one.reach, found, steps, session):
                good.append(held)
                continue
            if held is None:
                steps.lost(task_id)
            refused.add(one.wish.user_id)
        one.views = tuple(_view(session, task, response, found, lease) for task, response in good)
    handout.apply(site, exam_id, steps)
    return refused


def _holds_good(held: tuple[TaskRow, _About], reach: Reach, found: _Found, steps: Steps, session: Session) -> bool:
    task, response = held
    user, live = reach.user_id, task.purpose is TaskPurpose.LIVE
    if task.state is not TaskState.OPEN or (live and response.state is not ResponseState.OPEN):
        steps.gone(waiting_of(task, response.school_code))
        return False
    if live and (user in found.marked[response.id] or response.school_code in reach.schools):
        if user in found.marked[response.id]:  # Redis forgot what this marker has seen: all of it, most likely
            steps.seen(user, _seen_by(session, user, task))
        steps.seen(user, [response.id]).back(task.id)
        return False
    if task.marker_id not in (None, user):
        steps.gone(waiting_of(task, response.school_code))
        return False
    return True


def _seen_by(session: Session, user: int, task: TaskRow) -> Sequence[int]:
    open_ones = (Response.paper == task.paper, Response.group == task.group, Response.state == ResponseState.OPEN)
    query = select(Mark.response_id).join(Response, Response.id == Mark.response_id)
    return session.scalars(query.where(Mark.marker_id == user, Mark.purpose == TaskPurpose.LIVE, *open_ones)).all()


ABOUT = (Response.id, Response.state, Response.school_code, Response.exam_id, Response.definition_version)
_TASKS = Question(lambda among: select(*TASK, *ABOUT).join(Response, Response.id == Task.response_id).where(among(Task.id, "tasks")))


# Not joined: before a database has counted its new marks it would read all tasks for a few of them.
_MARKS = Question(
    lambda among: select(Mark.response_id, Mark.marker_id, Mark.purpose, Mark.state, Mark.task_id, Mark.values).where(
        among(Mark.response_id, "responses")
    )
)
_SLOTS = Question(lambda among: select(Task.id, Task.ordinal).where(among(Task.response_id, "responses"), Task.purpose == TaskPurpose.LIVE))
_PICTURES = Question(
    lambda among: (
        select(ResponsePicture.response_id, ResponsePicture.ordinal, ResponsePicture.width, ResponsePicture.height)
        .where(among(ResponsePicture.response_id, "responses"))
        .order_by(ResponsePicture.ordinal)
    )
)


def _find(session: Session, task_ids: Sequence[int], responses: frozenset[int]) -> _Found:
    """`responses` saves a journey; those that it lacks are asked for in another."""
    found = _Found()
    if not task_ids:
        return found
    known = sorted(responses)
    tasks, marks, slots, pictures = ask(
        session, _TASKS(tasks=task_ids), _MARKS(responses=known), _SLOTS(responses=known), _PICTURES(responses=known)
    )
    for row in tasks:
        found.tasks[row[0]] = (TaskRow(*row[: len(TASK)]), _About(*row[len(TASK) :]))
    new = sorted({response.id for _, response in found.tasks.values()} - responses)
    if new:
        more_marks, more_slots, more_pictures = ask(session, _MARKS(responses=new), _SLOTS(responses=new), _PICTURES(responses=new))
        marks, slots, pictures = marks + more_marks, slots + more_slots, pictures + more_pictures
    ordinals: dict[int, int] = dict(slots)
    for response_id, marker, purpose, state, task_id, values in marks:
        found.marked[response_id].add(marker)  # as a seed too: it may be open again since
        if purpose is TaskPurpose.LIVE and state is MarkState.COUNTED:
            found.shown[response_id].append((ordinals[task_id], values))
    for shown in found.shown.values():
        shown.sort(key=itemgetter(0))
    for response_id, ordinal, width, height in pictures:
        found.pictures[response_id].append((ordinal, width, height))
    return found


def _view(session: Session, task: TaskRow, response: _About, found: _Found, lease: int) -> TaskView:
    group = item_group(session, response.exam_id, response.definition_version, task.paper, task.group)
    shown = None
    if not is_blind(group.scheme, task.level):
        shown = tuple(ShownMarks(as_typed(values)) for ordinal, values in found.shown[response.id] if ordinal < task.ordinal)
    pictures = tuple(PictureView(f"{task.token}-{n}", width, height) for n, width, height in found.pictures[response.id])
    return TaskView(task.token, face_of(task.paper, group), pictures, lease, str(task.level), shown)


def _look_further(site: Site, exam_id: int, asking: Sequence[_Asking], lease: int) -> None:
    for one in asking:
        ids = queues.further(site, exam_id, one.ask)
        if ids:
            with site.database.glance() as session:
                _show(site, session, exam_id, [one], [ids], lease)


def told(n: int, *, rough: bool) -> int:
    """How many wait, as a marker is told. Where seeds come unannounced only about: a count that does not fall would tell one."""
    step = 10 ** max(1, len(str(n)) - 2)
    return -(-n // step) * step if rough else n
