"""Chinese text on a machine without Chinese fonts."""

from __future__ import annotations

import io
import subprocess
import sys
import time
from pathlib import Path

import pypdfium2
from fontTools.ttLib import TTFont
from reportlab.pdfgen.canvas import Canvas

from core.fonts import font_for, subset_of


def test_a_font_has_the_characters_asked_for_as_truetype_outlines() -> None:
    font = TTFont(io.BytesIO(subset_of("准考证号A", "T")))
    assert "glyf" in font
    assert "CFF " not in font
    assert {chr(c) for c in font.getBestCmap()} == set("准考证号A")
    assert all(font["glyf"][g].numberOfContours > 0 for g in font.getGlyphOrder() if g != ".notdef")


def test_the_same_text_gives_the_same_font_and_bytes() -> None:
    assert font_for(["答题", "卡"]) == font_for(["卡答", "题题"])
    assert font_for(["答题卡"]) != font_for(["成绩单"])
    assert subset_of("答题", "T") == subset_of("答题", "T")


def test_text_of_any_character_can_be_printed_and_taken_out_again(tmp_path: Path) -> None:
    name, spoken = font_for(["龚翀䶮"]), "龚翀 Name 1"
    canvas = Canvas(str(tmp_path / "t.pdf"))
    canvas.setFont(name, 12)
    canvas.drawString(50, 700, spoken)
    canvas.drawString(50, 650, "\U0001f600")
    canvas.save()
    with pypdfium2.PdfDocument(tmp_path / "t.pdf") as document:
        assert spoken in document[0].get_textpage().get_text_range()


def test_three_hundred_characters_take_a_moment() -> None:
    started = time.process_time()
    subset_of("".join(chr(0x4E00 + 7 * i) for i in range(300)), "T")
    assert time.process_time() - started < 3


def test_fonts_need_no_pixel_library() -> None:
    code = "import sys; from core.fonts import font_for; font_for(['卡']); print(sorted({'cv2', 'numba', 'numpy'} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2])
    assert found.stdout.strip() == "[]"
