"""The exam definition: papers, items, keys, schemes, the answer sheet's wishes. Pure values, checked on entry.

docs/exam-format.md is its manual. A definition is immutable once loaded (law 7); `core.definition` reads the
YAML and tells where a mistake stands. Marks are whole hundredths everywhere behind this file.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, model_validator

from core.shorthand import Misfit, alternatives, letters, spelled, unfold

Language = Literal["zh", "en"]

Spelled = BeforeValidator(spelled)
Code = Annotated[str, Field(pattern=r"^[A-Z0-9]{1,8}$", description="capitals and digits, at most eight"), Spelled]
PaperCode = Annotated[str, Field(pattern=r"^[A-Z0-9]{1,4}$"), Spelled]
ItemId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,24}$"), Spelled]

# The answer sheet's own fields, and the columns that stand before a sheet's fields when it is read to a table.
RESERVED = frozenset({"number", "barcode", "absent", "type", "extra", "file", "page", "status", "candidate", "doubt", "reason"})


def to_hundredths(value: object) -> int:
    """7, 7.5 or "7.5" marks as 750. More than two decimals is an error: no mark is ever rounded on entry."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError("a number of marks is expected")
    try:
        scaled = Decimal(str(value)) * 100
        whole = int(scaled)
    except (ArithmeticError, ValueError):
        raise ValueError(f"{value!r} is not a number of marks") from None
    if whole != scaled:
        raise ValueError(f"{value} has more than two decimals")
    return whole


def from_hundredths(marks: int) -> str:
    """750 as "7.5": what people read and type."""
    sign, marks = ("-" if marks < 0 else ""), abs(marks)
    whole, rest = divmod(marks, 100)
    return f"{sign}{whole}" + (f".{rest:02d}".rstrip("0") if rest else "")


# Written as people write marks ("7.5"), also in the stored definition, so that a dump loads again.
_AsMarks = PlainSerializer(from_hundredths, when_used="json")
Hundredths = Annotated[int, BeforeValidator(to_hundredths), Field(ge=0), _AsMarks]
PositiveHundredths = Annotated[int, BeforeValidator(to_hundredths), Field(gt=0), _AsMarks]


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Text(Part):
    """A text in both languages; one plain string stands for both."""

    zh: str
    en: str

    @model_validator(mode="before")
    @classmethod
    def _plain(cls, value: object) -> object:
        return {"zh": value, "en": value} if isinstance(value, str) else value

    def __getitem__(self, language: Language) -> str:
        return self.zh if language == "zh" else self.en


class PartialCredit(Part):
    """What an incomplete answer without a wrong option earns. Any wrong option earns nothing.

    none: nothing. fixed: `marks`. each: the full marks times right options chosen / right options.
    table: by the number of right options chosen.
    """

    rule: Literal["none", "fixed", "each", "table"] = "none"
    marks: Hundredths | None = None
    table: dict[int, Hundredths] = {}

    @model_validator(mode="after")
    def _complete(self) -> PartialCredit:
        if (self.rule == "fixed") != (self.marks is not None):
            raise ValueError("`marks` goes with the rule `fixed`")
        if (self.rule == "table") != bool(self.table):
            raise ValueError("`table` goes with the rule `table`")
        return self


Answer = Annotated[frozenset[str], PlainSerializer(sorted, return_type=list[str], when_used="json")]


