"""PDF pages: pictures are taken out as they are and the way up that the page shows; only other pages are drawn, within bounds."""

from __future__ import annotations

import csv
import io
import os
import signal
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pikepdf
import pytest
import zxingcpp
from PIL import Image

from benchmarks.fuzz_inputs import corpus
from core.errors import FrameUnreadable
from scanner import drawing
from scanner.bounds import LIMITS, Grey, Limits, Page
from scanner.frames import count_pages, page_at, pages_in, single_page

NAME = pikepdf.Name
UPRIGHT = b"q 600 0 0 800 0 0 cm /Im0 Do Q"


def arrow() -> Grey:
    """Black in one corner and grey along one side, so that each of the eight ways to lie looks different."""
    found = np.full((800, 600), 250, np.uint8)
    found[:200, :100] = 10
    found[:, 500:] = 120
    return found


def saved(pixels: Grey, form: str, mode: str = "L", **options: object) -> bytes:
    sink = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(sink, form, **options)
    return sink.getvalue()


def document(stream: bytes, content: bytes = UPRIGHT, *, turn: int = 0, size: tuple[int, int] = (600, 800), **entries: Any) -> bytes:
    """One page that shows one picture."""
    sink = io.BytesIO()
    with pikepdf.new() as pdf:
        pdf.add_blank_page(page_size=size)
        entries = {"Width": 600, "Height": 800, "ColorSpace": NAME.DeviceGray, "BitsPerComponent": 8} | entries
        picture = pdf.make_stream(stream, Type=NAME.XObject, Subtype=NAME.Image, **entries)
        pdf.pages[0].Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(Im0=picture))
        pdf.pages[0].Contents = pdf.make_stream(content)
        pdf.pages[0].Rotate = turn
        pdf.save(sink)
    return sink.getvalue()


def fax() -> bytes:
    data = saved(arrow(), "TIFF", "1", compression="group4", strip_size=1 << 30)
    with Image.open(io.BytesIO(data)) as picture:
        tags = picture.tag_v2  # type: ignore[attr-defined]  # a TIFF has tags
        return data[tags[273][0] : tags[273][0] + tags[279][0]]


def with_predictor(pixels: Grey) -> bytes:
    rows = np.zeros((len(pixels), pixels.shape[1] + 1), np.uint8)
    rows[:, 0] = 2
    rows[0, 1:] = pixels[0]
    rows[1:, 1:] = pixels[1:] - pixels[:-1]
    return zlib.compress(rows.tobytes())


def kinds() -> dict[str, tuple[bytes, dict[str, Any]]]:
    flate = zlib.compress(arrow().tobytes())
    colour = np.dstack([arrow()] * 3)
    indexed = pikepdf.Array([NAME.Indexed, NAME.DeviceRGB, 255, bytes(np.repeat(np.arange(256, dtype=np.uint8), 3))])
    g4 = pikepdf.Dictionary(K=-1, Columns=600, Rows=800, BlackIs1=True)
    return {
        "jpeg": (saved(arrow(), "JPEG", quality=95), {"Filter": NAME.DCTDecode}),
        "colour jpeg": (saved(arrow(), "JPEG", "RGB", quality=95), {"Filter": NAME.DCTDecode, "ColorSpace": NAME.DeviceRGB}),
        "deflated jpeg": (zlib.compress(saved(arrow(), "JPEG")), {"Filter": pikepdf.Array([NAME.FlateDecode, NAME.DCTDecode])}),
        "inverted jpeg": (saved(255 - arrow(), "JPEG", quality=95), {"Filter": NAME.DCTDecode, "Decode": pikepdf.Array([1, 0])}),
        "jpx": (saved(arrow(), "JPEG2000"), {"Filter": NAME.JPXDecode}),
        "flate": (flate, {"Filter": NAME.FlateDecode}),
        "flate colour": (zlib.compress(colour.tobytes()), {"Filter": NAME.FlateDecode, "ColorSpace": NAME.DeviceRGB}),
        "predictor": (
            with_predictor(arrow()),
            {"Filter": NAME.FlateDecode, "DecodeParms": pikepdf.Dictionary(Predictor=15, Columns=600, Colors=1, BitsPerComponent=8)},
        ),
        "indexed": (flate, {"Filter": NAME.FlateDecode, "ColorSpace": indexed}),
        "raw": (arrow().tobytes(), {}),
        "fax": (fax(), {"Filter": NAME.CCITTFaxDecode, "BitsPerComponent": 1, "DecodeParms": g4}),
    }


def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the page was drawn")

    monkeypatch.setattr(drawing.Drawing, "_ask", refuse)


