"""Receiving one frame in the caller's own thread: what has its own disk and its own time. Web processes have a `Gate`."""

from __future__ import annotations

from core.errors import MarkhallError
from core.site import Site
from scanner.intake.arriving import ArrivingFrame, ReceiptView, place_of
from scanner.intake.group import take_in

__all__ = ["ReceiptView", "place_of", "receive"]


def receive(
    site: Site,
    exam_id: int,
    station: str,
    batch: str,
    sequence: int,
    face: int,
    data: bytes,
    *,
    sha256: str | None = None,
    name: str = "",
    imprint: str = "",
) -> ReceiptView:
    """Take a frame in. Sending it again is harmless; other bytes in its place are refused with both hashes."""
    (answer,) = take_in(site, [ArrivingFrame(exam_id, station, batch, sequence, face, data, sha256, name, imprint)])
    if isinstance(answer, MarkhallError):
        raise answer
    return answer
