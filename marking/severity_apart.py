"""An estimate of severities in a process of its own: a sample is its standard input, what was found its output.

It is heavy and seldom; in the process that follows the marks it would hold up every look for its whole length.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import subprocess
import sys
import tempfile
import time

from marking.measured import Sample, Severe, estimate

_QUIET = 10  # niceness: whoever marks goes first
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


class Apart:
    """One estimate, under way. `close` ends it."""

    def __init__(self, sample: Sample, now: float) -> None:
        self._files = contextlib.ExitStack()
        given = self._files.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - `close` closes it
        self._found = self._files.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - `close` closes it
        pickle.dump((sample, now), given)
        given.seek(0)
        command = [sys.executable, "-m", "marking.severity_apart"]
        self._process = subprocess.Popen(command, stdin=given, stdout=self._found, env={**os.environ, **_ONE_THREAD})
        self.began = time.monotonic()

    @property
    def is_done(self) -> bool:
        return self._process.poll() is not None

    def result(self) -> tuple[Severe, float] | None:
        """And the seconds of processor that it took; None: it failed, and its log says why."""
        if self._process.wait() != 0:
            return None
        self._found.seek(0)
        found: tuple[Severe, float] = pickle.load(self._found)
        return found

    def close(self) -> None:
        if not self.is_done:
            self._process.kill()
            self._process.wait()
        self._files.close()


def main() -> None:
    with contextlib.suppress(OSError):
        os.nice(_QUIET)
    sample, now = pickle.load(sys.stdin.buffer)
    severe = estimate(sample, now)
    pickle.dump((severe, time.process_time()), sys.stdout.buffer)


if __name__ == "__main__":
    main()
