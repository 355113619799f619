"""`make hall`: a scan hall of ten stations, typical trouble, two kills in the middle, clerks, and then who sat where.

The paper is made once and kept (20,000 pages: a quarter of an hour on two cores). Then ten station processes send it to
two web processes, two readers read it, two processes are killed on the way; when all is read, scanning is said to be over,
clerks settle what is doubtful, and every seat of every room is compared with what the simulator knows.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table as Printed
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from api.auth import add_user, grant_role
from api.cli.exam import laid_out
from api.demo.client import Client
from benchmarks import hall_reconcile as counted
from benchmarks.chaos_house import ChaosHouse
from benchmarks.chaos_plan import VICTIMS
from benchmarks.chaos_servers import Postgres, Valkey, kill
from benchmarks.hall_clerk import Clerks, Table
from benchmarks.hall_paper import EXAM, HallPaper, make_paper
from benchmarks.harness import Row, show, write
from core.db import migrate
from core.loading import exam_by_code, load_exam
from core.settings import Settings
from core.site import Site, open_site
from core.states import CaseState, ReceiptState, ScriptState
from core.tables import DeskCase, Receipt, Script
from scanner.intake import register_station
from scanner.intake.scanned import say_scanned
from web import build_client

_ROOT = Path(__file__).resolve().parent.parent
PASSWORD = "a good long password"
KILLS_AT = (1 / 3, 2 / 3)  # of the frames, read
LONGEST = 5400.0
STUCK = 60.0  # the same with something still open: then nobody knows how to go on, and the table says it
QUIET = 10.0  # seconds without a case or a frame on its way: longer than the engine waits before it asks for what is missing


@dataclass
class Hall:
    paper: HallPaper
    site: Site
    exam_id: int
    house: ChaosHouse
    stations: Path
    frames: int = 0
    fed_again: set[tuple[str, int]] = field(default_factory=set)  # sides that were scanned a second time
    kills: list[str] = field(default_factory=list)

    def look(self) -> tuple[int, int] | None:
        """Frames that are here, and of those the ones that no reader must see any more; None while the database is away."""
        busy = (ReceiptState.RECEIVED, ReceiptState.QUEUED)
        try:
            with self.site.database.read() as session:
                here = select(func.count()).select_from(Receipt).where(Receipt.exam_id == self.exam_id)
                received = session.scalar(here) or 0
                return received, received - (session.scalar(here.where(Receipt.state.in_(busy))) or 0)
        except SQLAlchemyError:
            return None


def open_hall(paper: HallPaper, work: Path, postgres: Postgres, valkey: Valkey) -> Hall:
    """The exam is loaded, the stations have their paper (as links: it takes no room), everything runs."""
    shutil.rmtree(work, ignore_errors=True)
    while not (postgres.answers() and valkey.answers()):
        if not postgres.running:
            postgres.start()
        if not valkey.running:
            valkey.start()
        time.sleep(0.1)
    settings = Settings.at(work / "site", database_url=postgres.url(postgres.create()), redis_url=valkey.url)
    migrate(settings.database_url)
    site = open_site(settings)
    templates, sheets = laid_out(paper.definition, paper.roster)
    load_exam(site, paper.definition, paper.roster, templates, sheets, by="hall")
    with site.database.read() as session:
        exam_id = exam_by_code(session, EXAM).id
    for login, role in (("clerk", "clerk"), ("office", "office")):
        add_user(site, login, login, PASSWORD)
        grant_role(site, login, role, EXAM)
    hall = Hall(paper, site, exam_id, ChaosHouse.build(settings, postgres, valkey), work / "stations")
    hall.house.wait_for()
    return hall


def deal_paper(hall: Hall) -> None:
    """Each station's batches, as folders of links; and the ten stations as processes."""
    for number, name in enumerate(hall.paper.stations(), start=1):
        for batch in hall.paper.batches(number):
            folder = hall.stations / name / f"{batch.parent.parent.name}-{batch.name}"
            folder.mkdir(parents=True)
            for file in batch.iterdir():
                os.link(file, folder / file.name)
                hall.frames += 1
        (hall.stations / name).mkdir(parents=True, exist_ok=True)
        token = register_station(hall.site, hall.exam_id, name)
        hall.house.add_station(name, EXAM, token, hall.stations / name)


