"""What definitions are made of: names as they are written, texts in both languages, marks as whole hundredths."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, model_validator

from core.shorthand import spelled

Language = Literal["zh", "en"]

Spelled = BeforeValidator(spelled)
Code = Annotated[str, Field(pattern=r"^[A-Z0-9]{1,8}$", description="capitals and digits, at most eight"), Spelled]
PaperCode = Annotated[str, Field(pattern=r"^[A-Z0-9]{1,4}$"), Spelled]
ItemId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,24}$"), Spelled]


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
