"""The compiler that all kernels use, and where it keeps its machine code.

The first call in a fresh environment compiles for a few seconds; after
that the machine code comes from the cache beside this file, or from the user's own cache folder.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


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
