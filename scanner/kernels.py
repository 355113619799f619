"""The compiler that all kernels use, where it keeps its machine code, and the page's value between pixels.

Owns no decision and allocates no page. The first call in a fresh environment compiles for a few seconds; after
that the machine code comes from the cache beside this file, or from the user's own cache folder.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


def _ensure_cache_folder() -> None:
    """An installed package's folder may be read-only and a service's home may be missing: cache elsewhere then."""
    if os.environ.get("NUMBA_CACHE_DIR"):
        return
    beside = Path(__file__).parent
    if os.access(beside / "__pycache__", os.W_OK) or (not (beside / "__pycache__").exists() and os.access(beside, os.W_OK)):
        return
    for folder in (os.environ.get("XDG_CACHE_HOME"), str(Path("~").expanduser() / ".cache")):
        if folder and os.access(folder, os.W_OK):
            os.environ["NUMBA_CACHE_DIR"] = str(Path(folder) / "markhall" / "numba")
            return
    os.environ["NUMBA_CACHE_DIR"] = str(Path(tempfile.gettempdir()) / f"markhall-numba-{os.getuid()}")


_ensure_cache_folder()

from numba import njit as njit  # noqa: E402  (numba reads the cache folder when it is imported)

Grey = NDArray[np.uint8]
Floats = NDArray[np.float64]


@njit(cache=True, nogil=True, inline="always")
def bilinear(pixels: Grey, x: float, y: float) -> float:
    """The page's value at a place between pixels.

    Parameters
    ----------
    pixels : (h, w) uint8
    x, y : pixels; the centre of the first pixel is 0, 0

    Returns
    -------
    0..255, or -1 where the place is off the page.
    """
    height, width = pixels.shape
    if not (0.0 <= x < width - 1.0 and 0.0 <= y < height - 1.0):
        return -1.0
    left, top = int(x), int(y)
    fx, fy = x - left, y - top
    upper = pixels[top, left] * (1.0 - fx) + pixels[top, left + 1] * fx
    lower = pixels[top + 1, left] * (1.0 - fx) + pixels[top + 1, left + 1] * fx
    return float(upper * (1.0 - fy) + lower * fy)