class ObjectiveItem(Part):
    """A question answered by bubbles. `key` holds, for each paper type, every answer that is right."""

    id: ItemId
    type: Literal["single", "multiple", "true_false"] = "single"
    options: tuple[str, ...]
    key: dict[str, tuple[Answer, ...]]
    marks: PositiveHundredths
    partial: PartialCredit = PartialCredit()
    treatment: Literal["counted", "voided", "given"] = "counted"
    knowledge: tuple[str, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _short_forms(cls, value: object) -> object:
        """`options: ABCD`, `key: A`, `key: [AB, ABD]`, `key: {A: B, B: C}` (by paper type)."""
        if isinstance(value, Misfit):
            raise ValueError(value.message)
        if not isinstance(value, dict):
            return value
        value = dict(value)
        if value.get("type") == "true_false":
            value.setdefault("options", "TF")
        if "options" in value:
            value["options"] = letters(value["options"])
        key = value.get("key")
        if key is not None:
            by_type = key if isinstance(key, dict) else {"*": key}
            value["key"] = {str(kind): alternatives(answers) for kind, answers in by_type.items()}
        return value

    @model_validator(mode="after")
    def _sound(self) -> ObjectiveItem:
        if len(set(self.options)) != len(self.options) or len(self.options) < 2:
            raise ValueError(f"item {self.id}: the options must be two or more, all different")
        if not self.key or not all(self.key.values()):
            raise ValueError(f"item {self.id}: the key is empty")
        for accepted in self.key.values():
            for answer in accepted:
                if not answer <= set(self.options):
                    raise ValueError(f"item {self.id}: the key {''.join(sorted(answer))} is not among the options {''.join(self.options)}")
                if self.type != "multiple" and len(answer) != 1:
                    raise ValueError(f"item {self.id}: a {self.type} item has one option a key; write several right answers as a list")
                if not answer:
                    raise ValueError(f"item {self.id}: the key is empty")
        if self.type != "multiple" and self.partial.rule != "none":
            raise ValueError(f"item {self.id}: partial credit goes with type multiple")
        if max([self.partial.marks or 0, *self.partial.table.values()]) > self.marks:
            raise ValueError(f"item {self.id}: the partial marks exceed the full marks")
        return self

    def key_for(self, paper_type: str | None) -> tuple[Answer, ...]:
        return self.key.get(paper_type or "*") or self.key.get("*") or ()


class Step(Part):
    id: ItemId
    title: Text
    marks: PositiveHundredths


class WrittenItem(Part):
    """A question that markers grade. With `steps` each step has a mark of its own and they sum to the item's."""

    id: ItemId
    title: Text | None = None
    marks: PositiveHundredths
    step: PositiveHundredths = 100
    steps: tuple[Step, ...] = ()
    treatment: Literal["counted", "voided", "given"] = "counted"
    knowledge: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _sound(self) -> WrittenItem:
        total = sum(s.marks for s in self.steps)
        if self.steps and total != self.marks:
            raise ValueError(f"item {self.id}: the steps sum to {from_hundredths(total)}, not to {from_hundredths(self.marks)}")
        for full in [self.marks, *(s.marks for s in self.steps)]:
            if full % self.step:
                raise ValueError(
                    f"item {self.id}: {from_hundredths(full)} marks are no whole number of mark steps of {from_hundredths(self.step)}"
                )
        return self


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
            try:
                share = Fraction(self.fraction)
            except (ValueError, ZeroDivisionError):
                raise ValueError(f"{self.fraction!r} is not a fraction such as 1/6 or 0.1") from None
            if not 0 <= share <= 1:
                raise ValueError("a tolerance fraction lies between 0 and 1")
        return self

    def of(self, full: int) -> Fraction:
        """The tolerance in hundredths for an item of `full` hundredths, exact."""
        if self.marks is not None:
            return Fraction(self.marks)
        assert self.fraction is not None
        return Fraction(self.fraction) * full


SchemeName = Annotated[Literal["1", "1+1", "1+1+1", "2+1", "2+1+1"], BeforeValidator(lambda v: str(v) if isinstance(v, int) else v)]


class Scheme(Part):
    """How many people mark a response and who decides; docs/how-a-mark-is-decided.md has the truth tables."""

    name: SchemeName = "2+1+1"
    tolerance: Tolerance = Tolerance(marks=0)
    reading: Literal["both", "either"] = "both"
    tie: Literal["higher", "lower", "mean"] = "mean"
    zeros: Literal[0, 4] = Field(default=0, description="marks that an agreed zero needs before it stands")

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: object) -> object:
        return {"name": str(value)} if isinstance(value, str | int) else value


class Ruling(Part):
    """What is printed into a written region: nothing, writing lines, or squares for an essay."""

    kind: Literal["blank", "lines", "squares"] = "lines"
    pitch_mm: Annotated[float, Field(ge=4, le=20)] = 9.0


class ItemGroup(Part):
    """Items marked together by one team from one picture (题组), and the space their answer gets."""

    id: ItemId
    title: Text
    items: Annotated[tuple[WrittenItem, ...], Field(min_length=1)]
    scheme: Scheme = Scheme()
    height_mm: Annotated[float, Field(ge=12, le=1000)] = 50.0
    ruling: Ruling = Ruling()


class Choice(Part):
    """Optional items: the candidate answers one item group of `among` and says which by a bubble."""

    id: ItemId
    among: Annotated[tuple[ItemId, ...], Field(min_length=2)]


class NumberField(Part):
    """How a sheet tells its candidate. Two facts are needed (Z3): the printed serial is one of them."""

    digits: Annotated[int, Field(ge=4, le=16)] = 8
    barcode: Literal["printed", "sticker", "none"] = "printed"
    grid: bool = True


