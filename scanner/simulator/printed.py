"""The printed page as the scanner would see it before anybody wrote on it: the true PDF, rendered at its resolution."""

from __future__ import annotations

import atexit
from functools import lru_cache
from pathlib import Path

import numpy as np
import pypdfium2
from numpy.typing import NDArray

from core.errors import BadInput

DROP_OUT_CHANNEL = {"blue": 0, "green": 1, "red": 2}


@lru_cache(maxsize=2)
def _document(path: Path) -> pypdfium2.PdfDocument:
    try:
        return pypdfium2.PdfDocument(path)
    except pypdfium2.PdfiumError as e:
        raise BadInput(f"is no PDF that can be opened ({e}).", where=str(path)) from e


# Registered after pypdfium2's own farewell, so done before it: that one complains of documents that are still open.
atexit.register(_document.cache_clear)


def render(path: Path, page: int, dpi: int, *, colour: bool, drop_out: str = "none") -> NDArray[np.uint8]:
    """Reflectance of the print, 255 white: grey, or blue-green-red. A grey scan of a form in a drop-out colour is made
    under a lamp of that colour, as such forms are meant to be."""
    document = _document(path)
    if not 1 <= page <= len(document):
        raise BadInput(f"has no page {page}.", where=str(path), remedy="The sheets list belongs to another PDF.")
    grey = not colour and drop_out == "none"
    picture = document[page - 1].render(scale=dpi / 72, grayscale=grey, rev_byteorder=False).to_numpy()
    if grey:
        return np.array(picture.reshape(picture.shape[:2]), dtype=np.uint8)
    bgr = np.array(picture[..., :3], dtype=np.uint8)
    return bgr if colour else np.ascontiguousarray(bgr[..., DROP_OUT_CHANNEL[drop_out]])
