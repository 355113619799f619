"""Unpacked samples -> grey: bits, palettes, colours, transparency. Knows no file format and no compression."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from scanner.bounds import CHANNELS, Channel, Grey

_MODES = ("L", "LA", "RGB", "RGBA")
_BAND = 1 << 18  # pixels that are turned to grey at a time: the copies on the way stay small, and in the cache


def grey_of(picture: Image.Image, channel: Channel) -> Grey:
    """The grey values (or one colour) of a loaded picture; what is transparent lies on white paper."""
    if picture.mode.startswith("I;16") or picture.mode in ("I", "F"):
        return _shallow(np.asarray(picture))
    if "transparency" in picture.info or picture.mode in ("PA", "La", "RGBa"):
        picture = picture.convert("RGBA")
    if picture.mode in ("LA", "RGBA"):
        clear = np.uint16(255) - np.asarray(picture.getchannel("A"))
        seen = _opaque(picture.convert("RGB" if picture.mode == "RGBA" else "L"), channel)
        return seen if not clear.any() else ((seen * (255 - clear) + 255 * clear + 127) // 255).astype(np.uint8)
    return _opaque(picture, channel)


def _opaque(picture: Image.Image, channel: Channel) -> Grey:
    if channel == "grey" or picture.mode in ("1", "L"):
        return np.asarray(picture.convert("L"))
    return np.asarray(picture.convert("RGB"))[:, :, CHANNELS.index(channel)]


def _shallow(deep: NDArray[Any]) -> Grey:
    """16 bits (or more, or fractions) as 8: the upper ones, or the values themselves where none is above 255."""
    top = deep.max()
    if deep.dtype.kind == "u":
        found: Grey = (deep >> (8 if top > 255 else 0)).astype(np.uint8)
    else:
        found = np.clip(deep / deep.dtype.type(257 if top > 255 else 1), 0, 255).astype(np.uint8)
    return found


def from_bits(rows: Grey, width: int, *, black_is_0: bool = True) -> Grey:
    """Rows of packed bits, (h, bytes), as (h, width) of 0 and 255."""
    bits = np.unpackbits(rows, axis=1, count=width)
    if black_is_0:
        return np.negative(bits, out=bits)
    return np.subtract(bits, np.uint8(1), out=bits)


def from_samples(rows: Grey, width: int, samples: int, channel: Channel, palette: bytes | None = None) -> Grey:
    """Rows of 8 bit samples, (h, bytes), with 1 to 4 samples a pixel: grey, grey and alpha, RGB, RGBA; or a palette of RGB."""
    if samples == 1 and palette is None:
        return rows
    grey = np.empty((len(rows), width), np.uint8)
    band = max(1, _BAND // width)
    for top in range(0, len(rows), band):
        part = np.ascontiguousarray(rows[top : top + band])
        picture = Image.frombytes("P" if palette is not None else _MODES[samples - 1], (width, len(part)), part.data)
        if palette is not None:
            picture.putpalette(palette)
        grey[top : top + band] = grey_of(picture, channel)
    return grey
