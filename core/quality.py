"""How marking is watched, as an exam office writes it: qualification, seeds, self re-marks, back-reading, limits, stops.

`quality` of the exam holds for all item groups; a group's own `quality` takes its place whole. docs/marker-quality.md says
what markers and leaders see of it. Nothing of it is ever told to a marker's page, but by a sentence that refuses.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from core.alarms import Alarms
from core.parts import Part
from core.scheme import Tolerance


def _share(value: object) -> str:
    """A share as it is written: 0.85, "17/20". Kept as text, so that it is exact."""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value  # type: ignore[return-value]  # pydantic refuses what is no text


def _checked(text: str) -> str:
    try:
        share = Fraction(text)
    except (ValueError, ZeroDivisionError):
        raise ValueError(f"{text!r} is not a share such as 0.2 or 1/5") from None
    if not 0 <= share <= 1:
        raise ValueError("a share lies between 0 and 1")
    return text


Share = Annotated[str, BeforeValidator(_share), AfterValidator(_checked)]
OneIn = Annotated[int, Field(ge=2, le=100_000)]
Round = Literal["trial", "first", "second"]


class Trial(Part):
    """Seeds to learn on: after each the marker is shown what was agreed, and why."""

    responses: Annotated[int, Field(ge=1, le=200)]


class Qualification(Part):
    """One round: so many seeds, and how near the agreed marks a marker must be on all of them together."""

    responses: Annotated[int, Field(ge=1, le=200)]
    within: Share = Field(default="0.8", description="the least share of responses whose items are all within the tolerance")
    big: Annotated[int, Field(ge=0)] = Field(default=1, description="the most big misses")


class Rounds(Part):
    """What comes before live work. A round that is left out is not asked."""

    trial: Trial | None = None
    first: Qualification | None = None
    second: Qualification | None = None
    second_for: Literal["all", "failed"] = Field(default="all", description="who takes the second round: all, or who failed the first")
    big: Tolerance = Field(default=Tolerance(fraction="1/4"), description="a difference beyond this is a big miss")

    @model_validator(mode="after")
    def _sound(self) -> Rounds:
        if self.second is not None and self.first is None:
            raise ValueError("a second round needs a first")
        return self

    def of(self, name: str) -> Trial | Qualification | None:
        """The rule of a round by its name, which is also that of the state and the use; KeyError for any other."""
        rounds: dict[str, Trial | Qualification | None] = {"trial": self.trial, "first": self.first, "second": self.second}
        return rounds[name]


class Seeds(Part):
    """Responses with agreed marks among the live work, unannounced."""

    first_of_day: bool = True
    one_in: OneIn | None = Field(default=None, description="of so many marks one, on average: the gaps are drawn, or they could be counted")
    stop_after: Annotated[int, Field(ge=1, le=20)] | None = Field(default=2, description="so many failed in a row stop the marker")


class SelfMarks(Part):
    """A marker's own earlier work, once more and unannounced."""

    one_in: OneIn
    after_marks: Annotated[int, Field(ge=1, le=10_000)] = 20
    after_minutes: Annotated[int, Field(ge=0, le=100_000)] = 30


class BackReading(Part):
    share: Share = Field(description="of each marker's marks of a day that a leader looks at")


class Limits(Part):
    a_day: Annotated[int, Field(ge=1)] | None = None
    in_all: Annotated[int, Field(ge=1)] | None = None
    refuse_faster_than: Annotated[float, Field(gt=0, le=3600)] | None = Field(default=None, description="seconds")


class PutBack(Part):
    """Which of a marker's unconfirmed marks go back when a rule stops the marker."""

    since: Literal["last_passed_seed", "hours", "today", "never"] = "last_passed_seed"
    hours: Annotated[int, Field(ge=1, le=10_000)] | None = None

    @model_validator(mode="after")
    def _sound(self) -> PutBack:
        if (self.since == "hours") != (self.hours is not None):
            raise ValueError("`hours` goes with `since: hours`")
        return self


class Quality(Part):
    rounds: Rounds = Rounds()
    seeds: Seeds | None = None
    self_marks: SelfMarks | None = None
    back_reading: BackReading | None = None
    limits: Limits = Limits()
    put_back: PutBack = PutBack()
    alarms: Alarms = ()
    blocking_first: Share = Field(default="0", description="of slots that hold up a started response, the share that goes before new ones")

    @property
    def checks_unannounced(self) -> bool:
        return self.seeds is not None or self.self_marks is not None

    @property
    def first_state(self) -> str:
        """Where a marker begins: in the first round that there is, or live."""
        return next((name for name in ("trial", "first") if getattr(self.rounds, name) is not None), "live")
