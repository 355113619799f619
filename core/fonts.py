"""Chinese text in a PDF on a machine without Chinese fonts: one embedded TrueType font of just the needed characters.

The source is Noto Sans SC (OFL) from the package `pylopdf_fonts_zh_cn`. Its outlines are cubic (CFF), which the PDF
writer cannot embed, so the wanted glyphs are redrawn as quadratic ones. Needs no pixel library: the sheets and the
candidates' slips both use it.
"""

from __future__ import annotations

import hashlib
import io
import logging
from collections.abc import Iterable
from functools import cache
from typing import Any

from core.errors import NotInstalled

ALWAYS = "".join(chr(c) for c in range(0x20, 0x7F)) + "　、。，：；（）《》【】“”·—…√×№"
_TOLERANCE = 1.0  # how far, in font units of 1000 an em, a redrawn outline may lie from the original


def font_for(text: Iterable[str]) -> str:
    """The name of a registered PDF font that has every character of `text` (and ASCII); the same text, the same name."""
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont

    wanted = frozenset("".join(text)) | frozenset(ALWAYS)
    characters = "".join(sorted(c for c in wanted if c.isprintable() or c == "　"))
    name = "Markhall-" + hashlib.sha256(characters.encode()).hexdigest()[:10]
    if name not in pdfmetrics.getRegisteredFontNames():
        pdfmetrics.registerFont(TTFont(name, io.BytesIO(subset_of(characters, name))))
    return name


def unprintable(text: Iterable[str]) -> str:
    """The characters of `text` that the font lacks, each once."""
    _, by_code, _ = _source()
    return "".join(sorted(c for c in frozenset("".join(text)) if ord(c) not in by_code and c.isprintable()))


def subset_of(characters: str, name: str) -> bytes:
    """A TrueType file with the glyphs of `characters`; one that the source lacks shows as an empty box."""
    from fontTools.fontBuilder import FontBuilder
    from fontTools.pens.cu2quPen import Cu2QuPen
    from fontTools.pens.ttGlyphPen import TTGlyphPen

    source, by_code, glyphs = _source()
    mapping = {ord(c): by_code[ord(c)] for c in characters if ord(c) in by_code}
    order = [".notdef", *dict.fromkeys(g for g in mapping.values() if g != ".notdef")]
    outlines, advances = {}, {}
    for glyph in order:
        pen = TTGlyphPen(None)
        glyphs[glyph].draw(Cu2QuPen(pen, max_err=_TOLERANCE, reverse_direction=True))
        outlines[glyph] = pen.glyph()
        advances[glyph] = (round(glyphs[glyph].width), 0)
    builder = FontBuilder(source["head"].unitsPerEm, isTTF=True)
    builder.setupGlyphOrder(order)
    builder.setupCharacterMap(mapping)
    builder.setupGlyf(outlines)
    builder.setupHorizontalMetrics({g: (w, outlines[g].xMin if outlines[g].numberOfContours else 0) for g, (w, _) in advances.items()})
    builder.setupHorizontalHeader(ascent=source["hhea"].ascent, descent=source["hhea"].descent)
    builder.setupNameTable({"familyName": name, "styleName": "Regular", "psName": name, "fullName": name})
    builder.setupOS2(sTypoAscender=source["OS/2"].sTypoAscender, sTypoDescender=source["OS/2"].sTypoDescender, sCapHeight=733)
    builder.setupPost()
    builder.font["head"].created = builder.font["head"].modified = 0
    builder.font.recalcTimestamp = False
    out = io.BytesIO()
    builder.save(out)
    return out.getvalue()


@cache
def _source() -> tuple[Any, dict[int, str], Any]:
    """The open source font, its character map and its glyphs; kept, since the map takes a while to read."""
    try:
        import pylopdf_fonts_zh_cn
    except ImportError as e:
        raise NotInstalled(
            "the Chinese font package is not installed.", where="pylopdf-fonts-zh-cn", remedy="Type: pip install pylopdf-fonts-zh-cn"
        ) from e
    from fontTools.ttLib import TTFont

    logging.getLogger("fontTools").setLevel(logging.WARNING)
    source = TTFont(pylopdf_fonts_zh_cn.sans_path(), lazy=True)
    return source, source.getBestCmap(), source.getGlyphSet()
