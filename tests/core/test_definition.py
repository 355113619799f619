"""Reading an exam file and a roster: what is right is taken, what is wrong is named by file, line and field."""

from __future__ import annotations

from pathlib import Path

import openpyxl
import pytest

from core.definition import RosterRow, load_definition, load_roster, parse_definition
from core.errors import ExamInvalid

DEMO = Path(__file__).parents[2] / "examples" / "demo-exam"
TEXT = (DEMO / "exam.yaml").read_text(encoding="utf-8")


def refusal(text: str) -> str:
    with pytest.raises(ExamInvalid) as caught:
        parse_definition(text, where="exam.yaml")
    return str(caught.value)


def line_of(needle: str) -> int:
    return next(i for i, line in enumerate(TEXT.splitlines(), start=1) if needle in line)


def test_the_demo_exam_is_read_whole() -> None:
    exam = load_definition(DEMO / "exam.yaml")
    paper = exam.paper("M")
    assert [i.id for i in paper.objective] == [f"Q{n}" for n in range(1, 21)]
    assert paper.objective[10].key_for(None) == (frozenset("AC"),)
    assert [g.id for g in paper.written] == ["W21", "W22", "W23"]
    assert paper.full_marks == 10_000


@pytest.mark.parametrize(
    ("right", "wrong", "field", "message"),
    [
        ("    title: {zh: 数学, en: Mathematics}\n", "", "papers.0.title", "the key `title` is missing"),
        ("title: {zh: 第21题, en: Question 21}", "", "papers.0.written.0.title", "the key `title` is missing"),
        ("height_mm: 46", "heigth_mm: 46", "papers.0.written.0.heigth_mm", "there is no such key here"),
        ("height_mm: 46", "height_mm: 4", "papers.0.written.0.height_mm", "greater than or equal to 12"),
        ("keys: TFFTFT", "keys: TFFTFX", "papers.0.objective.19", "item Q20: the key X is not among the options TF"),
        ("keys: [AC, BD,", "keys: [AC, BE,", "papers.0.objective.11", "item Q12: the key BE is not among the options ABCD"),
        ("keys: BDACCABDAC", "keys: BDACCABDA", "papers.0.objective.0", "the run Q1-Q10 has 10 items and 9 keys"),
        ("items: Q15-Q20", "items: Q20-Q15", "papers.0.objective.14", "the run Q20-Q15 goes backwards"),
        ("items: Q1-Q10", "items: Q1-Q9999999", "papers.0.objective.0", "has more than 500 items"),
        ("marks: 6}", "marks: 7}", "papers.0.written.2.items.0", "item 23: the steps sum to 17, not to 16"),
        ("step: 0.5", "step: 5", "papers.0.written.1.items.0", "12 marks are no whole number of mark steps of 5"),
        ("marks: 3, keys", "marks: 3.125, keys", "papers.0.objective.0.marks", "3.125 has more than two decimals"),
        ("{fraction: 1/6}", "{fraction: 7/6}", "papers.0.written.1.scheme.tolerance", "lies between 0 and 1"),
        ("name: 1+1,", "name: 1+2,", "papers.0.written.0.scheme.name", "there is no scheme 1+2; there are 1, 1+1"),
        ("size: A4", "size: A5", "papers.0.sheet.size", "'A4' or 'A3'"),
        ("absent_box: true", "personalised: false", "papers.0.sheet", "a printed barcode goes with personalised sheets"),
        ("partial: {rule: fixed, marks: 2}", "partial: {rule: fixed}", "papers.0.objective.10.partial", "goes with the rule"),
        ("partial: {rule: fixed, marks: 2}", "partial: {rule: fixed, marks: 6}", "papers.0.objective.10", "exceed the full marks"),
        ("Asia/Shanghai", "Asia/Shangai", "time_zone", "there is no time zone 'Asia/Shangai'"),
        ("exam: DEMO", "exam: Demo 1", "exam", "pattern"),
    ],
)
def test_a_mistake_is_named_by_file_line_and_field(right: str, wrong: str, field: str, message: str) -> None:
    said = refusal(TEXT.replace(right, wrong, 1))
    assert said.startswith("exam.yaml, line ")
    assert f": {field}" in said
    assert message in said
    assert "\n" not in said


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("keys: TFFTFT", "keys: TFFTFX"),
        ("keys: BDACCABDAC", "keys: BDACCABDA"),
        ("height_mm: 46", "height_mm: 4"),
        ("marks: 6}", "marks: 7}"),
        ("Asia/Shanghai", "Asia/Shangai"),
    ],
)
def test_the_line_is_the_mistakes_own_or_its_entrys_first(right: str, wrong: str) -> None:
    at, said = line_of(right), refusal(TEXT.replace(right, wrong, 1))
    line = int(said.split("line ")[1].split(":")[0])
    assert at - 8 < line <= at
    assert all(not entry.lstrip().startswith("- ") for entry in TEXT.splitlines()[line:at] if "id: 23" not in entry)


