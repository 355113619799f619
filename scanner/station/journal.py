"""A batch's journal: which place each file has and what the server acknowledged, as lines that outlive a power cut.

Lines are written as they come and reach the disk with `sync`. The law: a place is on the disk before its frame is sent,
an acknowledgement before its file is moved. What a power cut takes away was never acted on: a frame whose
acknowledgement is lost is sent again to the same place, where the server has it already.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

_as_json = json.JSONEncoder(ensure_ascii=False).encode  # made once: two lines a frame
_NAMED = re.compile(r"(\d{1,7})-([12])\.\w+")


class Place(NamedTuple):
    sequence: int
    face: int

    def __str__(self) -> str:
        return f"{self.sequence:05d}-{self.face}"


@dataclass(slots=True)
class Entry:
    """A file that the journal knows. Scanners give a name again, so a name may have had several."""

    file: str
    stamp: int  # its time as the share told it: tells a new file of the same name
    places: dict[int, Place] = field(default_factory=dict)  # by page from 1; 0: the file is the frame
    away: bool = False  # it was put into done/


class Journal:
    """JSON lines. A last line that was cut off is dropped; one that a disk spoiled is passed over and counted."""

    def __init__(self, path: Path) -> None:
        self.notes: dict[str, Any] = {}
        self.spoiled = 0
        self.acknowledged: dict[Place, str] = {}
        self._entries: dict[str, Entry] = {}
        self._taken: dict[Place, str] = {}
        self._homes: dict[Place, tuple[str, int]] = {}
        self._last = Place(0, 2)
        whole = self._load(path)
        self._file = path.open("ab")
        self._file.truncate(whole)
        sync_folder(path.parent)
        self._loose = False

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self.sync()
        self._file.close()

    def entry(self, file: str) -> Entry | None:
        return self._entries.get(file)

    def is_sent(self, entry: Entry) -> bool:
        return bool(entry.places) and all(place in self.acknowledged for place in entry.places.values())

    @property
    def files(self) -> Mapping[Place, str]:
        """Every place and the name of the file that has it."""
        return self._taken

    def home_of(self, place: Place) -> tuple[str, int]:
        """The name in done/ of the file of a place, and its page; an empty name when it is not there."""
        return self._homes.get(place, ("", 0))

    def begin(self, file: str, stamp: int, pages: tuple[int, ...], *, duplex: bool, fresh: bool = False) -> Entry:
        """The places of a file's pages: those that they have, or new ones for good. `fresh`: it is a new file of an old name."""
        entry = self._entries.get(file)
        if entry is None or fresh:
            entry = self._entries[file] = Entry(file, stamp)
        for page in pages:
            if page not in entry.places:
                line = {"file": file, "page": page, "place": self._place_for(file, page, duplex), "at": stamp}
                line |= {"fresh": True} if fresh and not entry.places else {}
                self._take(line)
                self._write(line)
                entry = self._entries[file]
        return entry

    def acknowledge(self, place: Place, sha256: str, receipt: int) -> None:
        self.acknowledged[place] = sha256
        self._write({"sent": place, "sha256": sha256, "receipt": receipt})

    def put_away(self, file: str, name: str) -> None:
        """The file lies in done/ now, under this name."""
        line = {"away": file, "as": name}
        self._take(line)
        self._write(line)

    def note(self, key: str, value: Any) -> None:
        if self.notes.get(key) != value:
            self.notes[key] = value
            self._write({"note": key, "value": value})

    def sync(self) -> None:
        """What was written is on the disk."""
        if self._loose:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._loose = False

    def _place_for(self, file: str, page: int, duplex: bool) -> Place:
        named = fixed_place(file) if page == 0 else None
        if named is not None:
            return named
        last = self._last
        place = Place(last.sequence, 2) if duplex and last.face == 1 else Place(last.sequence + 1, 1)
        return place if place not in self._taken else Place(last.sequence + 1, 1)

    def _load(self, path: Path) -> int:
        """Take in what stands in the file; how many of its bytes are whole lines."""
        whole = 0
        for line in path.read_bytes().splitlines(keepends=True) if path.exists() else ():
            if not line.endswith(b"\n"):
                break
            whole += len(line)
            try:
                self._take(json.loads(line))
            except (ValueError, KeyError, TypeError):
                self.spoiled += 1
        return whole

    def _take(self, line: dict[str, Any]) -> None:
        if "sent" in line:
            self.acknowledged[Place(*line["sent"])] = line["sha256"]
        elif "file" in line:
            file, place = line["file"], Place(*line["place"])
            if line.get("fresh") or file not in self._entries:
                self._entries[file] = Entry(file, int(line.get("at", 0)))
            self._entries[file].places[line["page"]] = place
            self._taken[place] = file
            self._last = max(self._last, place)
        elif "away" in line:
            entry = self._entries[line["away"]]
            entry.away = True
            self._homes.update({place: (line["as"], page) for page, place in entry.places.items()})
        elif "note" in line:
            self.notes[line["note"]] = line["value"]

    def _write(self, line: dict[str, Any]) -> None:
        self._file.write(_as_json(line).encode() + b"\n")
        self._loose = True


def fixed_place(file: str) -> Place | None:
    """The place that a name such as 00012-1.jpg gives itself."""
    named = _NAMED.fullmatch(file)
    return Place(int(named[1]), int(named[2])) if named and int(named[1]) else None


def sync_folder(folder: Path) -> None:
    """A file's name is on the disk after this. Some shares cannot be asked; there the server's word has to do."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    except OSError:
        pass
    finally:
        os.close(handle)
