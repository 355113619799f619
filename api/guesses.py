"""Wrong passwords, counted a login: after a few in a row the next guess must wait, longer each time.

Kept in the memory of a web process, for logins that exist and for those that do not alike, so that an answer tells nothing.
A right password from its owner is looked at as soon as the wait is over; nobody is locked out for good.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from core.errors import NotSignedIn, TooMany

FREE = 5  # wrong passwords in a row that cost no wait
FIRST_WAIT, LONGEST_WAIT = 2.0, 300.0  # seconds, doubled each time
FORGOTTEN = 3600.0  # seconds after which a login's wrong passwords no longer count
_KNOWN = 10_000  # logins remembered


class Guesses:
    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._wrong: OrderedDict[str, tuple[int, float]] = OrderedDict()  # login -> how many in a row, when the last
        self._lock = threading.Lock()

    @contextmanager
    def counted(self, login: str) -> Iterator[None]:
        """A password is looked at inside. NotSignedIn counts as wrong, an end without it as right."""
        self._admit(login)
        try:
            yield
        except NotSignedIn:
            self._note(login)
            raise
        with self._lock:
            self._wrong.pop(login, None)

    def _admit(self, login: str) -> None:
        with self._lock:
            count, last = self._wrong.get(login, (0, 0.0))
        now = self._clock()
        if count < FREE or now - last > FORGOTTEN:
            return
        rest = last + min(FIRST_WAIT * 2 ** (count - FREE), LONGEST_WAIT) - now
        if rest > 0:
            raise TooMany(
                "too many wrong passwords in a row.", where="password", remedy=f"Try again in {rest:.0f} seconds.", retry_after=rest
            )

    def _note(self, login: str) -> None:
        now = self._clock()
        with self._lock:
            count, last = self._wrong.pop(login, (0, now))
            self._wrong[login] = (count + 1 if now - last <= FORGOTTEN else 1, now)
            while len(self._wrong) > _KNOWN:
                self._wrong.popitem(last=False)
