"""PNG's filters undone, for PNG and for the PDF streams that use the same predictors. Brings in the compiler."""

from __future__ import annotations

import numpy as np

from scanner.bounds import Grey
from scanner.kernels import njit


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
            for x in range(1 + step, width):
                left, up, corner = np.int32(row[x - step]), np.int32(above[x]), np.int32(above[x - step])
                by_left, by_up, by_corner = abs(up - corner), abs(left - corner), abs(left + up - 2 * corner)
                if by_left <= by_up and by_left <= by_corner:
                    near = left
                elif by_up <= by_corner:
                    near = up
                else:
                    near = corner
                row[x] += np.uint8(near)
        elif kind != 0:
            return False
        above = row
    return True
