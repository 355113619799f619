"""Which way up a picture says it is: the orientation of EXIF, 1 to 8. Owns that one number's place among the bytes."""

from __future__ import annotations

_ORIENTATION = 274
_MOST_ENTRIES = 200


def orientation_in(exif: bytes) -> int:
    """The orientation in a block of EXIF (a small TIFF); 1, which means as it is, where none or nonsense is said."""
    order = {b"II": "little", b"MM": "big"}.get(exif[:2])
    if order == "little":
        return _orientation(exif, "little")
    return _orientation(exif, "big") if order == "big" else 1


def jpeg_orientation(data: bytes) -> int:
    """The orientation of a JPEG, from the segments before its picture."""
    at = 2
    while data[at : at + 1] == b"\xff" and len(data) > at + 4:
        kind, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if kind == 0xE1 and data[at + 4 : at + 10] == b"Exif\0\0":
            return orientation_in(data[at + 10 : at + 2 + length])
        if kind == 0xDA or length < 2:
            break
        at += 2 + length
    return 1


def _orientation(exif: bytes, order: str) -> int:
    def number(at: int, size: int) -> int:
        return int.from_bytes(exif[at : at + size], "little" if order == "little" else "big")

    first = number(4, 4)
    for i in range(min(number(first, 2), _MOST_ENTRIES)):
        at = first + 2 + 12 * i
        if number(at, 2) == _ORIENTATION:
            said = number(at + 8, 2)
            return said if 1 <= said <= 8 else 1
    return 1
