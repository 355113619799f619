"""Fax coding (ITU-T T.4 and T.6: Group 3, Group 4) -> grey rows, in one pass, with damage said.

The coding carries no checksum, and libraries show what is broken as white paper, which would read as a blank answer.
So this decoder is strict: each code must exist, each row must end exactly at the page's edge, no end may come before
the last row, and after the last row nothing may follow but the end mark or zero bits. Imported only where a fax coded
page is met, since it brings in the compiler.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scanner.bounds import Grey
from scanner.kernels import njit

Ints = NDArray[np.int32]

_WHITE = """00110101 000111 0111 1000 1011 1100 1110 1111 10011 10100 00111 01000 001000 000011 110100 110101 101010 101011
0100111 0001100 0001000 0010111 0000011 0000100 0101000 0101011 0010011 0100100 0011000 00000010 00000011 00011010 00011011
00010010 00010011 00010100 00010101 00010110 00010111 00101000 00101001 00101010 00101011 00101100 00101101 00000100 00000101
00001010 00001011 01010010 01010011 01010100 01010101 00100100 00100101 01011000 01011001 01011010 01011011 01001010 01001011
00110010 00110011 00110100"""  # runs of 0 to 63
_WHITE_64 = """11011 10010 010111 0110111 00110110 00110111 01100100 01100101 01101000 01100111 011001100 011001101 011010010
011010011 011010100 011010101 011010110 011010111 011011000 011011001 011011010 011011011 010011000 010011001 010011010 011000
010011011"""  # runs of 64, 128 ... 1728
_BLACK = """0000110111 010 11 10 011 0011 0010 00011 000101 000100 0000100 0000101 0000111 00000100 00000111 000011000 0000010111
0000011000 0000001000 00001100111 00001101000 00001101100 00000110111 00000101000 00000010111 00000011000 000011001010
000011001011 000011001100 000011001101 000001101000 000001101001 000001101010 000001101011 000011010010 000011010011
000011010100 000011010101 000011010110 000011010111 000001101100 000001101101 000011011010 000011011011 000001010100
000001010101 000001010110 000001010111 000001100100 000001100101 000001010010 000001010011 000000100100 000000110111
000000111000 000000100111 000000101000 000001011000 000001011001 000000101011 000000101100 000001011010 000001100110
000001100111"""
_BLACK_64 = """0000001111 000011001000 000011001001 000001011011 000000110011 000000110100 000000110101 0000001101100
0000001101101 0000001001010 0000001001011 0000001001100 0000001001101 0000001110010 0000001110011 0000001110100 0000001110101
0000001110110 0000001110111 0000001010010 0000001010011 0000001010100 0000001010101 0000001011010 0000001011011 0000001100100
0000001100101"""
_BOTH_1792 = """00000001000 00000001100 00000001101 000000010010 000000010011 000000010100 000000010101 000000010110 000000010111
000000011100 000000011101 000000011110 000000011111"""  # runs of 1792, 1856 ... 2560, of either colour

_SPAN = 13  # bits of the longest code
_PADDING = 16  # zero bytes after the data, so that whole words can be taken: zeros are no code, so nothing is decoded from them
_INVERTED = bytes(int(f"{i:08b}"[::-1], 2) for i in range(256))  # for TIFF's FillOrder 2

GROUP4, GROUP3, GROUP3_2D = -1, 0, 1  # as PDF's K says it


def _table(short: str, long: str) -> Ints:
    """For every 13 bits: 16 x the run that they begin with + the bits of its code, or 0 where there is none."""
    table = np.zeros(1 << _SPAN, np.int32)
    codes = list(enumerate(short.split()))
    codes += [(64 * i, c) for i, c in enumerate((long + " " + _BOTH_1792).split(), 1)]
    for run, code in codes:
        first = int(code, 2) << (_SPAN - len(code))
        table[first : first + (1 << (_SPAN - len(code)))] = 16 * run + len(code)
    return table


# What 7 bits of a row that refers to the one above begin with: 16 x kind + bits; kind 1 to 7 is a change that many - 4 pixels
# beside the one above, 8 passes a run of the row above, 9 is two runs; 0 where no such code exists.
_PASS, _TWO_RUNS = 8, 9


def _modes() -> Ints:
    table = np.zeros(128, np.int32)
    codes = {"1": 4, "011": 5, "010": 3, "001": _TWO_RUNS, "0001": _PASS, "000011": 6, "000010": 2, "0000011": 7, "0000010": 1}
    for code, kind in codes.items():
        first = int(code, 2) << (7 - len(code))
        table[first : first + (1 << (7 - len(code)))] = 16 * kind + len(code)
    return table


_MODES = _modes()
_RUNS = np.stack([_table(_WHITE, _WHITE_64), _table(_BLACK, _BLACK_64)])


def unpack_fax(data: bytes, rows: Grey, *, kind: int, aligned: bool = False, inverted: bool = False, reverse: bool = False) -> bool:
    """Fill the rows from one strip's bytes; False where anything in them is not as it must be.

    Parameters
    ----------
    data : the strip alone
    rows : (h, w) uint8, C-contiguous, written in place as 0 and 255
    kind : GROUP4, GROUP3 (rows by themselves), or GROUP3_2D (rows that may refer to the one before)
    aligned : each row begins at a whole byte
    inverted : what the coding calls white is ink
    reverse : the bits of each byte come in the other order
    """
    padded = np.zeros(len(data) + _PADDING, np.uint8)
    padded[: len(data)] = np.frombuffer(data.translate(_INVERTED) if reverse else data, np.uint8)
    rows[:] = 255
    scratch = np.zeros((2, rows.shape[1] + 8), np.int32)
    return bool(_unpack(padded, len(data) * 8, rows, kind, aligned, int(not inverted), scratch, _RUNS, _MODES))


@njit(cache=True, nogil=True, inline="always")
def _bits(data: Grey, at: int) -> np.uint64:
    """The 57 bits from bit `at` on, as the uppermost ones of 64."""
    i, step = np.uint64(at >> 3), np.uint64(8)
    word = np.uint64(0)
    for k in range(8):
        word = (word << step) | np.uint64(data[i + np.uint64(k)])
    return word << np.uint64(at & 7)


@njit(cache=True, nogil=True)
def _run(data: Grey, at: int, colour: int, runs: Ints) -> tuple[int, int]:
    """The length of the run of a colour that is coded at bit `at`, and the bit after it; -1 where there is no such code."""
    stop, total = np.int64(data.size) * 8 - 64, 0
    while at < stop:
        found = runs[colour, _bits(data, at) >> np.uint64(64 - 13)]
        if found == 0:
            break
        at += found & 15
        total += found >> 4
        if found >> 4 < 64:
            return total, at
    return -1, at


@njit(cache=True, nogil=True)
def _row_alone(data: Grey, at: int, width: int, cur: Ints, runs: Ints) -> tuple[int, int]:
    """One row coded by itself: how many changes were written to `cur` (-1 for damage), and the bit after it."""
    place, count, colour = 0, 0, 0
    while place < width:
        length, at = _run(data, at, colour, runs)
        if length < 0 or place + length > width or (length == 0 and place > 0):
            return -1, at
        place += length
        cur[count] = place
        count += 1
        colour ^= 1
    return count, at


@njit(cache=True, nogil=True)
def _row_after(data: Grey, at: int, width: int, ref: Ints, cur: Ints, runs: Ints, modes: Ints) -> tuple[int, int]:
    """One row coded by its difference to the changes `ref` of the row above, which end in several times the width."""
    stop = np.int64(data.size) * 8 - 64
    place, count, colour, b, left = -1, 0, 0, 0, 0
    bits = np.uint64(0)
    while place < width:
        if left < 7:
            if at > stop:
                return -1, at
            bits, left = _bits(data, at), 57
        while ref[b] <= place and ref[b] < width:
            b += 2  # the first change of the row above to the right of this place, towards the other colour
        found = modes[bits >> np.uint64(57)]
        kind, used = found >> 4, found & 15
        at, left, bits = at + used, left - used, bits << np.uint64(used)
        if 1 <= kind <= 7:
            before, place = place, ref[b] + kind - 4
            if place <= before or place > width:
                return -1, at
            cur[count] = place
            count += 1
            colour ^= 1
            b = b - 1 if kind < 4 and b > 0 else b + 1
        elif kind == 8:
            place = ref[b + 1]
        elif kind == 9:
            if left < 2 * _SPAN:
                if at > stop:
                    return -1, at
                bits, left = _bits(data, at), 57
            one = runs[colour, bits >> np.uint64(64 - _SPAN)]
            two = runs[colour ^ 1, (bits << np.uint64(one & 15)) >> np.uint64(64 - _SPAN)]
            start = max(place, 0)
            if 0 < one < 16 * 64 and 0 < two < 16 * 64:
                first, second, used = one >> 4, two >> 4, (one & 15) + (two & 15)
                at, left, bits = at + used, left - used, bits << np.uint64(used)
            else:  # a long run, or none
                first, at = _run(data, at, colour, runs)
                second, at = _run(data, at, colour ^ 1, runs)
                left = 0
            if first < 0 or second < 0 or start + first + second > width:
                return -1, at
            if (first == 0 and place >= 0) or (second == 0 and start + first < width):
                return -1, at
            cur[count], cur[count + 1] = start + first, start + first + second
            place = start + first + second
            count += 2
        else:
            return -1, at
    return count, at


@njit(cache=True, nogil=True)
def _line_start(data: Grey, at: int) -> int:
    """The bit after an end-of-line mark (11 or more zeros and a one) that begins at `at`, or -1 where none does."""
    stop = np.int64(data.size) * 8 - 64
    if at > stop or _bits(data, at) >> np.uint64(53) != 0:
        return -1
    at += 11
    while at < stop:
        if data[at >> 3] >> (7 - (at & 7)) & 1:
            return at + 1
        at += 1
    return -1


@njit(cache=True, nogil=True)
def _only_end(data: Grey, at: int, end: int) -> bool:
    """Whether the end of a strip follows: two marks of a line's end (a bit may stand between them), or nothing but zeros."""
    if at > end:
        return False
    after = _line_start(data, at)
    if after >= 0:
        if _line_start(data, after) >= 0 or _line_start(data, after + 1) >= 0:
            return True
        at = after
    while at < end:
        if data[at >> 3] >> (7 - (at & 7)) & 1:
            return False
        at += 1
    return True


