"""A frame as it arrives: whose it is, which place it claims, its bytes, and what is refused before anything is written."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from core.errors import BadInput, Conflict
from core.states import ReceiptState
from scanner.intake.batches import MOST_FRAMES

MOST_BYTES = 64 * 1024 * 1024
_IMPRINT = re.compile(r"[\w ./:#-]{0,40}")
_NAME = 240
_STARTS = {
    b"\xff\xd8\xff": "image/jpeg",
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"II*\0": "image/tiff",
    b"MM\0*": "image/tiff",
    b"%PDF-": "application/pdf",
}


@dataclass(frozen=True, slots=True)
class ReceiptView:
    receipt: int
    state: ReceiptState
    sha256: str
    fresh: bool  # False: this very frame was here already


@dataclass(frozen=True, slots=True)
class ArrivingFrame:
    exam_id: int
    station: str
    batch: str
    sequence: int
    face: int
    data: bytes
    said: str | None = None  # the hash that the station computed
    name: str = ""
    imprint: str = ""  # the number that the scanner printed on the card

    @property
    def where(self) -> str:
        return place_of(self.station, self.batch, self.sequence, self.face)

    @property
    def kept_name(self) -> str:
        return self.name[-_NAME:]

    def checked(self) -> str:
        """The hash of the bytes, when this frame may be taken in at all."""
        if not 1 <= self.sequence <= MOST_FRAMES or self.face not in (1, 2):
            raise BadInput("a frame's place is a sequence from 1 and a face 1 or 2.", where=self.where)
        if len(self.data) > MOST_BYTES:
            raise BadInput(f"the frame has more than {MOST_BYTES // 2**20} MiB.", where=self.where, remedy="Scan at 150 to 300 dpi.")
        if not _IMPRINT.fullmatch(self.imprint):
            raise BadInput(
                "the imprinter's number cannot be kept.", where=self.where, remedy="Use at most 40 letters, digits, spaces and . / : # -"
            )
        digest = hashlib.sha256(self.data).hexdigest()
        if self.said and self.said.lower() != digest:
            wrong = f"the bytes that came have the hash {digest}, not {self.said}."
            raise BadInput(wrong, where=self.where, remedy="Send the frame again.")
        return digest

    def again(self, receipt: int, state: ReceiptState, here: str, digest: str) -> ReceiptView:
        """The answer to a frame whose place is taken: the same receipt, or a refusal with both hashes."""
        if here != digest:
            raise Conflict(
                f"another picture has this place: {here} is here, {digest} came.",
                where=self.where,
                remedy="Send the new picture under the next free number, or in another batch.",
            )
        return ReceiptView(receipt, state, here, fresh=False)


def place_of(station: str, batch: str, sequence: int, face: int) -> str:
    return f"station {station}, batch {batch}, frame {sequence:05d}-{face}"


def media_type(data: bytes) -> str:
    """By the first bytes; a reader looks closer."""
    return next((kind for start, kind in _STARTS.items() if data.startswith(start)), "application/octet-stream")
