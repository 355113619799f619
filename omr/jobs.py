"""The reader's jobs, named to the queue by their dotted paths: read a chunk of frames, look for missing sides.

A job reads its frames outside any transaction, stores every picture it made with one wait for the disk, and files the
whole chunk in one transaction behind a fence: only the attempt that a frame is given to may write its result.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from functools import cache
from typing import Any

import cv2
from sqlalchemy import select
from sqlalchemy.exc import InterfaceError, OperationalError

from core import events
from core.errors import FrameUnreadable, NotFound, Unavailable
from core.pictures import keep_rows
from core.settings import Settings
from core.site import Site, open_site
from core.states import AttemptState, ReceiptState
from core.store import Kept
from core.tables import Attempt, Batch, Exam, Picture, Receipt
from omr import desk
from omr.desk.forms import Forms, forms_of
from omr.desk.work import READERS, begin_work
from omr.filing import FrameResult, file_chunk
from omr.frames import Frame, Read, read_frame
from omr.lease import Lease
from omr.vouched import vouched_of
from omr.warm import load
from scanner.intake import take_turn
from scanner.intake.attempts import LEASE
from scanner.intake.lost import take_back, this_worker
from scanner.intake.receive import place_of

log = logging.getLogger(__name__)

AWAY_SECONDS = 3.0  # that a reader rests when what it needs is away
_NO_FRAME_S_DOING = (Unavailable, OSError, OperationalError, InterfaceError)  # a disk, a bucket, a database that is away


@cache
def warm_site() -> Site:
    """The installation, opened once a process, and the reader's loops loaded."""
    cv2.setNumThreads(1)
    load()
    return open_site(Settings.from_environment())


def read_pages(attempt_id: str) -> None:
    read_attempt(warm_site(), attempt_id, mortal=True)


def look_for_missing(exam_id: int) -> None:
    desk.look_for_missing(warm_site(), exam_id)


def read_attempt(site: Site, attempt_id: str, *, mortal: bool = False) -> dict[str, int]:
    """Read and file the frames of an attempt; how many ended in which state. Nothing when it is another's by now.

    `mortal`: this process is a reader's own, and ends when a frame hangs.
    """
    worker = this_worker()
    exam_id = _claim(site, attempt_id, worker)
    if exam_id is None:
        return {}
    try:
        with Lease(site, attempt_id, worker, mortal=mortal) as lease:
            forms, frames = _frames(site, exam_id, attempt_id)
            read: list[Read] = []
            for frame in frames:
                lease.begin_frame(frame.receipt_id)
                read.append(_read(site, forms, frame))
            lease.end_frames()
            return _file(site, exam_id, attempt_id, worker, *_stored(site, read))
    except Exception as e:
        # The frames go to another attempt now, not when the lease has run out.
        away = isinstance(e, _NO_FRAME_S_DOING)
        try:
            _give_up(site, exam_id, attempt_id, worker, blamed=not away)
        finally:
            if away and mortal:
                time.sleep(AWAY_SECONDS)  # a full disk is not emptied by reading the same frames again at once
        raise


def _claim(site: Site, attempt_id: str, worker: str) -> int | None:
    """Take the attempt; None when another worker has it, or it was given up meanwhile."""
    with site.database.write() as session:
        attempt = session.scalar(select(Attempt).where(Attempt.id == attempt_id).with_for_update())
        if attempt is None or attempt.state is not AttemptState.QUEUED:
            return None
        attempt.state, attempt.worker, attempt.lease_until = AttemptState.RUNNING, worker, site.now() + LEASE
        return attempt.exam_id


def _frames(site: Site, exam_id: int, attempt_id: str) -> tuple[Forms, list[Frame]]:
    with site.database.read() as session:
        exam = session.get(Exam, exam_id)
        assert exam is not None
        query = (
            select(Receipt, Batch, Picture.place)
            .join(Batch, Batch.id == Receipt.batch_id)
            .outerjoin(Picture, Picture.sha256 == Receipt.sha256)
            .where(Receipt.attempt_id == attempt_id, Receipt.state == ReceiptState.QUEUED)
            .order_by(Receipt.id)
        )
        rows = session.execute(query).all()
        vouched = vouched_of(session, exam_id, [r.id for r, _, _ in rows])
        frames = [
            Frame(r.id, r.sha256, place_of(b.station, b.name, r.sequence, r.face), vouched.get(r.id), place or "") for r, b, place in rows
        ]
        return forms_of(session, exam), frames


def _read(site: Site, forms: Forms, frame: Frame) -> Read:
    try:
        data = site.store.get(frame.sha256, frame.place)  # a store that is away is no frame's doing: the attempt is given up
    except NotFound as e:
        return Read(FrameResult(frame.receipt_id, kind="unreadable", reason=str(e), evidence={"error": "NotFound"}))
    try:
        return read_frame(data, frame, forms)
    except FrameUnreadable as e:
        return Read(FrameResult(frame.receipt_id, kind="unreadable", reason=" ".join(filter(None, (e.message, e.remedy)))))
    except Exception as e:
        # A defect of the reader must not cost the other frames of the chunk; a person sees this one.
        log.exception("reading %s failed", frame.where)
        reason = "the reader failed on this frame; its log has the details."
        return Read(FrameResult(frame.receipt_id, kind="unreadable", reason=reason, evidence={"error": type(e).__name__}))


def _stored(site: Site, read: Sequence[Read]) -> tuple[list[FrameResult], list[Kept]]:
    """Store all pictures of the chunk as one pack, and put their hashes where their names stood."""
    kept = site.store.put_pack([picture for one in read for picture in one.pictures.values()])
    hashes = iter(one.sha256 for one in kept)
    return [one.with_hashes({name: next(hashes) for name in one.pictures}) for one in read], kept


def _file(site: Site, exam_id: int, attempt_id: str, worker: str, results: Sequence[FrameResult], kept: Sequence[Kept]) -> dict[str, int]:
    with site.database.write() as session:
        exam = take_turn(session, exam_id)
        attempt = session.scalar(select(Attempt).where(Attempt.id == attempt_id).with_for_update())
        if attempt is None or attempt.state is not AttemptState.RUNNING or attempt.worker != worker:
            return {}
        now = site.now()
        keep_rows(session, kept, "image/jpeg", now)
        work = begin_work(session, exam, READERS, now)
        filed = file_chunk(work, attempt_id, results)
        attempt.state, attempt.ended_at = AttemptState.DONE, now
        body: dict[str, Any] = {"attempt": attempt_id, "states": filed}
        events.emit(session, exam_id, "pages", body, now)
    return filed


def _give_up(site: Site, exam_id: int, attempt_id: str, worker: str, *, blamed: bool) -> None:
    with site.database.write() as session:
        take_turn(session, exam_id)
        attempt = session.get(Attempt, attempt_id)
        if attempt is not None and attempt.state is AttemptState.RUNNING and attempt.worker == worker:
            take_back(session, exam_id, attempt_id, site.now(), blamed=blamed)
