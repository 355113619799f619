"""Barcodes are read in their window, or not at all."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import zxingcpp
from numpy.typing import NDArray

from core.ids import PageCode
from core.template import Code
from scanner import codes
from scanner.codes import Decoded, barcodes_on, read_code

Grey = NDArray[np.uint8]
TEXT = {
    "QRCode": str(PageCode("DEMO", "M", "1", "010000011", 1)),
    "DataMatrix": "M1-77",
    "Code128": "20261001",
    "Code39": "A1204",
    "ITF": "204610",
    "EAN13": "4006381333931",
}


def drawn(symbology: str, text: str) -> Grey:
    symbol = zxingcpp.create_barcode(text, getattr(zxingcpp.BarcodeFormat, symbology))
    picture = np.array(zxingcpp.write_barcode_to_image(symbol, scale=3))
    return cv2.copyMakeBorder(picture.reshape(picture.shape[:2]), 20, 20, 20, 20, cv2.BORDER_CONSTANT, value=255).astype(np.uint8)


def code(symbology: str) -> Code:
    return Code.model_validate({"name": "c", "role": "page", "symbology": symbology, "box": [0, 0, 1, 1]})


@pytest.mark.parametrize("symbology", sorted(TEXT))
def test_each_symbology_is_read(symbology: str) -> None:
    found = read_code(drawn(symbology, TEXT[symbology]), code(symbology))
    assert found.text == TEXT[symbology]
    assert found.decoders >= 1


@pytest.mark.parametrize("symbology", ["QRCode", "Code128"])
def test_blur_and_grain_do_not_hide_a_code(symbology: str) -> None:
    picture = cv2.GaussianBlur(drawn(symbology, TEXT[symbology]), (0, 0), 1.3)
    noisy = np.clip(picture + np.random.default_rng(1).normal(0, 8, picture.shape), 0, 255).astype(np.uint8)
    assert read_code(noisy, code(symbology)).text == TEXT[symbology]


def test_an_empty_window_has_no_text() -> None:
    assert read_code(np.full((200, 200), 255, np.uint8), code("QRCode")) == Decoded(None, 0)
    assert read_code(np.zeros((3, 3), np.uint8), code("QRCode")) == Decoded(None, 0)


def test_two_decoders_that_disagree_read_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codes, "second_decoder", lambda: print)
    monkeypatch.setattr(codes, "_by_zbar", lambda window, symbology: "another")
    assert read_code(drawn("QRCode", TEXT["QRCode"]), code("QRCode")) == Decoded(None, 0, disagree=True)


def test_without_the_second_decoder_one_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codes, "second_decoder", lambda: None)
    assert read_code(drawn("QRCode", TEXT["QRCode"]), code("QRCode")).decoders == 1


def test_a_whole_page_is_searched_where_nothing_else_is_known() -> None:
    page = np.full((900, 700), 250, np.uint8)
    symbol = drawn("QRCode", TEXT["QRCode"])
    page[600 : 600 + symbol.shape[0], 80 : 80 + symbol.shape[1]] = symbol
    assert barcodes_on(page, "QRCode") == [TEXT["QRCode"]]
