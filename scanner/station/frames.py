"""The frames of a file, as they are sent: the file itself, or each page of a TIFF or PDF that holds many, without loss."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

from core.errors import MarkhallError

_MANY_PAGES = (".tif", ".tiff", ".pdf")


def pages_of(file: Path) -> tuple[int, ...]:
    """The pages that are frames: (0,) when the file itself is one."""
    if file.suffix.lower() not in _MANY_PAGES:
        return (0,)
    from scanner.frames import count_pages

    try:
        pages = count_pages(file.read_bytes(), where=file.name)
    except MarkhallError:
        return (0,)  # the server sets it aside with the reason, and it is counted
    return tuple(range(1, pages + 1)) if pages > 1 else (0,)


def frames_in(file: Path) -> Iterator[bytes]:
    """The bytes of each frame of a file."""
    data = file.read_bytes()
    for page in pages_of(file):
        yield data if page == 0 else page_bytes(data, page, where=file.name)


def page_bytes(data: bytes, page: int, *, where: str) -> bytes:
    """One page of a file of many as a PNG of its own."""
    from PIL import Image

    from scanner.decode import STATED
    from scanner.frames import page_at

    try:
        found = page_at(data, page, where=where)
    except MarkhallError as e:
        # A page that cannot be taken out is still a frame: it arrives as its reason, and a person sees it.
        return STATED + str(e).encode()
    target = io.BytesIO()
    dpi = {"dpi": (found.dpi, found.dpi)} if found.dpi else {}
    Image.fromarray(found.pixels).save(target, "PNG", compress_level=3, **dpi)
    return target.getvalue()
