"""The scheme of an item group: how many people mark a response, how near marks must be, who decides; also tables of one's own.

docs/how-a-mark-is-decided.md shows the tables that are built in. A table of one's own is checked when it is loaded: whatever
marks come, one of its rows holds, what it takes is there, and it comes to an end.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from core.parts import Hundredths, Part, Text
from core.scheme_words import LEADER, MARKERS, Condition, Take, condition, take

BUILT_IN = ("1", "1+1", "1+1+1", "2+1", "2+1+1")
Expert = Literal["none", "leader", "arbiter"]


class Tolerance(Part):
    """The largest difference of two marks that is accepted: in marks, or as a fraction of the full marks."""

    marks: Hundredths | None = None
    fraction: str | None = Field(default=None, description="such as 1/6 or 0.1, exact")
    inclusive: bool = True
    scope: Literal["item", "step"] = "item"

    @model_validator(mode="after")
    def _one(self) -> Tolerance:
        if (self.marks is None) == (self.fraction is None):
            raise ValueError("a tolerance is given either by `marks` or by `fraction`")
        if self.fraction is not None:
            _share(self.fraction, "a tolerance fraction")
        return self

    def of(self, full: int) -> Fraction:
        """The tolerance in hundredths for an item of `full` hundredths, exact."""
        if self.marks is not None:
            return Fraction(self.marks)
        assert self.fraction is not None
        return Fraction(self.fraction) * full


def _share(text: str, what: str) -> None:
    try:
        share = Fraction(text)
    except (ValueError, ZeroDivisionError):
        raise ValueError(f"{text!r} is not a fraction such as 1/6 or 0.1") from None
    if not 0 <= share <= 1:
        raise ValueError(f"{what} lies between 0 and 1")


class OwnRow(Part):
    """One row: when it holds, a mark is taken, or one more person is asked."""

    when: str = "otherwise"
    take: str | None = None
    ask: Literal["marker", "leader", "arbiter"] | None = None
    shown: Literal["none", "all"] | None = Field(default=None, description="what whom it asks is shown of the marks so far")
    rule: Annotated[str, Field(max_length=60)] = Field(default="", description="the name that a final mark cites; default: `take`")

    @model_validator(mode="after")
    def _sound(self) -> OwnRow:
        if (self.take is None) == (self.ask is None):
            raise ValueError("a row either takes a mark (`take`) or asks somebody (`ask`)")
        if self.ask is None and self.shown is not None:
            raise ValueError("`shown` goes with `ask`")
        if self.ask == "marker" and self.shown == "all":
            raise ValueError("a marker is shown nobody's mark; ask a leader or an arbiter instead")
        condition(self.when)
        if self.take is not None:
            take(self.take)
        return self

    @property
    def holds_when(self) -> Condition:
        return condition(self.when)

    @property
    def taken(self) -> Take:
        assert self.take is not None
        return take(self.take)

    @property
    def blind(self) -> bool:
        """Markers always mark blind; a leader or an arbiter only when the row says so."""
        return self.ask == "marker" or self.shown == "none"


class OwnTable(Part):
    """An exam office's own table. `first`: how many markers are asked at once, before any mark is known."""

    title: Text | None = None
    first: Annotated[int, Field(ge=1, le=len(MARKERS))] = 2
    rows: Annotated[tuple[OwnRow, ...], Field(min_length=2, max_length=40)]

    @model_validator(mode="after")
    def _sound(self) -> OwnTable:
        opening, last = self.rows[0], MARKERS[self.first - 1]
        if opening.ask != "marker" or opening.when.split() != ["no", last]:
            raise ValueError(f"with `first: {self.first}` the first row must be `when: no {last}`, `ask: marker`")
        self._check_order()
        self._check_ends()
        return self

    def _check_order(self) -> None:
        """What a row speaks of is there whenever the row is reached."""
        known: set[str] = set()
        for number, row in enumerate(self.rows, start=1):
            when = row.holds_when
            said = set() if when.any_of else {name for t in when.terms if t.kind == "has" for name in _with_earlier(t.marks[0])}
            spoken = {name for t in when.terms if t.kind in ("near", "zero", "full") for name in t.marks}
            spoken |= set(row.taken.marks) if row.take is not None else set()
            unknown = sorted(spoken - known - said)
            if unknown:
                raise ValueError(
                    f"row {number} speaks of {unknown[0]}, which may not be there: let a row above ask while there is `no {unknown[0]}`, "
                    f"or write `has {unknown[0]} and ...`"
                )
            if all(t.kind == "no" for t in when.terms) and (when.any_of or len(when.terms) == 1):
                known |= {name for t in when.terms for name in _with_earlier(t.marks[0])}

    def _check_ends(self) -> None:
        """One row is left when no other holds, and nobody is asked for what is there already."""
        for number, row in enumerate(self.rows, start=1):
            is_last = number == len(self.rows)
            if row.holds_when.terms and is_last:
                raise ValueError("the last row must be `otherwise`")
            if not row.holds_when.terms and not is_last:
                raise ValueError(f"row {number} is `otherwise`, so no row below it is ever read")
            wanted = {"marker": MARKERS, "leader": (LEADER,)}.get(row.ask or "")
            absent = {t.marks[0] for t in row.holds_when.terms if t.kind == "no"}
            if wanted is not None and (row.holds_when.any_of or not absent.intersection(wanted)):
                raise ValueError(f"row {number} asks a {row.ask} for ever: say `no {wanted[-1]}`, or which mark is not there yet")
        asked = {(row.ask, row.blind) for row in self.rows if row.ask}
        if len({who for who, _ in asked}) != len(asked):
            raise ValueError("a table asks each level in one way: blind in all its rows, or in none")