@pytest.mark.parametrize("kind", kinds())
def test_a_page_that_is_a_picture_gives_its_own_samples_and_is_not_drawn(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    undrawn(monkeypatch)
    stream, entries = kinds()[kind]
    found = single_page(document(stream, **entries), where="scan.pdf")
    expected = arrow() if kind != "fax" else np.asarray(Image.fromarray(arrow()).convert("1").convert("L"))
    assert found.pixels.shape == (800, 600)
    assert np.abs(found.pixels.astype(int) - expected).mean() < 2
    assert found.dpi == 72
    assert found.format == "pdf"


@pytest.mark.parametrize("kind", ["jpeg", "flate", "raw", "fax", "predictor", "deflated jpeg", "jpx"])
def test_a_picture_that_breaks_off_is_refused(kind: str) -> None:
    stream, entries = kinds()[kind]
    with pytest.raises(FrameUnreadable, match="damaged"):
        single_page(document(stream[: len(stream) * 2 // 3], **entries), where="scan.pdf")


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
@pytest.mark.parametrize(
    "lies",
    [
        *(b"600 0 0 800 0 0", b"-600 0 0 800 600 0", b"600 0 0 -800 0 800", b"-600 0 0 -800 600 800"),
        *(b"0 800 600 0 0 0", b"0 -800 600 0 0 800", b"0 800 -600 0 600 0", b"0 -800 -600 0 600 800"),
    ],
)
def test_a_picture_is_seen_the_way_up_that_the_page_shows_it(lies: bytes, turn: int) -> None:
    stream, entries = kinds()["flate"]
    taken = single_page(document(stream, b"q " + lies + b" cm /Im0 Do Q", turn=turn, **entries), where="scan.pdf").pixels
    content = b"q " + lies + b" cm /Im0 Do Q 0 0 1 1 re f"  # a speck makes it a page that has to be drawn
    drawn = single_page(document(stream, content, turn=turn, **entries), where="scan.pdf").pixels
    small = np.asarray(Image.fromarray(drawn).resize((taken.shape[1], taken.shape[0])))
    assert np.abs(small.astype(int) - taken).mean() < 4


def test_a_picture_in_a_form_is_taken_out_and_one_that_lies_askew_is_drawn() -> None:
    stream, entries = kinds()["jpeg"]
    with pikepdf.open(io.BytesIO(document(stream, **entries))) as pdf:
        page = pdf.pages[0]
        form = pdf.make_stream(
            UPRIGHT, Type=NAME.XObject, Subtype=NAME.Form, BBox=pikepdf.Array([0, 0, 600, 800]), Resources=page.Resources
        )
        page.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(Fm0=form))
        page.Contents = pdf.make_stream(b"/Fm0 Do")
        sink = io.BytesIO()
        pdf.save(sink)
    assert single_page(sink.getvalue(), where="scan.pdf").pixels.shape == (800, 600)
    askew = document(stream, b"q 590 60 -60 790 30 0 cm /Im0 Do Q", **entries)
    assert single_page(askew, where="scan.pdf").pixels.shape[0] in (2222, 2223)


def test_the_damaged_picture_of_a_drawn_page_is_refused() -> None:
    stream, entries = kinds()["jpeg"]
    content = UPRIGHT + b" 0 0 10 10 re f"
    assert single_page(document(stream, content, **entries), where="scan.pdf").dpi == 200
    with pytest.raises(FrameUnreadable, match="damaged"):
        single_page(document(stream[: len(stream) // 2], content, **entries), where="scan.pdf")


def test_jbig2_is_unpacked_by_the_drawing_process_and_refused_where_it_breaks_off() -> None:
    data = dict(corpus())["pdf jbig2"]
    assert set(np.unique(single_page(data, where="scan.pdf").pixels)) == {0, 255}
    with pikepdf.open(io.BytesIO(data)) as pdf:
        picture = pdf.pages[0].Resources.XObject.Im0
        picture.write(picture.read_raw_bytes()[:-300], filter=NAME.JBIG2Decode)
        sink = io.BytesIO()
        pdf.save(sink)
    with pytest.raises(FrameUnreadable, match="damaged"):
        single_page(sink.getvalue(), where="scan.pdf")


def test_a_stream_that_unpacks_without_end_is_refused() -> None:
    bomb = zlib.compress(bytes(600 * 800 * 50))
    with pytest.raises(FrameUnreadable, match="damaged"):
        single_page(document(bomb, Filter=NAME.FlateDecode), where="scan.pdf")
    twice = pikepdf.Array([NAME.FlateDecode, NAME.DCTDecode])
    with pytest.raises(FrameUnreadable, match="damaged"):
        single_page(document(bomb, Filter=twice), where="scan.pdf", limits=Limits(file_bytes=1_000_000))
    content = zlib.compress(b"q Q " * 30_000_000, 9)
    with pytest.raises(FrameUnreadable):
        single_page(with_content(content), where="scan.pdf")


def with_content(packed: bytes) -> bytes:
    stream, entries = kinds()["jpeg"]
    with pikepdf.open(io.BytesIO(document(stream, **entries))) as pdf:
        pdf.pages[0].Contents.write(packed, filter=NAME.FlateDecode)
        sink = io.BytesIO()
        pdf.save(sink, stream_decode_level=pikepdf.StreamDecodeLevel.none)
    return sink.getvalue()


def test_a_page_that_takes_too_long_to_draw_is_refused_and_the_next_is_drawn() -> None:
    stream, entries = kinds()["jpeg"]
    slow = document(stream, UPRIGHT + b" 0 0 10 10 re f", **entries)
    with pytest.raises(FrameUnreadable, match=r"takes more than 0\.0001 s"):
        single_page(slow, where="scan.pdf", limits=Limits(seconds=0.0001))
    assert single_page(slow, where="scan.pdf").dpi == 200


def test_a_crash_of_the_drawing_process_is_that_pages_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    stream, entries = kinds()["jpeg"]
    data = document(stream, UPRIGHT + b" 0 0 10 10 re f", **entries)
    single_page(data, where="scan.pdf")
    process = drawing._drawer._process
    assert process is not None

    def crash(*_: object) -> None:
        os.kill(process.pid, signal.SIGSEGV)
        process.wait()

    with monkeypatch.context() as patch:
        patch.setattr(drawing, "_hear", crash)
        patch.setattr(drawing, "_tell", lambda *_: (_ for _ in ()).throw(BrokenPipeError()))
        with pytest.raises(FrameUnreadable, match="cannot be drawn"):
            single_page(data, where="scan.pdf")
    assert single_page(data, where="scan.pdf").dpi == 200


def test_a_process_that_ended_after_a_page_costs_the_next_page_nothing() -> None:
    stream, entries = kinds()["jpeg"]
    data = document(stream, UPRIGHT + b" 0 0 10 10 re f", **entries)
    single_page(data, where="scan.pdf")
    process = drawing._drawer._process
    assert process is not None
    os.kill(process.pid, signal.SIGKILL)
    assert single_page(data, where="scan.pdf").dpi == 200


def test_a_drawing_process_that_may_use_little_memory_refuses_and_does_not_fail() -> None:
    drawing._drawer.close()
    data = document(kinds()["jpeg"][0], UPRIGHT + b" 0 0 10 10 re f", size=(3900, 3900), **kinds()["jpeg"][1])
    with pytest.raises(FrameUnreadable):
        single_page(data, where="scan.pdf", limits=Limits(render_bytes=120 * 1024 * 1024))
    drawing._drawer.close()
    assert single_page(data, where="scan.pdf").dpi == 200


def test_pages_that_are_listed_and_not_there_are_said() -> None:
    stream, entries = kinds()["jpeg"]
    data = document(stream, **entries)
    assert data.count(b"/Count 1") == 1
    with pytest.raises(FrameUnreadable, match="lists 3 pages and only 1"):
        count_pages(data.replace(b"/Count 1", b"/Count 3"), where="scan.pdf")


def test_a_document_that_breaks_off_never_has_fewer_pages_in_silence() -> None:
    stream, entries = kinds()["raw"]
    sink = io.BytesIO()
    with pikepdf.new() as pdf:
        for _ in range(5):
            with pikepdf.open(io.BytesIO(document(stream, **entries))) as one:
                pdf.pages.append(one.pages[0])
        pdf.save(sink)
    data = sink.getvalue()
    for length in range(len(data) // 20, len(data) - 2000, len(data) // 20):
        found = list(pages_in(data[:length], where="scan.pdf"))
        assert any(isinstance(page, FrameUnreadable) for page in found), length


def test_a_document_of_several_pages_is_no_frame() -> None:
    with pikepdf.new() as pdf:
        for _ in range(2):
            pdf.add_blank_page(page_size=(600, 800))
        sink = io.BytesIO()
        pdf.save(sink)
    with pytest.raises(FrameUnreadable, match="holds 2 pages"):
        single_page(sink.getvalue(), where="scan.pdf")
    assert page_at(sink.getvalue(), 2, where="scan.pdf").where == "scan.pdf, page 2"
    assert LIMITS.pages > 2


def test_the_codes_of_real_scans_are_read_from_their_own_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Path(os.environ.get("MARKHALL_DATA", Path(__file__).resolve().parents[3] / "shared" / "data")) / "markus"
    if not folder.is_dir():
        pytest.skip("the real scans are not here (MARKHALL_DATA)")
    undrawn(monkeypatch)
    with (folder / "qr.csv").open(newline="") as table:
        rows = list(csv.DictReader(table))
    scans = {name: list(pages_in((folder / name).read_bytes(), where=name)) for name in {row["pdf"] for row in rows}}
    qr: Any = zxingcpp.BarcodeFormat.QRCode
    assert len(rows) == sum(len(pages) for pages in scans.values()) == 18
    for row in rows:
        page = scans[row["pdf"]][int(row["page"]) - 1]
        assert isinstance(page, Page)
        assert page.pixels.shape == (3300, 2550)
        found = zxingcpp.read_barcodes(page.pixels, formats=qr)
        assert [code.text for code in found] == ([row["qr"]] if row["qr"] else [])
