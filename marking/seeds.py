"""Definitive marks: responses whose marks the chief examiners agreed, and which of them a marker is given. Writer of `seeds`.

A response that becomes a seed leaves live marking: its definitive mark is entered as an arbiter's, the last word of every
table. So its candidate gets the agreed mark, it waits in no queue, and nobody can hold it live and as a seed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import exists, func, select, update
from sqlalchemy.exc import IntegrityError

from core.errors import BadInput, Conflict, Forbidden, NotFound
from core.exam import from_hundredths
from core.site import Site
from core.states import MarkState, ResponseState, SeedUse, TaskLevel, TaskPurpose, TaskState
from core.tables import Check, Mark, Response, ResponsePicture, Seed, Task, User
from marking.batch import add_mark, mark_entry
from marking.handout import place_for, tell
from marking.reach import Reach, reach_of
from marking.record import Entry, MarkRow, Record, emit, lock_response, save
from marking.settle import settle
from marking.values import Kept, as_typed, parse_values

LONGEST_NOTE = 2000
MOST = 50
MOST_FARED = 200


@dataclass(frozen=True, slots=True)
class SeedView:
    id: int
    response: int
    paper: str
    group: str
    use: str
    marks: dict[str, str | dict[str, str]]
    note: str
    active: bool
    by: str
    at: datetime
    given: int  # how many marks were held against it
    failed: int
    pictures: int


@dataclass(frozen=True, slots=True)
class Fared:
    """A mark that was held against a seed."""

    marker: int
    name: str
    marks: dict[str, str | dict[str, str]]
    differences: dict[str, str]  # by item, the mark less the definitive one
    within: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class Candidate:
    """A response that may become a seed, with how many pictures it has."""

    response: int
    paper: str
    group: str
    pictures: int


def propose(site: Site, exam_id: int, user_id: int, response_id: int, use: str, values: object, note: str = "") -> int:
    """Make a response definitive for one use; the seed's number. The same again changes nothing but the note."""
    if use not in list(SeedUse):
        raise BadInput(f"there is no use {use!r}.", where="use", remedy=f"Use one of {', '.join(SeedUse)}.")
    if len(note) > LONGEST_NOTE:
        raise BadInput("the note is too long.", where="note", remedy=f"Use at most {LONGEST_NOTE} characters.")
    try:
        with site.database.write() as session:
            reach = reach_of(session, exam_id, user_id)
            record = lock_response(session, exam_id, response_id, site.now())
            _require_chief(reach, record.response.paper, record.response.group)
            kept = parse_values(record.group, values)
            _definitive(record, reach, kept)
            seed = _seed(record, SeedUse(use), kept, note, f"user:{user_id}")
            record.entries.append(_entry(seed))
            save(session, exam_id, [record], record.now)
            emit(session, exam_id, [record], record.now)
            seed_id = seed.id
    except IntegrityError as e:
        raise Conflict("another chief examiner made this response definitive just now.", where="response", remedy="Look again.") from e
    tell(site, exam_id, record.hints)
    return seed_id


def withdraw(site: Site, exam_id: int, user_id: int, seed_id: int) -> None:
    """Give it to nobody any more. Its response keeps the mark it has."""
    now = site.now()
    with site.database.write() as session:
        reach = reach_of(session, exam_id, user_id)
        seed = session.scalar(select(Seed).where(Seed.id == seed_id, Seed.exam_id == exam_id))
        if seed is None:
            raise NotFound("there is no such seed in this exam.", where="seed")
        _require_chief(reach, seed.paper, seed.group)
        record = lock_response(session, exam_id, seed.response_id, now)
        if not seed.active:
            return
        seed.active, seed.by, seed.at = False, f"user:{user_id}", now
        purpose = TaskPurpose.SEED if seed.use is SeedUse.LIVE else TaskPurpose.TRIAL
        waiting = Task.response_id == seed.response_id, Task.purpose == purpose, Task.state == TaskState.OPEN
        session.execute(update(Task).where(*waiting).values(state=TaskState.VOID))
        record.entries.append(_entry(seed))
        save(session, exam_id, [record], record.now)


def listed(site: Site, exam_id: int, user_id: int, paper: str, group: str) -> list[SeedView]:
    """All seeds of an item group, with how markers fared on them."""
    held = select(func.count()).where(Check.seed_id == Seed.id).correlate(Seed)
    pictures = select(func.count()).where(ResponsePicture.response_id == Seed.response_id).correlate(Seed).scalar_subquery()
    query = select(Seed, held.scalar_subquery(), held.where(Check.outcome == "failed").scalar_subquery(), pictures)
    with site.database.read() as session:
        _require_chief(reach_of(session, exam_id, user_id), paper, group)
        here = Seed.exam_id == exam_id, Seed.paper == paper, Seed.group == group
        rows = session.execute(query.where(*here).order_by(Seed.use, Seed.id)).all()
    return [
        SeedView(s.id, s.response_id, s.paper, s.group, s.use, as_typed(s.values), s.note, s.active, s.by, s.at, given, failed, n)
        for s, given, failed, n in rows
    ]


def fared(site: Site, exam_id: int, user_id: int, seed_id: int) -> list[Fared]:
    """How markers marked a seed, the newest first."""
    query = (
        select(Check.user_id, User.name, User.login, Mark.values, Check.differences, Check.outcome, Check.at)
        .join(Mark, Mark.id == Check.mark_id)
        .join(User, User.id == Check.user_id)
        .where(Check.exam_id == exam_id, Check.seed_id == seed_id, Mark.state != MarkState.REVISED)
        .order_by(Check.id.desc())
        .limit(MOST_FARED)
    )
    with site.database.read() as session:
        reach = reach_of(session, exam_id, user_id)
        seed = session.scalar(select(Seed).where(Seed.id == seed_id, Seed.exam_id == exam_id))
        if seed is None:
            raise NotFound("there is no such seed in this exam.", where="seed")
        _require_chief(reach, seed.paper, seed.group)
        return [
            Fared(user, name or login, as_typed(values), {item: _signed(d) for item, d in found.items()}, outcome == "passed", at)
            for user, name, login, values, found, outcome, at in session.execute(query)
        ]


