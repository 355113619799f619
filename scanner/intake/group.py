"""Frames that arrive together go to the disk together: one pack, one commit, and only then an answer to each of them.

A frame that is refused (late, other bytes in its place, a wrong hash) costs the others nothing. When the store or the
database fails, every frame that waited for it is told so and none has a row: its station sends it again.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BindParameter, Connection, Insert, Row, and_, bindparam, func, insert, select
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


SameBytes = dict[tuple[int, str], int]  # exam and hash: the first receipt that has these bytes

# Put together once: for a small group that costs as much as asking.
_KNOWN = (Receipt.sequence, Receipt.face, Receipt.id, Receipt.state, Receipt.sha256)
_MANY = ("exams", "stations", "names", "batches", "sequences", "hashes")
_ALL: dict[str, BindParameter[Any]] = {name: bindparam(name, expanding=True) for name in _MANY}
# Also the pictures of the group that are stored already: one question less.
_HERE = select(func.aggregate_strings(Picture.sha256, ",")).where(Picture.sha256.in_(_ALL["hashes"])).scalar_subquery().label("here")
_BATCHES_AND_KNOWN = (
    select(Batch.exam_id, Batch.station, Batch.name, Batch.id.label("batch_id"), Batch.state.label("batch_state"), *_KNOWN, _HERE)
    .outerjoin(Receipt, and_(Receipt.batch_id == Batch.id, Receipt.sequence.in_(_ALL["sequences"])))
    .where(Batch.exam_id.in_(_ALL["exams"]), Batch.station.in_(_ALL["stations"]), Batch.name.in_(_ALL["names"]))
)
_KNOWN_NOW = select(Receipt.batch_id, *_KNOWN).where(Receipt.batch_id.in_(_ALL["batches"]), Receipt.sequence.in_(_ALL["sequences"]))
_SAME_BYTES = (
    select(Receipt.exam_id, Receipt.sha256, func.min(Receipt.id))
    .where(Receipt.sha256.in_(_ALL["hashes"]))
    .group_by(Receipt.exam_id, Receipt.sha256)
)
_LOCKED_BATCHES = select(Batch.id, Batch.state).where(Batch.id.in_(_ALL["batches"])).order_by(Batch.id).with_for_update()


@dataclass(slots=True)
class Waiting:
    """A frame without an answer."""

    frame: ArrivingFrame
    sha256: str
    batch: int = 0  # its row's number
    receipt: int = 0  # its row's number, written and perhaps not yet committed: no answer
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
    with site.database.look() as connection:
        here = _find(connection, group)
        first, later = _first_of_place(_open(group))
        earlier = _same_bytes(connection, here.intersection(one.sha256 for one in first))
    new = list({one.sha256: one for one in first if one.sha256 not in here}.values())
    kept = site.store.put_pack([one.frame.data for one in new], [one.sha256 for one in new])
    if first:
        with site.database.write() as session:
            _file(session, site, first, {one.sha256: one for one in kept}, earlier)
        for one in _open(first):  # only now, after the commit
            one.answer = ReceiptView(one.receipt, ReceiptState.RECEIVED, one.sha256, fresh=True)
    if later:  # the same place twice at once: the other has its answer now
        with site.database.read() as session:
            _answer_known(session.connection(), later)
        for one in _open(later):  # the other was refused: its batch became complete meanwhile
            one.answer = _late(one)


def _first_of_place(group: Sequence[Waiting]) -> tuple[list[Waiting], list[Waiting]]:
    first: dict[Place, Waiting] = {}
    later = []
    for one in group:
        if first.setdefault(one.place, one) is not one:
            later.append(one)
    return list(first.values()), later


def _find(connection: Connection, group: Sequence[Waiting]) -> set[str]:
    """Each frame gets its batch's number; those without a batch, too late or with their place taken get their answer.

    Returns the hashes that are stored already.
    """
    if not _open(group):
        return set()
    keys = [(one.frame.exam_id, one.frame.station, one.frame.batch) for one in _open(group)]
    exams, stations, names = (sorted(set(part)) for part in zip(*keys, strict=True))
    hashes = sorted({one.sha256 for one in _open(group)})
    asked = {"exams": exams, "stations": stations, "names": names, "sequences": _sequences(_open(group)), "hashes": hashes}
    rows = connection.execute(_BATCHES_AND_KNOWN, asked).all()
    batches = {(row.exam_id, row.station, row.name): row for row in rows}
    for one, key in zip(_open(group), keys, strict=True):
        if key in batches:
            one.batch = batches[key].batch_id
        else:
            one.answer = no_batch(one.frame.station, one.frame.batch)
    _answer_taken(_open(group), rows)
    complete = {row.batch_id for row in rows if row.batch_state is BatchState.COMPLETE}
    for one in _open(group):
        if one.batch in complete:
            one.answer = _late(one)
    return set((rows[0].here or "").split(",")) if rows else set()


def _late(one: Waiting) -> Conflict:
    return Conflict("the batch is complete.", where=one.frame.where, remedy="Send more frames in another batch.")


def _answer_known(connection: Connection, group: Sequence[Waiting]) -> None:
    """Frames whose place was taken meanwhile: here already, or refused."""
    if group:
        asked = {"batches": _batches(group), "sequences": _sequences(group)}
        _answer_taken(group, connection.execute(_KNOWN_NOW, asked).all())


def _batches(group: Sequence[Waiting]) -> list[int]:
    return sorted({one.batch for one in group})


def _sequences(group: Sequence[Waiting]) -> list[int]:
    return sorted({one.frame.sequence for one in group})


def _answer_taken(group: Sequence[Waiting], rows: Sequence[Row[*tuple[Any, ...]]]) -> None:
    known = {(row.batch_id, row.sequence, row.face): row for row in rows}
    for one in group:
        if one.place in known:
            row = known[one.place]
            try:
                one.answer = one.frame.again(row.id, row.state, row.sha256, one.sha256)
            except Conflict as e:
                one.answer = e


def _file(session: Session, site: Site, group: Sequence[Waiting], kept: dict[str, Kept], earlier: SameBytes) -> None:
    connection, now = session.connection(), site.now()
    states = {row.id: row.state for row in connection.execute(_LOCKED_BATCHES, {"batches": _batches(group)})}
    in_time = [one for one in group if states[one.batch] is not BatchState.COMPLETE]
    new = _insert_receipts(connection, in_time, now, sqlite_dialect=site.database.is_sqlite)
    # Taken meanwhile by another process of the station, or too late: the place tells which.
    _answer_known(connection, [one for one in group if not one.receipt])
    for one in _open(group):
        if not one.receipt:
            one.answer = _late(one)
    pictures: dict[str, list[Kept]] = defaultdict(list)
    for one in new:
        if one.sha256 in kept:
            pictures[media_type(one.frame.data)].append(kept[one.sha256])
    for kind, rows in sorted(pictures.items()):
        keep_rows(session, rows, kind, now)
    _tell_same_bytes(connection, new, earlier, now)
    for batch_id in sorted({one.batch for one in new if states[one.batch] is BatchState.CLOSED}):
        compare_count(session, session.get_one(Batch, batch_id, populate_existing=True), now)


def _same_bytes(connection: Connection, hashes: Set[str]) -> SameBytes:
    """The first receipt that has these bytes, by exam and hash."""
    if not hashes:
        return {}
    return {(exam, sha256): first for exam, sha256, first in connection.execute(_SAME_BYTES, {"hashes": sorted(hashes)})}


def _insert_receipts(connection: Connection, group: Sequence[Waiting], now: datetime, *, sqlite_dialect: bool) -> list[Waiting]:
    """Write the frames whose place is free; which these are."""
    if not group:
        return []
    rows = [one.row(now) for one in group]
    statement = _INSERT_SQLITE if sqlite_dialect else _INSERT_POSTGRES
    written = {(batch, sequence, face): receipt for receipt, batch, sequence, face in connection.execute(statement, rows)}
    new = [one for one in group if one.place in written]
    for one in new:
        one.receipt = written[one.place]
    return new


def _insert(dialect_insert: postgresql.Insert | sqlite.Insert) -> Insert:
    told = (Receipt.id, Receipt.batch_id, Receipt.sequence, Receipt.face)
    return dialect_insert.on_conflict_do_nothing().returning(*told)


_INSERT_SQLITE = _insert(sqlite.insert(Receipt))
_INSERT_POSTGRES = _insert(postgresql.insert(Receipt))


def _tell_same_bytes(connection: Connection, new: Sequence[Waiting], earlier: SameBytes, now: datetime) -> None:
    events = []
    for one in new:
        twin = earlier.setdefault((one.frame.exam_id, one.sha256), one.receipt)
        if twin != one.receipt:
            body = {"receipt": one.receipt, "as": twin, "place": one.frame.where}
            events.append({"exam_id": one.frame.exam_id, "kind": "same-bytes", "body": body, "at": now})
    if events:
        connection.execute(insert(Event), events)
