"""How markers are watched, as it is written: what stands where, what is refused, and that older definitions stay what they were."""

import pytest

from core.definition import parse_definition
from core.errors import ExamInvalid
from core.exam import ExamDefinition
from core.quality import Quality, Rounds
from core.states import SeedUse, StandingState

EXAM = """
exam: T
title: Test
{quality}
papers:
  - code: M
    title: Maths
    written:
      - {{id: W21, title: Q, items: [{{id: "21", marks: 10}}]{own}}}
      - {{id: W22, title: Q, items: [{{id: "22", marks: 10}}]}}
"""


def parsed(quality: str = "", own: str = "") -> ExamDefinition:
    return parse_definition(
        EXAM.format(quality=f"quality: {quality}" if quality else "", own=f", quality: {own}" if own else ""), where="a test"
    )


def test_a_definition_without_it_is_kept_as_before() -> None:
    body = parsed().model_dump(mode="json")
    assert "quality" not in body
    assert "quality" not in body["papers"][0]["written"][0]


def test_a_groups_own_rules_take_the_place_of_the_exams_whole() -> None:
    exam = parsed("{seeds: {one_in: 50}, limits: {a_day: 650}}", "{limits: {a_day: 100}}")
    own, common = exam.quality_of("M", "W21"), exam.quality_of("M", "W22")
    assert own is not None
    assert common is not None
    assert (own.limits.a_day, own.seeds) == (100, None)
    assert (common.limits.a_day, common.seeds and common.seeds.one_in) == (650, 50)
    assert parsed().quality_of("M", "W21") is None


def test_what_is_kept_is_read_again_the_same() -> None:
    said = "{rounds: {first: {responses: 10, within: 4/5}}, back_reading: {share: 0.2}, put_back: {since: hours, hours: 4}}"
    exam = parsed(said)
    assert ExamDefinition.model_validate(exam.model_dump(mode="json")) == exam


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("{rounds: {second: {responses: 3}}}", "a second round needs a first"),
        ("{rounds: {first: {responses: 3, within: 1.2}}}", "a share lies between 0 and 1"),
        ("{rounds: {first: {responses: 3, within: most}}}", "is not a share"),
        ("{put_back: {since: hours}}", "`hours` goes with"),
        ("{put_back: {since: today, hours: 3}}", "`hours` goes with"),
        ("{seeds: {one_in: 1}}", "greater than or equal to 2"),
        ("{seeds: {often: 2}}", "there is no such key here"),
        ("{self_marks: {}}", "`one_in` is missing"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_line(said: str, sentence: str) -> None:
    with pytest.raises(ExamInvalid, match="a test, line 4") as refused:
        parsed(said)
    assert sentence in str(refused.value)


def test_a_marker_begins_in_the_first_round_that_there_is() -> None:
    assert [
        Quality(rounds=Rounds.model_validate(rounds)).first_state
        for rounds in ({}, {"first": {"responses": 1}}, {"trial": {"responses": 1}, "first": {"responses": 1}})
    ] == ["live", "first", "trial"]
    for name in ("trial", "first", "second", "live"):
        assert SeedUse(name).value == StandingState(name).value