def _signed(difference: int) -> str:
    return f"{'-' if difference < 0 else '+' if difference else ''}{from_hundredths(abs(difference))}"


def candidates(site: Site, exam_id: int, user_id: int, paper: str, group: str, limit: int = 10) -> list[Candidate]:
    """Some responses at random that nobody has marked and that may become seeds, none of an excluded school."""
    pictures = select(func.count()).where(ResponsePicture.response_id == Response.id).correlate(Response).scalar_subquery()
    with site.database.read() as session:
        reach = reach_of(session, exam_id, user_id)
        _require_chief(reach, paper, group)
        query = (
            select(Response.id, pictures)
            .where(Response.exam_id == exam_id, Response.paper == paper, Response.group == group, Response.state == ResponseState.OPEN)
            .where(Response.school_code.not_in(reach.schools), ~exists().where(Mark.response_id == Response.id))
            .order_by(func.random())
            .limit(max(1, min(limit, MOST)))
        )
        return [Candidate(response_id, paper, group, n) for response_id, n in session.execute(query)]


def picture(site: Site, exam_id: int, user_id: int, response_id: int, n: int) -> str:
    """The hash of a response's picture, for a chief examiner."""
    query = (
        select(ResponsePicture.sha256, Response.paper, Response.group)
        .join(Response, Response.id == ResponsePicture.response_id)
        .where(Response.id == response_id, Response.exam_id == exam_id)
        .order_by(ResponsePicture.ordinal)
        .offset(n)
        .limit(1)
    )
    with site.database.read() as session:
        reach = reach_of(session, exam_id, user_id)
        row = session.execute(query).one_or_none()
        if row is None or not reach.may(TaskLevel.ARBITER, row[1], row[2]):
            raise NotFound("there is no such picture for you.", where="picture")
    return str(row[0])


def _require_chief(reach: Reach, paper: str, group: str) -> None:
    if not reach.may(TaskLevel.ARBITER, paper, group):
        raise Forbidden(f"only an arbiter of {paper}/{group} agrees definitive marks.", where="role")


def _definitive(record: Record, reach: Reach, kept: Kept) -> None:
    """Enter the definitive mark as the arbiter's, where it is not there yet."""
    response = record.response
    if response.state not in (ResponseState.OPEN, ResponseState.AGREED):
        raise Conflict(f"this answer is {response.state}, so nothing can be agreed on it.", where="response", remedy="Choose another.")
    standing = next((m for m in record.counted() if m.level is TaskLevel.ARBITER), None)
    if standing is not None and standing.values == kept:
        return
    if standing is not None and standing.marker_id != reach.user_id:
        raise Conflict("an arbiter gave this answer another mark.", where="response", remedy="Propose that mark, or choose another answer.")
    if standing is None and record.of(reach.user_id):
        raise Conflict("this answer has a mark of yours already.", where="response", remedy="Let another chief examiner propose it.")
    if response.school_code in reach.schools:
        raise Conflict("this answer is from a school whose answers you may not mark.", where="response", remedy="Choose another.")
    enter(record, reach.user_id, kept, f"seed:{response.id}:{standing.revision + 1 if standing else 1}", standing)


def enter(record: Record, user_id: int, kept: Kept, key: str, old: MarkRow | None = None) -> MarkRow:
    """A mark that decides the response, in a slot of its own at the arbiter's level, or in the place of this person's `old` one.

    What others gave is kept and counts no more: else marks that had agreed before would stand, whatever comes after them.
    """
    by = f"user:{user_id}"
    for mark in record.counted():
        own = mark is old
        mark.state = MarkState.REVISED if own else MarkState.SURPLUS
        if not own:
            record.task(mark.task_id).state = TaskState.VOID
        reason = "by its marker" if own else "a definitive mark took its place"
        record.entries.append({"kind": "mark-state", "mark": mark.id, "state": str(mark.state), "reason": reason, "by": by})
    if old is None:
        task = record.add_task(TaskLevel.ARBITER, place_for(), state=TaskState.DONE, marker_id=user_id)
        record.hints.done(user_id, record.waiting(task))
        revision, replaced = 1, {}
    else:
        task, revision, replaced = record.task(old.task_id), old.revision + 1, {"replaces": old.id}
    mark = add_mark(record, task, user_id, key, kept, MarkState.COUNTED, 0.0, revision=revision)
    record.entries.append({**mark_entry(record, mark), **replaced})
    settle(record)
    return mark


def _seed(record: Record, use: SeedUse, kept: Kept, note: str, by: str) -> Seed:
    """The seed of this use, made or made anew; a response's seeds have the same marks, whatever their use."""
    session, response = record.session, record.response
    known = {s.use: s for s in session.scalars(select(Seed).where(Seed.response_id == response.id))}
    for other in known.values():
        other.values = kept
    seed = known.get(use)
    if seed is None:
        seed = Seed(exam_id=response.exam_id, response_id=response.id, paper=response.paper, group=response.group, use=use, values=kept)
        session.add(seed)
    seed.note, seed.active, seed.by, seed.at = note, True, by, record.now
    session.flush()
    return seed


def _entry(seed: Seed) -> Entry:
    return {"kind": "seed", "response": seed.response_id, "use": str(seed.use), "values": seed.values, "active": seed.active, "by": seed.by}
