"""The file that a scanner writes: JPEG, PNG or TIFF; grey, colour or one bit."""

from __future__ import annotations

import io

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from scanner.simulator.scanner import ScannerPlan


def encode(picture: NDArray[np.uint8], scanner: ScannerPlan) -> bytes:
    """`picture` is grey, or blue-green-red."""
    if scanner.mode in ("one_bit", "dither"):
        return _one_bit(picture, scanner)
    if scanner.file == "tif":
        return _tiff(Image.fromarray(picture if picture.ndim == 2 else np.ascontiguousarray(picture[..., ::-1])), scanner, "tiff_lzw")
    options = [cv2.IMWRITE_JPEG_QUALITY, scanner.quality] if scanner.file == "jpg" else [cv2.IMWRITE_PNG_COMPRESSION, 1]
    _, data = cv2.imencode(f".{scanner.file}", picture, options)
    return data.tobytes()


def _one_bit(picture: NDArray[np.uint8], scanner: ScannerPlan) -> bytes:
    grey = picture if picture.ndim == 2 else np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8)
    if scanner.mode == "dither":
        image = Image.fromarray(_stretched(grey, scanner)).convert("1")
    else:
        image = Image.fromarray(np.where(grey < 255 * scanner.threshold, 0, 255).astype(np.uint8)).convert("1", dither=Image.Dither.NONE)
    return _tiff(image, scanner, "group4")


def _stretched(grey: NDArray[np.uint8], scanner: ScannerPlan) -> NDArray[np.uint8]:
    """Drivers that dither make paper white and toner black first, or the whole page would be dotted."""
    black, white = 255 * scanner.black + 12, 255 * scanner.white * 0.88
    return np.asarray(np.clip((grey - black) * (255 / (white - black)), 0, 255), np.uint8)


def _tiff(image: Image.Image, scanner: ScannerPlan, compression: str) -> bytes:
    out = io.BytesIO()
    image.save(out, format="TIFF", compression=compression, dpi=(scanner.dpi, scanner.dpi))
    return out.getvalue()
