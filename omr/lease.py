"""A reader's lease on its attempt: renewed beside the reading, so that a slow frame is not taken for a dead reader.

Renewal stops when one frame takes too long: a frame that hangs in a decoder must come to another attempt, and in the
end to a person.
"""

from __future__ import annotations

import logging
import threading
import time
from types import TracebackType

from sqlalchemy import update
from sqlalchemy.exc import SQLAlchemyError

from core.site import Site
from core.states import AttemptState
from core.tables import Attempt
from scanner.intake.attempts import LEASE

log = logging.getLogger(__name__)

RENEW_SECONDS = 5.0
FRAME_SECONDS = 120.0  # also the first compilation of the kernels on a slow machine


class Lease:
    def __init__(self, site: Site, attempt_id: str, worker: str) -> None:
        self._site, self._attempt, self._worker = site, attempt_id, worker
        self._begun = time.monotonic()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._renew, name=f"lease-{attempt_id[:8]}", daemon=True)

    def __enter__(self) -> Lease:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._done.set()
        self._thread.join()

    def begin_frame(self) -> None:
        self._begun = time.monotonic()

    def _renew(self) -> None:
        while not self._done.wait(RENEW_SECONDS) and time.monotonic() - self._begun < FRAME_SECONDS:
            mine = (Attempt.id == self._attempt, Attempt.worker == self._worker, Attempt.state == AttemptState.RUNNING)
            try:
                with self._site.database.write() as session:
                    session.execute(update(Attempt).where(*mine).values(lease_until=self._site.now() + LEASE))
            except SQLAlchemyError as e:
                log.warning("the lease of attempt %s was not renewed: %s", self._attempt, e)
