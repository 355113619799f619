"""A reader's lease on its attempt: renewed beside the reading, so that a slow frame is not taken for a dead reader.

It also says which frame is being read. A frame that takes too long ends the lease, and where the reader is a process
of its own it ends that too: a decoder that hangs would keep the process for good.
"""

from __future__ import annotations

import faulthandler
import logging
import threading
import time
from collections.abc import Callable
from types import TracebackType

from redis import RedisError
from sqlalchemy import update
from sqlalchemy.exc import SQLAlchemyError

from core.errors import Unavailable
from core.site import Site
from core.states import AttemptState
from core.tables import Attempt
from scanner.intake.attempts import LEASE
from scanner.intake.lost import read_all, say_reading

log = logging.getLogger(__name__)

RENEW_SECONDS = 5.0
FRAME_SECONDS = 30.0  # a warm reader needs a hundredth of one
FILE_SECONDS = 300.0  # to store and file a chunk, also where the database is busy with others
_ARM_SECONDS = 1.0


class Lease:
    """`mortal`: end this process when a frame hangs."""

    def __init__(self, site: Site, attempt_id: str, worker: str, *, mortal: bool = False) -> None:
        self._site, self._attempt, self._worker, self._mortal = site, attempt_id, worker, mortal
        self._begun, self._armed = time.monotonic(), 0.0
        self._frame: int | None = None
        self._most = FRAME_SECONDS
        self._hints = True  # until the queue server is seen to be away
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._renew, name=f"lease-{attempt_id[:8]}", daemon=True)

    def __enter__(self) -> Lease:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._done.set()
        self._thread.join()
        if self._mortal:
            faulthandler.cancel_dump_traceback_later()

    def begin_frame(self, receipt_id: int) -> None:
        self._begun, self._frame = time.monotonic(), receipt_id
        if self._mortal and self._begun - self._armed > _ARM_SECONDS:
            # A watch that needs no turn of the interpreter: a decoder may hang without giving it back.
            faulthandler.dump_traceback_later(FRAME_SECONDS + _ARM_SECONDS, exit=True)
            self._armed = self._begun
        self._hint(lambda: say_reading(self._site, self._attempt, receipt_id))

    def end_frames(self) -> None:
        """All frames are read; what happens from now on is the doing of none of them."""
        self._begun, self._frame, self._most = time.monotonic(), None, FILE_SECONDS
        if self._mortal:
            faulthandler.cancel_dump_traceback_later()
        self._hint(lambda: read_all(self._site, self._attempt))

    def _hint(self, say: Callable[[], None]) -> None:
        if not self._hints:
            return
        try:
            say()
        except (RedisError, Unavailable):
            self._hints = False

    def _renew(self) -> None:
        while not self._done.wait(RENEW_SECONDS) and time.monotonic() - self._begun < self._most:
            mine = (Attempt.id == self._attempt, Attempt.worker == self._worker, Attempt.state == AttemptState.RUNNING)
            try:
                with self._site.database.write() as session:
                    session.execute(update(Attempt).where(*mine).values(lease_until=self._site.now() + LEASE, reading=self._frame))
            except SQLAlchemyError as e:
                log.warning("the lease of attempt %s was not renewed: %s", self._attempt, e)
