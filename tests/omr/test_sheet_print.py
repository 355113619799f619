"""What is on paper: the PDF, the template and the list beside it."""

from __future__ import annotations

import csv
import sys
import tracemalloc
from dataclasses import replace
from pathlib import Path
from random import Random
from subprocess import run

import numpy as np
import numpy.typing as npt
import pikepdf
import pypdfium2
import pytest
import zxingcpp

from core.definition import RosterRow, load_roster
from core.errors import ExamInvalid
from core.ids import PageCode
from core.template import load_template
from omr.copies import copies_of
from omr.draw import inks_of
from omr.print import PrintedSheets, print_sheets
from omr.sheet import lay_out
from omr.spool import FAN_OUT, PageSpool
from omr.symbols import THINNEST_BAR, bar_module
from tests.omr.exams import DEMO, demo, exam_of, group, paper_of

PIXELS_A_MM = 200 / 25.4


def roster(count: int) -> list[RosterRow]:
    return load_roster(DEMO / "roster.csv")[:count]


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> PrintedSheets:
    return print_sheets(demo(), roster(3), tmp_path_factory.mktemp("sheets") / "demo.pdf")


def page(pdf: Path, index: int) -> npt.NDArray[np.uint8]:
    with pypdfium2.PdfDocument(pdf) as document:
        return np.asarray(document[index].render(scale=200 / 72).to_pil().convert("L"))


def text(pdf: Path, index: int) -> str:
    with pypdfium2.PdfDocument(pdf) as document:
        return str(document[index].get_textpage().get_text_range())


def listed(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as f:
        return list(csv.DictReader(f))


def test_the_list_has_a_row_for_each_side_in_page_order(printed: PrintedSheets) -> None:
    rows = listed(printed.papers[0].list)
    assert [r["page"] for r in rows] == ["1", "2", "3", "4", "5", "6"]
    assert [r["side"] for r in rows] == ["1", "2"] * 3
    assert [r["sheet"] for r in rows] == ["010000011", "010000011", "010000021", "010000021", "010000031", "010000031"]
    assert [(r["candidate"], r["name"]) for r in rows[::2]] == [(r.number, r.name) for r in roster(3)]
    assert {r["paper"] for r in rows} == {"M"}
    assert {r["sheet_index"] for r in rows} == {"0"}


def test_the_template_beside_the_pdf_is_the_one_that_was_laid_out(printed: PrintedSheets) -> None:
    exam = demo()
    assert load_template(printed.papers[0].template) == lay_out(exam, exam.papers[0]).template


def test_chinese_text_can_be_taken_out_of_the_pdf_again(printed: PrintedSheets) -> None:
    first = text(printed.papers[0].pdf, 0)
    assert "示范考试" in first
    assert "Demonstration exam" in first
    assert roster(1)[0].name in first
    assert roster(1)[0].school in first
    assert "缺考标记：考生禁填，仅由监考员填涂" in first


def test_both_codes_are_read_where_the_template_says(printed: PrintedSheets) -> None:
    template = load_template(printed.papers[0].template)
    for index, row in enumerate(listed(printed.papers[0].list)):
        picture = page(printed.papers[0].pdf, index)
        for code in template.side(int(row["side"])).codes:
            x, y, width, height = (round(v * PIXELS_A_MM) for v in code.box)
            found = [b.text for b in zxingcpp.read_barcodes(np.ascontiguousarray(picture[y : y + height, x : x + width]))]
            wanted = str(PageCode("DEMO", "M", "1", row["sheet"], int(row["side"]))) if code.role == "page" else row["candidate"]
            assert found == [wanted]


def test_marks_are_black_and_bubbles_and_regions_light_just_where_the_template_says(printed: PrintedSheets) -> None:
    template = load_template(printed.papers[0].template)
    for side in template.sides:
        picture = page(printed.papers[0].pdf, side.side - 1)

        def mean(x: float, y: float, width: float, height: float, picture: npt.NDArray[np.uint8] = picture) -> float:
            left, top, right, bottom = (round(v * PIXELS_A_MM) for v in (x, y, x + width, y + height))
            return float(picture[top:bottom, left:right].mean())

        for mark in side.registration.marks:
            w, h = mark.width - 0.4, mark.height - 0.4
            assert mean(mark.x - w / 2, mark.y - h / 2, w, h) < 1
            assert mean(mark.x - mark.width / 2 - 1, mark.y - h / 2, 0.6, h) > 254
        for row in side.timing:
            assert all(mean(x - 1.8, y - 0.8, 3.6, 1.6) < 1 for x, y in row.centres())
        for grid in side.grids:
            for line in range(grid.line_count):
                for value in range(len(grid.values)):
                    x, y = grid.bubble_at(line, value)
                    assert 200 < mean(x - 1.4, y - 0.9, 2.8, 1.8) <= 255
                    assert mean(x - 2.3, y - 0.6, 0.5, 1.2) < 225  # the ring
        for region in side.regions:
            assert mean(*region.box) > 235


def test_the_same_exam_prints_the_same_bytes(tmp_path: Path, printed: PrintedSheets) -> None:
    again = print_sheets(demo(), roster(3), tmp_path / "demo.pdf")
    for kind in ("pdf", "template", "list"):
        assert getattr(again.papers[0], kind).read_bytes() == getattr(printed.papers[0], kind).read_bytes()


def test_a_further_sheet_costs_few_bytes(tmp_path: Path, printed: PrintedSheets) -> None:
    more = print_sheets(demo(), roster(43), tmp_path / "more.pdf")
    extra = more.papers[0].pdf.stat().st_size - printed.papers[0].pdf.stat().st_size
    assert extra / 40 < 4000


def test_several_papers_get_files_of_their_own(tmp_path: Path) -> None:
    plain = {"title": "x", "written": [group("W1", 30)]}
    exam = exam_of(plain | {"code": "P1"}, plain | {"code": "P2"})
    steps: list[tuple[int, int]] = []
    result = print_sheets(exam, roster(2), tmp_path / "all.pdf", progress=lambda done, total: steps.append((done, total)))
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        f"all-{paper}.{end}" for paper in ("P1", "P2") for end in ("pdf", "sheets.csv", "template.json")
    ]
    assert [r["sheet"][:2] for r in listed(result.papers[1].list)] == ["02"] * 4
    assert steps == [(n, 8) for n in range(1, 9)]


