"""The code of a batch header page: what it says, and how a station finds it on a frame without reading the rest.

The symbol is so large that an eighth of the picture's pixels show it. Its first letters are those of no page code.
"""

from __future__ import annotations

import io
import re

from core.errors import BadInput
from core.ids import check_character
from scanner.wire import Body

PREFIX = "MB"
_NAME = re.compile(r"[0-9A-Z-]{1,32}")
_CODE = re.compile(rf"{PREFIX}/([0-9A-Z-]{{1,32}})/([0-9A-Z])")
_ACROSS = 420  # pixels of the shorter side that are enough


def header_text(name: str) -> str:
    """What the symbol of the header `name` says."""
    if not _NAME.fullmatch(name):
        raise BadInput(f"{name!r} cannot name a batch header.", where="--name", remedy="Use at most 32 capitals, digits and hyphens.")
    return f"{PREFIX}/{name}/{check_character(f'{PREFIX}/{name}')}"


def header_named(text: str) -> str | None:
    """The batch that a symbol's text names, or nothing when it is no header's or its check fails."""
    found = _CODE.fullmatch(text)
    return found[1] if found and check_character(f"{PREFIX}/{found[1]}") == found[2] else None


def header_on(data: Body) -> str | None:
    """The batch that a header page names; nothing on any other page, and of a file that is no picture."""
    from numpy import asarray
    from PIL import Image

    from scanner.codes import barcodes_on

    try:
        with Image.open(io.BytesIO(data)) as picture:
            shrink = max(1, min(picture.size) // _ACROSS)
            picture.draft("L", (picture.width // shrink, picture.height // shrink))
            grey = picture.convert("L").reduce(max(1, min(picture.size) // _ACROSS))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError, Image.DecompressionBombWarning):
        return None
    return next((name for text in barcodes_on(asarray(grey), "QRCode") if (name := header_named(text)) is not None), None)
