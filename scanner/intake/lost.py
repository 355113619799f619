"""Readers that never answer: their frames go to others, and a frame of which readers die goes to a person.

A reader says which frame it begins (`say_reading`): a hint in the queue server, and in its attempt's row each time its
lease is renewed. So the frame that it was lost in is known: that one goes alone next, and its neighbours are blamed for
nothing. Without a hint the attempt is cut into smaller ones, until the frame is alone. It is set aside only after it
was lost alone `ALONE` times, one after the other: to be killed as often, by chance, in the moment of one frame is not
to be expected of any machine.
"""

from __future__ import annotations

import logging
import os
import socket
from datetime import datetime
from uuid import uuid4

from redis import RedisError
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from core import events
from core.errors import Unavailable
from core.site import Site
from core.states import AttemptState, CaseState, ReceiptState
from core.tables import Attempt, DeskCase, Receipt
from scanner.intake.turn import take_turn

log = logging.getLogger(__name__)

ALONE = 3
SMALLER = (10, 3)  # frames of an attempt after one and after two that were lost without a hint
SUSPECT = len(SMALLER) + 1  # lost attempts after which a frame is alone
MOST_TRIES = SUSPECT + ALONE
_HINT_SECONDS = 3600


def size_after(tries: int) -> int:
    """How many frames go together that were lost so often."""
    return SMALLER[tries - 1] if tries <= len(SMALLER) else 1


def this_worker() -> str:
    """A name for one claim of this process: its machine, its number there, and in which space that number counts."""
    return f"{socket.gethostname()}:{os.getpid()}:{uuid4().hex[:8]}:{_numbers_of()}"


def is_gone(worker: str) -> bool:
    """Whether a worker is known to have ended: only of this machine, and of where process numbers mean the same, can we say so."""
    host, _, rest = worker.partition(":")
    number, _, space = rest.partition(":")
    if host != socket.gethostname() or not number.isdigit() or not _numbers_of() or space.partition(":")[2] != _numbers_of():
        return False
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


def _numbers_of() -> str:
    """Containers may share a machine's name and not its process numbers."""
    try:
        return os.readlink("/proc/self/ns/pid").strip("pid:[]")
    except OSError:
        return ""


def say_reading(site: Site, attempt_id: str, receipt_id: int) -> None:
    """Before a frame is read. Raises RedisError where the queue server is away: nothing depends on it."""
    site.redis.set(_key(attempt_id), receipt_id, ex=_HINT_SECONDS)


def read_all(site: Site, attempt_id: str) -> None:
    """No frame is being read any more."""
    site.redis.delete(_key(attempt_id))


def _key(attempt_id: str) -> str:
    return f"markhall:reading:{attempt_id}"


def _hint(site: Site, attempt_id: str) -> int | None:
    try:
        said = site.redis.get(_key(attempt_id))
    except (RedisError, Unavailable) as e:
        log.warning("the queue does not answer (%s); which frame was being read is not known", e)
        return None
    return int(said) if isinstance(said, bytes) else None


def take_back_lost(site: Site, exam_id: int) -> None:
    """Take back the attempts whose lease has run out or whose reader has ended."""
    with site.database.read() as session:
        lost = _lost(session, exam_id, site.now())
    if not lost:
        return
    hints = {attempt: _hint(site, attempt) or reading for attempt, reading in lost.items()}
    with site.database.write() as session:
        take_turn(session, exam_id)
        for attempt in sorted(_lost(session, exam_id, site.now())):
            take_back(session, exam_id, attempt, site.now(), reading=hints.get(attempt))


def _lost(session: Session, exam_id: int, now: datetime) -> dict[str, int | None]:
    running = select(Attempt).where(Attempt.exam_id == exam_id, Attempt.state == AttemptState.RUNNING)
    return {a.id: a.reading for a in session.scalars(running) if a.lease_until < now or is_gone(a.worker)}


def take_back(session: Session, exam_id: int, attempt_id: str, now: datetime, *, reading: int | None = None, blamed: bool = True) -> None:
    """An attempt is lost: its frames wait for another, or for a person when one was lost alone too often.

    `reading`: the frame that it was lost in, where that is known. `blamed`: False where it was no frame's doing.
    """
    session.execute(update(Attempt).where(Attempt.id == attempt_id).values(state=AttemptState.LOST, ended_at=now))
    query = select(Receipt).where(Receipt.attempt_id == attempt_id, Receipt.state == ReceiptState.QUEUED).order_by(Receipt.id)
    receipts = session.scalars(query).all()
    known = blamed and any(r.id == reading for r in receipts)
    poison = [r for r in receipts if blamed and r.tries >= MOST_TRIES and (not known or r.id == reading)]
    for receipt in receipts:
        receipt.state, receipt.attempt_id = ReceiptState.RECEIVED, None
        if not blamed or (known and receipt.id != reading):
            receipt.tries -= 1
        elif known:
            receipt.tries = max(receipt.tries, SUSPECT)
    for receipt in poison:
        _set_aside(session, exam_id, receipt, now)
    body = {"attempt": attempt_id, "frames": len(receipts), "set_aside": len(poison), "reading": reading if known else None}
    events.emit(session, exam_id, "attempt-lost", body, now)


def _set_aside(session: Session, exam_id: int, receipt: Receipt, now: datetime) -> None:
    receipt.state = ReceiptState.WAITING
    receipt.reason = f"readers did not come back from this frame, {ALONE} times when it was alone."
    case = DeskCase(
        exam_id=exam_id,
        kind="unreadable",
        state=CaseState.OPEN,
        receipt_id=receipt.id,
        items=[],
        evidence={"reason": receipt.reason, "tries": receipt.tries},
        resolution={},
        opened_at=now,
    )
    session.add(case)


def give_back_running(site: Site, exam_id: int) -> int:
    """At the start of an installation no reader can be running: take all their frames back at once, uncounted."""
    with site.database.write() as session:
        take_turn(session, exam_id)
        running = select(Attempt.id).where(Attempt.exam_id == exam_id, Attempt.state == AttemptState.RUNNING)
        ids = list(session.scalars(running))
        session.execute(
            update(Receipt)
            .where(Receipt.attempt_id.in_(ids), Receipt.state == ReceiptState.QUEUED)
            .values(state=ReceiptState.RECEIVED, attempt_id=None, tries=Receipt.tries - 1)
        )
        session.execute(update(Attempt).where(Attempt.id.in_(ids)).values(state=AttemptState.LOST, ended_at=site.now()))
    return len(ids)