def send_and_read(hall: Hall, seed: int) -> float:
    """Until all frames are here and no reader must see any; two processes are killed on the way. Seconds it took."""
    dice = random.Random(f"hall {seed}")
    due = [(share, kind) for share, kind in zip(KILLS_AT, dice.sample(VICTIMS, len(KILLS_AT)), strict=True)]
    begun = told = time.monotonic()
    while time.monotonic() - begun < LONGEST:
        hall.house.tick()
        time.sleep(0.1)
        now = time.monotonic()
        if now - told < 2.0:
            continue
        seen = hall.look()
        if seen is None:
            continue
        received, read = seen
        if int(now - begun) // 20 != int(told - begun) // 20:
            print(f"{received} of {hall.frames} frames are here, {read} read, {read / (now - begun):.1f} pages/s", flush=True)
        told = now
        if due and read >= due[0][0] * hall.frames:
            hall.kills += [_kill(hall, due.pop(0)[1], dice)]
            print(f"kill -9: {hall.kills[-1]}", flush=True)
        if hall.house.all_sent and received == hall.frames == read:
            return now - begun
    raise TimeoutError(f"the hall was not read in {LONGEST:g} s: {hall.look()} of {hall.frames}")


def _kill(hall: Hall, kind: str, dice: random.Random) -> str:
    if kind in ("postgres", "valkey"):
        (hall.house.postgres if kind == "postgres" else hall.house.valkey).kill()
        return kind
    running = hall.house.of(kind) or hall.house.of("worker")
    victim = dice.choice(running)
    kill(victim.process)
    return victim.name


def missing_by_room(hall: Hall) -> int:
    """In how many rooms the engine calls another number of seats missing than the simulator does."""
    never = counted.never_came(hall.paper.seats)
    wanted = Counter((seat.row.school_code, seat.row.room) for seat in hall.paper.seats if seat.row.number in never)
    with hall.site.database.read() as session:
        said = counted.engine_missing(session, exam_by_code(session, EXAM))
    return sum(said[place] != wanted[place] for place in {*said, *wanted})


def alarms(hall: Hall) -> list[str]:
    """What the hall's page asks somebody to look at, now."""
    office = Client(hall.house.url, EXAM).sign_in("office", PASSWORD)
    return [str(alarm["sentence"]["en"]) for alarm in office.get(f"/api/hall/{EXAM}")["alarms"]]


def settle(hall: Hall, clerks: Clerks) -> tuple[float, int]:
    """Until nothing is open, nothing is on its way and every script has come to an end. Seconds it took, and `missing_by_room`
    when whole scripts are first asked for: that is once every frame has its place, and before a clerk has seen one of them.
    """
    begun = quiet = time.monotonic()
    rooms_off: int | None = None
    while time.monotonic() - begun < LONGEST:
        hall.house.tick()
        if rooms_off is None and _asked_for_scripts(hall):
            rooms_off = missing_by_room(hall)
        done = clerks.settle_what_is_open(but=() if rooms_off is not None else ("script_missing",))
        fresh = [side for side in clerks.asked_for() if side not in hall.fed_again]
        if fresh and hall.house.all_sent:
            _scan_again(hall, clerks.table, fresh)
        if done or not hall.house.all_sent:
            quiet = time.monotonic()
        if time.monotonic() - quiet > (STUCK if _unsettled(hall) else QUIET):
            return quiet - begun, missing_by_room(hall) if rooms_off is None else rooms_off
        time.sleep(0.3)
    raise TimeoutError("the clerks did not come to an end")


def _asked_for_scripts(hall: Hall) -> bool:
    with hall.site.database.read() as session:
        return bool(counted.missing_scripts(session, exam_by_code(session, EXAM)))


