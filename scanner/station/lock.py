"""One station a folder: two that watched the same one would send its files under two numbers."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.errors import Conflict

NAME = ".markhall-station.lock"
_NO_LOCKS = {errno.ENOLCK, errno.ENOTSUP, errno.EINVAL, errno.ENOSYS}  # a share that keeps no locks


@contextmanager
def only_station(folder: Path) -> Iterator[None]:
    """Hold the folder; the lock ends with the process, however it ends."""
    handle = os.open(folder / NAME, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as e:
            if e.errno in _NO_LOCKS:
                yield
                return
            who = os.pread(handle, 200, 0).decode("utf-8", "replace").strip() or "another process"
            raise Conflict(
                f"another station works in this folder ({who}).",
                where=str(folder),
                remedy="End it first, or give this one a folder of its own.",
            ) from e
        os.truncate(handle, 0)
        os.pwrite(handle, f"{socket.gethostname()}, process {os.getpid()}".encode(), 0)
        yield
    finally:
        os.close(handle)