def _with_earlier(name: str) -> tuple[str, ...]:
    """Where a marker's mark is, those of the slots before it are."""
    return MARKERS[: MARKERS.index(name) + 1] if name in MARKERS else (name,)


class Outliers(Part):
    """An agreed mark that lies far from the script's objective part goes to an expert."""

    difference: str = Field(description="of the shares of full marks, written and objective, such as 1/2; exact")
    to: Literal["leader", "arbiter"] = "arbiter"

    @model_validator(mode="after")
    def _sound(self) -> Outliers:
        _share(self.difference, "the difference from which a mark is an outlier")
        return self

    @property
    def limit(self) -> Fraction:
        return Fraction(self.difference)


class Extra(Part):
    """Marks beyond what the scheme asks, where they are likely to make a final mark definitive. Whom to ask where one disagrees."""

    share: str = Field(description="extra blind marks, as a share of the group's responses, such as 0.10; exact")
    to: Literal["leader", "arbiter"] = "arbiter"
    most: Annotated[int, Field(ge=1, le=3)] = 1  # extra marks that one response may get, one after the other

    @model_validator(mode="after")
    def _sound(self) -> Extra:
        _share(self.share, "the share of responses that may get an extra mark")
        return self

    def of(self, responses: int) -> int:
        """How many extra marks so many responses may get in all."""
        return int(Fraction(self.share) * responses)


class Scheme(Part):
    """How many people mark a response and who decides; docs/how-a-mark-is-decided.md has the truth tables."""

    # Before the name, which is checked against it.
    table: OwnTable | None = Field(default=None, exclude_if=lambda t: t is None, description="`schemes` of the exam puts it here")
    name: Annotated[
        str, Field(min_length=1, max_length=40, validate_default=True), BeforeValidator(lambda v: str(v) if isinstance(v, int) else v)
    ] = "2+1+1"
    tolerance: Tolerance = Tolerance(marks=0)
    reading: Literal["both", "either"] = "both"
    tie: Literal["higher", "lower", "mean"] = "mean"
    zeros: Literal[0, 4] = Field(default=0, description="marks that an agreed zero needs before it stands")
    full: Expert = Field(default="none", exclude_if=lambda who: who == "none", description="who looks at agreed full marks")
    outliers: Outliers | None = Field(default=None, exclude_if=lambda rule: rule is None)
    extra: Extra | None = Field(default=None, exclude_if=lambda rule: rule is None)

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: object) -> object:
        return {"name": str(value)} if isinstance(value, str | int) else value

    @field_validator("name")
    @classmethod
    def _known(cls, name: str, info: ValidationInfo) -> str:
        own = info.data.get("table") is not None
        if name in BUILT_IN and own:
            raise ValueError(f"the scheme {name} is built in; give your own another name")
        if name not in BUILT_IN and not own and "table" in info.data:
            raise ValueError(f"there is no scheme {name}; there are {', '.join(BUILT_IN)}, and those that the exam's `schemes` define")
        return name


def with_tables(definition: Any) -> Any:
    """The definition as it was written, with each own scheme's table put where an item group names the scheme."""
    if not isinstance(definition, dict) or not isinstance(definition.get("schemes"), dict):
        return definition
    tables = {str(name): table for name, table in definition["schemes"].items()}
    papers = definition.get("papers")
    if not isinstance(papers, list | tuple):
        return definition
    return {**definition, "papers": [_paper_with(paper, tables) for paper in papers]}


def _paper_with(paper: Any, tables: dict[str, Any]) -> Any:
    if not isinstance(paper, dict) or not isinstance(paper.get("written"), list | tuple):
        return paper
    return {**paper, "written": [_group_with(group, tables) for group in paper["written"]]}


def _group_with(group: Any, tables: dict[str, Any]) -> Any:
    scheme = group.get("scheme") if isinstance(group, dict) else None
    if isinstance(scheme, str | int):
        scheme = {"name": str(scheme)}
    if not isinstance(scheme, dict) or str(scheme.get("name")) not in tables:
        return group
    return {**group, "scheme": {**scheme, "table": tables[str(scheme["name"])]}}
