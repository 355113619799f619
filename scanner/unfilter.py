"""PNG's filters undone, for PNG and for the PDF streams that use the same predictors. Brings in the compiler."""

from __future__ import annotations

import numpy as np

from scanner.bounds import Grey
from scanner.kernels import njit


@njit(cache=True, nogil=True, inline="always")
def _nearest(left: np.int32, up: np.int32, corner: np.int32) -> np.int32:
    """Of three samples the one nearest to left + up - corner (Paeth); of equals the first.

    By masks of the sign and without a branch: in a scanner's grain no branch can be foreseen.
    """
    a, b = np.int32(up - corner), np.int32(left - corner)
    c = np.int32(a + b)
    by_left, by_up = np.int32((a ^ (a >> 31)) - (a >> 31)), np.int32((b ^ (b >> 31)) - (b >> 31))
    by_corner = np.int32((c ^ (c >> 31)) - (c >> 31))
    other = np.int32((by_corner - by_up) >> 31)
    near, by_near = np.int32(up ^ ((up ^ corner) & other)), np.int32(by_up ^ ((by_up ^ by_corner) & other))
    return np.int32(left ^ ((left ^ near) & np.int32((by_near - by_left) >> 31)))


@njit(cache=True, nogil=True)
def undo_filters(rows: Grey, step: int) -> bool:
    """Undo, in place, what each row's first byte says was done to the others (PNG specification, clause 9).

    Parameters
    ----------
    rows : (h, 1 + bytes) uint8, C-contiguous; column 0 is the filter of the row
    step : bytes from a sample to the same sample of the pixel before, at least 1

    Returns
    -------
    False where a row names a filter that there is not.
    """
    height, width = rows.shape
    above = np.zeros(width, np.uint8)
    for y in range(height):
        row = rows[y]
        kind = row[0]
        if kind == 1:
            for x in range(1 + step, width):
                row[x] += row[x - step]
        elif kind == 2:
            for x in range(1, width):
                row[x] += above[x]
        elif kind == 3:
            for x in range(1, min(1 + step, width)):
                row[x] += above[x] >> 1
            for x in range(1 + step, width):
                row[x] += np.uint8((np.int32(row[x - step]) + np.int32(above[x])) >> 1)
        elif kind == 4:
            for x in range(1, min(1 + step, width)):
                row[x] += above[x]
            for x in range(np.uint64(1 + step), np.uint64(width)):
                before = x - np.uint64(step)
                row[x] += np.uint8(_nearest(np.int32(row[before]), np.int32(above[x]), np.int32(above[before])))
        elif kind != 0:
            return False
        above = row
    return True
