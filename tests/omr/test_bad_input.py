"""Bad files among good ones: each a row with one clear sentence, and the rest goes on."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
import simplejpeg
from PIL import Image

from core.errors import BadInput
from core.template import dump_template
from omr.files import read_files
from tests.omr.bad_files import huge_png, locked_pdf
from tests.omr.drawn import KEY, Drawing, answers, expected, form


def test_a_bad_page_never_stops_the_pages_after_it(tmp_path: Path) -> None:
    pixels = Drawing(answers(KEY)).page().pixels
    good = simplejpeg.encode_jpeg(pixels[:, :, None], quality=85, colorspace="GRAY", colorsubsampling="Gray")
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "1-cut.jpg").write_bytes(good[: len(good) // 2])
    (folder / "2-text.tif").write_text("not a picture", encoding="utf-8")
    (folder / "3-empty.jpg").touch()
    (folder / "4-locked.pdf").write_bytes(locked_pdf())
    (folder / "5-huge.png").write_bytes(huge_png())
    (folder / "6-good.jpg").write_bytes(good)
    Image.new("L", (1184, 1680), 250).save(folder / "7-blank.png")
    template, out = tmp_path / "template.json", tmp_path / "out.csv"
    template.write_text(dump_template(form()), encoding="utf-8")

    summary = read_files(template, [folder], out)

    with out.open(encoding="utf-8") as source:
        rows = {Path(r["file"]).name: r for r in csv.DictReader(source)}
    assert (summary.pages, summary.ok, summary.review, summary.rejected) == (7, 1, 1, 5)
    sentences = {
        "1-cut.jpg": "breaks off",
        "2-text.tif": "not a picture or PDF",
        "3-empty.jpg": "empty (0 bytes)",
        "4-locked.pdf": "password",
        "5-huge.png": "60000 x 60000 pixels",
    }
    for name, words in sentences.items():
        assert rows[name]["status"] == "rejected"
        assert words in rows[name]["reason"]
        assert rows[name]["Q1"] == ""
    assert {name: rows["6-good.jpg"][name] for name in expected()} == expected()
    assert rows["6-good.jpg"]["candidate"] == "0427"
    assert rows["7-blank.png"]["reason"] == "the page is blank"


def test_a_file_that_is_not_there_is_said_before_anything_is_read(tmp_path: Path) -> None:
    template = tmp_path / "template.json"
    template.write_text(dump_template(form()), encoding="utf-8")
    with pytest.raises(BadInput, match="no such file"):
        read_files(template, [tmp_path / "nothing.jpg"], tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    template = tmp_path / "template.json"
    template.write_text(dump_template(form()), encoding="utf-8")
    with pytest.raises(BadInput, match="cannot be written"):
        read_files(template, [], tmp_path / "missing" / "out.csv")
