"""Sending one folder once, as one batch: what it holds now is taken as whole."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from core.errors import Conflict
from scanner.sending import Connection, Counts
from scanner.station.batch import BatchFolder, Stage
from scanner.station.imprints import pattern_of
from scanner.station.load import Outcome
from scanner.station.lock import only_station
from scanner.station.traffic import Traffic

Progress = Callable[[int, int], None]
_TURN = 0.5  # seconds


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of a batch. `refused` holds a sentence for each frame that the server did not take."""

    batch: str
    frames: int
    sent: int  # now or before
    refused: tuple[str, ...]
    declared: int | None  # as the server counts, once the batch is closed
    received: int
    complete: bool
    numbers: str = ""  # what is to be said of imprinter numbers


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
    patience: float | None = None,
    imprint: str = "",
    operator: str = "",
    scanner: str = "",
) -> Sent:
    """Send the scans in `folder` as one batch and close it. `patience`: seconds to wait for a server that is away."""
    ended, manifest = threading.Event(), {"operator": operator, "scanner": scanner or station}
    told: list[str] = []
    with only_station(folder), Connection(url, exam, token, patience=patience, stop=ended) as server:
        one = BatchFolder(folder, batch, journal=journal, duplex=duplex, imprint=pattern_of(imprint), polls=0)
        one.name = batch
        one.look()
        frames, done = sum(len(load.frames) for load in one.pending), [0]

        def heard(_: BatchFolder, outcome: Outcome) -> None:
            for _frame in outcome.load.frames:
                done[0] += 1
                if progress is not None:
                    progress(done[0], frames)

        with Traffic(server, ended, told.append, manifest=manifest, heard=heard) as traffic:
            traffic.batches.append(one)
            counts = _send(one, traffic, close=close)
            numbers, refused = one.numbers().sentence, tuple(one.refused.values())
    return Sent(batch, frames, frames - len(refused), refused, counts.declared, counts.received, one.stage is Stage.COMPLETE, numbers)


def _send(one: BatchFolder, traffic: Traffic, *, close: bool) -> Counts:
    """Send until nothing is on its way; close the batch when all of it was taken."""
    empty = not one.pending and not one.frames
    if empty:
        one.stage = Stage.OPENING
        traffic.ask(lambda: traffic.server.open_batch(one.name, {}), lambda _: None)
    _until_rest(one, traffic)
    if close and not one.set_aside and not one.last_look.waiting:
        traffic.close(one)
    else:
        traffic.ask(lambda: traffic.server.batch(one.name), lambda counts: traffic.counts.update({one.name: counts}))
    _until_rest(one, traffic)
    return traffic.counts.get(one.name, Counts(None, 0, (), complete=False))


def _until_rest(one: BatchFolder, traffic: Traffic) -> None:
    traffic.feed()
    while one.pending or not traffic.idle:
        traffic.drain(_TURN)
        traffic.feed()
        if one.stage is Stage.STUCK:
            raise Conflict(one.said, where=str(one.folder))
