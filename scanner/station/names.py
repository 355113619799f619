"""Which files of a scanner's folder are scans, in what order they were scanned, and what a batch may be called.

Names decide nothing else: whether a file is a picture is for a reader to say, and what is no scan stays where it is.
"""

from __future__ import annotations

import re
from collections.abc import Container
from pathlib import Path

DONE = "done"
REFUSED = "refused"
LONGEST_BATCH = 80
_UNFINISHED = (".tmp", ".temp", ".part", ".partial", ".filepart", ".crdownload", "~")
_COMPANIONS = (".txt", ".xml", ".csv", ".json", ".log", ".ini", ".db", ".lnk", ".lock")
_DIGITS = re.compile(r"(\d+)")
_NO_NAME = re.compile(r"[^\w.-]+")


def is_scan(name: str) -> bool:
    """No scan: hidden files, what is still being written under another name, and what scanners and systems leave beside."""
    low = name.lower()
    return not low.startswith((".", "~")) and not low.endswith(_UNFINISHED) and not low.endswith(_COMPANIONS)


def is_coming(name: str) -> bool:
    """A scan, or one that is still being written under another name."""
    return is_scan(name) or (not name.startswith(".") and name.lower().endswith(_UNFINISHED))


def in_order(name: str) -> tuple[tuple[int, str], ...]:
    """A key that puts `scan 2` before `scan 10`."""
    parts = enumerate(_DIGITS.split(name))
    return tuple((int(part), part) if at % 2 else (-1, part.lower()) for at, part in parts)


def batch_name(wanted: str, taken: Container[str]) -> str:
    """A name that the server takes and that no earlier batch has: of a second `room 1` it is `room-1-2`."""
    plain = _NO_NAME.sub("-", wanted).strip("-")[: LONGEST_BATCH - 6] or "batch"
    name, times = plain, 1
    while name in taken:
        times += 1
        name = f"{plain}-{times}"
    return name


def free_path(folder: Path, name: str) -> Path:
    """Where a file may be put so that it takes no other's place: scanners begin at 1 again when a folder is empty."""
    target, times = folder / name, 1
    while target.exists():
        times += 1
        target = folder / f"{Path(name).stem} ({times}){Path(name).suffix}"
    return target
