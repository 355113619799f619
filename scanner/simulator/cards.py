"""What was printed and what candidates were told: the sheets list, the answers file and the template, joined.

Owns the reading of `<stem>.sheets.csv` and of the answers file; draws nothing and decides no trouble.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from core.errors import BadInput
from core.template import Grid, Template, load_template

SHEETS_COLUMNS = ("sheet", "paper", "candidate", "sheet_index", "page", "side")
ANSWERS_COLUMNS = ("sheet", "field", "value")


@dataclass(frozen=True, slots=True)
class Face:
    """One printed side of a card."""

    side: int  # its number in the template
    page: int  # the PDF page, from 1


@dataclass(frozen=True, slots=True)
class Card:
    """One physical sheet and what its candidate was told to put on it."""

    sheet: str
    candidate: str
    faces: tuple[Face, ...]
    told: Mapping[str, str] = field(default_factory=dict)  # field -> values joined with |
    written: Mapping[str, float] = field(default_factory=dict)  # region group -> how full, 0..1

    @property
    def absent(self) -> bool:
        return bool(self.told.get("absent"))


@dataclass(frozen=True, slots=True)
class Stack:
    """All cards of one printed PDF, in the order in which they are scanned."""

    pdf: Path
    template_path: Path
    template: Template
    cards: tuple[Card, ...]
    spares: tuple[Card, ...] = ()  # printed without a candidate and not mentioned in the answers: extra sheets


def load_stack(sheets_pdf: Path, answers_csv: Path) -> Stack:
    stem = sheets_pdf.with_suffix("")
    template_path, list_path = Path(f"{stem}.template.json"), Path(f"{stem}.sheets.csv")
    if not sheets_pdf.is_file():
        raise BadInput("there is no such PDF.", where=str(sheets_pdf), remedy="Print it with `markhall sheets`.")
    template = load_template(template_path)
    if template.unit != "mm":
        raise BadInput("the simulator draws only on templates in millimetres.", where=str(template_path))
    faces = _faces(list_path, template)
    told, written = _answers(answers_csv, set(faces), template)
    printed = [
        Card(sheet=sheet, candidate=candidate, faces=sides, told=told[sheet], written=written[sheet])
        for sheet, (candidate, sides) in faces.items()
    ]
    used = tuple(card for card in printed if card.candidate or card.told or card.written)
    return Stack(sheets_pdf, template_path, template, used, tuple(card for card in printed if card not in used))


def told_values(grid: Grid, told: str, line: int) -> tuple[int, ...]:
    """The bubbles that `told` asks for on one line of `grid`, as places in `grid.values`."""
    if not grid.joined:
        return tuple(grid.values.index(v) for v in told.split("|") if v)
    character = told[line : line + 1].strip()
    return (grid.values.index(character),) if character else ()


def _rows(path: Path, columns: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            missing = [c for c in columns if c not in (reader.fieldnames or ())]
            if missing:
                raise BadInput(f"the column {missing[0]} is missing.", where=str(path), remedy=f"The columns are {', '.join(columns)}.")
            for row in reader:
                yield reader.line_num, {c: (row[c] or "").strip() for c in columns}
    except OSError as e:
        raise BadInput(f"cannot be opened ({e.strerror}).", where=str(path)) from e
    except (UnicodeDecodeError, csv.Error) as e:
        raise BadInput(f"is no UTF-8 CSV file ({e}).", where=str(path)) from e


def _faces(path: Path, template: Template) -> dict[str, tuple[str, tuple[Face, ...]]]:
    sides = {s.side for s in template.sides}
    found: dict[str, tuple[str, tuple[Face, ...]]] = {}
    for line, row in _rows(path, SHEETS_COLUMNS):
        where = f"{path}, line {line}"
        if not row["page"].isdecimal() or not row["side"].isdecimal():
            raise BadInput("page and side must be whole numbers.", where=where)
        face = Face(side=int(row["side"]), page=int(row["page"]))
        if face.side not in sides:
            raise BadInput(f"the template has no side {face.side}.", where=where, remedy="Print the sheets and the template together.")
        candidate, before = found.get(row["sheet"], (row["candidate"], ()))
        found[row["sheet"]] = (candidate, (*before, face))
    return found


def _answers(path: Path, sheets: set[str], template: Template) -> tuple[dict[str, dict[str, str]], dict[str, dict[str, float]]]:
    grids = {name: grid for side in template.sides for grid in side.grids for name in grid.fields}
    groups = {region.group for side in template.sides for region in side.regions}
    told: dict[str, dict[str, str]] = defaultdict(dict)
    written: dict[str, dict[str, float]] = defaultdict(dict)
    for line, row in _rows(path, ANSWERS_COLUMNS):
        where = f"{path}, line {line}"
        if row["sheet"] not in sheets:
            raise BadInput(f"no sheet {row['sheet']!r} was printed.", where=where)
        if row["field"] in grids:
            _check_value(grids[row["field"]], row["value"], where)
            told[row["sheet"]][row["field"]] = row["value"]
        elif row["field"] in groups:
            written[row["sheet"]][row["field"]] = _fullness(row["value"], where)
        else:
            raise BadInput(f"the template has no field or region {row['field']!r}.", where=where)
    return told, written


def _check_value(grid: Grid, value: str, where: str) -> None:
    parts = [v for v in value.split("|") if v] if not grid.joined else [c for c in value if c.strip()]
    wrong = [v for v in parts if v not in grid.values]
    if wrong:
        raise BadInput(f"the field has no value {wrong[0]!r}.", where=where, remedy=f"It has {', '.join(grid.values)}.")
    if grid.joined and len(value) > grid.line_count:
        raise BadInput(f"{value!r} is longer than the {grid.line_count} places of the grid {grid.name}.", where=where)


def _fullness(value: str, where: str) -> float:
    try:
        share = float(value or 0)
    except ValueError:
        share = -1.0
    if not 0.0 <= share <= 1.0:
        raise BadInput(f"{value!r} is not a share from 0 to 1 of a written region.", where=where)
    return share
