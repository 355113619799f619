"""One round of chaos: a fresh exam is sent and read while the plan's blows fall; then everything comes up, ends, and is checked.

A blow counts only while pages are on their way. What is left of the plan when all pages are read is dropped.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from api.cli.exam import laid_out
from benchmarks.chaos_check import check_round
from benchmarks.chaos_house import ChaosHouse
from benchmarks.chaos_paper import ChaosPaper, SentFrame
from benchmarks.chaos_plan import Blow
from benchmarks.chaos_run import Outcome, Turn, start
from benchmarks.chaos_servers import kill
from core.db import migrate
from core.loading import load_exam
from core.settings import Settings
from core.site import Site, open_site
from core.states import AttemptState, ReceiptState
from core.tables import Attempt, Exam, Receipt
from scanner.intake import register_station

STATIONS = ["north", "south", "west"]
LONGEST = 420.0  # seconds for a round: after that the work has stopped, and that is a fault
LOOK = 0.4  # seconds between two looks into the database
BALLAST = "ballast"
SMALL_DISK = "256m"


@dataclass
class Round:
    """What a round is made of, and what became of it."""

    folder: Path
    paper: ChaosPaper
    site: Site
    exam_id: int
    house: ChaosHouse
    sent: list[SentFrame]
    small_disk: bool
    blows: Counter[str] = field(default_factory=Counter)
    sleepers: list[tuple[int, str]] = field(default_factory=list)  # (pid, its attempt)
    undo: list[tuple[float, Callable[[], bool]]] = field(default_factory=list)  # when, and what ends a lasting blow

    @property
    def store(self) -> Path:
        return Path(self.site.settings.store_url.removeprefix("file://"))


def play(turn: Turn, paper: ChaosPaper, *, small_disk: bool) -> Outcome:
    database = turn.postgres.create()
    with _mounted(turn.folder / "pictures", small_disk):
        playing = _begin(turn, paper, database, small_disk=small_disk)
        try:
            begun = time.monotonic()
            _strike(playing, turn.blows, begun)
            seconds = time.monotonic() - begun
        finally:
            playing.house.stop()
        start(turn.postgres, turn.valkey)  # for the check
        found, counts = check_round(playing.site, paper.definition.exam, paper, playing.sent, turn.folder / "stations")
        if not _resting(playing):
            found.add("end", [f"the work had not ended after {LONGEST:g} s"])
        counts["lost attempts"] = _lost_attempts(playing)
        playing.site.close()
    if not found.count:
        turn.postgres.drop(database)
    counts["frames"] = len(playing.sent)
    counts["restarts"] = sum(max(0, p.starts - 1) for p in playing.house.programs if p.lasting)
    return Outcome(seconds, playing.blows, counts, found)


def _begin(turn: Turn, paper: ChaosPaper, database: str, *, small_disk: bool) -> Round:
    """The exam is loaded, the stations have their paper, and everything runs."""
    folder, postgres, valkey = turn.folder, turn.postgres, turn.valkey
    settings = Settings.at(
        folder / "site", database_url=postgres.url(database), redis_url=valkey.url, store_url=f"file://{folder / 'pictures'}"
    )
    valkey.flush()
    migrate(settings.database_url)
    site = open_site(settings)
    templates, sheets = laid_out(paper.definition, paper.roster)
    load_exam(site, paper.definition, paper.roster, templates, sheets, by="chaos")
    with site.database.read() as session:
        exam_id = session.scalars(select(Exam.id)).one()
    house = ChaosHouse.build(settings, postgres, valkey)
    house.wait_for()
    sent = list(paper.deal(STATIONS))
    for frame in sent:
        station, batch, sequence, face = frame.place
        target = folder / "stations" / station / batch / f"{sequence:05d}-{face}{frame.file.suffix}"
        target.parent.mkdir(parents=True, exist_ok=True)
        os.link(frame.file, target)
    for station in STATIONS:
        house.add_station(station, paper.definition.exam, register_station(site, exam_id, station), folder / "stations" / station)
    return Round(folder, paper, site, exam_id, house, sent, small_disk)


def _strike(playing: Round, blows: Sequence[Blow], begun: float) -> None:
    """Let the blows fall in their time until all pages have come to an end; the rest of the plan is dropped then."""
    waiting, due, looked = list(blows), begun, begun
    due += waiting[0].after if waiting else 0.0
    while time.monotonic() - begun < LONGEST:
        now = time.monotonic()
        playing.house.tick()
        playing.undo = [(when, end) for when, end in playing.undo if now < when or not end()]
        if waiting and now >= due and _fall(playing, waiting[0]):
            waiting.pop(0)
            due = now + (waiting[0].after if waiting else 0.0)
        if now - looked > LOOK:
            looked = now
            _wake(playing)
            if _resting(playing) and not playing.undo and not playing.sleepers:
                return
        time.sleep(0.02)


def _fall(playing: Round, blow: Blow) -> bool:
    """One blow; False when there is nobody to hit at this moment, and it should be tried again in the next."""
    house = playing.house
    if blow.kind in ("station", "web", "worker"):
        running = house.of(blow.kind)
        if not running and (blow.kind != "station" or not house.all_sent):
            return False
        victims = running or house.of("worker") + house.of("web")  # stations that have gone home: somebody else
        if not victims:
            return False
        victim = victims[blow.which % len(victims)]
        kill(victim.process, signal.SIGKILL)
        playing.blows["station" if not victim.lasting else victim.name.partition("-")[0]] += 1
        return True
    done = _OTHER_BLOWS[blow.kind](playing, blow)
    playing.blows[blow.kind] += done
    return done


def _kill_postgres(playing: Round, blow: Blow) -> bool:
    there = playing.house.postgres.running
    playing.house.postgres.kill()
    return there


def _kill_valkey(playing: Round, blow: Blow) -> bool:
    there = playing.house.valkey.running
    playing.house.valkey.kill()
    return there


def _flush(playing: Round, blow: Blow) -> bool:
    playing.house.valkey.flush()
    return True


def _take_away(playing: Round, blow: Blow) -> bool:
    playing.house.away_until = time.monotonic() + blow.lasts
    playing.house.postgres.stop()
    return True


def _put_to_sleep(playing: Round, blow: Blow) -> bool:
    """Stop a reader in the middle of an attempt. Its worker's name in the attempt holds its process's number."""
    pids = {p.process.pid for p in playing.house.of("worker") if p.process is not None}
    with contextlib.suppress(SQLAlchemyError), playing.site.database.read() as session:
        running = session.execute(select(Attempt.id, Attempt.worker).where(Attempt.state == AttemptState.RUNNING)).all()
        for attempt, worker in running:
            pid = next((int(part) for part in worker.split(":") if part.isdecimal() and int(part) in pids), None)
            if pid is not None and pid not in {p for p, _ in playing.sleepers}:
                os.kill(pid, signal.SIGSTOP)
                playing.sleepers.append((pid, attempt))
                return True
    return not _on_their_way(playing)


def _wake(playing: Round) -> None:
    """Wake a sleeper as soon as its chunk is another's, or when nobody else is left to take it."""
    for pid, attempt in list(playing.sleepers):
        with contextlib.suppress(SQLAlchemyError), playing.site.database.read() as session:
            if session.scalar(select(Attempt.state).where(Attempt.id == attempt)) is not AttemptState.RUNNING:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)
                playing.sleepers.remove((pid, attempt))


