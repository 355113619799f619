"""The station's journal: which place each file has and what the server acknowledged, one durable line at a time."""

from __future__ import annotations

import json
import os
import re
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

_NAMED = re.compile(r"(\d{1,7})-([12])\.\w+")


class Place(NamedTuple):
    sequence: int
    face: int


class Journal:
    """JSON lines. A last line that was cut off by a power failure was never acted on, and is dropped."""

    def __init__(self, path: Path) -> None:
        self._places: dict[tuple[str, int], Place] = {}
        self._sent: dict[Place, str] = {}
        self._lock = threading.Lock()
        whole = self._load(path)
        self._file = path.open("ab")
        self._file.truncate(whole)

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._file.close()

    @property
    def acknowledged(self) -> int:
        return len(self._sent)

    def place_of(self, file: str, page: int, *, duplex: bool) -> Place:
        """The place that this file's page has, or gets now for good."""
        known = self._places.get((file, page))
        if known is not None:
            return known
        named = _NAMED.fullmatch(file)
        place = Place(int(named[1]), int(named[2])) if named and page == 0 else self._next(duplex)
        self._places[file, page] = place
        self._write({"file": file, "page": page, "place": place})
        return place

    def knows(self, place: Place, sha256: str) -> bool:
        return self._sent.get(place) == sha256

    def has(self, place: Place) -> bool:
        return place in self._sent

    def acknowledge(self, place: Place, sha256: str, receipt: int) -> None:
        with self._lock:
            self._sent[place] = sha256
            self._write({"sent": place, "sha256": sha256, "receipt": receipt})

    def _next(self, duplex: bool) -> Place:
        last = max(self._places.values(), default=Place(0, 2))
        return Place(last.sequence, 2) if duplex and last.face == 1 else Place(last.sequence + 1, 1)

    def _load(self, path: Path) -> int:
        """Take in what stands in the file; how many of its bytes are whole lines."""
        whole = 0
        for line in path.read_bytes().splitlines(keepends=True) if path.exists() else ():
            if not line.endswith(b"\n"):
                break
            self._take(json.loads(line))
            whole += len(line)
        return whole

    def _take(self, entry: dict[str, Any]) -> None:
        if "sent" in entry:
            self._sent[Place(*entry["sent"])] = entry["sha256"]
        else:
            self._places[entry["file"], entry["page"]] = Place(*entry["place"])

    def _write(self, entry: dict[str, Any]) -> None:
        self._file.write(json.dumps(entry, ensure_ascii=False).encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())
