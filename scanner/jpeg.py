"""JPEG -> grey, by libjpeg-turbo told to be strict: what it would repair in silence is damage here."""

from __future__ import annotations

import numpy as np
import simplejpeg

from core.errors import FrameUnreadable
from scanner.bounds import CHANNELS, REMEDY_AGAIN, Channel, Grey, Limits, believable_dpi, check_size, damaged

_FOUR_INKS = ("CMYK", "YCCK")
_PROGRESSIVE, _SCAN = 0xC2, 0xDA
_FRAMES = {0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF}


def unpack_jpeg(data: bytes, *, where: str, channel: Channel, limits: Limits) -> Grey | None:
    """The grey values (or one colour) as they lie in the file; None for four inks, which this library does not turn to grey."""
    try:
        height, width, space, _ = simplejpeg.decode_jpeg_header(data)
    except ValueError as e:
        raise FrameUnreadable("the JPEG's header is broken.", where=where, remedy=REMEDY_AGAIN) from e
    check_size(width, height, where=where, limits=limits)
    _check_scans(data, where, limits)
    if space in _FOUR_INKS:
        return None
    try:
        pixels = simplejpeg.decode_jpeg(data, colorspace="GRAY" if channel == "grey" else "RGB", strict=True)
    except ValueError as e:
        raise damaged("JPEG", where) from e
    return np.ascontiguousarray(pixels[:, :, 0 if channel == "grey" else CHANNELS.index(channel)])


def jpeg_dpi(data: bytes) -> float | None:
    """The density of the JFIF header, which nearly every scanner writes right after the start."""
    if data[2:4] != b"\xff\xe0" or data[6:11] != b"JFIF\0" or len(data) < 18:
        return None
    unit, across = data[13], int.from_bytes(data[14:16], "big")
    return believable_dpi(across * {1: 1.0, 2: 2.54}.get(unit, 0.0))


def _check_scans(data: bytes, where: str, limits: Limits) -> None:
    """A progressive picture may pass over its pixels without end in a few bytes a time."""
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] not in _FRAMES and data[at + 1] != _SCAN:
        at += 2 + max(int.from_bytes(data[at + 2 : at + 4], "big"), 2)
    if data[at + 1 : at + 2] == bytes([_PROGRESSIVE]) and data.count(b"\xff\xda", at) > limits.scans:
        raise FrameUnreadable("the JPEG passes over its pixels too often.", where=where, remedy="Save it as an ordinary JPEG.")
