"""Which files of a folder are whole: polled, so that a share over SMB or NFS does as well as a disk.

A file is settled when its size and time stayed the same over several looks and it can be opened. Times are only
compared with themselves: the clock of a file server may be hours off. A file that waits keeps those behind it back
for a while, since the order of files is the order of cards; a file that is stuck does not.
"""

from __future__ import annotations

import os
from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path

from scanner.station.names import in_order, is_scan

POLLS = 2  # looks at which a file has to be the same as before
STUCK = 10  # looks after which a file that does not change and is not whole holds nobody back
_TAIL = 1024
_ENDS: dict[bytes, tuple[bytes, int]] = {b"\xff\xd8\xff": (b"\xff\xd9", 64), b"\x89PNG": (b"IEND", 16), b"%PDF": (b"%%EOF", _TAIL)}


@dataclass(frozen=True, slots=True)
class Waiting:
    name: str
    why: str
    stuck: bool = False  # it has not changed for long, and will not of itself


@dataclass(frozen=True, slots=True)
class Look:
    ready: tuple[Path, ...]  # in the order of their names
    waiting: tuple[Waiting, ...]


@dataclass(slots=True)
class _Seen:
    stamp: tuple[int, int]  # size, time as the share tells it
    same: int = 0  # looks at which it was as before


class Settling:
    """What was seen of a folder at earlier looks. `polls` 0: whatever is whole is ready at once."""

    def __init__(self, folder: Path, *, polls: int = POLLS) -> None:
        self._folder, self._polls = folder, polls
        self._seen: dict[str, _Seen] = {}

    def look(self, but: Container[str] = ()) -> Look:
        """One look at the folder; `but` names files that are on their way already."""
        found = self._found(but)
        ready: list[Path] = []
        waiting: list[Waiting] = []
        held = False
        for name in sorted(found, key=in_order):
            seen = found[name]
            why = self._why_not(name, seen)
            if why is None and not held:
                ready.append(self._folder / name)
            elif why != "":
                stuck = why is not None and seen.same >= STUCK
                waiting.append(Waiting(name, why or "waits for the file before it", stuck))
                held = held or not stuck
        self._seen = found
        return Look(tuple(ready), tuple(waiting))

    def _found(self, but: Container[str]) -> dict[str, _Seen]:
        found: dict[str, _Seen] = {}
        with os.scandir(self._folder) as entries:
            for entry in entries:
                if entry.name in but or not is_scan(entry.name):
                    continue
                try:
                    if not entry.is_file():
                        continue
                    stat = entry.stat()
                except OSError:
                    continue  # it went away between the list and the look
                stamp, before = (stat.st_size, stat.st_mtime_ns), self._seen.get(entry.name)
                found[entry.name] = _Seen(stamp, before.same + 1 if before and before.stamp == stamp else 0)
        return found

    def _why_not(self, name: str, seen: _Seen) -> str | None:
        """None: it is settled; nothing: it is gone; else why it waits."""
        if seen.stamp[0] == 0:
            return "is empty (0 bytes)"
        if seen.same < self._polls:
            return "is still being written"
        try:
            with (self._folder / name).open("rb") as file:
                now = os.fstat(file.fileno())  # asks the share itself: what a list tells may be some seconds old
                if (now.st_size, now.st_mtime_ns) != seen.stamp:
                    seen.same = 0
                    return "is still being written"
                start = file.read(4)
                file.seek(max(0, now.st_size - _TAIL))
                whole = _has_its_end(start, file.read())
        except FileNotFoundError:
            return ""
        except OSError as e:
            return f"cannot be opened ({e.strerror})"
        # A file that is really broken is sent after a while as it is: the server sets it aside, and it is counted.
        return None if whole or not self._polls or seen.same >= STUCK else "has no end yet"


def _has_its_end(start: bytes, tail: bytes) -> bool:
    for kind, (end, within) in _ENDS.items():
        if start.startswith(kind):
            return end in tail[-within:]
    return True
