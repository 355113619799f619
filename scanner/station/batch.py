"""One folder as one batch: its files get places, are handed over to be sent, and are put away when the server has them.

Only the station's main thread uses this. Nothing is ever deleted or written over: a file goes to done/, or to refused/
with the server's sentence beside it, and stays where it is until then.
"""

from __future__ import annotations

import os
import re
import time
from collections import deque
from collections.abc import Iterable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

from scanner.sending import Counts
from scanner.station.frames import pages_of
from scanner.station.imprints import Runs, imprint_of, runs
from scanner.station.journal import Journal, sync_folder
from scanner.station.load import Fate, Load, LoadFrame, Outcome
from scanner.station.names import DONE, REFUSED, free_path
from scanner.station.settling import POLLS, Look, Settling

JOURNAL = ".markhall-journal"
_ASK_AGAIN = 5.0  # seconds until a batch that is short is compared again; each time twice as long
_RECENT = 60.0  # seconds over which pages a minute are counted


class Stage(StrEnum):
    NEW = "new"  # the server does not know of it yet
    OPENING = "opening"
    OPEN = "open"
    CLOSING = "closing"
    SHORT = "short"  # closed, and the server has not all of it
    COMPLETE = "complete"
    STUCK = "stuck"  # the server will not have it; its sentence was said


