"""Unpacked samples -> grey: bits, palettes, colours, transparency. Knows no file format and no compression."""

from __future__ import annotations

import numpy as np
from PIL import Image

from scanner.bounds import CHANNELS, Channel, Grey


def grey_of(picture: Image.Image, channel: Channel) -> Grey:
    """The grey values (or one colour) of a loaded picture; what is transparent lies on white paper."""
    if picture.mode.startswith("I;16") or picture.mode in ("I", "F"):
        deep = np.asarray(picture, dtype=np.float64)
        return np.clip(deep / (257.0 if deep.max() > 255 else 1.0), 0, 255).astype(np.uint8)
    if "A" in picture.mode or "transparency" in picture.info:
        over = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", over.size, "white"), over).convert("RGB")
    if channel == "grey" or picture.mode in ("1", "L"):
        return np.asarray(picture.convert("L"))
    return np.asarray(picture.convert("RGB"))[:, :, CHANNELS.index(channel)]


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
    mode = "P" if palette is not None else ("L", "LA", "RGB", "RGBA")[samples - 1]
    picture = Image.frombytes(mode, (width, len(rows)), np.ascontiguousarray(rows).data)
    if palette is not None:
        picture.putpalette(palette)
    return grey_of(picture, channel)
