"""Pages drawn by a process of their own, so that a hostile document costs no more than a bounded time and memory.

Owns that process: it is started when the first page has to be drawn, serves one document after another, is ended when a
page takes too long, and started again when the library in it has crashed; a crash is that page's reason and nothing more.
"""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from core.errors import FrameUnreadable
from scanner.bounds import Channel, Grey, Limits, check_size
from scanner.samples import grey_of

_MODES = {"L": ("L", "L"), "BGR": ("RGB", "BGR"), "BGRX": ("RGB", "BGRX"), "BGRA": ("RGBA", "BGRA")}
_AGAIN = "Scan or export it again."
_PAGES_A_PROCESS = 500  # then a fresh one: what the library leaks stays bounded too


class Drawing:
    """One document for the drawing process; nothing is sent before a page of it has to be drawn."""

    def __init__(self, data: bytes, limits: Limits) -> None:
        self.data, self._limits = data, limits

    def page(self, number: int, dpi: int, *, where: str, channel: Channel) -> tuple[Grey, float]:
        """A page drawn at a resolution, on white."""
        size = self._ask({"do": "size", "page": number}, where)[0]
        width, height = int(float(size["width"]) * dpi / 72), int(float(size["height"]) * dpi / 72)
        check_size(width, height, where=where, limits=self._limits)
        return self._pixels({"do": "draw", "page": number, "dpi": dpi, "grey": channel == "grey"}, where, channel), float(dpi)

    def picture(self, number: int, width: int, height: int, *, where: str, channel: Channel) -> Grey:
        """The samples of the only picture of a page, which states that it is of this size."""
        return self._pixels({"do": "picture", "page": number, "width": width, "height": height}, where, channel)

    def _pixels(self, task: dict[str, Any], where: str, channel: Channel) -> Grey:
        said, body = self._ask(task, where)
        mode, raw = _MODES[said["mode"]]
        picture = Image.frombytes(mode, (said["width"], said["height"]), body, "raw", raw, said["stride"], 1)
        return np.ascontiguousarray(grey_of(picture, channel))

    def _ask(self, task: dict[str, Any], where: str) -> tuple[dict[str, Any], bytes]:
        with _drawer.lock:
            try:
                said, body = _drawer.ask(self, task, self._limits)
            except TimeoutError as e:
                seconds = f"{self._limits.seconds:g}"
                raise FrameUnreadable(f"this page of the PDF takes more than {seconds} s to draw.", where=where, remedy=_AGAIN) from e
            except (OSError, ValueError, KeyError) as e:
                raise FrameUnreadable("this page of the PDF cannot be drawn.", where=where, remedy=_AGAIN) from e
        if "error" in said:
            raise FrameUnreadable("this page of the PDF is damaged.", where=where, remedy=_AGAIN)
        return said, body


class _Drawer:
    """The process: asked in lines of JSON, each answered by a line of JSON and so many bytes."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._owner, self._served = 0, 0
        self._document: Drawing | None = None

    def ask(self, document: Drawing, task: dict[str, Any], limits: Limits) -> tuple[dict[str, Any], bytes]:
        """Raises TimeoutError where the answer takes too long, another OSError or ValueError where the process ends.

        A process that ended after an earlier page is not this page's fault: the page is asked for once more, in a new one.
        """
        served = self._served
        try:
            return self._ask_once(document, task, limits)
        except TimeoutError:
            raise
        except (OSError, ValueError, KeyError):
            if served == 0:
                raise
            return self._ask_once(document, task, limits)

    def _ask_once(self, document: Drawing, task: dict[str, Any], limits: Limits) -> tuple[dict[str, Any], bytes]:
        process = self._running(limits)
        late = threading.Event()
        timer = threading.Timer(limits.seconds, _end, (process, late))
        timer.start()
        try:
            if self._document is not document:
                self._document = document
                _tell(process, {"do": "open", "bytes": len(document.data)}, document.data)
                _hear(process)
            _tell(process, task)
            answer = _hear(process)
        except (OSError, ValueError, KeyError) as e:
            self.close()
            raise TimeoutError if late.is_set() else e from e
        finally:
            timer.cancel()
        self._served += 1
        return answer

    def _running(self, limits: Limits) -> subprocess.Popen[bytes]:
        if self._process is not None and self._owner == os.getpid() and self._process.poll() is None and self._served < _PAGES_A_PROCESS:
            return self._process
        self.close()
        command = [sys.executable, "-P", str(Path(__file__).with_name("drawing_process.py")), str(limits.render_bytes)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self._owner = os.getpid()
        return self._process

    def close(self) -> None:
        process, self._process, self._document, self._served = self._process, None, None, 0
        if process is None or self._owner != os.getpid():
            return
        process.kill()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except OSError:  # what was still to be written to a process that has ended
                    continue
        process.wait()


def _end(process: subprocess.Popen[bytes], late: threading.Event) -> None:
    late.set()
    process.kill()


def _tell(process: subprocess.Popen[bytes], said: dict[str, Any], body: bytes = b"") -> None:
    assert process.stdin is not None
    process.stdin.write(json.dumps(said).encode() + b"\n")
    process.stdin.write(body)
    process.stdin.flush()


def _hear(process: subprocess.Popen[bytes]) -> tuple[dict[str, Any], bytes]:
    assert process.stdout is not None
    said: dict[str, Any] = json.loads(process.stdout.readline())
    body = process.stdout.read(said.get("bytes", 0))
    if len(body) != said.get("bytes", 0):
        raise ValueError("the drawing process ended")
    return said, body


_drawer = _Drawer()
atexit.register(_drawer.close)
