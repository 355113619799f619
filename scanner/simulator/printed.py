"""The printed page as the scanner would see it before anybody wrote on it: the true PDF, rendered at its resolution."""

from __future__ import annotations

import atexit
from collections import OrderedDict
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

import numpy as np
import pypdfium2
from imagecodecs import zstd_decode, zstd_encode
from numpy.typing import NDArray

from core.errors import BadInput

DROP_OUT_CHANNEL = {"blue": 0, "green": 1, "red": 2}
MOST_KEPT = 240
"""Pictures of 0.2 to 0.6 MiB each, packed."""

Picture = NDArray[np.uint8]


class Kept:
    """Pictures that are asked for again, packed: filling the same prints many times need not draw them each time.

    A picture is kept from the second time on, so that a run that draws each once does not pack them for nothing.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._packed: OrderedDict[tuple[object, ...], tuple[bytes | bytearray, tuple[int, ...]] | None] = OrderedDict()

    def get(self, key: tuple[object, ...]) -> Picture | None:
        """A copy of one's own."""
        packed = self._packed.get(key)
        if packed is None:
            return None
        self._packed.move_to_end(key)
        data, shape = packed
        return np.frombuffer(zstd_decode(data, out=bytearray(int(np.prod(shape)))), np.uint8).reshape(shape)

    def drawn(self, key: tuple[object, ...], picture: Picture) -> None:
        again = key in self._packed
        self._packed[key] = (zstd_encode(picture.tobytes()), picture.shape) if again else None
        self._packed.move_to_end(key)
        while len(self._packed) > self.most:
            self._packed.popitem(last=False)


_kept = Kept(MOST_KEPT)


@lru_cache(maxsize=2)
def _document(path: Path) -> pypdfium2.PdfDocument:
    try:
        return pypdfium2.PdfDocument(path)
    except pypdfium2.PdfiumError as e:
        raise BadInput(f"is no PDF that can be opened ({e}).", where=str(path)) from e


# Registered after pypdfium2's own farewell, so done before it: that one complains of documents that are still open.
atexit.register(_document.cache_clear)


@lru_cache(maxsize=2)
def _digest(path: Path) -> bytes:
    return sha256(path.read_bytes()).digest()


def render(path: Path, page: int, dpi: int, *, colour: bool, drop_out: str = "none") -> Picture:
    """Reflectance of the print, 255 white: grey, or blue-green-red. A grey scan of a form in a drop-out colour is made
    under a lamp of that colour, as such forms are meant to be."""
    document = _document(path)
    if not 1 <= page <= len(document):
        raise BadInput(f"has no page {page}.", where=str(path), remedy="The sheets list belongs to another PDF.")
    key = (_digest(path), page, dpi, colour, drop_out)
    picture = _kept.get(key)
    if picture is None:
        picture = _drawn(document[page - 1], dpi, colour=colour, drop_out=drop_out)
        _kept.drawn(key, picture)
    return picture


def _drawn(page: pypdfium2.PdfPage, dpi: int, *, colour: bool, drop_out: str) -> Picture:
    grey = not colour and drop_out == "none"
    picture = page.render(scale=dpi / 72, grayscale=grey, rev_byteorder=False).to_numpy()
    if grey:
        return np.array(picture.reshape(picture.shape[:2]), dtype=np.uint8)
    bgr = np.array(picture[..., :3], dtype=np.uint8)
    return bgr if colour else np.ascontiguousarray(bgr[..., DROP_OUT_CHANNEL[drop_out]])
