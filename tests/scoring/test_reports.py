"""Reports say what was released, in both languages, in files that stand alone."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from openpyxl import load_workbook
from pdfminer.high_level import extract_pages, extract_text
from sqlalchemy import delete

from core.errors import NotFound
from core.exam import Paper
from core.tables import CandidateDetails
from scoring import release as releases
from scoring.reports import write_reports
from scoring.reports.charts import histogram
from scoring.reports.slip_layout import FLOOR, PAGE_WIDTH, lay_out
from scoring.reports.words import marks_of
from scoring.statistics import Band, paper_statistics
from tests.scoring.hall import Hall


@pytest.fixture
def finished(hall: Hall) -> Hall:
    releases.draft(hall.site, hall.exam.id, "user:1")
    for login in ("office1", "chief1"):
        releases.sign(hall.site, hall.exam.id, 1, hall.users[login])
    releases.publish(hall.site, hall.exam.id, 1)
    return hall


class _Outside(HTMLParser):
    """Whatever a page would fetch from elsewhere."""

    found: list[str]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "link", "img", "iframe") or any(name == "src" for name, _ in attrs):
            self.found.append(tag)


def test_the_reports_of_a_release(finished: Hall, tmp_path: Path) -> None:
    steps: list[tuple[int, int]] = []
    made = write_reports(
        finished.site, finished.exam.id, 1, tmp_path, singles=["10000002"], progress=lambda done, total: steps.append((done, total))
    )
    assert steps[-1] == (3, 3)
    assert_pages(made.pages)
    assert_workbook(made.workbooks[0])
    assert_slips(made.slips, made.single_slips[0])


def assert_pages(pages: tuple[Path, ...]) -> None:
    assert [p.name for p in pages] == ["report.zh.html", "report.en.html"]
    said = (("期中考试", "区分度", "难度", "第 1 号发布", "账本完整"), ("Mid-term", "Discrimination", "Release 1", "ledger"))
    for page, words in zip(pages, said, strict=True):
        text = page.read_text("utf-8")
        assert [w for w in words if w not in text] == []
        outside = _Outside()
        outside.found = []
        outside.feed(text)
        assert outside.found == []
        assert "10000001" not in text


def assert_workbook(path: Path) -> None:
    book = load_workbook(path)
    assert book.sheetnames == ["成绩", "小题分", "题目分析", "一分一段"]
    scores = [list(row) for row in book["成绩"].iter_rows(values_only=True)]
    assert scores[0] == ["考号", "姓名", "学校", "班级", "数学", "状态"]
    assert [(r[0], r[4], r[5]) for r in scores[1:]] == [("10000001", 34, "参考"), ("10000002", 14, "参考"), ("10000003", None, "缺考")]
    items = [list(row) for row in book["小题分"].iter_rows(values_only=True)]
    assert items[2][2:] == [3, 0, 0, 3.333333, 0, 4.5, 3]
    assert [row[1] for row in book["题目分析"].iter_rows(min_row=2, values_only=True)] == ["Q1", "Q2", "Q3", "Q4", "Q5", "6", "7"]
    assert [row[1:4] for row in book["一分一段"].iter_rows(min_row=2, max_row=3, values_only=True)] == [(34, 1, 1), (33, 0, 1)]


def assert_slips(slips: Path, single: Path) -> None:
    assert len(list(extract_pages(slips))) == 3
    text = extract_text(single)
    assert len(list(extract_pages(single))) == 1
    for words in ("10000002", "考生10000002", "期中考试", "14", " / 34", "3.333", "4.5", "第 1 号发布"):
        assert words in text
    assert "缺考" in extract_text(slips, page_numbers=[2])


def test_a_draft_says_so(hall: Hall, tmp_path: Path) -> None:
    releases.draft(hall.site, hall.exam.id, "user:1")
    made = write_reports(hall.site, hall.exam.id, None, tmp_path, languages=["en"])
    assert "Draft · not released" in made.pages[0].read_text("utf-8")
    assert "Draft · not released" in extract_text(made.slips)
    assert not (tmp_path / "report.zh.html").exists()


def test_a_slip_is_written_for_known_candidates_only(hall: Hall, tmp_path: Path) -> None:
    releases.draft(hall.site, hall.exam.id, "user:1")
    with pytest.raises(NotFound, match=r"no candidate \.\./x"):
        write_reports(hall.site, hall.exam.id, 1, tmp_path, singles=["../x"])
    with pytest.raises(NotFound, match="no such release"):
        write_reports(hall.site, hall.exam.id, 7, tmp_path)


@pytest.mark.parametrize("items", [1, 7, 30, 80, 200])
def test_every_item_stands_once_on_a_slip_and_inside_of_it(items: int) -> None:
    keys = [{"id": f"Q{n}", "options": "AB", "marks": 1, "key": "A"} for n in range(items)]
    paper = Paper.model_validate({"code": "M", "title": "M", "objective": keys})
    pages = lay_out([(paper, paper_statistics(paper, []))])
    cells = [cell for blocks in pages for block in blocks for cell in block.cells]
    assert [c.item for c in cells] == [f"Q{n}" for n in range(items)]
    assert all(c.y >= FLOOR and c.x > 0 and c.x + c.width < PAGE_WIDTH for c in cells)
    for blocks in pages:
        places = [(round(c.x), round(c.y)) for b in blocks for c in b.cells]
        assert len(set(places)) == len(places)
    assert (len(pages) == 1) == (items <= 60)


def test_papers_follow_each_other_on_a_slip() -> None:
    keys = [{"id": f"Q{n}", "options": "AB", "marks": 1, "key": "A"} for n in range(20)]
    papers = [Paper.model_validate({"code": f"M{n}", "title": "M", "objective": keys}) for n in range(5)]
    pages = lay_out([(p, paper_statistics(p, [])) for p in papers])
    blocks = [b for page in pages for b in page]
    assert [b.paper.code for b in blocks if b.first] == ["M0", "M1", "M2", "M3", "M4"]
    assert sum(len(b.cells) for b in blocks) == 100


def test_marks_that_do_not_end_are_shown_to_three_places() -> None:
    assert [marks_of(m) for m in ((1000, 3), (450, 1), (925, 2), (0, 1))] == ["3.333", "4.5", "4.625", "0"]


@pytest.mark.parametrize("full", [500, 10000, 75000])
def test_a_histogram_shows_every_candidate_once(full: int) -> None:
    bands = [Band(m, 3, 0) for m in range(full // 100 + 1)]
    drawn = re.findall(r"<title>[^:]*: (\d+)</title>", histogram(bands, full, "x"))
    assert sum(map(int, drawn)) == 3 * len(bands)
    assert len(drawn) <= 41


def test_an_erased_candidate_keeps_the_scores(finished: Hall, tmp_path: Path) -> None:
    with finished.site.database.write() as session:
        session.execute(delete(CandidateDetails).where(CandidateDetails.number == "10000001"))
    made = write_reports(finished.site, finished.exam.id, 1, tmp_path, languages=["zh"])
    rows = list(load_workbook(made.workbooks[0])["成绩"].iter_rows(min_row=2, values_only=True))
    assert [(row[1], row[4]) for row in rows] == [(None, 34), ("考生10000002", 14), ("考生10000003", None)]
