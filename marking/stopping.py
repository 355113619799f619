"""Stopping a marker in an item group: shown first, then done, then carried out; and lifting it.

The stop does exactly what was shown, or nothing. The marks that go back are named in the stop itself, in the transaction that
stops the marker; they are taken out after it, response by response, and whoever finds a stop that is not carried out
(`sweep`) goes on. A rule stops in the same way, with the choice of the exam definition.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from redis.exceptions import RedisError
from sqlalchemy import select
from sqlalchemy.orm import Session

from core import ledger
from core.errors import BadInput, Conflict, NotFound, Unavailable
from core.quality import PutBack
from core.site import Site
from core.states import MarkState, ResponseState, StandingState
from core.tables import Mark, Stop, User
from marking import handout, standing
from marking.by_hour import HourBack, by_hour
from marking.definitions import current_definition
from marking.handout import tell
from marking.put_back import PERSON, begin, counted, newest_of, put_back, take_out
from marking.reach import reach_of
from marking.record import emit, lock_responses, save
from marking.standing import IN_ROUNDS, OUT, Standings

LONGEST_REASON = 1000
RECENT = timedelta(days=2)  # an older stop was carried out, or swept
CHUNK = 50  # responses whose marks are taken out in one transaction
log = logging.getLogger("markhall.marking")


@dataclass(frozen=True, slots=True)
class Preview:
    """What a stop would do, as it is now."""

    user_id: int
    paper: str
    group: str
    since: str
    marks: int  # the marker's that would go back
    reopened: int  # responses whose agreed marks would be open again
    kept: int  # counted marks of the marker that stay
    newest: int  # the marker's newest mark that was looked at
    digest: str  # of all this, to be handed in with the stop
    hours: tuple[HourBack, ...] = ()  # the same hour by hour: only for who looks


@dataclass(frozen=True, slots=True)
class Stopped:
    stop: int
    put_back: int
    since: int  # marks that came after the preview: they stay


def what_would_happen(site: Site, exam_id: int, leader_id: int, user_id: int, paper: str, group: str, choose: PutBack) -> Preview:
    with site.database.read() as session:
        reach_of(session, exam_id, leader_id).require_lead(paper, group)
        standings = _standings(session, site, exam_id, user_id, lock=False)
        standings.require_group(paper, group)
        _require_person(session, user_id)
        shown, going = _preview(session, standings, user_id, paper, group, choose, None)
        return replace(shown, hours=by_hour(session, going))


def stop_as_shown(
    site: Site, exam_id: int, leader_id: int, user_id: int, paper: str, group: str, choose: PutBack, reason: str, shown: tuple[int, str]
) -> Stopped:
    """What the leader was shown, and nothing else; `shown` is the preview's newest mark and digest. The same again changes nothing."""
    if not reason.strip() or len(reason) > LONGEST_REASON:
        raise BadInput(f"a stop needs a reason of at most {LONGEST_REASON} characters.", where="reason")
    newest, digest = shown
    with site.database.write() as session:
        reach_of(session, exam_id, leader_id).require_lead(paper, group)
        standings = _standings(session, site, exam_id, user_id)
        standings.require_group(paper, group)
        _require_person(session, user_id)
        done = _done_before(session, standings, user_id, paper, group, choose, f"user:{leader_id}", reason, shown)
        if done is not None:
            return done
        now_so, _ = _preview(session, standings, user_id, paper, group, choose, newest)
        if now_so.digest != digest:
            raise Conflict("what would go back has changed meanwhile.", where="stop", remedy="Look again at what will happen.")
        later = counted(session, standings, user_id, paper, group, Mark.id > newest)
        stop_id = _begin_and_save(session, standings, user_id, paper, group, PERSON, reason, f"user:{leader_id}", choose, newest)
    finish(site, exam_id, [stop_id])
    return Stopped(stop_id, now_so.marks, later)


def stop(
    site: Site, exam_id: int, user_id: int, paper: str, group: str, *, rule: str, reason: str, by: str, choose: PutBack | None = None
) -> int | None:
    """By a rule. The stop's number; None: the marker is stopped already. `choose`: else as the exam's `put_back` has it."""
    with site.database.write() as session:
        standings = _standings(session, site, exam_id, user_id)
        standings.require_group(paper, group)
        if standings.state(user_id, paper, group) in OUT:
            return None
        stop_id = _begin_and_save(session, standings, user_id, paper, group, rule, reason, by, choose, None)
    finish(site, exam_id, [stop_id])
    return stop_id


def finish(site: Site, exam_id: int, stop_ids: Sequence[int]) -> int:
    """Take out the marks that these stops name, and give back what their markers hold. Called twice it does nothing the second time."""
    taken_out = 0
    for stop_id in stop_ids:
        with site.database.read() as session:
            row = session.get_one(Stop, stop_id)
            left = _still_counted(session, row.put_back)
        responses = sorted(left)
        for start in range(0, len(responses), CHUNK):
            taken_out += _take_out(site, exam_id, row, {r: left[r] for r in responses[start : start + CHUNK]})
        try:
            handout.release(site, exam_id, row.user_id)
        except (RedisError, Unavailable):
            log.warning("the queue server could not be told of a stop; its leases end by themselves")
    return taken_out


def sweep(site: Site, exam_id: int) -> int:
    """Carry out the stops that were begun and not carried out: a process was lost between the two."""
    with site.database.read() as session:
        recent = Stop.exam_id == exam_id, Stop.at >= site.now() - RECENT
        rows = session.execute(select(Stop.id, Stop.put_back).where(*recent)).all()
        undone = [stop_id for stop_id, put_back in rows if _still_counted(session, put_back)]
    return finish(site, exam_id, undone)


