"""Frames that arrive together go to the disk together: one pack, one commit, and only then an answer to each of them.

A frame that is refused (late, other bytes in its place, a wrong hash) costs the others nothing. When the store or the
database fails, every frame that waited for it is told so and none has a row: its station sends it again.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Insert, func, insert, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.orm import Session

from core.errors import Conflict, MarkhallError, Unavailable
from core.pictures import keep_rows
from core.site import Site
from core.states import BatchState, ReceiptState
from core.store import Kept
from core.tables import Batch, Event, Picture, Receipt
from scanner.intake.arriving import ArrivingFrame, ReceiptView, media_type
from scanner.intake.batches import compare_count, no_batch

log = logging.getLogger(__name__)
Answer = ReceiptView | MarkhallError
Place = tuple[int, int, int]  # batch, sequence, face


class FoundBatch(NamedTuple):
    id: int
    state: BatchState


@dataclass(slots=True)
class Waiting:
    """A frame without an answer."""

    frame: ArrivingFrame
    sha256: str
    batch: int = 0  # its row's number
    answer: Answer | None = None

    @property
    def place(self) -> Place:
        return self.batch, self.frame.sequence, self.frame.face

    def row(self, now: datetime) -> dict[str, Any]:
        frame = self.frame
        return {
            "exam_id": frame.exam_id, "batch_id": self.batch, "sequence": frame.sequence, "face": frame.face, "sha256": self.sha256,
            "size": len(frame.data), "name": frame.kept_name, "imprint": frame.imprint, "received_at": now,
        }  # fmt: skip


def take_in(site: Site, frames: Sequence[ArrivingFrame]) -> list[Answer]:
    """What each frame is answered, in order, once all that is said of it is on the disk."""
    group = [_checked(frame) for frame in frames]
    try:
        _take_in(site, group)
    except (OperationalError, InterfaceError) as e:
        log.warning("the database did not answer: %s", e)
        _answer_rest(group, Unavailable("the database does not answer.", remedy="Send the frame again in a moment."))
    except MarkhallError as e:
        _answer_rest(group, e)
    except SQLAlchemyError:
        if len(frames) == 1:
            raise
        # One frame's row was refused and took the group's commit with it: each alone, so that only that one fails.
        log.exception("a group of %s frames was refused; they are taken in one by one", len(frames))
        return [answer for frame in frames for answer in _alone(site, frame)]
    return [one.answer for one in group if one.answer is not None]


def _alone(site: Site, frame: ArrivingFrame) -> list[Answer]:
    try:
        return take_in(site, [frame])
    except SQLAlchemyError:
        log.exception("%s cannot be written down", frame.where)
        return [Unavailable("the frame cannot be written down.", where=frame.where, remedy="The server's log has the details.")]


def _checked(frame: ArrivingFrame) -> Waiting:
    try:
        return Waiting(frame, frame.checked())
    except MarkhallError as e:
        return Waiting(frame, "", answer=e)


def _answer_rest(group: Sequence[Waiting], error: MarkhallError) -> None:
    for one in _open(group):
        one.answer = type(error)(error.message, where=error.where or one.frame.where, remedy=error.remedy)


def _open(group: Sequence[Waiting]) -> list[Waiting]:
    return [one for one in group if one.answer is None]


def _take_in(site: Site, group: Sequence[Waiting]) -> None:
    with site.database.read() as session:
        connection = session.connection()
        _find_batches(connection, group)
        _answer_known(connection, _open(group))
        first, later = _first_of_place(_open(group))
        here = _pictures_here(connection, first)
    new = list({one.sha256: one for one in first if one.sha256 not in here}.values())
    kept = site.store.put_pack([one.frame.data for one in new], [one.sha256 for one in new])
    if first:
        with site.database.write() as session:
            _file(session, site, first, {one.sha256: one for one in kept})
    if later:  # the same place twice at once: the other has its answer now
        with site.database.read() as session:
            _answer_known(session.connection(), later)


def _first_of_place(group: Sequence[Waiting]) -> tuple[list[Waiting], list[Waiting]]:
    first: dict[Place, Waiting] = {}
    later = []
    for one in group:
        if first.setdefault(one.place, one) is not one:
            later.append(one)
    return list(first.values()), later


def _find_batches(connection: Connection, group: Sequence[Waiting], *, lock: bool = False) -> dict[int, BatchState]:
    """Each open frame gets its batch's number, or its refusal. The states of all these batches."""
    wanted: dict[tuple[int, str], set[str]] = defaultdict(set)
    for one in _open(group):
        wanted[one.frame.exam_id, one.frame.station].add(one.frame.batch)
    found: dict[tuple[int, str, str], FoundBatch] = {}
    for (exam_id, station), names in sorted(wanted.items()):
        query = select(Batch.name, Batch.id, Batch.state).where(Batch.exam_id == exam_id, Batch.station == station)
        query = query.where(Batch.name.in_(names)).order_by(Batch.id)
        for name, batch_id, state in connection.execute(query.with_for_update() if lock else query):
            found[exam_id, station, name] = FoundBatch(batch_id, state)
    for one in _open(group):
        batch = found.get((one.frame.exam_id, one.frame.station, one.frame.batch))
        if batch is None:
            one.answer = no_batch(one.frame.station, one.frame.batch)
        else:
            one.batch = batch.id
    return {batch.id: batch.state for batch in found.values()}


