"""Batches of files that lie in one folder: by header pages, or by pauses. Each file moves into the folder of its batch.

The move is the record: a file lies in one folder or in the other, whatever dies. A header page begins a batch, is kept
in the batch's done/ and named in its manifest, and is no frame. A header that comes again after other pages begins a
further batch, so that printed headers may be used every day.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from core.errors import FrameUnreadable
from scanner.station.frames import pages_of
from scanner.station.journal import Journal, sync_folder
from scanner.station.names import DONE, REFUSED, batch_name, free_path
from scanner.station.settling import Look, Settling

NOTES = ".markhall-batches"


class Sorter:
    """Sorts the files of `folder` into batch folders in it; `open_batch` is the one that the next file belongs to."""

    def __init__(
        self, folder: Path, station: str, *, headers: bool, idle: float, polls: int, today: Callable[[], datetime] = datetime.now
    ) -> None:
        self._folder, self._station, self._headers, self._idle, self._today = folder, _plain(station), headers, idle, today
        self._settling = Settling(folder, polls=polls)
        self._notes = Journal(folder / NOTES)
        self._came = time.monotonic()
        self._moved_into: set[Path] = set()
        self.last_look = Look((), ())

    @property
    def open_batch(self) -> str:
        return str(self._notes.notes.get("open", ""))

    @property
    def names(self) -> set[str]:
        """Every batch that was begun here."""
        return set(self._notes.notes.get("begun", ()))

    @property
    def headers(self) -> dict[str, list[str]]:
        """The header pages of each batch, as they are named in its done/."""
        return dict(self._notes.notes.get("headers", {}))

    def close(self) -> None:
        self._notes.close()

    def sort(self) -> list[str]:
        """Move the settled files into their batches; what to tell people."""
        self.last_look = self._settling.look()
        told: list[str] = []
        for file in self.last_look.ready:
            self._came = time.monotonic()
            told += self._sort_one(file)
        for folder in self._moved_into:
            sync_folder(folder)
        if self.last_look.waiting:
            self._came = time.monotonic()
        elif self.open_batch and time.monotonic() - self._came > self._idle:
            self.end()
        if self._moved_into:
            sync_folder(self._folder)
            self._moved_into.clear()
        return told

    def end(self) -> None:
        """The open batch is over."""
        self._notes.note("open", "")
        self._notes.note("header", "")
        self._notes.sync()

    def _sort_one(self, file: Path) -> list[str]:
        told: list[str] = []
        try:
            header = self._header_of(file) if self._headers else None
        except OSError:
            return []  # gone, or held: the next look sees
        except FrameUnreadable as e:
            return [str(e)] if self._move(file, REFUSED, str(e)) else []
        if header is not None and (header != self._notes.notes.get("header") or self._has_pages(self.open_batch)):
            told.append(self._begin(header, header))
        if not self.open_batch:
            told.append(self._begin(self._running(), ""))
            if self._headers:
                told.append(f"{file.name} came before any header page; it is in batch {self.open_batch}")
        if header is None:
            self._move(file, self.open_batch)
        else:
            (self._folder / self.open_batch).mkdir(exist_ok=True)
            moved = self._move(file, f"{self.open_batch}/{DONE}")
            pages = [*self.headers.get(self.open_batch, ()), *([moved] if moved else ())]
            self._notes.note("headers", {**self.headers, self.open_batch: pages})
            self._notes.sync()
        return told

    def _begin(self, wanted: str, header: str) -> str:
        name = batch_name(wanted, self._taken())
        self._notes.note("begun", sorted(self.names | {name}))
        self._notes.note("open", name)
        self._notes.note("header", header)
        self._notes.sync()
        return f"batch {name} begins" + (f" (header page {header})" if header else "")

    def _taken(self) -> set[str]:
        done = self._folder / DONE
        put_away = {entry.name for entry in done.iterdir()} if done.is_dir() else set()
        return self.names | put_away | {entry.name for entry in self._folder.iterdir() if entry.is_dir()} | {DONE, REFUSED}

    def _running(self) -> str:
        """Station, day, number of the day."""
        taken, number = self._taken(), 1
        while (name := f"{self._station}-{self._today():%Y%m%d}-{number:03d}") in taken:
            number += 1
        return name

    def _has_pages(self, batch: str) -> bool:
        """Whether anything but header pages came into the batch."""
        if not batch or (self._folder / DONE / batch).is_dir():
            return bool(batch)
        own = set(self.headers.get(batch, ()))
        folders = [self._folder / batch, *(self._folder / batch / part for part in (DONE, REFUSED))]
        return any(
            entry.is_file() and not entry.name.startswith(".") and entry.name not in own
            for folder in folders
            if folder.is_dir()
            for entry in folder.iterdir()
        )

    def _header_of(self, file: Path) -> str | None:
        from scanner.station.frames import frames_in
        from scanner.station.header import header_on

        pages = pages_of(file)
        if pages == (0,):
            return header_on(file.read_bytes())
        names = [header_on(frame) for frame in frames_in(file)]
        if any(names):
            raise FrameUnreadable(
                "a header page lies within a file of many pages.",
                where=file.name,
                remedy="Scan to one file a page, or to one file a batch.",
            )
        return None

    def _move(self, file: Path, into: str, why: str = "") -> str:
        """The name under which it lies there; empty when it could not be moved."""
        folder = self._folder / into
        try:
            folder.mkdir(parents=True, exist_ok=True)
            target = free_path(folder, file.name)
            file.rename(target)
            if why:
                target.with_name(f"{target.name}.txt").write_text(why + "\n", encoding="utf-8")
        except OSError:
            return ""
        self._moved_into.add(folder)
        return target.name


def _plain(station: str) -> str:
    return batch_name(station, ())[:40]
