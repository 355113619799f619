"""The scan station: watches a folder, sends what settles in it as batches, and says what it does.

The loop of the one main thread: look at the folders, take in what the server answered, close what is over, show it. It
never waits for the server, so that scanning goes on for a day without one.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from scanner.sending import Connection, Rescan
from scanner.station.batch import JOURNAL, BatchFolder, Stage
from scanner.station.imprints import pattern_of
from scanner.station.journal import sync_folder
from scanner.station.lock import only_station
from scanner.station.names import DONE, REFUSED, batch_name, free_path, is_coming, is_scan
from scanner.station.settling import POLLS, Waiting
from scanner.station.sorting import Sorter
from scanner.station.traffic import Say, Traffic

Grouping = Literal["folder", "header", "time"]
IDLE: dict[Grouping, float] = {"folder": 30.0, "header": 600.0, "time": 60.0}  # seconds of rest that end a batch
_RETIRE_AGAIN = 30.0  # seconds until a folder that someone holds open is moved again
_AWAY_AGAIN = 60.0  # seconds between two sentences about a server that is away
_HICCUP = 3.0  # seconds of absence that nobody needs to hear of
_RESCANS = 30.0  # seconds between two looks at what the office wants scanned again


@dataclass(frozen=True, slots=True)
class Plan:
    """How a station works."""

    station: str
    grouping: Grouping = "folder"
    idle: float | None = None  # None: as IDLE says
    duplex: bool = True
    imprint: str = ""
    operator: str = ""
    scanner: str = ""
    poll: float = 1.0
    polls: int = POLLS
    journal: Path | None = None  # a folder for the journals; None: each lies with its batch
    once: bool = False  # end when all that was there is complete


@dataclass(frozen=True, slots=True)
class BatchLine:
    """One batch as it is shown."""

    name: str
    stage: Stage
    sent: int
    seen: int
    refused: int
    waiting: tuple[Waiting, ...]
    a_minute: float
    oldest: float  # seconds for which a file has been on its way
    imprints: str


@dataclass(frozen=True, slots=True)
class View:
    batches: tuple[BatchLine, ...]
    waiting: tuple[Waiting, ...]  # of files that belong to no batch yet
    away_since: float | None
    why: str
    rescans: tuple[Rescan, ...]


Show = Callable[[View], None]


def watch_folder(
    folder: Path, url: str, exam: str, token: str, plan: Plan, *, stop: threading.Event, say: Say = print, show: Show | None = None
) -> bool:
    """Be the station of `folder` until `stop` is set, or (`plan.once`) until everything is complete: whether it is."""
    pattern_of(plan.imprint)
    for place in {folder, plan.journal or folder}:
        place.mkdir(parents=True, exist_ok=True)
    ended = threading.Event()
    manifest = {"operator": plan.operator, "scanner": plan.scanner or plan.station}
    with ExitStack() as held:
        for place in sorted({folder.resolve(), (plan.journal or folder).resolve()}):
            held.enter_context(only_station(place))
        server = held.enter_context(Connection(url, exam, token, stop=ended))
        traffic = held.enter_context(Traffic(server, ended, say, manifest=manifest))
        return _Station(folder, plan, traffic, say, show or (lambda view: None)).run(stop)


class _Station:
    def __init__(self, folder: Path, plan: Plan, traffic: Traffic, say: Say, show: Show) -> None:
        self._folder, self._plan, self._traffic, self._say, self._show = folder, plan, traffic, say, show
        self._idle = IDLE[plan.grouping] if plan.idle is None else plan.idle
        self._sorter = self._make_sorter()
        self._known: dict[str, BatchFolder] = {}  # by the folder's name
        self._left_alone: set[str] = set()
        self._rescans: tuple[Rescan, ...] = ()
        self._ask_rescans_at = 0.0
        self._not_complete: set[str] = set()
        self._said: set[str] = set()
        self._trouble: int | None = None  # why the folder cannot be used, as the system numbers it
        self._away: tuple[float, float] | None = None  # since when the server is away, and when that was last said

    def run(self, stop: threading.Event) -> bool:
        looks = 0
        try:
            while True:
                turn = time.monotonic()
                looks += self._turn(looks)
                self._ask_for_rescans(turn)
                self._tell_of_the_server()
                self._show(self.view())
                if self._plan.once and looks > self._plan.polls + 1 and self._is_over():
                    return not any(b.stage is not Stage.COMPLETE for b in self._traffic.batches) and not self._not_complete
                if stop.wait(max(0.0, turn + self._plan.poll - time.monotonic()) if self._traffic.idle else 0.0):
                    return False
        finally:
            if self._sorter is not None:
                self._sorter.close()

    def _turn(self, looks: int) -> bool:
        """Look, send, close: whether the folder could be used. A share that is away or a full disk is waited for."""
        try:
            self._look()
            self._traffic.feed()
            self._traffic.drain(self._plan.poll)
            for batch in list(self._traffic.batches):
                self._go_on(batch, looks)
        except OSError as e:
            if self._trouble != (e.errno or 0):
                self._trouble = e.errno or 0
                self._say(
                    f"{e.filename or self._folder}: {e.strerror or e}. The station waits until it can be used again; nothing is lost."
                )
            return False
        if self._trouble is not None:
            self._trouble = None
            self._say(f"{self._folder} can be used again.")
        return True

    def view(self) -> View:
        weather = self._traffic.server.weather
        lines = tuple(self._line(batch) for batch in self._traffic.batches)
        waiting = self._sorter.last_look.waiting if self._sorter else ()
        return View(lines, waiting, weather.away_since, weather.why, self._rescans)

    def _line(self, batch: BatchFolder) -> BatchLine:
        seen = len(batch.book.files)
        oldest = time.monotonic() - min(batch.busy.values()) if batch.busy else 0.0
        numbers = batch.numbers().sentence
        refused = len(batch.set_aside)
        return BatchLine(batch.name, batch.stage, batch.frames, seen, refused, batch.last_look.waiting, batch.a_minute(), oldest, numbers)

    def _make_sorter(self) -> Sorter | None:
        if self._plan.grouping == "folder":
            return None
        headers = self._plan.grouping == "header"
        return Sorter(self._folder, self._plan.station, headers=headers, idle=self._idle, polls=self._plan.polls)

    def _look(self) -> None:
        if self._sorter is not None:
            for sentence in self._sorter.sort():
                self._say(sentence)
        for folder in self._batch_folders():
            batch = self._known.get(folder.name) or self._begin(folder)
            if batch is not None and batch.stage is not Stage.COMPLETE:
                batch.look()

    def _batch_folders(self) -> list[Path]:
        """The folders that are batches; what else lies here is left alone, and named once."""
        begun = self._sorter.names if self._sorter is not None else None
        folders, others = [], []
        for entry in sorted(self._folder.iterdir()):
            if entry.name in (DONE, REFUSED) or entry.name.startswith("."):
                continue
            if entry.is_dir() and (begun is None or entry.name in begun):
                folders.append(entry)
            elif entry.is_dir() or (begun is None and is_scan(entry.name)):
                others.append(entry.name)
        new = [name for name in others if name not in self._left_alone]
        if new:
            self._left_alone.update(new)
            why = "files beside the batch folders" if begun is None else "folders that this station did not make"
            self._say(f"left alone: {', '.join(new[:5])}{' and more' if len(new) > 5 else ''} ({why})")
        return folders

    def _begin(self, folder: Path) -> BatchFolder | None:
        """A folder becomes a batch with its first scan."""
        journal = self._plan.journal / f"{folder.name}.journal" if self._plan.journal else folder / JOURNAL
        if not journal.exists() and not any(is_scan(entry.name) and entry.is_file() for entry in folder.iterdir()):
            return None
        done = self._folder / DONE
        taken = {entry.name for entry in done.iterdir()} if done.is_dir() else set()
        batch = BatchFolder(
            folder,
            batch_name(folder.name, taken),
            journal=journal,
            duplex=self._plan.duplex,
            imprint=pattern_of(self._plan.imprint),
            polls=0 if self._sorter is not None else self._plan.polls,
        )
        if batch.book.spoiled:
            self._say(f"{journal}: {batch.book.spoiled} lines cannot be read and were passed over; what they said is asked of the server.")
        if self._sorter is not None:
            batch.header = ", ".join(self._sorter.headers.get(folder.name, ()))
        self._known[folder.name] = batch
        self._traffic.batches.append(batch)
        return batch

    def _go_on(self, batch: BatchFolder, looks: int) -> None:
        """Close a batch that is over, compare one that is short again, retire one that is complete."""
        now = time.monotonic()
        if batch.stage is Stage.COMPLETE:
            self._retire(batch)
        elif batch.stage is Stage.STUCK and now > batch.retry_at:
            batch.stage = Stage.NEW
        elif batch.stage is Stage.SHORT and now > batch.retry_at and batch.rests:
            self._traffic.close(batch)
        elif batch.stage is Stage.OPEN and batch.rests and self._has_ended(batch, now, looks):
            refused = batch.set_aside
            if not refused:
                self._not_complete.discard(batch.name)
                self._traffic.close(batch)
            else:
                self._not_complete.add(batch.name)
                names = f"{', '.join(refused[:5])} in {batch.folder.name}/{REFUSED}"
                self._say_once(
                    f"batch {batch.name} is NOT complete: {len(refused)} refused ({names})."
                    " Put them back to try again, or take them away to close the batch without them."
                )
        for one in batch.last_look.waiting:
            if one.stuck:
                self._say_once(f"batch {batch.name}: {one.name} waits: it {one.why}. Scan the page again and take this file away.")
                if self._plan.once and not batch.busy:
                    self._not_complete.add(batch.name)

    def _say_once(self, sentence: str) -> None:
        if sentence not in self._said:
            self._said.add(sentence)
            self._say(sentence)

    def _tell_of_the_server(self) -> None:
        """Once when it goes away, at most every minute while it is, and when it is back."""
        since, now = self._traffic.server.weather.away_since, time.time()
        if since is None:
            if self._away is not None:
                self._say(f"the server is back; it was away for {now - self._away[0]:.0f} seconds.")
            self._away = None
        elif now - since >= _HICCUP and (self._away is None or now - self._away[1] >= _AWAY_AGAIN):
            self._away = since, now
            at = time.strftime("%d %b %H:%M:%S", time.localtime(since))
            why = self._traffic.server.weather.why
            self._say(f"the server does not answer since {at} ({why}). Scanning may go on: what is not sent stays here and is sent later.")

    def _has_ended(self, batch: BatchFolder, now: float, looks: int) -> bool:
        if self._plan.once:
            return looks > self._plan.polls + 1 and not (self._sorter and self._sorter.last_look.waiting)
        if self._sorter is not None:
            return self._sorter.open_batch != batch.folder.name
        return now - batch.changed > self._idle

    def _retire(self, batch: BatchFolder) -> None:
        """Move a complete batch's folder to done/. What came into it meanwhile is left there, and is a batch of its own."""
        if time.monotonic() < batch.retry_at:
            return
        target = self._folder / DONE / batch.name
        try:
            batch.book.sync()
            sync_folder(batch.folder / DONE)
            target.parent.mkdir(exist_ok=True)
            known = {entry.name for entry in batch.folder.iterdir()}
            if any(is_scan(entry.name) and entry.is_file() for entry in batch.folder.iterdir()):
                target.mkdir(exist_ok=True)
                for part in (batch.folder / DONE, batch.folder / REFUSED):
                    if part.exists():
                        part.rename(target / part.name)
                batch.journal_path.rename(target / JOURNAL)
            else:
                if self._plan.journal is not None:
                    shutil.copyfile(batch.journal_path, batch.folder / JOURNAL)
                    batch.journal_path.rename(batch.journal_path.with_name(f"{batch.name}.complete"))
                batch.folder.rename(target)
                for late in list(target.iterdir()):  # what came between the look and the move: nobody has sent it
                    if late.name not in known and is_coming(late.name):
                        batch.folder.mkdir(exist_ok=True)
                        late.rename(free_path(batch.folder, late.name))
        except OSError as e:
            batch.retry_at = time.monotonic() + _RETIRE_AGAIN
            self._say_once(f"batch {batch.name} is complete; its folder cannot be moved to done/ yet ({e.strerror}).")
            return
        sync_folder(target.parent)
        sync_folder(self._folder)
        batch.book.close()
        self._traffic.batches.remove(batch)
        self._known.pop(batch.folder.name, None)

    def _is_over(self) -> bool:
        """Nothing more will happen of itself: all is complete, or waits for a person."""
        waits = [b for b in self._traffic.batches if b.stage is not Stage.STUCK and b.name not in self._not_complete]
        return self._traffic.idle and not waits and not (self._sorter and self._sorter.last_look.waiting)

    def _ask_for_rescans(self, now: float) -> None:
        if now < self._ask_rescans_at or self._plan.once or self._traffic.server.weather.away_since is not None:
            return
        self._ask_rescans_at = now + _RESCANS

        def heard(listed: tuple[Rescan, ...]) -> None:
            for one in listed:
                if one not in self._rescans:
                    self._say(rescan_sentence(one))
            self._rescans = listed

        self._traffic.ask(self._traffic.server.rescans, heard)


def rescan_sentence(one: Rescan) -> str:
    """What to fetch, and from where."""
    places = (("room", one.room), ("seat", one.seat), ("candidate", one.number), ("sheet", one.sheet))
    where = ", ".join(f"{name} {value}" for name, value in places if value)
    side = f", side {one.side}" if one.side else ""
    return f"scan again: paper {one.paper}, {where}{side}"


def rescans_of(url: str, exam: str, token: str, *, patience: float | None = None) -> tuple[Rescan, ...]:
    with Connection(url, exam, token, patience=patience) as server:
        return server.rescans()