def test_a_blank_sheet_has_a_serial_and_names_nobody(tmp_path: Path) -> None:
    exam, _ = paper_of(sheet={"personalised": False, "number": {"barcode": "sticker"}})
    result = print_sheets(exam, roster(2), tmp_path / "blank.pdf")
    assert {(r["candidate"], r["name"]) for r in listed(result.papers[0].list)} == {("", "")}
    assert roster(1)[0].name not in text(result.papers[0].pdf, 0)
    assert [b.format for b in zxingcpp.read_barcodes(page(result.papers[0].pdf, 0))] == [zxingcpp.BarcodeFormat.QRCode]


def test_extra_sheets_follow_with_serials_of_their_own_and_no_candidate(tmp_path: Path) -> None:
    exam, _ = paper_of(sheet={"extra_sheets": True})
    rows = listed(print_sheets(exam, roster(21), tmp_path / "extra.pdf").papers[0].list)
    assert [(r["sheet"], r["side"], r["candidate"], r["sheet_index"]) for r in rows[-4:]] == [
        ("010000010", "3", "", ""), ("010000010", "4", "", ""), ("010000020", "3", "", ""), ("010000020", "4", "", ""),
    ]  # fmt: skip


def test_what_is_printed_is_what_copies_of_says_before_anything_is_printed(tmp_path: Path) -> None:
    exam, paper = paper_of(written=[group("W1", 500)], sheet={"extra_sheets": True})
    rows = listed(print_sheets(exam, roster(3), tmp_path / "x.pdf").papers[0].list)
    copies = list(copies_of(lay_out(exam, paper), 0, 3))
    assert [r["sheet"] for r in rows] == [c.serial for c in copies for _ in c.faces]
    assert [(c.index, c.extra, c.row) for c in copies] == [
        (0, False, 0), (1, False, 0), (0, False, 1), (1, False, 1), (0, False, 2), (1, False, 2), (0, True, None),
    ]  # fmt: skip


