"""Frames that are no side of the exam: a white frame, a question paper, a card of another exam, a loose sheet.

Owns their pictures before the scanner; each is a page of reflectance at the scanner's resolution.
"""

from __future__ import annotations

import cv2
import numpy as np
import zxingcpp
from numpy.typing import NDArray

from core.geometry import Box
from core.ids import PageCode
from core.template import Side as TemplateSide
from scanner.simulator.hand import Hand
from scanner.simulator.handwriting import write
from scanner.simulator.ink import Sheet

Page = NDArray[np.uint8]


def white(page: Page) -> Page:
    return np.full_like(page, 255)


def question_paper(page: Page, per_mm: float, rng: np.random.Generator) -> Page:
    """A page of printed text with numbered questions."""
    out = white(page)
    height, width = out.shape[:2]
    scale = 0.11 * per_mm
    y, number = 25.0, int(rng.integers(1, 9))
    while y < height / per_mm - 22:
        heading = rng.random() < 0.2
        x = 20.0
        if heading:
            _print(out, f"{number}.", x, y, per_mm, scale, rng)
            number += 1
        x = 27.0
        while x < width / per_mm - 30:
            word = "".join(rng.choice(list("etaoinshrdlucmfwyp"), int(rng.integers(2, 9))))
            _print(out, word, x, y, per_mm, scale, rng)
            x += 1.95 * len(word) + 2.2
        y += 6.2
    return out


def other_exam(page: Page, side: TemplateSide, serial: str, per_mm: float) -> Page | None:
    """The same form printed for another exam: only its page code differs. None when the form has no QR page code."""
    box = next((c.box for c in side.codes if c.role == "page" and c.symbology == "QRCode"), None)
    if box is None:
        return None
    out = page.copy()
    text = str(PageCode("OTHER", "Z", "1", serial, side.side))
    made = np.array(zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode, ec_level="M").to_image(scale=1, add_quiet_zones=True))
    left, top, size = round(box[0] * per_mm), round(box[1] * per_mm), round(min(box[2], box[3]) * per_mm)
    symbol = cv2.resize(made, (size, size), interpolation=cv2.INTER_NEAREST)
    part = out[top : top + size, left : left + size]
    part[:] = symbol if part.ndim == 2 else symbol[..., None]
    return out


def loose_sheet(page: Page, dpi: int, hand: Hand, rng: np.random.Generator, *, written: bool) -> tuple[Page, Sheet]:
    """Ruled paper from a pad, with more of an answer on its front."""
    out = white(page)
    per_mm = dpi / 25.4
    height, width = out.shape[:2]
    rows = [30.0 + 8.0 * i for i in range(int((height / per_mm - 45) / 8.0))]
    for row in rows:
        cv2.line(out, (0, round(row * per_mm)), (width, round(row * per_mm)), (190,) * 3, 1, cv2.LINE_AA)
    ink = Sheet.empty((height, width), dpi, pen_blue=hand.write_with == "blue")
    if written:
        write(ink, Box(18, 22, width / per_mm - 30, height / per_mm - 40), rows, float(rng.uniform(0.2, 0.9)), hand, rng)
    return out, ink


def _print(page: Page, text: str, x: float, y: float, per_mm: float, scale: float, rng: np.random.Generator) -> None:
    at = (round(x * per_mm), round(y * per_mm))
    cv2.putText(page, text, at, cv2.FONT_HERSHEY_COMPLEX, scale, (int(rng.integers(10, 35)),) * 3, max(1, round(0.2 * per_mm)), cv2.LINE_AA)
