"""A file gives its pages in order; a bad page is an item of its own."""

from __future__ import annotations

import io

import numpy as np
import pikepdf
import pytest
import simplejpeg
from numpy.typing import NDArray
from PIL import Image
from reportlab.pdfgen.canvas import Canvas

from core.errors import FrameUnreadable
from scanner.decode import Limits, Page
from scanner.frames import count_pages, page_at, pages_in


def shade(value: int) -> NDArray[np.uint8]:
    return np.full((600, 400), value, np.uint8)


def tiff(*values: int, **options: object) -> bytes:
    sink = io.BytesIO()
    first, *rest = [Image.fromarray(shade(v)) for v in values]
    first.save(sink, "TIFF", save_all=True, append_images=rest, **options)
    return sink.getvalue()


def pdf_of_jpegs(*values: int, text: str = "") -> bytes:
    sink = io.BytesIO()
    canvas = Canvas(sink, pagesize=(400, 600))
    for value in values:
        canvas.drawImage(_reader(value), 0, 0, 400, 600)
        if text:
            canvas.drawString(50, 50, text)
        canvas.showPage()
    canvas.save()
    return sink.getvalue()


def _reader(value: int) -> object:
    from reportlab.lib.utils import ImageReader

    data = simplejpeg.encode_jpeg(shade(value)[:, :, None], quality=90, colorspace="GRAY", colorsubsampling="Gray")
    return ImageReader(io.BytesIO(data))


def pages(data: bytes) -> list[Page]:
    found = list(pages_in(data, where="file"))
    assert all(isinstance(p, Page) for p in found), found
    return [p for p in found if isinstance(p, Page)]


def test_a_tiff_gives_all_its_pages_in_order() -> None:
    data = tiff(30, 130, 230)
    assert [int(p.pixels[0, 0]) for p in pages(data)] == [30, 130, 230]
    assert count_pages(data, where="file") == 3
    assert int(page_at(data, 2, where="file").pixels[0, 0]) == 130


def test_a_g4_tiff_is_read() -> None:
    sink = io.BytesIO()
    checks = np.where(np.indices((600, 400)).sum(0) % 7 == 0, 0, 255).astype(np.uint8)
    Image.fromarray(checks).convert("1").save(sink, "TIFF", compression="group4")
    (page,) = pages(sink.getvalue())
    assert set(np.unique(page.pixels)) == {0, 255}


def test_a_tiff_that_breaks_off_is_not_read_as_white() -> None:
    whole = tiff(30)
    found = list(pages_in(whole[:-50_000] if len(whole) > 60_000 else whole[: len(whole) // 2], where="file"))
    assert len(found) == 1
    assert isinstance(found[0], FrameUnreadable)


def test_a_fax_strip_that_is_damaged_inside_is_said_and_not_repaired_to_white(capfd: pytest.CaptureFixture[str]) -> None:
    noise = np.random.default_rng(5).random((900, 700)) < 0.5
    sink = io.BytesIO()
    Image.fromarray(noise).save(sink, "TIFF", compression="group4")
    whole = bytearray(sink.getvalue())
    assert np.array_equal(pages(bytes(whole))[0].pixels > 0, noise)
    whole[len(whole) // 2 : len(whole) // 2 + 40] = b"\xff" * 40
    (found,) = pages_in(bytes(whole), where="strip.tif")
    assert isinstance(found, FrameUnreadable)
    assert "damaged" in found.message
    assert capfd.readouterr().err == ""


def test_a_pdf_page_that_is_one_picture_gives_that_pictures_pixels() -> None:
    found = pages(pdf_of_jpegs(40, 200))
    assert [p.pixels.shape for p in found] == [(600, 400), (600, 400)]
    assert [abs(int(p.pixels[300, 200]) - v) <= 2 for p, v in zip(found, (40, 200), strict=True)] == [True, True]
    assert [p.where for p in found] == ["file, page 1", "file, page 2"]


def test_a_pdf_page_with_something_painted_over_its_picture_is_rendered() -> None:
    (page,) = pages(pdf_of_jpegs(250, text="written over it"))
    assert page.pixels.shape[0] == 1667
    assert page.pixels.min() < 100


def test_a_locked_pdf_is_one_clear_sentence() -> None:
    sink = io.BytesIO()
    locked = pikepdf.new()
    locked.add_blank_page()
    locked.save(sink, encryption=pikepdf.Encryption(user="u", owner="o"))
    (refusal,) = pages_in(sink.getvalue(), where="scan.pdf")
    assert str(refusal) == "scan.pdf: the PDF needs a password. Save it without one and send it again."


def test_a_pdf_page_that_is_too_large_does_not_stop_the_next() -> None:
    sink = io.BytesIO()
    canvas = Canvas(sink, pagesize=(400, 600))
    canvas.drawString(10, 10, "x")
    canvas.setPageSize((90_000, 90_000))
    canvas.showPage()
    canvas.setPageSize((400, 600))
    canvas.drawString(10, 10, "y")
    canvas.save()
    first, second = pages_in(sink.getvalue(), where="file")
    assert isinstance(first, FrameUnreadable)
    assert isinstance(second, Page)


def test_a_page_that_is_not_there_and_too_many_pages_are_said() -> None:
    with pytest.raises(FrameUnreadable, match="no page 3"):
        page_at(tiff(30, 40), 3, where="file")
    with pytest.raises(FrameUnreadable, match="at most 2"):
        count_pages(tiff(30, 40, 50), where="file", limits=Limits(pages=2))