def _fill_disk(playing: Round, blow: Blow) -> bool:
    ballast = playing.store / BALLAST
    with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(1 << 16))

    def free() -> bool:
        try:
            ballast.unlink(missing_ok=True)
        except OSError:  # the store is read-only at the moment
            return False
        return True

    playing.undo.append((time.monotonic() + blow.lasts, free))
    return True


def _make_read_only(playing: Round, blow: Blow) -> bool:
    def writable() -> bool:
        return _remount(playing.store, "rw")

    if not _remount(playing.store, "ro"):
        return False  # a file is being written just now
    playing.undo.append((time.monotonic() + blow.lasts, writable))
    return True


_OTHER_BLOWS: dict[str, Callable[[Round, Blow], bool]] = {
    "postgres": _kill_postgres,
    "valkey": _kill_valkey,
    "flush": _flush,
    "away": _take_away,
    "sleeper": _put_to_sleep,
    "full": _fill_disk,
    "read_only": _make_read_only,
}


def _remount(folder: Path, how: str) -> bool:
    return subprocess.run(["mount", "-o", f"remount,{how}", str(folder)], capture_output=True, check=False).returncode == 0


@contextlib.contextmanager
def _mounted(folder: Path, small_disk: bool) -> Iterator[None]:
    """A small disk of its own for the store, in this process's own mount namespace."""
    folder.mkdir(parents=True)
    if not small_disk:
        yield
        return
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SMALL_DISK}", "tmpfs", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=False)


def _on_their_way(playing: Round) -> bool:
    """Whether a page is still to be sent, or waits for a reader."""
    if not playing.house.all_sent:
        return True
    try:
        with playing.site.database.read() as session:
            busy = (ReceiptState.RECEIVED, ReceiptState.QUEUED)
            query = select(func.count()).where(Receipt.exam_id == playing.exam_id, Receipt.state.in_(busy))
            return bool(session.scalar(query))
    except SQLAlchemyError:
        return True


def _resting(playing: Round) -> bool:
    return not _on_their_way(playing)


def _lost_attempts(playing: Round) -> int:
    with playing.site.database.read() as session:
        return session.scalar(select(func.count()).where(Attempt.exam_id == playing.exam_id, Attempt.state == AttemptState.LOST)) or 0