def _scan_again(hall: Hall, table: Table, asked: list[tuple[str, int]]) -> None:
    """The operator of the first station fetches the cards from their envelopes and feeds them as a batch of their own."""
    name, batch = hall.paper.stations()[0], f"again-{len(hall.fed_again):04d}"
    folder = hall.stations / f"{name}-again" / batch
    folder.mkdir(parents=True)
    for number, (sheet, side) in enumerate(asked, start=1):
        source = hall.paper.rescan(sheet, side)
        os.link(source, folder / f"{number:05d}-1{source.suffix}")
        table.second_scans[name, batch, number, 1] = {"sheet": sheet, "side": str(side), "event": "rescan"}
        hall.fed_again.add((sheet, side))
        hall.frames += 1
    station = next(p for p in hall.house.programs if p.name == name)
    words = ["--url", hall.house.url, "--exam", EXAM, "--name", name, "--batch", batch]
    station.commands.append(["station", str(folder), *words])


def _unsettled(hall: Hall) -> int:
    with hall.site.database.read() as session:
        open_cases = session.scalar(
            select(func.count()).select_from(DeskCase).where(DeskCase.exam_id == hall.exam_id, DeskCase.state == CaseState.OPEN)
        )
        scripts = select(func.count()).select_from(Script).where(Script.exam_id == hall.exam_id)
        unsettled = session.scalar(scripts.where(Script.state.in_((ScriptState.EXPECTED, ScriptState.PRESENT))))
    return (open_cases or 0) + (unsettled or 0)


def report(hall: Hall, clerks: Clerks, rooms_off: int, seconds: tuple[float, float], folder: Path) -> list[Row]:
    with hall.site.database.read() as session:
        exam = exam_by_code(session, EXAM)
        rooms = counted.rooms(session, exam, hall.paper.seats)
        frames = counted.frames_by_state(session, exam)
        kinds = counted.cases_by_kind(session, exam)
        by_station = counted.cases_by_station(session, exam)
        wrong = list(counted.wrong_answers(session, exam, clerks.table))
        missing = counted.missing_scripts(session, exam)
        differs = list(counted.engine_differs(session, exam, rooms, hall.paper.seats))
    for sentence in differs[:10]:
        print(sentence)
    counted.write_rooms(rooms, folder / "rooms.csv")
    _show_rooms(rooms)
    _show_stations(frames, by_station)
    _show_cases(kinds, clerks)
    for room in rooms:
        for sentence in room.differs[:5]:
            print(sentence)
    for refused in clerks.refused[:10]:
        print(f"a clerk's decision was refused: {refused}")
    again = sum(times > 1 for times in clerks.table.named.values())
    by_readers = [w for w in wrong if w[4] == "readers"]
    for sheet, item, value, truth, by in wrong[:10]:
        print(f"sheet {sheet}, {item}: {value!r} by {by}, the paper says {truth!r}")
    never = counted.never_came(hall.paper.seats)
    states = sum(frames.values(), Counter[str]())
    return [
        Row.judged("candidates of whom nothing came: of the simulator's, not asked for", len(never - missing), "below", 0, "seats"),
        Row.judged("... asked for although something came of them", len(missing - never), "below", 0, "seats"),
        Row.told("... found", len(missing & never), "seats"),
        Row.judged("seats of which tables and simulator differ in the end", sum(len(r.differs) for r in rooms), "below", 0, "seats"),
        Row.judged("rooms of which the engine called other seats missing", rooms_off, "below", 0, "rooms"),
        Row.judged("rooms of which the engine's reconciliation differs or does not balance", len(differs), "below", 0, "rooms"),
        Row.judged("rooms that balance", sum(r.balances for r in rooms), "above", len(rooms), "rooms"),
        Row.judged("frames sent and not received, or received and not sent", abs(hall.frames - sum(states.values())), "below", 0, "frames"),
        Row.judged(
            "frames that wait for a reader or a person", states["received"] + states["queued"] + states["waiting"], "below", 0, "frames"
        ),
        *(Row.told(f"... {state}", count, "frames") for state, count in sorted(states.items())),
        Row.judged("kill -9 in the middle", len(hall.kills), "above", len(KILLS_AT), "kills"),
        Row.told("pages a second, ten stations to rows", hall.frames / seconds[0], "pages/s"),
        Row.told("cases settled by clerks", sum(clerks.settled.values()), "cases"),
        Row.judged("frames that a clerk gave their sheet, and that were asked about again", again, "below", 0, "frames"),
        Row.told("seconds of the clerks and second scans", seconds[1], "s"),
        Row.told("answers by readers unlike what was told, ink without one meaning included", len(by_readers), "answers"),
    ]


