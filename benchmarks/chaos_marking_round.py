"""One round of marking chaos: an exam is marked over HTTP while the plan's blows fall, until every response is agreed.

A blow counts only while marking goes on; what is left of the plan when all is marked is dropped. After each kill, as soon as
the database answers, everything that must hold at any moment is asked of a snapshot; in the end everything is.
"""

from __future__ import annotations

import contextlib
import signal
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import InstrumentedAttribute, Session

from benchmarks import chaos_marking_quality as quality
from benchmarks.chaos_house import ChaosHouse
from benchmarks.chaos_marking_browser import MARKING
from benchmarks.chaos_marking_check import check_marking, check_meanwhile
from benchmarks.chaos_marking_crew import Crew
from benchmarks.chaos_marking_exam import GROUPS, Member, read_pages
from benchmarks.chaos_marking_witness import Witnesses
from benchmarks.chaos_plan import VICTIMS, Blow
from benchmarks.chaos_run import Found, Outcome, Turn
from benchmarks.chaos_servers import kill
from core.settings import Settings
from core.site import Site, open_site
from core.states import ResponseState, ScriptState, StandingState, TaskState
from core.tables import Exam, Response, Script, Standing, Task

LONGEST = 300.0  # seconds for a round: after that the work has stopped, and that is a fault
LAST_ANSWERS = 60.0  # seconds for what is still unanswered when all is marked
LOOK = 0.5  # seconds between two looks into the database
LATER = 4.0  # seconds until the other half of the pages is read


@dataclass(frozen=True, slots=True)
class Prepared:
    """What every round begins with."""

    database: str  # the template that each round copies
    exam_id: int
    scripts: int
    crew: list[Member]


@dataclass
class MarkingRound:
    site: Site
    prepared: Prepared
    house: ChaosHouse
    crew: Crew
    journals: Path
    found: Found = field(default_factory=Found)
    blows: Counter[str] = field(default_factory=Counter)
    killed: bool = False  # and not looked at since
    looks: int = 0  # between two kills
    all_read: bool = False


def play(turn: Turn, prepared: Prepared) -> Outcome:
    """A round, whole; its journals stay in the turn's folder too."""
    folder, database = turn.folder, turn.postgres.create(prepared.database)
    settings = Settings.at(folder / "site", database_url=turn.postgres.url(database), redis_url=turn.valkey.url)
    turn.valkey.flush()
    site = open_site(settings)
    house = ChaosHouse.build(settings, turn.postgres, turn.valkey, readers=0)
    try:
        house.wait_for()
        crew = Crew.gather(prepared.crew, house.url, folder / "journals", f"{turn.seed} {turn.number}")
        playing, begun = MarkingRound(site, prepared, house, crew, folder / "journals"), time.monotonic()
        crew.start()
        ended = _strike(playing, turn.blows, begun)
        seconds = time.monotonic() - begun
        answered = _let_them_go_home(playing)
        handed = _ask_once_more(playing) if ended and answered else []
    finally:
        house.stop()
        turn.valkey.flush()
    witnesses = Witnesses.read(playing.journals, crew.browsers)
    found, counts = check_marking(site, prepared.exam_id, prepared.scripts, witnesses, playing.found)
    found.add("end", [] if ended else [f"not all was marked after {LONGEST:g} s"])
    found.add("end", [] if answered else [f"somebody has no answer after {LAST_ANSWERS:g} s"])
    found.add("end", handed)
    site.close()
    if not found.count:
        turn.postgres.drop(database)
    counts.update({"acknowledged": len(witnesses.kept), "asked again": sum(b.asked_again for b in crew.browsers)})
    counts["looks after a kill"] = playing.looks
    return Outcome(seconds, playing.blows, counts, found)