class SheetWishes(Part):
    size: Literal["A4", "A3"] = "A4"
    columns: Annotated[int, Field(ge=1, le=3)] = 1
    duplex: bool = True
    number: NumberField = NumberField()
    personalised: bool = Field(default=True, description="each sheet is printed for a candidate of the roster")
    absent_box: bool = True
    drop_out: Literal["none", "red", "green", "blue"] = "none"
    languages: Annotated[tuple[Language, ...], Field(min_length=1, max_length=2)] = ("zh", "en")
    extra_sheets: bool = False

    @model_validator(mode="after")
    def _sound(self) -> SheetWishes:
        if self.number.barcode == "printed" and not self.personalised:
            raise ValueError("a printed barcode goes with personalised sheets; write `barcode: sticker` or `barcode: none`")
        if self.number.barcode == "none" and not self.number.grid and not self.personalised:
            raise ValueError("nothing on the sheet would tell whose it is: ask for a barcode, a number grid or personalised sheets")
        if len(set(self.languages)) != len(self.languages):
            raise ValueError("a language stands twice")
        return self


class Paper(Part):
    code: PaperCode
    title: Text
    edition: Annotated[str, Field(pattern=r"^[A-Z0-9]{1,2}$"), Spelled] = "1"
    types: Annotated[tuple[Annotated[str, Field(min_length=1, max_length=2)], ...], BeforeValidator(letters)] = ()
    sheet: SheetWishes = SheetWishes()
    objective: tuple[ObjectiveItem, ...] = ()
    written: tuple[ItemGroup, ...] = ()
    choices: tuple[Choice, ...] = ()
    rounding: PositiveHundredths = Field(default=100, description="the total is rounded once, half up, to this step")

    @model_validator(mode="before")
    @classmethod
    def _blocks(cls, value: object) -> object:
        """An objective entry may stand for a run of items: `items: Q1-Q20`, `keys: ABCD...` or a list of keys."""
        if isinstance(value, dict) and isinstance(value.get("objective"), list | tuple):
            value = dict(value)
            value["objective"] = [item for entry in value["objective"] for item in unfold(entry)]
        return value

    @model_validator(mode="after")
    def _sound(self) -> Paper:
        self._check_names()
        self._check_choices()
        for item in self.objective:
            wanted = set(self.types) or {"*"}
            if set(item.key) != {"*"} and set(item.key) != wanted:
                raise ValueError(f"item {item.id}: the key names the paper types {sorted(item.key)}, the paper has {sorted(wanted)}")
        return self

    def _check_names(self) -> None:
        ids = [i.id for i in self.objective] + [i.id for g in self.written for i in g.items] + [c.id for c in self.choices]
        groups = [g.id for g in self.written]
        for names, what in ((ids, "item"), (groups, "item group"), (list(self.types), "paper type")):
            twice = {n for n in names if names.count(n) > 1}
            if twice:
                raise ValueError(f"the {what} {sorted(twice)[0]} stands twice in paper {self.code}")
        for name in (*ids, *groups):
            if name.partition(".")[0] in RESERVED:
                raise ValueError(f"the name {name} is one of the answer sheet's own; choose another in paper {self.code}")
        for group in groups:
            stem, dot, part = group.rpartition(".")
            if dot and part.isdigit() and stem in groups:
                raise ValueError(f"the name {group} stands for the continuation of the item group {stem}; choose another")
        if len(ids) == len(self.choices):
            raise ValueError(f"paper {self.code} has no items")

    def _check_choices(self) -> None:
        groups, taken = {g.id for g in self.written}, set[str]()
        for choice in self.choices:
            for name in choice.among:
                if name not in groups:
                    raise ValueError(f"choice {choice.id}: there is no item group {name}")
                if name in taken:
                    raise ValueError(f"choice {choice.id}: the item group {name} is already to be chosen elsewhere")
                taken.add(name)

    def group(self, group_id: str) -> ItemGroup:
        return next(g for g in self.written if g.id == group_id)

    @property
    def full_marks(self) -> int:
        """In hundredths; of optional groups the dearest counts."""
        optional = {g for c in self.choices for g in c.among}
        fixed = sum(i.marks for i in self.objective) + sum(i.marks for g in self.written if g.id not in optional for i in g.items)
        return fixed + sum(max(sum(i.marks for i in self.group(g).items) for g in c.among) for c in self.choices)


class DeskWishes(Part):
    """How the exceptions desk works: how many clerks must say the same of a doubtful answer."""

    clerks: Literal[1, 2] = 1


class ExamDefinition(Part):
    exam: Code
    title: Text
    time_zone: str = "Asia/Shanghai"
    roster: str | None = None
    signatures: Annotated[int, Field(ge=2, le=5)] = 2
    # Left out of the stored form where it says nothing: an exam that was loaded before there was a choice stays the same.
    desk: DeskWishes = Field(default=DeskWishes(), exclude_if=lambda wishes: wishes == DeskWishes())
    papers: Annotated[tuple[Paper, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _sound(self) -> ExamDefinition:
        codes = [p.code for p in self.papers]
        twice = {c for c in codes if codes.count(c) > 1}
        if twice:
            raise ValueError(f"the paper {sorted(twice)[0]} stands twice")
        return self

    def paper(self, code: str) -> Paper:
        return next(p for p in self.papers if p.code == code)