def _show_rooms(rooms: list[counted.RoomCount]) -> None:
    printed = Printed("school", "rooms", "expected", "complete", "absent", "other", "rooms that balance", title="Reconciliation")
    for school in sorted({room.school for room in rooms}):
        mine = [room for room in rooms if room.school == school]
        states = sum((room.states for room in mine), Counter[str]())
        complete, absent, expected = states["complete"], states["absent"], sum(states.values())
        cells = (school, len(mine), expected, complete, absent, expected - complete - absent, sum(room.balances for room in mine))
        printed.add_row(*(str(cell) for cell in cells))
    Console(width=110).print(printed)


def _show_stations(frames: dict[str, Counter[str]], asked: Counter[str]) -> None:
    printed = Printed("station", "frames", "read", "duplicate", "discarded", "superseded", "a person was asked", "share")
    for station, states in sorted(frames.items()):
        total = sum(states.values())
        cells = (total, states["read"], states["duplicate"], states["discarded"], states["superseded"], asked[station])
        printed.add_row(station, *(str(cell) for cell in cells), f"{100 * asked[station] / total:.2f} %")
    Console(width=110).print(printed)


def _show_cases(kinds: dict[str, Counter[str]], clerks: Clerks) -> None:
    printed = Printed("case", "resolved", "withdrawn", "open", "decisions")
    for kind, states in sorted(kinds.items()):
        printed.add_row(kind, str(states["resolved"]), str(states["withdrawn"]), str(states["open"]), str(clerks.settled[kind]))
    Console(width=110).print(printed)


def play(asked: argparse.Namespace) -> list[Row]:
    build_client.build()
    paper = make_paper(asked.folder, asked.candidates, asked.seed)
    servers = Path(tempfile.mkdtemp(prefix="markhall-hall-", dir="/tmp"))  # short: a socket's path has 107 characters
    servers.chmod(0o755)
    (servers / "pg").mkdir()
    postgres, valkey = Postgres(servers / "pg"), Valkey(servers)
    hall: Hall | None = None
    try:
        postgres.make()
        hall = open_hall(paper, asked.folder / "run", postgres, valkey)
        deal_paper(hall)
        print(f"{hall.frames} frames of {len(paper.seats)} candidates lie at ten stations", flush=True)
        reading = send_and_read(hall, asked.seed)
        print(f"all read after {reading:.0f} s", flush=True)
        for sentence in alarms(hall):
            print(f"alarm: {sentence}", flush=True)
        say_scanned(hall.site, hall.exam_id, [], by="user:office")
        clerks = Clerks(Client(hall.house.url, EXAM).sign_in("clerk", PASSWORD), Table(paper))
        settling, rooms_off = settle(hall, clerks)
        return report(hall, clerks, rooms_off, (reading, settling), asked.folder)
    finally:
        if hall is not None:
            hall.house.stop()
            hall.site.close()
        postgres.kill()
        valkey.kill()
        shutil.rmtree(servers, ignore_errors=True)
        if not asked.keep:
            shutil.rmtree(asked.folder / "run", ignore_errors=True)


def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.hall", description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--candidates", type=int, default=10_000, help="each has one card of two sides")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=_ROOT / ".make" / "hall", help="where the paper is kept")
    parser.add_argument("--keep", action="store_true", help="leave what the run made, with the logs")
    table = play(parser.parse_args(words))
    show(table)
    if target := os.environ.get("BENCH_JSON"):
        write(table, Path(target))
    return 0 if all(row.met is not False for row in table) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
