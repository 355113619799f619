"""What a C library says on the error stream while it unpacks a page, and nowhere else.

libtiff repairs a damaged fax strip in silence: it writes a line to the process's error stream and returns white paper,
which would read as a blank answer. So the stream is listened to for the moment of unpacking; what else came is passed
on. Damage that looks like the end of a strip is not even mentioned, and is not found here.
"""

from __future__ import annotations

import os
import re
import tempfile
import threading
from collections.abc import Callable
from typing import TypeVar

_T = TypeVar("_T")
_STREAM = 2
_DAMAGE = re.compile(rb"^Fax\w*: (?!Warning).*(?:Bad code word|Uncompressed data).*\n?", re.MULTILINE)
_one_at_a_time = threading.Lock()


def unpack_fax(unpack: Callable[[], _T]) -> tuple[_T, bool]:
    """What `unpack` returns, and whether the library said meanwhile that the data is damaged."""
    with _one_at_a_time, tempfile.TemporaryFile() as heard:
        try:
            kept = os.dup(_STREAM)
        except OSError:  # a process without an error stream: nothing can be heard
            return unpack(), False
        os.dup2(heard.fileno(), _STREAM)
        try:
            found = unpack()
        finally:
            os.dup2(kept, _STREAM)
            os.close(kept)
            heard.seek(0)
            said = heard.read()
            if others := _DAMAGE.sub(b"", said):
                os.write(_STREAM, others)
        return found, _DAMAGE.search(said) is not None
