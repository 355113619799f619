"""Compiles the reader's loops for this machine, once, by reading a small drawn page; and says whether that was done.

Compiled code is kept beside the sources (or in the user's cache); what was compiled for which sources is noted there
in a file of its own, so that a command can tell its user why the first page takes so long.
"""

from __future__ import annotations

import hashlib
import io
import os
import platform
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.template import lines_of, parse_template

ROOM = Path(__file__).resolve().parents[1]
NOTE = "the reader's loops are compiled for this machine, once: this takes about a minute"
_PX = 8.0  # pixels a millimetre


def is_warm() -> bool:
    """Whether the loops that are installed here were compiled before."""
    return _stamp().exists()


def warm_up(say: Callable[[str], None]) -> None:
    """Compile what is not compiled yet; `say` hears of it before it begins."""
    stamp = _stamp()
    if stamp.exists():
        return
    say(NOTE)
    _read_all_ways()
    for old in stamp.parent.glob("warm-*"):
        old.unlink(missing_ok=True)
    stamp.touch()


def load() -> None:
    """Bring what is compiled into this process: its first page is then as quick as the others."""
    _read_all_ways()


def _stamp() -> Path:
    """Named after all that compiled code depends on: the sources, the compiler, the processor."""
    import scanner.kernels  # loads the compiler, and decides where compiled code is kept

    sources = sorted(file for room in ("scanner", "omr") for file in (ROOM / room).glob("*.py"))
    facts = [f"{file.name} {file.stat().st_mtime_ns} {file.stat().st_size}" for file in sources]
    facts += [version("numba"), version("llvmlite"), platform.python_version(), platform.machine(), _processor()]
    name = f"warm-{hashlib.sha256('|'.join(facts).encode()).hexdigest()[:16]}"
    kept = os.environ.get("NUMBA_CACHE_DIR")
    folder = Path(kept) if kept else Path(scanner.kernels.__file__).parent / "__pycache__"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / name


def _processor() -> str:
    """What the system says of it: code that was compiled on one processor may not suit another."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return " ".join(sorted({line for line in lines if line.startswith(("model name", "flags", "Features"))}))


def _read_all_ways() -> None:
    """Every way a page may come and lie: grey and black and white files; marks in place, one covered, turned, none."""
    from omr.reading import Reader
    from scanner.bounds import Page
    from scanner.frames import single_page

    pixels = _drawn()
    reader = Reader([parse_template(_FORM, where="warm-up")])
    for whole in (True, False):
        reader.read(Page(pixels, "warm-up", 203.2), cut=True, whole=whole)
    covered = pixels.copy()
    covered[: int(20 * _PX), : int(20 * _PX)] = 240
    for turned in (covered, np.ascontiguousarray(np.rot90(pixels)), np.full_like(pixels, 240), np.zeros_like(pixels)):
        reader.read(Page(turned, "warm-up"), cut=True)
    fax = io.BytesIO()
    Image.fromarray(pixels > 128).save(fax, "TIFF", compression="group4")
    for data in (cv2.imencode(".png", pixels)[1].tobytes(), fax.getvalue()):
        reader.read(single_page(data, where="warm-up"), cut=False)


_MARKS = [{"shape": "square", "x": x, "y": y, "width": 5, "height": 5} for x, y in ((10, 10), (138, 10), (138, 200), (10, 200))]
_BAR = {"shape": "square", "x": 24, "y": 9, "width": 10, "height": 3, "role": "orientation"}
_BUBBLE = {"width": 4.2, "height": 2.6}
_TIMING = [{"origin": [x, 22], "step": [0, 10], "count": 17, "width": 4, "height": 2} for x in (10, 138)]
_QUESTIONS = {
    "name": "questions", "fields": [f"Q{i}" for i in range(1, 16)], "values": list("ABCD"), "origin": [40, 60],
    "value_step": [7, 0], "field_step": [0, 5.2], "bubble": _BUBBLE,
}  # fmt: skip
_NUMBER = {
    "name": "number", "role": "candidate", "fields": ["number"], "joined": True, "lines": 4, "values": list("0123456789"),
    "origin": [90, 40], "value_step": [0, 4.6], "field_step": [7, 0], "bubble": _BUBBLE,
}  # fmt: skip
_CODE = {"name": "code", "role": "candidate", "symbology": "QRCode", "box": [100, 150, 20, 20]}
_REGION = {"name": "W1", "group": "W1", "box": [85, 100, 45, 40]}
_SIDE = {
    "side": 1, "registration": {"marks": [*_MARKS, _BAR]}, "timing": _TIMING, "codes": [_CODE],
    "grids": [_QUESTIONS, _NUMBER], "regions": [_REGION],
}  # fmt: skip
_FORM = {"name": "warm-up", "width": 148, "height": 210, "candidate": "number", "sides": [_SIDE]}


def _drawn() -> NDArray[np.uint8]:
    """The form, filled, as a scanner would see it."""
    side = parse_template(_FORM, where="warm-up").sides[0]
    page = np.full((round(210 * _PX), round(148 * _PX)), 240, np.uint8)
    boxes = [(m.x, m.y, m.width, m.height) for m in side.registration.marks]
    boxes += [(x, y, row.width, row.height) for row in side.timing for x, y in row.centres()]
    for x, y, w, h in boxes:
        page[round((y - h / 2) * _PX) : round((y + h / 2) * _PX), round((x - w / 2) * _PX) : round((x + w / 2) * _PX)] = 20
    for n, line in enumerate(lines_of(side)):
        for i, (x, y) in enumerate(line.bubbles):
            place, axes = (round(x * _PX), round(y * _PX)), (round(2.1 * _PX), round(1.3 * _PX))
            cv2.ellipse(page, place, axes, 0, 0, 360, 80, -1 if i == n % 3 else 1)
    noise = np.random.default_rng(1).normal(0, 3, page.shape)
    return np.clip(cv2.GaussianBlur(page, (0, 0), 0.6) + noise, 0, 255).astype(np.uint8)


if __name__ == "__main__":
    warm_up(lambda said: print(said, flush=True))  # noqa: T201  (this program speaks to whoever installs)
