"""What a page is, and the bounds that a picture must keep before one of its pixels is unpacked.

Owns the values that every format's reader shares: the page, the limits, the checks of them and the wording of damage.
Knows no format.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from core.errors import FrameUnreadable

Grey = NDArray[np.uint8]
Channel = Literal["grey", "red", "green", "blue"]
Format = Literal["jpeg", "png", "tiff", "bmp", "webp", "pdf"]

CHANNELS: tuple[Channel, ...] = ("red", "green", "blue")
REMEDY_AGAIN = "Scan or export this page again."


@dataclass(frozen=True, slots=True)
class Limits:
    file_bytes: int = 256 * 1024 * 1024
    pixels: int = 120_000_000  # A3 at 600 dpi is 70 million
    least_side: int = 300  # an A5 page at 72 dpi is 420 pixels wide
    pages: int = 5_000
    scans: int = 100  # of a progressive JPEG: each is a pass over every pixel, and no camera writes more than 12
    seconds: float = 20.0  # for a page that has to be rendered; an honest one takes less than one
    render_bytes: int = 2 * 1024 * 1024 * 1024  # of memory, for the process that renders


LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Page:
    """One side as a scanner saw it."""

    pixels: Grey  # (height, width), C-contiguous, 0 black to 255 white
    where: str  # the file, and the page in it
    dpi: float | None = None  # as the file states it, not as the paper is
    format: Format = "jpeg"


def check_bytes(data: bytes, *, where: str, limits: Limits = LIMITS) -> None:
    if len(data) > limits.file_bytes:
        size = len(data) // (1024 * 1024)
        raise FrameUnreadable(
            f"the file has {size} MiB; at most {limits.file_bytes // (1024 * 1024)} are read.",
            where=where,
            remedy="Split it into smaller files.",
        )


def check_size(width: int, height: int, *, where: str, limits: Limits = LIMITS, deep: int = 1) -> None:
    """`deep` is the bytes of a pixel before it is turned to grey; above 3 they count."""
    most = limits.pixels * 3 // max(deep, 3)
    if width * height > most:
        raise FrameUnreadable(
            f"the picture is {width} x {height} pixels; at most {most // 1_000_000} million of this kind are read.",
            where=where,
            remedy="Scan at 150 to 300 dpi.",
        )
    if min(width, height) < limits.least_side:
        raise FrameUnreadable(
            f"the picture is only {width} x {height} pixels.", where=where, remedy="Scan the whole page at 150 dpi or more."
        )


def damaged(what: str, where: str) -> FrameUnreadable:
    return FrameUnreadable(f"the {what} is damaged or breaks off.", where=where, remedy=REMEDY_AGAIN)


def believable_dpi(dpi: float) -> float | None:
    return dpi if 50 <= dpi <= 2400 else None


def turned(pixels: Grey, orientation: int) -> Grey:
    """A picture as its EXIF or TIFF orientation (1 to 8) says it is to be looked at; any other number changes nothing."""
    if not 2 <= orientation <= 8:
        return pixels
    if orientation >= 5:
        pixels = pixels.T
    down, across = {2: (1, -1), 3: (-1, -1), 4: (-1, 1), 6: (1, -1), 7: (-1, -1), 8: (-1, 1)}.get(orientation, (1, 1))
    return np.ascontiguousarray(pixels[::down, ::across])
