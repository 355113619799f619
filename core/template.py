"""The sheet template: where on a page the marks, codes, bubbles and regions are.

A template is enough to read a form, its own or a foreign one (docs/template.md). Places are in
millimetres (`unit: mm`, from the page's top left corner) or in cells of a grid that the registration
marks span (`unit: cell`). This module owns the format and its checking; it reads no pixels.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from core.errors import TemplateInvalid

FORMAT = "markhall-template/1"
_MOST_REFERENCE = 20 * 2**20  # bytes of the picture of a blank form
Pair = tuple[float, float]
Positive = Annotated[float, Field(gt=0)]


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Mark(Part):
    """One printed registration mark. `x`, `y` is its centre, but for an `L`: the outer corner of its two arms.

    `anchor` says which point of a square or disc is meant when a foreign form is measured at an outer
    corner instead: `tl`, `tr`, `br`, `bl`; the reader then finds the mark and takes that corner of it.
    """

    shape: Literal["square", "disc", "L", "cross", "picture"]
    x: float
    y: float
    width: Positive
    height: Positive
    thickness: Positive | None = None
    anchor: Literal["centre", "tl", "tr", "br", "bl"] = "centre"
    role: Literal["corner", "orientation"] = "corner"


class Registration(Part):
    """How a scan is laid over the template: by printed marks (`marks`), by marks that look like a picture (`pictures`),
    by the page's own edges (`outline`), by the picture's (`frame`), or by a picture of the blank form (`reference`).

    `reference` is that picture: the name of a file beside the template, or a `data:` address once it has been loaded.
    """

    kind: Literal["marks", "pictures", "outline", "frame", "reference"] = "marks"
    marks: tuple[Mark, ...] = ()
    reference: str | None = None
    upright: bool = Field(default=False, description="pages always come the right way up: of two turns that fit alike it is that one")
    search: Positive | None = Field(default=None, description="how far from its place a mark may lie, share of the page width")

    @model_validator(mode="after")
    def _enough(self) -> Registration:
        if self.kind == "marks" and len([m for m in self.marks if m.role == "corner"]) < 3:
            raise ValueError("registration by marks needs at least three corner marks")
        if self.kind in ("reference", "pictures") and not self.reference:
            raise ValueError("this registration needs `reference`, a picture of the blank form or of its marks")
        if self.kind == "pictures" and len([m for m in self.marks if m.shape == "picture"]) != 4:
            raise ValueError("registration by pictures needs four marks with the shape `picture`")
        return self


class Timing(Part):
    """A row of equal printed rectangles: the first one's centre, the step, how many."""

    origin: Pair
    step: Pair
    count: Annotated[int, Field(ge=1)]
    width: Positive
    height: Positive

    def centres(self) -> Iterator[Pair]:
        for i in range(self.count):
            yield self.origin[0] + i * self.step[0], self.origin[1] + i * self.step[1]


class Code(Part):
    """A barcode's window. `page` codes name the side, `candidate` codes the candidate, others fill `field`."""

    name: str
    role: Literal["page", "candidate", "field"]
    symbology: Literal["QRCode", "DataMatrix", "Code128", "Code39", "ITF", "EAN13", "PDF417"]
    box: tuple[float, float, Positive, Positive]
    optional: bool = False


class Bubble(Part):
    shape: Literal["ellipse", "rectangle"] = "ellipse"
    width: Positive
    height: Positive
    letter: bool = Field(default=True, description="the value is printed inside")
    ring: bool = Field(default=True, description="the outline is printed")
    loose: bool = Field(default=False, description="width and height are of a box around it: what is printed is found on the pages")
    bounds: Pair | None = Field(default=None, description="shares of a dark inside between which a box is ticked, where the form says so")


class Grid(Part):
    """Bubbles at equal steps: `fields` one after another along `field_step`, `values` along `value_step`.

    A `joined` grid has one field; its `lines` (the digits of a number) follow each other along `field_step`,
    and their values are joined to the field's value.
    """

    name: str
    role: Literal["answer", "candidate", "paper_type", "absent", "choice", "text"] = "answer"
    fields: Annotated[tuple[str, ...], Field(min_length=1)]
    values: Annotated[tuple[str, ...], Field(min_length=1)]
    origin: Pair
    value_step: Pair
    field_step: Pair = (0.0, 0.0)
    joined: bool = False
    lines: Annotated[int, Field(ge=1)] | None = None
    multiple: bool = False
    bubble: Bubble

    @model_validator(mode="after")
    def _bounds(self) -> Grid:
        if self.bubble.bounds is not None and not 0 < self.bubble.bounds[0] < self.bubble.bounds[1] <= 1:
            raise ValueError(f"the bounds of the grid {self.name} are not 0 < lower < upper <= 1")
        return self

    @model_validator(mode="after")
    def _shape(self) -> Grid:
        if self.joined and (len(self.fields) != 1 or self.lines is None):
            raise ValueError(f"the joined grid {self.name} needs exactly one field and `lines`")
        if not self.joined and self.lines is not None:
            raise ValueError(f"the grid {self.name} has `lines` but is not joined")
        if len(set(self.values)) != len(self.values):
            raise ValueError(f"the grid {self.name} names a value twice")
        return self

    @property
    def line_count(self) -> int:
        return self.lines if self.joined and self.lines is not None else len(self.fields)

    def bubble_at(self, line: int, value: int) -> Pair:
        x = self.origin[0] + line * self.field_step[0] + value * self.value_step[0]
        y = self.origin[1] + line * self.field_step[1] + value * self.value_step[1]
        return x, y


