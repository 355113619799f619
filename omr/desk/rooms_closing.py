"""A person's word that a room balances, or that it is open again. The writer of `room_closings`."""

from __future__ import annotations

from sqlalchemy.orm import Session

from core import events, ledger
from core.errors import BadInput, Conflict, NotFound
from core.site import Site
from core.tables import RoomClosing
from omr.desk.rooms import Counts, Room, rooms
from scanner.intake import take_turn

_LACKS = {
    "missing": "{n} missing",
    "unclear": "{n} whose sheet may wait on the desk",
    "arriving": "{n} with sides still to come",
    "waiting": "{n} open on the desk",
}


def close_room(site: Site, exam_id: int, paper: str, school: str, room: str, *, by: str, reason: str = "", office: bool = False) -> Room:
    """Close a room that balances; one that does not, the exam office may close with a reason."""
    with site.database.write() as session:
        take_turn(session, exam_id)
        found = _find(session, exam_id, paper, school, room)
        if not found.counts.balances and not (office and reason.strip()):
            remedy = "Settle that on the desk, or have the exam office close it with a reason."
            raise Conflict(f"the room does not balance: {lacks(found.counts)}.", where=_where(found), remedy=remedy)
        if found.closed and not found.changed:
            return found
        return _keep(session, site, exam_id, found, True, reason, by)


def open_room(site: Site, exam_id: int, paper: str, school: str, room: str, *, by: str, reason: str) -> Room:
    with site.database.write() as session:
        take_turn(session, exam_id)
        found = _find(session, exam_id, paper, school, room)
        if not found.closed:
            raise Conflict("the room is not closed.", where=_where(found), remedy="Load the page again: somebody opened it before you.")
        if not reason.strip():
            raise BadInput("opening a room again needs a reason.", where=_where(found), remedy="Write what changed, or what was wrong.")
        return _keep(session, site, exam_id, found, False, reason, by)


def lacks(counts: Counts) -> str:
    """What keeps a room from balancing, in words."""
    return ", ".join(words.format(n=getattr(counts, name)) for name, words in _LACKS.items() if getattr(counts, name)) or "nothing"


def _find(session: Session, exam_id: int, paper: str, school: str, room: str) -> Room:
    found = [
        r for r in rooms(session, exam_id, paper=paper, school=school, room=room) if (r.paper, r.school, r.room) == (paper, school, room)
    ]
    if not found or not found[0].counts.expected:
        remedy = "Take paper, school and room as the list of rooms has them."
        raise NotFound(f"the roster has no room {room!r} of the school {school!r}.", where=f"paper {paper}", remedy=remedy)
    return found[0]


def _where(room: Room) -> str:
    return f"paper {room.paper}, school {room.school}, room {room.room}"


def _keep(session: Session, site: Site, exam_id: int, room: Room, closed: bool, reason: str, by: str) -> Room:
    version, now = (room.closing.version if room.closing else 0) + 1, site.now()
    place = {"paper": room.paper, "room": room.room}
    counts = room.counts.as_json()
    row = RoomClosing(exam_id=exam_id, school_code=room.school, version=version, closed=closed, counts=counts, by=by, at=now, **place)
    row.reason = reason.strip()
    session.add(row)
    session.flush()
    said = {"closed": closed, "version": version, "counts": counts, "by": by, "reason": row.reason}
    ledger.append(session, exam_id, ledger.OFFICE, [{"kind": "room", "school": room.school, **place, **said}], now)
    events.emit(session, exam_id, "room", {"school": room.school, **place, "closed": closed}, now)
    return _find(session, exam_id, room.paper, room.school, room.room)