@pytest.mark.parametrize(
    ("right", "wrong", "message"),
    [
        ("id: W22", "id: W21", "the item group W21 stands twice in paper M"),
        ('id: "22"', 'id: "21"', "the item 21 stands twice in paper M"),
        ("Q11-Q14", "Q10-Q13", "the item Q10 stands twice in paper M"),
        ('id: "21"', "id: number", "the name number is one of the answer sheet's own"),
        ("id: W22", "id: W21.2", "the name W21.2 stands for the continuation of the item group W21"),
    ],
)
def test_names_stand_once_and_clash_with_nothing(right: str, wrong: str, message: str) -> None:
    assert message in refusal(TEXT.replace(right, wrong, 1))


def test_a_key_that_stands_twice_is_refused_rather_than_the_last_taken() -> None:
    assert refusal(TEXT.replace("exam: DEMO", "exam: DEMO\nexam: OTHER")) == "exam.yaml, line 3: exam: the key stands twice in one place."


def test_yaml_that_cannot_be_read_is_named_by_its_line() -> None:
    assert refusal("exam: A\ntitle: [x\n").startswith("exam.yaml, line 3: is not valid YAML")


@pytest.mark.parametrize("text", ["", "- 1\n", "only text\n"])
def test_a_file_without_a_definition_is_refused(text: str) -> None:
    assert refusal(text) == "exam.yaml: holds no exam definition. See docs/exam-format.md."


def test_a_file_that_is_not_there_or_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ExamInvalid, match=r"none.yaml: cannot be opened \(No such file or directory\)"):
        load_definition(tmp_path / "none.yaml")
    (tmp_path / "e.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ExamInvalid, match=r"is not UTF-8 text\. Save it as UTF-8\."):
        load_definition(tmp_path / "e.yaml")


def test_the_demo_roster_has_a_hundred_candidates() -> None:
    rows = load_roster(DEMO / "roster.csv")
    assert len({r.number for r in rows}) == 100
    assert {len(r.number) for r in rows} == {8}
    assert len({r.school_code for r in rows}) == 5
    assert all(r.name and r.school and r.class_name and r.room and r.seat for r in rows)


ROW = RosterRow("10000001", "张三", "一中", "S1", "1班", "01", "05")
HEADS = ["考号", "姓名", "学校", "学校代码", "班级", "考场", "座位号"]
CELLS = ["10000001", "张三", "一中", "S1", "1班", "01", "05"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_a_roster_may_have_chinese_columns_and_either_encoding(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "r.csv").write_bytes(f"{','.join(HEADS)}\n{','.join(CELLS)}\n\n".encode(encoding))
    assert load_roster(tmp_path / "r.csv") == [ROW]


def test_a_roster_may_be_a_workbook(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    assert book.active is not None
    book.active.append(HEADS)
    book.active.append([10000001, *CELLS[1:]])
    book.save(tmp_path / "r.xlsx")
    assert load_roster(tmp_path / "r.xlsx") == [ROW]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "r.csv: the roster is empty."),
        ("name\nx\n", "r.csv, row 1: has no column `number`"),
        ("number\n1\n2\n1\n", "r.csv, row 4: the candidate number 1 stands in row 2 too."),
        ("number\n12a\n", "r.csv, row 2: the candidate number '12a' is not a number."),
        ("number\n1²\n", "r.csv, row 2: the candidate number '1²' is not a number."),
    ],
)
def test_a_wrong_roster_is_named_by_its_row(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "r.csv").write_text(text, encoding="utf-8")
    with pytest.raises(ExamInvalid) as caught:
        load_roster(tmp_path / "r.csv")
    assert message in str(caught.value)


def test_a_workbook_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "r.xlsx").write_text("number\n1\n")
    with pytest.raises(ExamInvalid, match=r"r\.xlsx: is not an XLSX workbook\."):
        load_roster(tmp_path / "r.xlsx")