class Region(Part):
    """A part of the page that is cut out for markers. Regions of one group and sheet make one response."""

    name: str
    group: str
    box: tuple[float, float, Positive, Positive]


class Side(Part):
    side: Annotated[int, Field(ge=1, le=9)]
    extra: bool = Field(default=False, description="a side of an extra sheet, which a candidate need not have")
    registration: Registration
    timing: tuple[Timing, ...] = ()
    codes: tuple[Code, ...] = ()
    grids: tuple[Grid, ...] = ()
    regions: tuple[Region, ...] = ()


@dataclass(frozen=True, slots=True)
class Line:
    """One row of bubbles that is decided as a whole: a question, or one digit of a number."""

    grid: Grid
    field: str
    index: int  # which line of its grid
    position: int  # 0 for a plain field; the digit's place in a joined one
    bubbles: tuple[Pair, ...]  # centres, in the template's unit, in the order of grid.values


class Column(Part):
    """A column of the table of answers: the values of some fields one after another, `empty` for a blank one."""

    name: str
    fields: Annotated[tuple[str, ...], Field(min_length=1)]
    empty: str = ""

    def value(self, values: Mapping[str, str]) -> str:
        return "".join(values.get(name) or self.empty for name in self.fields)


class Template(Part):
    format: Literal["markhall-template/1"] = "markhall-template/1"
    name: str
    unit: Literal["mm", "cell"] = "mm"
    width: Positive
    height: Positive
    exam: str | None = None
    paper: str | None = None
    edition: str | None = None
    candidate: str | None = Field(default=None, description="the field that names the candidate")
    drop_out: Literal["none", "red", "green", "blue"] = "none"
    columns: tuple[Column, ...] = Field(default=(), description="how the answers are tabulated; one column a field when empty")
    sides: Annotated[tuple[Side, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _names(self) -> Template:
        numbers = [s.side for s in self.sides]
        if len(set(numbers)) != len(numbers):
            raise ValueError("two sides have the same number")
        seen: set[str] = set()
        for name in self.fields():
            if name in seen:
                raise ValueError(f"the field {name} stands twice")
            seen.add(name)
        if self.candidate is not None and self.candidate not in seen:
            raise ValueError(f"candidate names the field {self.candidate}, which does not exist")
        for column in self.columns:
            if missing := [name for name in column.fields if name not in seen]:
                raise ValueError(f"the column {column.name} names the field {missing[0]}, which does not exist")
        return self

    def table(self) -> tuple[Column, ...]:
        """The columns of the table of answers."""
        return self.columns or tuple(Column(name=name, fields=(name,)) for name in self.fields())

    def side(self, number: int) -> Side:
        for side in self.sides:
            if side.side == number:
                return side
        raise TemplateInvalid(f"the template has no side {number}", where=self.name)

    def fields(self) -> Iterator[str]:
        """The names of all fields, in the template's order: codes with the role `field`, then grids."""
        for side in self.sides:
            for code in side.codes:
                if code.role != "page":
                    yield code.name
            for grid in side.grids:
                yield from grid.fields


def lines_of(side: Side) -> Iterator[Line]:
    """All rows of bubbles of a side, in the template's order."""
    for grid in side.grids:
        for i in range(grid.line_count):
            yield Line(
                grid=grid,
                field=grid.fields[0] if grid.joined else grid.fields[i],
                index=i,
                position=i if grid.joined else 0,
                bubbles=tuple(grid.bubble_at(i, v) for v in range(len(grid.values))),
            )


def learnt_lines_of(side: Side) -> Iterator[Line]:
    """The rows that are judged by what the page itself teaches: all but those whose boxes state bounds."""
    return (line for line in lines_of(side) if line.grid.bubble.bounds is None)


def load_template(path: Path) -> Template:
    """Read a template file, or say in one sentence what is wrong with it and where."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except OSError as e:
        raise TemplateInvalid(f"cannot be opened ({e.strerror}).", where=str(path)) from e
    except (UnicodeDecodeError, json.JSONDecodeError) as e:
        raise TemplateInvalid(f"is not JSON ({e}).", where=str(path), remedy="See docs/template.md.") from e
    return embed(parse_template(raw, where=str(path)), path.parent)


def embed(template: Template, folder: Path) -> Template:
    """The template with the pictures that it names inside it, so that it is whole wherever it is sent."""
    sides = []
    for side in template.sides:
        name = side.registration.reference
        if name and not name.startswith("data:"):
            address = _as_data(folder / name, template.name)
            side = side.model_copy(update={"registration": side.registration.model_copy(update={"reference": address})})
        sides.append(side)
    return template.model_copy(update={"sides": tuple(sides)})


def _as_data(path: Path, where: str) -> str:
    try:
        if path.stat().st_size > _MOST_REFERENCE:
            raise TemplateInvalid(f"the picture {path.name} is larger than {_MOST_REFERENCE // 2**20} MiB.", where=where)
        return f"data:;base64,{base64.b64encode(path.read_bytes()).decode('ascii')}"
    except OSError as e:
        raise TemplateInvalid(f"the picture {path.name} cannot be opened ({e.strerror}).", where=where) from e


def parse_template(raw: object, *, where: str) -> Template:
    try:
        return Template.model_validate(raw)
    except ValidationError as e:
        first = e.errors()[0]
        place = ".".join(str(p) for p in first["loc"]) or "the whole"
        raise TemplateInvalid(f"{place}: {first['msg']}.", where=where, remedy="See docs/template.md.") from e


def dump_template(template: Template) -> str:
    return json.dumps(template.model_dump(mode="json", exclude_defaults=True) | {"format": FORMAT},
                      ensure_ascii=False, indent=1) + "\n"  # fmt: skip
