"""Unpacking a page: what the bounds and the checks for broken files cost over the JPEG library alone."""

import statistics

import numpy as np
import simplejpeg

from benchmarks.harness import Row, in_turns
from scanner.decode import decode

A4_AT_200_DPI = (2339, 1654)


def page_jpeg(seed: int = 1) -> bytes:
    """A grey page with lines of dark strokes and a scanner's grain: about as many bits as a real one."""
    random = np.random.default_rng(seed)
    page = np.full(A4_AT_200_DPI, 235, np.uint8)
    for top in range(150, A4_AT_200_DPI[0] - 150, 46):
        for left in random.integers(100, A4_AT_200_DPI[1] - 140, 40):
            page[top : top + 22, left : left + 4] = 60
    grain = random.normal(0, 4, A4_AT_200_DPI)
    noisy = np.clip(page + grain, 0, 255).astype(np.uint8)
    return bytes(simplejpeg.encode_jpeg(noisy[:, :, None], quality=85, colorspace="GRAY"))


def rows() -> list[Row]:
    data = page_jpeg()
    pair = in_turns(
        lambda: decode(data, where="benchmark"),
        lambda: simplejpeg.decode_jpeg(data, colorspace="GRAY"),
    )
    return [
        Row.judged("decode: grey A4 page, over simplejpeg alone", pair.ratio, "below", 1.1, "times"),
        Row.told("decode: grey A4 page at 200 dpi", statistics.median(pair.subject) * 1000, "ms"),
    ]
