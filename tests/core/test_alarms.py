"""Alarms of the exam definition: words an office can read, and what is refused when the definition is loaded."""

import pytest
from pydantic import TypeAdapter, ValidationError

from core.alarms import AlarmRule, Alarms, Term, condition


def test_a_rule_is_named_after_its_measure_and_each_measure_knows_how_many_marks_it_needs() -> None:
    rule = AlarmRule.model_validate({"when": "third_rate > 25 %"})
    assert (rule.name, rule.then, rule.of) == ("third_rate", "tell", "marker")
    assert rule.terms == (Term("third_rate", ">", 0.25),)
    assert rule.least(rule.terms[0]) == 30
    assert AlarmRule.model_validate({"when": "bias beyond 0.5"}).least(Term("bias", "beyond", 0.5)) == 10
    assert AlarmRule.model_validate({"when": "bias beyond 0.5", "over": 4}).least(Term("bias", "beyond", 0.5)) == 4


def test_terms_are_joined_and_spaces_do_not_matter() -> None:
    assert condition("seconds<4 and  exact <= 0.4") == (Term("seconds", "<", 4.0), Term("exact", "<=", 0.4))
    assert condition("drift beyond limits") == (Term("drift", "beyond", None),)


def test_only_rules_that_speak_of_an_items_measure_look_at_each_item() -> None:
    assert not AlarmRule.model_validate({"when": "seconds < 4 and third_rate > 0.5"}).by_item
    assert AlarmRule.model_validate({"when": "seconds < 4 and exact < 0.5"}).by_item


@pytest.mark.parametrize(
    ("comparison", "value", "holds"),
    [("<", 3.9, True), ("<", 4, False), ("<=", 4, True), (">", 4, False), (">=", 4, True), ("beyond", -4.1, True), ("beyond", 4, False)],
)
def test_a_term_compares(comparison: str, value: float, holds: bool) -> None:
    measure = "severity" if comparison == "beyond" else "seconds"
    assert condition(f"{measure} {comparison} 4")[0].holds(value, 4.0) is holds


@pytest.mark.parametrize(
    ("rule", "word"),
    [
        ({"when": "pace < 4"}, "no measure 'pace'"),
        ({"when": "seconds is small"}, "is no condition"),
        ({"when": "seconds < 0"}, "never holds"),
        ({"when": "seconds >= 0"}, "always holds"),
        ({"when": "exact > 1"}, "never holds"),
        ({"when": "exact < 40"}, "always holds"),
        ({"when": "kappa <= 1"}, "always holds"),
        ({"when": "seconds beyond 4"}, "goes both ways"),
        ({"when": "severity beyond -1"}, "above 0"),
        ({"when": "bias beyond limits"}, "only `drift`"),
        ({"when": "seconds < 40 %"}, "no share"),
        ({"name": "seeds", "when": "seconds < 4"}, "taken"),
        ({"when": "seconds < 4", "of": "group", "then": "stop"}, "whole group"),
        ({"when": "severity beyond 1", "of": "group"}, "a marker's"),
        ({"when": "drift beyond limits", "hours": 2}, "latest marks or on all"),
        ({"when": "distance > 3", "hours": 2}, "latest marks or on all"),
        ({"when": "seconds < 4", "over": 0}, "greater than or equal"),
        ({"when": "seconds < 4", "then": "shout"}, "tell"),
    ],
)
def test_a_rule_that_says_nothing_is_refused_in_a_sentence(rule: dict[str, object], word: str) -> None:
    with pytest.raises(ValidationError, match=word.replace("(", r"\(")):
        AlarmRule.model_validate(rule)


def test_two_alarms_of_one_name_are_refused() -> None:
    with pytest.raises(ValidationError, match="stands twice"):
        TypeAdapter(Alarms).validate_python([{"when": "exact < 0.4"}, {"when": "exact < 0.2", "then": "stop"}])


def test_a_rule_loads_again_from_its_dump() -> None:
    rule = AlarmRule.model_validate({"name": "careless", "when": "exact < 40 %", "over": 60, "hours": 4, "then": "stop"})
    assert AlarmRule.model_validate(rule.model_dump(mode="json")) == rule