class BatchFolder:
    """A batch of this station. `changed` is when its folder last did something, by a clock that only goes forward."""

    def __init__(
        self,
        folder: Path,
        name: str,
        *,
        journal: Path | None = None,
        duplex: bool,
        imprint: re.Pattern[str] | None = None,
        polls: int = POLLS,
    ) -> None:
        self.folder = folder
        self.journal_path = journal or folder / JOURNAL
        self.book = Journal(self.journal_path)
        self.book.note("batch", self.book.notes.get("batch", name))
        self.name: str = self.book.notes["batch"]
        self.stage = Stage.NEW
        self.busy: dict[str, float] = {}  # files on their way, since when
        self.pending: deque[Load] = deque()
        self.refused: dict[str, str] = {}  # of this run: file, sentence
        self.last_look = Look((), ())
        self.changed = time.monotonic()
        self.sent_lately: deque[tuple[float, int]] = deque()
        self.retry_at, self.ask_again = 0.0, _ASK_AGAIN
        self.header = ""  # the file of its header page
        self.said = ""
        self._duplex, self._imprint = duplex, imprint
        self._settling = Settling(folder, polls=polls)
        self._renewed: set[str] = set()

    @property
    def frames(self) -> int:
        """Frames that the server acknowledged, now or before."""
        return len(self.book.acknowledged)

    @property
    def rests(self) -> bool:
        """Whether nothing is on its way and nothing waits to become whole."""
        return not self.busy and not self.pending and not self.last_look.waiting

    @property
    def set_aside(self) -> tuple[str, ...]:
        """Files that were refused and that nobody has taken away or put back."""
        try:
            names = os.listdir(self.folder / REFUSED)
        except OSError:
            return ()
        return tuple(sorted(name for name in names if not name.endswith(".txt")))

    def look(self) -> int:
        """Look at the folder once: settled files get their places for good and wait to be sent. How many there were."""
        now, before = time.monotonic(), self.last_look
        self.last_look = self._settling.look(self.busy)
        loads = [load for file in self.last_look.ready if (load := self._load(file)) is not None]
        self.book.sync()
        for load in loads:
            self.busy[load.file.name] = now
        self.pending.extend(loads)
        if loads or self.last_look.waiting != before.waiting:
            self.changed = now
        return len(loads)

    def settle(self, outcomes: Iterable[Outcome]) -> list[str]:
        """Take in what became of files: acknowledgements reach the disk first, then the files are moved. What to tell people."""
        outcomes, now = list(outcomes), time.monotonic()
        for outcome in outcomes:
            for place, sha256, receipt in outcome.sent:
                self.book.acknowledge(place, sha256, receipt)
        try:
            self.book.sync()
        except OSError:
            for outcome in outcomes:  # nothing is moved; the next look finds the files, and what is acknowledged of them
                self.busy.pop(_key(outcome.load, outcome.load.frames[0].page), None)
            raise
        told = [sentence for outcome in outcomes for sentence in self._put(outcome)]
        # A move that a power cut takes back is no loss: the file is found again, known, and moved again.
        self.sent_lately.append((now, sum(len(o.sent) for o in outcomes)))
        self.changed = now
        return told

    def a_minute(self) -> float:
        """Frames a minute, of late."""
        now = time.monotonic()
        while self.sent_lately and self.sent_lately[0][0] < now - _RECENT:
            self.sent_lately.popleft()
        span = max(1.0, now - self.sent_lately[0][0]) if self.sent_lately else 1.0
        return sum(count for _, count in self.sent_lately) * 60 / span

    def numbers(self) -> Runs:
        """The imprinter's numbers of the cards so far."""
        if self._imprint is None:
            return Runs()
        return runs((place.sequence, imprint_of(file, self._imprint)) for place, file in self.book.files.items())

    def missing_here(self, counts: Counts) -> list[Load]:
        """Frames that the server acknowledged once and has no more (an older copy of it was restored): they go again."""
        lost = [place for place in self.book.acknowledged if not counts.missing or str(place) in counts.missing]
        loads = []
        for place in lost:
            home, page = self.book.home_of(place)
            file = self.folder / DONE / home
            if home and file.is_file():
                load = Load(file, _stamp(file), (LoadFrame(page, place, imprint_of(home, self._imprint)),), again=True)
                loads.append(load)
                self.busy[_key(load, page)] = time.monotonic()
        self.pending.extend(loads)
        return loads

    def summary(self, manifest: Mapping[str, Any]) -> dict[str, Any]:
        """What the station says of the batch when it closes it."""
        numbers = self.numbers()
        said = {"first_imprint": numbers.first, "last_imprint": numbers.last, "header": self.header}
        return {**manifest, **{key: value for key, value in said.items() if value}, "refused": len(self.set_aside)}

    def _load(self, file: Path) -> Load | None:
        try:
            stamp, pages = _stamp(file), pages_of(file)
        except OSError:
            return None
        entry = self.book.entry(file.name)
        fresh = entry is not None and (file.name in self._renewed or entry.away or self._is_another(file, stamp[1]))
        self._renewed.discard(file.name)
        entry = self.book.begin(file.name, stamp[1], pages, duplex=self._duplex, fresh=fresh)
        known, number = self.book.acknowledged, imprint_of(file.name, self._imprint)
        return Load(file, stamp, tuple(LoadFrame(page, entry.places[page], number, known.get(entry.places[page], "")) for page in pages))

    def _is_another(self, file: Path, time_of_file: int) -> bool:
        """The station was switched off between a file's move and the line about it, and the scanner gave its name again."""
        entry = self.book.entry(file.name)
        assert entry is not None
        return self.book.is_sent(entry) and entry.stamp != time_of_file and (self.folder / DONE / file.name).exists()

    def _put(self, outcome: Outcome) -> list[str]:
        """Move one file to where it belongs now; sentences for people, if any."""
        file = outcome.load.file
        if outcome.load.again:
            self.busy.pop(_key(outcome.load, outcome.load.frames[0].page), None)
            return list(outcome.refused)
        self.busy.pop(file.name, None)
        if outcome.fate is Fate.ANOTHER:
            self._renewed.add(file.name)
            return []
        if outcome.fate is not Fate.SENT:
            return []  # it changed, or went away: the next look sees what there is
        if outcome.refused:
            return self._refuse(file, outcome.refused)
        self.refused.pop(file.name, None)
        target = _moved(file, self.folder / DONE)
        if target is not None:
            self.book.put_away(file.name, target.name)
        return []

    def _refuse(self, file: Path, why: tuple[str, ...]) -> list[str]:
        self.refused[file.name] = why[0]
        target = _moved(file, self.folder / REFUSED)
        if target is not None:
            target.with_name(f"{target.name}.txt").write_text("\n".join(why) + "\n", encoding="utf-8")
            sync_folder(target.parent)
        return [f"{self.name}: {sentence}" for sentence in why]


def _key(load: Load, page: int) -> str:
    """Under which a load is on its way."""
    return f"{DONE}/{load.file.name}/{page}" if load.again else load.file.name


def _stamp(file: Path) -> tuple[int, int]:
    stat = file.stat()
    return stat.st_size, stat.st_mtime_ns


def _moved(file: Path, folder: Path) -> Path | None:
    """Where it lies now; nothing when it could not be moved (someone has it open): then it is tried again."""
    try:
        if not os.path.isdir(folder):
            folder.mkdir(exist_ok=True)
        target = free_path(folder, file.name)
        file.rename(target)
    except OSError:
        return None
    return target