def test_a_character_that_the_font_lacks_is_told(tmp_path: Path, printed: PrintedSheets) -> None:
    strange = [replace(roster(1)[0], name="王\U0001f600")]
    assert print_sheets(demo(), strange, tmp_path / "x.pdf").missing == "\U0001f600"
    assert printed.missing == ""


def test_without_a_roster_one_set_is_printed(tmp_path: Path) -> None:
    assert print_sheets(demo(), [], tmp_path / "one.pdf").pages == 2


def test_a_number_of_another_length_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    wrong = [replace(roster(1)[0], number="123")]
    with pytest.raises(ExamInvalid, match="the candidate number 123 has 3 digits, paper M asks for 8"):
        print_sheets(demo(), wrong, tmp_path / "x.pdf")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("colour", "channel"), [("red", 0), ("green", 1), ("blue", 2)])
def test_a_drop_out_sheet_vanishes_in_its_channel_but_for_the_black(tmp_path: Path, colour: str, channel: int) -> None:
    exam, _ = paper_of(sheet={"drop_out": colour})
    pdf = print_sheets(exam, [], tmp_path / "c.pdf").papers[0].pdf
    with pypdfium2.PdfDocument(pdf) as document:
        picture = np.asarray(document[0].render(scale=200 / 72).to_pil().convert("RGB"))
    top, inside = round(36 * PIXELS_A_MM), slice(round(16 * PIXELS_A_MM), round(194 * PIXELS_A_MM))
    body = picture[top : round(230 * PIXELS_A_MM), inside]
    others = [c for c in range(3) if c != channel]
    coloured = body[(body.max(axis=2).astype(int) - body.min(axis=2)) > 40]
    assert len(coloured) > 1000
    assert (coloured[:, channel].astype(int) > coloured[:, others].max(axis=1)).all()
    assert inks_of(colour)["black"].rgb() == (0, 0, 0)


@pytest.mark.parametrize("digits", range(4, 17))
def test_a_barcode_of_any_length_is_wide_enough_to_be_read(digits: int) -> None:
    exam, paper = paper_of(sheet={"number": {"digits": digits}, "size": "A3", "columns": 3})
    code = next(c for c in lay_out(exam, paper).template.side(1).codes if c.role == "candidate")
    assert bar_module(digits, code.box[2]) >= THINNEST_BAR


def test_printing_loads_no_pixel_library() -> None:
    code = "import sys, omr.print; print(sorted({'cv2', 'numba', 'numpy'} & set(sys.modules)))"
    assert run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=DEMO.parents[1]).stdout.strip() == "[]"


def test_a_file_of_more_pages_than_a_node_of_its_tree_holds_is_sound_and_in_order(tmp_path: Path) -> None:
    many = [replace(roster(1)[0], number=f"{20000000 + i}") for i in range(260)]
    assert 2 * len(many) > FAN_OUT
    pdf = print_sheets(demo(), many, tmp_path / "many.pdf").papers[0].pdf
    with pikepdf.open(pdf) as document:
        assert document.check_pdf_syntax() == []
        assert len(document.pages) == 520
    with pypdfium2.PdfDocument(pdf) as document:
        for index in (0, 250, 499, 500, 519):
            said = document[index].get_textpage().get_text_range()
            assert f"{(index // 2 + 1):06d}1-{index % 2 + 1}" in said


def test_pages_wait_on_disk_and_not_in_memory(tmp_path: Path) -> None:
    spool, chance = PageSpool(tmp_path), Random(1)
    tracemalloc.start()
    for _ in range(1000):
        spool.add(0, f"{chance.getrandbits(16_000):x}")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    spool.close()
    assert peak < 500_000 < 1000 * 2000
