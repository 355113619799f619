"""Arrays that grow: columns of rows, and where a database's number stands. For `marking.tally` alone."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
_FIRST = 64


class Column:
    """Rows of one kind of value, each a number or a small array of them; doubles its room when it is full."""

    def __init__(self, kind: Any, *shape: int) -> None:
        self._room: Array = np.zeros((_FIRST, *shape), kind)
        self.size = 0

    @property
    def all(self) -> Array:
        """The rows that there are; writing into it writes into the column."""
        return self._room[: self.size]

    def append(self, values: Array) -> None:
        start = self.size
        self.extend(len(values))
        self._room[start : self.size] = values

    def extend(self, more: int) -> None:
        """So many rows of zeros more."""
        self.size += max(0, more)
        if self.size > len(self._room):
            wider = np.zeros((max(self.size, 2 * len(self._room)), *self._room.shape[1:]), self._room.dtype)
            wider[: len(self._room)] = self._room
            self._room = wider


class Places:
    """A row by a number of the database: an array over all numbers, four bytes each, since they come nearly without gaps."""

    def __init__(self) -> None:
        self._rows: Array = np.full(_FIRST, -1, np.int32)

    def of(self, numbers: Array) -> Array:
        """-1 where there is none."""
        inside = numbers < len(self._rows)
        found = np.full(len(numbers), -1, np.int64)
        found[inside] = self._rows[numbers[inside]]
        return found

    def put(self, numbers: Array, rows: Array) -> None:
        if not len(numbers):
            return
        largest = int(numbers.max())
        if largest >= len(self._rows):
            wider = np.full(max(largest + 1, 2 * len(self._rows)), -1, np.int32)
            wider[: len(self._rows)] = self._rows
            self._rows = wider
        self._rows[numbers] = rows

    def count(self, after: int, until: int) -> int:
        """How many numbers above `after`, up to `until`, have a row."""
        return int(np.count_nonzero(self._rows[max(0, after + 1) : until + 1] >= 0))
