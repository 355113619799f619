"""Deflated rows of samples -> rows, by libdeflate: twice as fast as zlib, and it checks the data's own checksum."""

from __future__ import annotations

from typing import Any

import imagecodecs
import numpy as np

from scanner.bounds import Grey


def inflate_into(packed: bytes, flat: Grey) -> bool:
    """Fill (n,) uint8 from a whole zlib stream; False where it does not give just that many bytes or is not right."""
    target: Any = flat  # its types know no arrays
    try:
        found = imagecodecs.deflate_decode(packed, out=target)
    except (imagecodecs.DeflateError, ValueError):
        return False
    return len(found) == len(flat)


def inflate_rows(packed: bytes, bits: int, height: int, step: int) -> Grey | None:
    """Rows of so many bits, each behind the byte that named its PNG filter, (h, 1 + bytes); None where the data is not right.

    `step` is the bytes from a sample to the same sample of the pixel before, at least 1.
    """
    from scanner.unfilter import undo_filters  # brings in the compiler

    rows = np.empty((height, 1 + (bits + 7) // 8), np.uint8)
    if not inflate_into(packed, rows.reshape(-1)):
        return None
    return rows if undo_filters(rows, step) else None