def _strike(playing: MarkingRound, blows: Sequence[Blow], begun: float) -> bool:
    """Let the blows fall in their time, and see that what ends is started again; whether all was marked in the end."""
    waiting, looked = list(blows), begun
    due = begun + (waiting[0].after if waiting else 0.0)
    while time.monotonic() - begun < LONGEST:
        now = time.monotonic()
        playing.house.tick()
        if playing.killed:
            _look_after_a_kill(playing)
        if waiting and now >= due and _fall(playing, waiting[0]):
            playing.killed |= waiting[0].kind in VICTIMS
            waiting.pop(0)
            due = now + (waiting[0].after if waiting else 0.0)
        if now - looked > LOOK:
            looked = now
            if now - begun > LATER and not playing.all_read:
                playing.all_read = _read_the_rest(playing)
            calm = playing.crew.is_calm  # asked before the database is
            if playing.all_read and _all_marked(playing):
                if calm:
                    return True
                playing.crew.calm.set()
        time.sleep(0.02)
    return False


def _fall(playing: MarkingRound, blow: Blow) -> bool:
    """One blow; False where nobody is there to be hit, and it is tried again in a moment."""
    house = playing.house
    match blow.kind:
        case "web":
            running = house.of("web")
            if not running:
                return False
            kill(running[blow.which % len(running)].process, signal.SIGKILL)
        case "postgres":
            if not (house.postgres.running and house.postgres.answers()):
                return False
            house.postgres.kill()
        case "valkey":
            if not (house.valkey.running and house.valkey.answers()):
                return False
            house.valkey.kill()
        case "flush":
            house.valkey.flush()
        case _:
            house.away_until = time.monotonic() + blow.lasts
            house.postgres.stop()
    playing.blows[blow.kind] += 1
    return True


def _look_after_a_kill(playing: MarkingRound) -> None:
    """Once the database answers again; while it does not, the next turn tries."""
    if not playing.house.postgres.answers():
        return
    seen = Witnesses.read(playing.journals, playing.crew.browsers)
    with contextlib.suppress(SQLAlchemyError):
        check_meanwhile(playing.site, playing.prepared.exam_id, seen, playing.found, f"after kill {playing.blows.total()}: ")
        playing.looks, playing.killed = playing.looks + 1, False


def _read_the_rest(playing: MarkingRound) -> bool:
    try:
        return read_pages(playing.site, playing.prepared.exam_id, playing.prepared.scripts) == 0  # a commit's answer may be lost
    except SQLAlchemyError:
        return False


def _all_marked(playing: MarkingRound) -> bool:
    """Every group of every script has a response, and all of them are agreed; no task waits, no seed is due, no stop is half done."""
    exam_id = playing.prepared.exam_id
    try:
        with playing.site.database.read() as session:
            agreed = Response.exam_id == exam_id, Response.current, Response.state == ResponseState.AGREED
            due = or_(Standing.until_seed == 0, Standing.until_self == 0)
            return (
                not _count(session, Script.state == ScriptState.EXPECTED)
                and _count(session, *agreed) == playing.prepared.scripts * len(GROUPS)
                and not _count(session, Task.exam_id == exam_id, Task.state == TaskState.OPEN)
                and not _count(session, Standing.exam_id == exam_id, Standing.state == StandingState.LIVE, due)
                and not list(quality.carried_out(session, session.get_one(Exam, exam_id)))
            )
    except SQLAlchemyError:
        return False


def _count(session: Session, *where: ColumnElement[bool] | InstrumentedAttribute[bool]) -> int:
    return session.scalar(select(func.count()).where(*where)) or 0


def _let_them_go_home(playing: MarkingRound) -> bool:
    """Everything is up again, and everybody gets the answers that are still owed."""
    deadline = time.monotonic() + LAST_ANSWERS
    while time.monotonic() < deadline:
        playing.house.tick()
        if playing.crew.go_home(time.monotonic() + 0.2):
            return True
    return False


def _ask_once_more(playing: MarkingRound) -> list[str]:
    """With nothing left, nobody is given anything; nor after a rebuild of an emptied Redis."""
    playing.house.wait_for()
    said = []
    for emptied in (False, True):
        if emptied:
            playing.house.valkey.flush()
        for member in playing.prepared.crew:
            headers = {"Authorization": f"Bearer {member.token}"}
            with contextlib.suppress(httpx.TransportError):
                reply = httpx.post(f"{playing.house.url}{MARKING}/next", json={"hold": 5}, headers=headers, timeout=20, trust_env=False)
                if reply.json().get("tasks"):
                    said.append(f"user {member.user_id} is given {len(reply.json()['tasks'])} tasks when all is marked")
    return said