def lift(site: Site, exam_id: int, leader_id: int, user_id: int, paper: str, group: str, to: str = "live") -> None:
    """Let a stopped marker go on, at once or through a round again. What was put back stays back."""
    if to not in (StandingState.LIVE, *IN_ROUNDS):
        raise BadInput(f"a marker cannot go on as {to!r}.", where="to", remedy="Use live, trial, first or second.")
    with site.database.write() as session:
        reach_of(session, exam_id, leader_id).require_lead(paper, group)
        standings = _standings(session, site, exam_id, user_id)
        standings.require_group(paper, group)
        if standings.state(user_id, paper, group) not in OUT:
            raise Conflict("this marker is not stopped.", where="marker", remedy="Look again.")
        by, rules = f"user:{leader_id}", standings.rules(paper, group)
        if to != "live" and (rules is None or rules.rounds.of(to) is None):
            raise BadInput(f"{paper}/{group} has no round {to!r}.", where="to", remedy="Use live, or a round that the exam has.")
        open_stops = select(Stop).where(Stop.exam_id == exam_id, Stop.user_id == user_id, Stop.paper == paper, Stop.group == group)
        for row in session.scalars(open_stops.where(Stop.lifted_at.is_(None))):
            row.lifted_by, row.lifted_at = by, standings.now
        standings.get(user_id, paper, group).become(StandingState(to), standings.now)
        standings.save(session)
        entry = {"kind": "stop-lifted", "marker": f"user:{user_id}", "to": to, "by": by}
        ledger.append(session, exam_id, ledger.group_shard(paper, group), [entry], standings.now)


def _standings(session: Session, site: Site, exam_id: int, user_id: int, *, lock: bool = True) -> Standings:
    _, definition = current_definition(session, exam_id)
    return standing.load(session, exam_id, [user_id], definition, site.now(), lock=lock, only=lock)


def _require_person(session: Session, user_id: int) -> None:
    if session.scalar(select(User.id).where(User.id == user_id)) is None:
        raise NotFound("there is no such person.", where="marker")


def _begin_and_save(
    session: Session,
    standings: Standings,
    user_id: int,
    paper: str,
    group: str,
    rule: str,
    reason: str,
    by: str,
    choose: PutBack | None,
    until: int | None,
) -> int:
    stop_id, entry = begin(session, standings, user_id, paper, group, rule=rule, reason=reason, by=by, choose=choose, until=until)
    standings.save(session)
    ledger.append(session, standings.exam_id, ledger.group_shard(paper, group), [entry], standings.now)
    return stop_id


def _preview(
    session: Session, standings: Standings, user_id: int, paper: str, group: str, choose: PutBack, until: int | None
) -> tuple[Preview, Sequence[tuple[int, ResponseState]]]:
    """What would happen, and each mark that goes back with its response's state."""
    newest = until if until is not None else newest_of(session, standings, user_id)
    marks = put_back(session, standings, user_id, paper, group, choose, newest)
    ids = [mark for mark, _ in marks]
    reopened = sum(state is ResponseState.AGREED for _, state in marks)
    kept = counted(session, standings, user_id, paper, group, Mark.id <= newest) - len(marks)
    digest = _digest(user_id, paper, group, choose, newest, ids)
    return Preview(user_id, paper, group, choose.since, len(marks), reopened, kept, newest, digest), marks


def _digest(user_id: int, paper: str, group: str, choose: PutBack, newest: int, ids: Sequence[int]) -> str:
    text = f"{user_id} {paper}/{group} {choose.since} {choose.hours or 0} {newest} {' '.join(map(str, ids))}"
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _done_before(
    session: Session,
    standings: Standings,
    user_id: int,
    paper: str,
    group: str,
    choose: PutBack,
    by: str,
    reason: str,
    shown: tuple[int, str],
) -> Stopped | None:
    """The stop that this very order has made already: no answer came, or the key was pressed twice."""
    if not standings.is_out(user_id, paper, group):
        return None
    newest, digest = shown
    same = Stop.by == by, Stop.reason == reason, Stop.rule == PERSON, Stop.lifted_at.is_(None)
    query = select(Stop).where(Stop.exam_id == standings.exam_id, Stop.user_id == user_id, Stop.paper == paper, Stop.group == group, *same)
    for row in session.scalars(query.order_by(Stop.id.desc())):
        if _digest(user_id, paper, group, choose, newest, row.put_back) == digest:
            return Stopped(row.id, len(row.put_back), counted(session, standings, user_id, paper, group, Mark.id > newest))
    return None


def _still_counted(session: Session, mark_ids: Sequence[int]) -> dict[int, set[int]]:
    """Of these marks those that still count, by response."""
    found: dict[int, set[int]] = {}
    for start in range(0, len(mark_ids), 500):
        chunk = Mark.id.in_(mark_ids[start : start + 500])
        for mark, response in session.execute(select(Mark.id, Mark.response_id).where(chunk, Mark.state == MarkState.COUNTED)):
            found.setdefault(response, set()).add(mark)
    return found


def _take_out(site: Site, exam_id: int, row: Stop, marks: dict[int, set[int]]) -> int:
    with site.database.write() as session:
        records = lock_responses(session, exam_id, sorted(marks), site.now())
        count = sum(take_out(record, marks[number], "its marker was stopped", row.by) for number, record in records.items())
        save(session, exam_id, records.values(), site.now())
        emit(session, exam_id, records.values(), site.now())
    for record in records.values():
        tell(site, exam_id, record.hints)
    return count
