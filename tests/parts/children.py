"""Starts the servers that tests use, so that none outlives them: not after Ctrl-C, nor after kill -9."""

import os
import pwd
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path


def unprivileged_user() -> pwd.struct_passwd | None:
    """Whom a server runs as that refuses root; None when we are not root."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    return known.get("postgres") or known["nobody"]


def as_user(user: pwd.struct_passwd | None) -> list[str]:
    return [] if user is None else ["setpriv", *_identity(user)]


def _identity(user: pwd.struct_passwd | None) -> list[str]:
    return [] if user is None else [f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]


def start(command: Sequence[str], log: Path, *, user: pwd.struct_passwd | None = None, death: str = "KILL") -> subprocess.Popen[bytes]:
    """A child in its own session (Ctrl-C is for pytest to handle) that the kernel ends by `death` when this process dies."""
    guarded = ["setpriv", "--pdeathsig", death, *_identity(user), *command]
    with log.open("ab") as output:
        return subprocess.Popen(
            guarded,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd="/",
            start_new_session=True,
        )


def wait_until(ready: Callable[[], bool], process: subprocess.Popen[bytes], log: Path, *, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not ready():
        if process.poll() is not None or time.monotonic() > end:
            stop(process, signal.SIGKILL)
            tail = log.read_text(encoding="utf-8", errors="replace")[-2000:]
            raise RuntimeError(f"A server for the tests did not start ({process.args!r}):\n{tail}")
        time.sleep(0.02)


def stop(process: subprocess.Popen[bytes], how: signal.Signals) -> None:
    if process.poll() is None:
        process.send_signal(how)
    try:
        process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
