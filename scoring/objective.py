"""The marks of an objective answer, by its item's key: a pure function in exact hundredths.

An answer is the readers' value: the options that were marked, joined by `|` in option order; "" is a blank.
Which treatment an item has (voided, given) is the composition's matter, since it does not depend on the answer.
"""

from __future__ import annotations

from fractions import Fraction

from core.exam import Answer, ObjectiveItem

NOTHING = Fraction(0)


def chosen_options(value: str) -> Answer:
    return frozenset(value.split("|")) if value else frozenset()


def marks_of(item: ObjectiveItem, value: str, paper_type: str | None) -> Fraction:
    """What `value` earns in a paper of this type. Of several accepted answers the one that gives most counts."""
    chosen = chosen_options(value)
    if not chosen:
        return NOTHING
    return max((_against(item, chosen, right) for right in item.key_for(paper_type)), default=NOTHING)


def _against(item: ObjectiveItem, chosen: Answer, right: Answer) -> Fraction:
    if chosen == right:
        return Fraction(item.marks)
    if item.type == "multiple" and chosen < right:
        return _partial(item, len(chosen), len(right))
    return NOTHING


def _partial(item: ObjectiveItem, chosen: int, right: int) -> Fraction:
    """An incomplete answer without a wrong option."""
    rule = item.partial
    if rule.rule == "fixed" and rule.marks is not None:
        return Fraction(rule.marks)
    if rule.rule == "each":
        return Fraction(item.marks * chosen, right)
    if rule.rule == "table":
        return Fraction(rule.table.get(chosen, 0))
    return NOTHING


def needs_paper_type(item: ObjectiveItem) -> bool:
    return set(item.key) != {"*"}
