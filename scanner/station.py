"""The scan station's client: a folder of scans goes to the server frame by frame, and nothing is lost on the way.

A file is moved to `done/` only after the server acknowledged all its frames. What was acknowledged, and which place
each file got, stands in a journal that reaches the disk line by line, so that a station that is switched off goes on
where it was. A server that is away is waited for. The client compares its count with the server's at the end.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx

from core.errors import BadInput, MarkhallError
from scanner.sending import Connection
from scanner.station_journal import Journal, Place

IN_FLIGHT = 3
DONE = "done"
_MANY_PAGES = (".tif", ".tiff", ".pdf")
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Frame:
    place: Place
    file: Path
    page: int  # from 1; 0: the file is the frame


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of a batch. `refused` names frames that the server did not take, each with its sentence."""

    batch: str
    frames: int
    sent: int  # now; the others had been acknowledged before
    refused: tuple[str, ...]
    declared: int | None  # as the server counts, once the batch is closed
    received: int
    complete: bool


def send_folder(
    folder: Path,
    url: str,
    exam: str,
    station: str,
    token: str,
    *,
    batch: str,
    journal: Path | None = None,
    progress: Progress | None = None,
    duplex: bool = True,
    close: bool = True,
    older_than: float = 0.0,
    patience: float | None = None,
    client: httpx.Client | None = None,
) -> Sent:
    """Send the scans in `folder` as one batch and close it. `patience`: seconds to wait for a server that is away."""
    waiting = sorted(_scans_in(folder))
    files = [f for f in waiting if _is_old(f, older_than)]
    with Journal(journal or folder / ".markhall-journal") as book, Connection(url, exam, token, patience=patience, client=client) as server:
        server.open_batch(batch, {"scanner": station})
        frames = list(_frames(files, book, duplex=duplex))
        refused = _send_all(frames, batch, book, server, progress)
        _put_away(folder, frames, set(refused), book)
        if not close or refused or len(files) < len(waiting):
            counts = server.batch(batch)
        else:
            counts = server.close_batch(batch, book.acknowledged)
    reasons = tuple(refused.values())
    return Sent(batch, len(frames), len(frames) - len(refused), reasons, counts.declared, counts.received, counts.complete)


def watch_folder(
    folder: Path, url: str, exam: str, station: str, token: str, *, idle: float = 30.0, stop: Callable[[], bool], duplex: bool = True
) -> None:
    """Send each subfolder of `folder` as a batch while it fills; close it when nothing came for `idle` seconds."""
    while not stop():
        for batch in sorted(d for d in folder.iterdir() if d.is_dir() and d.name != DONE):
            waiting = list(_scans_in(batch))
            quiet = time.time() - max((f.stat().st_mtime for f in waiting), default=batch.stat().st_mtime) > idle
            if waiting or (quiet and (batch / DONE).is_dir()):
                sent = send_folder(batch, url, exam, station, token, batch=batch.name, close=quiet, older_than=2.0, duplex=duplex)
                if sent.complete:
                    _retire(folder, batch)
        time.sleep(1.0)


def _scans_in(folder: Path) -> Iterator[Path]:
    return (f for f in folder.iterdir() if f.is_file() and not f.name.startswith("."))


def _is_old(file: Path, seconds: float) -> bool:
    """A file that still grows is not sent yet."""
    return seconds <= 0 or time.time() - file.stat().st_mtime >= seconds


def _frames(files: list[Path], book: Journal, *, duplex: bool) -> Iterator[Frame]:
    """Every frame with its place: from the name `<sequence>-<face>`, else the next free one, once and for good."""
    for file in files:
        pages = _pages(file)
        for page in range(1, pages + 1) if pages > 1 else (0,):
            yield Frame(book.place_of(file.name, page, duplex=duplex), file, page)


def _pages(file: Path) -> int:
    if file.suffix.lower() not in _MANY_PAGES:
        return 1
    from scanner.frames import count_pages

    try:
        return count_pages(file.read_bytes(), where=file.name)
    except MarkhallError:
        return 1  # the server sets it aside with the reason, and it is counted


def frames_in(file: Path) -> Iterator[bytes]:
    """The frames of a file, as they are sent: the file itself, or each page of one that holds many."""
    pages = _pages(file)
    for page in range(1, pages + 1) if pages > 1 else (0,):
        yield content(file, page)


def content(file: Path, page: int) -> bytes:
    """The bytes of a frame: of a page of the file, without loss, or (page 0) the file itself."""
    data = file.read_bytes()
    if page == 0:
        return data
    from scanner.decode import STATED
    from scanner.frames import page_at
    from scanner.station_pages import as_png

    try:
        return as_png(page_at(data, page, where=file.name))
    except MarkhallError as e:
        # A page that cannot be taken out is still a frame: it arrives as its reason, and a person sees it.
        return STATED + str(e).encode()


def _send_all(frames: list[Frame], batch: str, book: Journal, server: Connection, progress: Progress | None) -> dict[Frame, str]:
    """Send the frames, some at a time; those that were refused, with the server's reasons."""
    refused: dict[Frame, str] = {}
    with ThreadPoolExecutor(IN_FLIGHT, thread_name_prefix="station") as pool:
        reasons = pool.map(lambda frame: _send(frame, batch, book, server), frames)
        for done, (frame, reason) in enumerate(zip(frames, reasons, strict=True), start=1):
            if reason:
                refused[frame] = reason
            if progress is not None:
                progress(done, len(frames))
    return refused


def _send(frame: Frame, batch: str, book: Journal, server: Connection) -> str:
    """Send one frame; why it was refused, or nothing."""
    data = content(frame.file, frame.page)
    digest = hashlib.sha256(data).hexdigest()
    if book.knows(frame.place, digest):
        return ""
    name = frame.file.name + (f", page {frame.page}" if frame.page else "")
    try:
        receipt = server.put_frame(batch, frame.place.sequence, frame.place.face, data, digest, name)
    except BadInput as e:
        return f"{name}: {e}"
    except MarkhallError as e:
        if e.http_status != 409:
            raise
        return f"{name}: {e}"
    book.acknowledge(frame.place, digest, receipt)
    return ""


def _put_away(folder: Path, frames: list[Frame], refused: set[Frame], book: Journal) -> None:
    """Move files whose frames were all acknowledged."""
    done = folder / DONE
    open_files = {f.file for f in frames if f in refused or not book.has(f.place)}
    for file in sorted({f.file for f in frames} - open_files):
        done.mkdir(exist_ok=True)
        os.replace(file, done / file.name)


def _retire(folder: Path, batch: Path) -> None:
    target = folder / DONE / batch.name
    target.parent.mkdir(exist_ok=True)
    if not target.exists():
        os.replace(batch, target)