def _answer_known(connection: Connection, group: Sequence[Waiting]) -> None:
    """Frames whose place is taken: here already, or refused."""
    if not group:
        return
    query = select(Receipt.batch_id, Receipt.sequence, Receipt.face, Receipt.id, Receipt.state, Receipt.sha256).where(
        Receipt.batch_id.in_({one.batch for one in group}), Receipt.sequence.in_({one.frame.sequence for one in group})
    )
    known = {(row.batch_id, row.sequence, row.face): row for row in connection.execute(query)}
    for one in group:
        if one.place in known:
            row = known[one.place]
            try:
                one.answer = one.frame.again(row.id, row.state, row.sha256, one.sha256)
            except Conflict as e:
                one.answer = e


def _pictures_here(connection: Connection, group: Sequence[Waiting]) -> set[str]:
    if not group:
        return set()
    return set(connection.scalars(select(Picture.sha256).where(Picture.sha256.in_({one.sha256 for one in group}))))


def _file(session: Session, site: Site, group: Sequence[Waiting], kept: dict[str, Kept]) -> None:
    connection, now = session.connection(), site.now()
    states = _find_batches(connection, group, lock=True)
    in_time = [one for one in group if states[one.batch] is not BatchState.COMPLETE]
    earlier = _same_bytes(connection, in_time)
    new = _insert_receipts(connection, in_time, now, sqlite_dialect=site.database.is_sqlite)
    # Taken meanwhile by another process of the station, or too late: the place tells which.
    _answer_known(connection, _open(group))
    for one in _open(group):
        one.answer = Conflict("the batch is complete.", where=one.frame.where, remedy="Send more frames in another batch.")
    pictures: dict[str, list[Kept]] = defaultdict(list)
    for one in new:
        if one.sha256 in kept:
            pictures[media_type(one.frame.data)].append(kept[one.sha256])
    for kind, rows in sorted(pictures.items()):
        keep_rows(session, rows, kind, now)
    _tell_same_bytes(connection, new, earlier, now)
    for batch_id in sorted({one.batch for one in new if states[one.batch] is BatchState.CLOSED}):
        compare_count(session, session.get_one(Batch, batch_id, populate_existing=True), now)


def _same_bytes(connection: Connection, group: Sequence[Waiting]) -> dict[tuple[int, str], int]:
    """The first receipt that has these bytes, by exam and hash."""
    if not group:
        return {}
    query = select(Receipt.exam_id, Receipt.sha256, func.min(Receipt.id)).where(Receipt.sha256.in_({one.sha256 for one in group}))
    return {(exam, sha256): first for exam, sha256, first in connection.execute(query.group_by(Receipt.exam_id, Receipt.sha256))}


def _insert_receipts(connection: Connection, group: Sequence[Waiting], now: datetime, *, sqlite_dialect: bool) -> list[Waiting]:
    """Write and answer the frames whose place is free; which these are."""
    if not group:
        return []
    rows = [one.row(now) for one in group]
    statement = _INSERT_SQLITE if sqlite_dialect else _INSERT_POSTGRES
    written = {(batch, sequence, face): receipt for receipt, batch, sequence, face in connection.execute(statement, rows)}
    new = [one for one in group if one.place in written]
    for one in new:
        one.answer = ReceiptView(written[one.place], ReceiptState.RECEIVED, one.sha256, fresh=True)
    return new


def _insert(dialect_insert: postgresql.Insert | sqlite.Insert) -> Insert:
    told = (Receipt.id, Receipt.batch_id, Receipt.sequence, Receipt.face)
    return dialect_insert.on_conflict_do_nothing().returning(*told)


_INSERT_SQLITE = _insert(sqlite.insert(Receipt))
_INSERT_POSTGRES = _insert(postgresql.insert(Receipt))


def _tell_same_bytes(connection: Connection, new: Sequence[Waiting], earlier: dict[tuple[int, str], int], now: datetime) -> None:
    events = []
    for one in new:
        assert isinstance(one.answer, ReceiptView)
        key, receipt = (one.frame.exam_id, one.sha256), one.answer.receipt
        twin = earlier.setdefault(key, receipt)
        if twin != receipt:
            body = {"receipt": receipt, "as": twin, "place": one.frame.where}
            events.append({"exam_id": one.frame.exam_id, "kind": "same-bytes", "body": body, "at": now})
    if events:
        connection.execute(insert(Event), events)
