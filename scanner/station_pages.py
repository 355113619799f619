"""A page of a TIFF or PDF as a frame of its own, without loss."""

from __future__ import annotations

import io

from PIL import Image

from scanner.decode import Page


def as_png(page: Page) -> bytes:
    target = io.BytesIO()
    dpi = {"dpi": (page.dpi, page.dpi)} if page.dpi else {}
    Image.fromarray(page.pixels).save(target, "PNG", compress_level=3, **dpi)
    return target.getvalue()