@njit(cache=True, nogil=True, inline="always")
def _blacken(row: Grey, left: int, right: int) -> None:
    """Make the pixels from `left` up to `right` black; those behind them are not yet painted, and stay white.

    Most runs are short. Eight pixels at once, and eight white ones behind, cost less than counting them.
    """
    if right - left < 8 and right + 8 <= row.shape[0]:
        for k in range(8):
            row[np.uint64(left + k)] = 0
        for k in range(8):
            row[np.uint64(right + k)] = 255
    else:
        for x in range(np.uint64(left), np.uint64(right)):
            row[x] = 0


@njit(cache=True, nogil=True)
def _unpack(data: Grey, end: int, rows: Grey, kind: int, aligned: bool, ink: int, scratch: Ints, runs: Ints, modes: Ints) -> bool:
    """Every row of a strip of `end` bits; `rows` comes white, and the runs of colour `ink` are made black. See `unpack_fax`."""
    height, width = rows.shape
    at, above = 0, 0
    scratch[0, :4] = width
    for y in range(height):
        ref, cur = scratch[above], scratch[1 - above]
        if aligned:
            at = (at + 7) & ~7
        alone = kind == 0
        if kind >= 0:
            after = _line_start(data, at)
            if after >= 0:
                at = after
                if kind > 0:
                    alone = data[at >> 3] >> (7 - (at & 7)) & 1 == 1
                    at += 1
            elif kind > 0:
                return False
        if alone:
            count, at = _row_alone(data, at, width, cur, runs)
        else:
            count, at = _row_after(data, at, width, ref, cur, runs, modes)
        if count < 0 or at > end:
            return False
        for i in range(count, count + 4):
            cur[i] = width
        row, left = rows[y], 0
        for i in range(count + 1):
            if i & 1 == ink:
                _blacken(row, left, cur[i])
            left = cur[i]
        above = 1 - above
    return _only_end(data, at, end)
