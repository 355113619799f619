"""Sending one file: its bytes are read once, hashed once and go out from where they lie. Runs in the station's threads."""

from __future__ import annotations

import hashlib
import os
import threading
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from core.errors import BadInput, Conflict
from scanner.sending import MOST_BYTES, Connection
from scanner.station.frames import page_bytes
from scanner.station.journal import Place, fixed_place
from scanner.wire import Body

_mine = threading.local()
_TRIES = 3  # of a frame whose bytes arrived as others


@dataclass(frozen=True, slots=True)
class LoadFrame:
    page: int  # from 1; 0: the file is the frame
    place: Place
    imprint: str = ""
    known: str = ""  # the hash that the server acknowledged for this place before


@dataclass(frozen=True, slots=True)
class Load:
    file: Path
    stamp: tuple[int, int]  # size and time at which it was found settled
    frames: tuple[LoadFrame, ...]
    again: bool = False  # it was put away long ago, and the server has lost it


class Fate(StrEnum):
    SENT = "sent"  # or refused, as the outcome says
    CHANGED = "changed"  # it was not settled after all, or cannot be read now
    ANOTHER = "another"  # a new picture has the name of one that was sent


@dataclass(frozen=True, slots=True)
class Outcome:
    load: Load
    fate: Fate
    sent: tuple[tuple[Place, str, int], ...] = ()  # place, hash, receipt
    refused: tuple[str, ...] = ()


def send_load(load: Load, batch: str, server: Connection) -> Outcome:
    """Send the frames of a file that the server does not have yet."""
    try:
        data = _read(load)
    except OSError:
        return Outcome(load, Fate.CHANGED)
    sent: list[tuple[Place, str, int]] = []
    refused: list[str] = []
    for frame in load.frames:
        name = load.file.name + (f", page {frame.page}" if frame.page else "")
        body: Body = page_bytes(bytes(data), frame.page, where=load.file.name) if frame.page else data
        digest = hashlib.sha256(body).hexdigest()
        if frame.known == digest:
            continue
        if frame.known and fixed_place(load.file.name) is None:
            return Outcome(load, Fate.ANOTHER)
        try:
            sent.append((frame.place, digest, _put(frame, batch, server, body, digest, name)))
        except (BadInput, Conflict) as e:
            refused.append(f"{name}: {e}")
    return Outcome(load, Fate.SENT, tuple(sent), tuple(refused))


def _put(frame: LoadFrame, batch: str, server: Connection, body: Body, digest: str, name: str) -> int:
    if len(body) > MOST_BYTES:
        raise BadInput("the frame is larger than 64 MiB.", remedy="Scan at a lower resolution.")
    for last in (False,) * (_TRIES - 1) + (True,):
        try:
            return server.put_frame(batch, *frame.place, body, digest, name, frame.imprint)
        except BadInput as e:
            if last or digest not in e.message:
                raise
    raise AssertionError


def _read(load: Load) -> memoryview:
    """The file's bytes in this thread's own buffer. OSError when the file is not what was found settled."""
    handle = os.open(load.file, os.O_RDONLY)
    try:
        stat = os.fstat(handle)
        if (stat.st_size, stat.st_mtime_ns) != load.stamp:
            raise BlockingIOError(f"{load.file} has changed")
        buffer: bytearray = getattr(_mine, "buffer", bytearray())
        if len(buffer) <= stat.st_size:
            buffer = _mine.buffer = bytearray(stat.st_size * 5 // 4 + 1)
        view, filled = memoryview(buffer), 0
        while count := os.readv(handle, [view[filled : stat.st_size + 1]]):
            filled += count
        if filled != stat.st_size:
            raise BlockingIOError(f"{load.file} has changed")
        return view[:filled]
    finally:
        os.close(handle)
