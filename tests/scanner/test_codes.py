"""Barcodes are read in their window, or not at all; two decoders that differ read nothing."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
import zxingcpp
from numpy.typing import NDArray

from core.geometry import Transform
from core.ids import PageCode
from core.template import Code
from scanner import codes, zbar
from scanner.codes import NOTHING, Decoded, barcodes_on, code_on, read_code
from scanner.laid import Laid

Grey = NDArray[np.uint8]
TEXT = {
    "QRCode": str(PageCode("DEMO", "M", "1", "010000011", 1)),
    "DataMatrix": "M1-77",
    "Code128": "20261001",
    "Code39": "A1204",
    "ITF": "204610",
    "EAN13": "4006381333931",
    "PDF417": "SEAT 0417",
}
PX = 8.0  # pixels a millimetre
BOX = (20.0, 30.0)
two_decoders = pytest.mark.skipif(not zbar.present(), reason="libzbar is not on this machine")


def drawn(symbology: str, text: str) -> Grey:
    symbol = zxingcpp.create_barcode(text, getattr(zxingcpp.BarcodeFormat, symbology))
    picture = np.array(zxingcpp.write_barcode_to_image(symbol, scale=3))
    return cv2.copyMakeBorder(picture.reshape(picture.shape[:2]), 20, 20, 20, 20, cv2.BORDER_CONSTANT, value=255).astype(np.uint8)


def code(symbology: str, size: tuple[float, float] = (1, 1)) -> Code:
    return Code.model_validate({"name": "c", "role": "page", "symbology": symbology, "box": [*BOX, *size]})


def on_page(symbology: str, turn: int, skew: float) -> tuple[Grey, Laid, Code]:
    """A page that shows nothing but the symbol at its place, and how it lies."""
    symbol = drawn(symbology, TEXT[symbology])
    page = np.full((1120, 1000), 245, np.uint8)
    x, y = (round(v * PX) for v in BOX)
    page[y : y + symbol.shape[0], x : x + symbol.shape[1]] = np.clip(symbol, 30, 245)
    angle = math.radians(skew)
    linear = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    middle = np.array([500.0, 560.0])
    matrix = np.column_stack([linear, middle - linear @ middle])
    page = cv2.warpAffine(page, matrix, (1000, 1120), flags=cv2.INTER_LINEAR, borderValue=245).astype(np.uint8)
    m = np.vstack([matrix, [0, 0, 1]]) @ np.array([[PX, 0, -0.5], [0, PX, -0.5], [0, 0, 1]])
    w, h = 1000, 1120
    for _ in range(turn // 90):
        m = np.array([[0, -1, h - 1], [1, 0, 0], [0, 0, 1]]) @ m
        w, h = h, w
    laid = Laid(Transform(tuple(m.ravel().tolist())), turn, 4, 0.0, 1 / PX, (PX, PX), skew)
    return np.ascontiguousarray(np.rot90(page, -turn // 90)), laid, code(symbology, (symbol.shape[1] / PX, symbol.shape[0] / PX))


def worn(symbology: str, module: float, blur: float, seed: int) -> Grey:
    """A linear symbol as a poor scan has it: thin modules, a lean, scratches, blur, grain."""
    rng = np.random.default_rng(seed)
    symbol = zxingcpp.create_barcode(TEXT[symbology], getattr(zxingcpp.BarcodeFormat, symbology))
    row = np.array(symbol.to_image(scale=1, add_quiet_zones=False, add_hrt=False))[0].astype(np.uint8)
    wide = np.repeat(np.repeat(row, 8)[None, :], 280, axis=0)
    wide = cv2.copyMakeBorder(wide, 80, 80, 80, 80, cv2.BORDER_CONSTANT, value=255)
    out = cv2.resize(wide, None, fx=module / 8, fy=0.25, interpolation=cv2.INTER_AREA)
    lean = cv2.getRotationMatrix2D((out.shape[1] / 2, out.shape[0] / 2), rng.uniform(-2, 2), 1)
    out = 30 + cv2.warpAffine(out, lean, out.shape[::-1], borderValue=255).astype(np.float32) * (225 / 255)
    for _ in range(4):
        a, b = (tuple((rng.uniform(0, 1, 2) * out.shape[::-1]).astype(int).tolist()) for _ in range(2))
        cv2.line(out, a, b, float(rng.choice([20, 250])), int(rng.integers(1, 4)))
    out = cv2.GaussianBlur(out, (0, 0), blur)
    return np.asarray(np.clip(out + rng.normal(0, 5, out.shape), 0, 255), np.uint8)


@pytest.mark.parametrize("symbology", sorted(TEXT))
def test_each_symbology_is_read_by_every_decoder_that_knows_it(symbology: str) -> None:
    found = read_code(drawn(symbology, TEXT[symbology]), code(symbology))
    both = zbar.present() and symbology not in ("DataMatrix", "PDF417")  # zbar knows no Data Matrix; few builds know PDF417
    assert found == Decoded(TEXT[symbology], 2) if both else found.text == TEXT[symbology] and found.decoders >= 1


@two_decoders
@pytest.mark.parametrize("symbology", sorted(set(zbar.NAMES) - {"PDF417"}))
def test_the_second_decoder_reads_what_it_knows_and_nothing_else(symbology: str) -> None:
    picture = drawn(symbology, TEXT[symbology])
    assert zbar.read(picture, symbology) == TEXT[symbology]
    assert zbar.read(picture, "QRCode" if symbology != "QRCode" else "Code128") is None
    assert zbar.read(picture, "DataMatrix") is None


@pytest.mark.parametrize("symbology", sorted(TEXT))
@pytest.mark.parametrize(("turn", "skew"), [(0, 0.0), (90, 1.0), (180, -2.0), (270, 4.0), (0, 14.0)])
def test_a_code_is_read_where_it_lies_on_the_page(symbology: str, turn: int, skew: float) -> None:
    page, laid, wanted = on_page(symbology, turn, skew)
    assert code_on(page, laid, wanted).text == TEXT[symbology]


@two_decoders
@pytest.mark.parametrize("symbology", ["QRCode", "Code128"])
def test_the_least_of_a_picture_is_enough_for_both_decoders(symbology: str, monkeypatch: pytest.MonkeyPatch) -> None:
    page, laid, wanted = on_page(symbology, 0, 1.0)
    monkeypatch.setattr(codes, "read_code", lambda *_, **__: pytest.fail("the slow way was taken"))
    assert code_on(page, laid, wanted) == Decoded(TEXT[symbology], 2)
    assert code_on(page, laid, wanted, confirm=False) == Decoded(TEXT[symbology], 1)


@pytest.mark.parametrize("symbology", ["QRCode", "Code128"])
def test_blur_and_grain_do_not_hide_a_code(symbology: str) -> None:
    picture = cv2.GaussianBlur(drawn(symbology, TEXT[symbology]), (0, 0), 1.3)
    noisy = np.clip(picture + np.random.default_rng(1).normal(0, 8, picture.shape), 0, 255).astype(np.uint8)
    assert read_code(noisy, code(symbology)).text == TEXT[symbology]


@pytest.mark.parametrize(("module", "blur"), [(2.0, 0.6), (2.0, 0.9), (2.5, 1.2), (3.0, 1.2)])
def test_a_thin_blurred_scratched_code_128_is_rescued(module: float, blur: float) -> None:
    found = [read_code(worn("Code128", module, blur, seed), code("Code128")) for seed in range(8)]
    assert [f.text for f in found] == [TEXT["Code128"]] * 8


@pytest.mark.parametrize("symbology", sorted(zbar.LINEAR))
def test_a_worn_code_is_read_right_or_not_at_all(symbology: str) -> None:
    found = [read_code(worn(symbology, 2.0, 1.2, seed), code(symbology)) for seed in range(8)]
    assert {f.text for f in found} <= {TEXT[symbology], None}


def test_an_empty_window_has_no_text() -> None:
    assert read_code(np.full((200, 200), 255, np.uint8), code("QRCode")) == NOTHING
    assert read_code(np.zeros((3, 3), np.uint8), code("QRCode")) == NOTHING
    assert read_code(np.zeros((200, 200), np.uint8), code("Code128")) == NOTHING


def test_a_code_whose_window_is_off_the_page_has_no_text() -> None:
    page, laid, _ = on_page("QRCode", 0, 0.0)
    for symbology in ("QRCode", "Code128"):
        away = Code.model_validate({"name": "c", "role": "page", "symbology": symbology, "box": [400, 400, 30, 30]})
        assert code_on(page, laid, away) == NOTHING


@pytest.mark.parametrize("symbology", ["QRCode", "Code128"])
def test_two_decoders_that_disagree_read_nothing(symbology: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zbar, "present", lambda: True)
    monkeypatch.setattr(zbar, "read", lambda *_, **__: "another")
    page, laid, wanted = on_page(symbology, 0, 0.0)
    assert code_on(page, laid, wanted) == Decoded(None, 0, disagree=True)
    assert read_code(drawn(symbology, TEXT[symbology]), code(symbology)) == Decoded(None, 0, disagree=True)


def test_without_the_second_decoder_one_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zbar, "present", lambda: False)
    page, laid, wanted = on_page("QRCode", 0, 0.0)
    assert code_on(page, laid, wanted) == Decoded(TEXT["QRCode"], 1)
    assert read_code(drawn("QRCode", TEXT["QRCode"]), code("QRCode")).decoders == 1


def test_a_whole_page_is_searched_where_nothing_else_is_known() -> None:
    page = np.full((900, 700), 250, np.uint8)
    symbol = drawn("QRCode", TEXT["QRCode"])
    page[600 : 600 + symbol.shape[0], 80 : 80 + symbol.shape[1]] = symbol
    assert barcodes_on(page, "QRCode") == [TEXT["QRCode"]]
