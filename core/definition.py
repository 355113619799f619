"""Reading an exam definition and its roster from files, with every mistake named by file, line and field."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

import yaml
from pydantic import ValidationError

from core.errors import ExamInvalid
from core.exam import ExamDefinition
from core.shorthand import unfold

COLUMNS = {
    "number": ("number", "candidate", "考号", "准考证号"),
    "name": ("name", "姓名"),
    "school": ("school", "学校"),
    "school_code": ("school_code", "学校代码"),
    "class": ("class", "班级"),
    "room": ("room", "考场"),
    "seat": ("seat", "座位", "座位号"),
}


@dataclass(frozen=True, slots=True)
class RosterRow:
    number: str
    name: str
    school: str
    school_code: str
    class_name: str
    room: str
    seat: str


def load_definition(path: Path) -> ExamDefinition:
    """The definition in `path`, or ExamInvalid with the line of the first mistake."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as e:
        raise ExamInvalid(f"cannot be opened ({e.strerror}).", where=str(path)) from e
    except UnicodeDecodeError as e:
        raise ExamInvalid("is not UTF-8 text.", where=str(path), remedy="Save it as UTF-8.") from e
    return parse_definition(text, where=str(path))


def parse_definition(text: str, *, where: str) -> ExamDefinition:
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        raw = yaml.safe_load(text)
    except yaml.MarkedYAMLError as e:
        line = e.problem_mark.line + 1 if e.problem_mark else 1
        raise ExamInvalid(f"is not valid YAML: {e.problem}.", where=f"{where}, line {line}") from e
    if not isinstance(raw, dict) or node is None:
        raise ExamInvalid("holds no exam definition.", where=where, remedy="See docs/exam-format.md.")
    _refuse_twins(node, where)
    try:
        definition = ExamDefinition.model_validate(raw)
    except ValidationError as e:
        first = e.errors()[0]
        field = ".".join(str(p) for p in first["loc"])
        line = _line(node, first["loc"])
        message = first["msg"].removeprefix("Value error, ")
        if first["type"] == "missing":
            message = f"the key `{first['loc'][-1]}` is missing"
        elif first["type"] == "extra_forbidden":
            message = "there is no such key here"
        raise ExamInvalid(
            f"{field}: {message}." if field else f"{message}.",
            where=f"{where}, line {line}",
            remedy="See docs/exam-format.md.",
        ) from e
    try:
        ZoneInfo(definition.time_zone)
    except (KeyError, ValueError, OSError):
        line = _line(node, ("time_zone",))
        raise ExamInvalid(f"time_zone: there is no time zone {definition.time_zone!r}.", where=f"{where}, line {line}") from None
    return definition


def _refuse_twins(node: yaml.Node, where: str) -> None:
    """A key that stands twice in one place: YAML would silently take the last."""
    children: list[yaml.Node] = []
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if key.value in seen:
                raise ExamInvalid(f"{key.value}: the key stands twice in one place.", where=f"{where}, line {key.start_mark.line + 1}")
            seen.add(key.value)
            children.append(value)
    elif isinstance(node, yaml.SequenceNode):
        children = node.value
    for child in children:
        _refuse_twins(child, where)


def _plain(node: yaml.Node) -> object:
    """The value that a node spells."""
    return yaml.SafeLoader("").construct_object(node, deep=True)


def _line(node: yaml.Node, loc: tuple[int | str, ...]) -> int:
    """The line of the deepest node on the way of `loc` that the file has."""
    line: int = node.start_mark.line + 1
    for part in loc:
        child: yaml.Node | None = None
        if isinstance(node, yaml.MappingNode):
            child = next((v for k, v in node.value if k.value == str(part)), None)
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int):
            entries = [entry for entry in node.value for _ in unfold(_plain(entry))]
            child = entries[part] if part < len(entries) else None
        if child is None:
            break
        node = child
        line = node.start_mark.line + 1
    return line


def load_roster(path: Path) -> list[RosterRow]:
    """The candidates of a CSV or XLSX roster, in order; each number once, or ExamInvalid with its row."""
    rows = list(_xlsx_rows(path) if path.suffix.lower() == ".xlsx" else _csv_rows(path))
    if not rows:
        raise ExamInvalid("the roster is empty.", where=str(path))
    header = [cell.strip() for cell in rows[0]]
    index = {name: next((header.index(a) for a in names if a in header), None) for name, names in COLUMNS.items()}
    if index["number"] is None:
        raise ExamInvalid("has no column `number` (考号).", where=f"{path}, row 1")
    found: list[RosterRow] = []
    seen: dict[str, int] = {}
    for n, cells in enumerate(rows[1:], start=2):

        def cell(name: str, cells: list[str] = cells) -> str:
            at = index[name]
            return cells[at].strip() if at is not None and at < len(cells) else ""

        number = cell("number")
        if not number and not any(c.strip() for c in cells):
            continue
        if not (number.isascii() and number.isdigit()):
            raise ExamInvalid(f"the candidate number {number!r} is not a number.", where=f"{path}, row {n}")
        if number in seen:
            raise ExamInvalid(f"the candidate number {number} stands in row {seen[number]} too.", where=f"{path}, row {n}")
        seen[number] = n
        found.append(
            RosterRow(
                number, cell("name"), cell("school"), cell("school_code") or cell("school"), cell("class"), cell("room"), cell("seat")
            )
        )
    return found


def check_roster(exam: ExamDefinition, roster: Sequence[RosterRow], *, where: str = "the roster") -> None:
    """Every candidate's number has as many digits as each paper says, or its grid could not hold it."""
    for paper in exam.papers:
        digits = paper.sheet.number.digits
        for row in roster:
            if len(row.number) != digits:
                raise ExamInvalid(
                    f"the candidate number {row.number} has {len(row.number)} digits, paper {paper.code} asks for {digits}.",
                    where=where,
                    remedy="Change sheet.number.digits or the roster.",
                )


def _csv_rows(path: Path) -> Iterator[list[str]]:
    try:
        data = path.read_bytes()
    except OSError as e:
        raise ExamInvalid(f"cannot be opened ({e.strerror}).", where=str(path)) from e
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        try:
            text = data.decode("gb18030")
        except UnicodeDecodeError:
            raise ExamInvalid("is neither UTF-8 nor GB 18030 text.", where=str(path)) from None
    yield from csv.reader(io.StringIO(text))


def _xlsx_rows(path: Path) -> Iterator[list[str]]:
    from zipfile import BadZipFile

    from openpyxl import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        book = load_workbook(path, read_only=True, data_only=True)
    except OSError as e:
        raise ExamInvalid(f"cannot be opened ({e.strerror}).", where=str(path)) from e
    except (InvalidFileException, BadZipFile, KeyError, ValueError) as e:
        raise ExamInvalid("is not an XLSX workbook.", where=str(path)) from e
    try:
        for row in book.worksheets[0].iter_rows(values_only=True):
            yield [_cell_text(value) for value in row]
    finally:
        book.close()


def _cell_text(value: object) -> str:
    """A number that was typed whole is written whole, whatever the workbook made of it."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return "" if value is None else str(value)
