"""The exam definition: papers, items, keys, schemes, the answer sheet's wishes. Pure values, checked on entry.

docs/exam-format.md is its manual. A definition is immutable once loaded (law 7); `core.definition` reads the
YAML and tells where a mistake stands. Marks are whole hundredths everywhere behind this file.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, PlainSerializer, model_validator

from core.parts import Code as Code
from core.parts import Hundredths as Hundredths
from core.parts import ItemId as ItemId
from core.parts import Language as Language
from core.parts import PaperCode as PaperCode
from core.parts import Part as Part
from core.parts import PositiveHundredths as PositiveHundredths
from core.parts import Spelled as Spelled
from core.parts import Text as Text
from core.parts import from_hundredths as from_hundredths
from core.parts import to_hundredths as to_hundredths
from core.quality import Quality
from core.scheme import OwnTable, with_tables
from core.scheme import Scheme as Scheme
from core.scheme import Tolerance as Tolerance
from core.shorthand import Misfit, alternatives, letters, unfold

# The answer sheet's own fields, and the columns that stand before a sheet's fields when it is read to a table.
RESERVED = frozenset({"number", "barcode", "absent", "type", "extra", "file", "page", "status", "candidate", "doubt", "reason"})


class PartialCredit(Part):
    """What an incomplete answer without a wrong option earns. Any wrong option earns nothing.

    none: nothing. fixed: `marks`. each: the full marks times right options chosen / right options.
    table: by the number of right options chosen.
    """

    rule: Literal["none", "fixed", "each", "table"] = "none"
    marks: Hundredths | None = None
    table: dict[int, Hundredths] = Field(default={})

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
    quality: Quality | None = Field(default=None, exclude_if=lambda rules: rules is None, description="instead of the exam's own")


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
    schemes: dict[Annotated[str, Field(min_length=1, max_length=40)], OwnTable] = Field(
        default={}, description="tables of one's own, by name"
    )
    quality: Quality | None = Field(default=None, exclude_if=lambda rules: rules is None, description="how markers are watched")
    papers: Annotated[tuple[Paper, ...], Field(min_length=1)]

    @model_validator(mode="before")
    @classmethod
    def _own_schemes(cls, value: object) -> object:
        return with_tables(value)

    @model_validator(mode="after")
    def _sound(self) -> ExamDefinition:
        codes = [p.code for p in self.papers]
        twice = {c for c in codes if codes.count(c) > 1}
        if twice:
            raise ValueError(f"the paper {sorted(twice)[0]} stands twice")
        return self

    def paper(self, code: str) -> Paper:
        return next(p for p in self.papers if p.code == code)

    def quality_of(self, paper: str, group: str) -> Quality | None:
        """How the markers of an item group are watched; None: they are not."""
        return self.paper(paper).group(group).quality or self.quality
