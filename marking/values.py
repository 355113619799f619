"""Checking what a marker typed: exact hundredths, whole mark steps, within the full marks, every item and step there."""

from __future__ import annotations

from collections.abc import Mapping

from core.errors import BadInput
from core.exam import ItemGroup, WrittenItem, from_hundredths, to_hundredths

Given = Mapping[str, object]  # {"21": "7.5"} or {"23": {"23a": "4", "23b": "7"}}
Kept = dict[str, int | dict[str, int]]


def parse_values(group: ItemGroup, given: object) -> Kept:
    """The marks in hundredths, or BadInput that names the item."""
    if not isinstance(given, Mapping):
        raise BadInput("the marks are no table of items.", where="marks")
    _same_names(set(given), {item.id for item in group.items}, "item", "marks")
    return {item.id: _item(item, given[item.id]) for item in group.items}


def _item(item: WrittenItem, value: object) -> int | dict[str, int]:
    if not item.steps:
        return _mark(value, item.marks, item.step, f"item {item.id}")
    if not isinstance(value, Mapping):
        raise BadInput("is marked by steps: give a mark for each.", where=f"item {item.id}")
    _same_names(set(value), {step.id for step in item.steps}, "step", f"item {item.id}")
    return {step.id: _mark(value[step.id], step.marks, item.step, f"step {step.id}") for step in item.steps}


def _same_names(given: set[object], wanted: set[str], what: str, where: str) -> None:
    missing = sorted(wanted - {str(name) for name in given})
    if missing:
        raise BadInput(f"the mark of {what} {missing[0]} is missing.", where=where)
    strange = sorted(str(name) for name in given if name not in wanted)
    if strange:
        raise BadInput(f"there is no {what} {strange[0]} here.", where=where)


def _mark(value: object, full: int, step: int, where: str) -> int:
    try:
        mark = to_hundredths(value)
    except (ValueError, OverflowError) as e:
        raise BadInput(f"{e}.", where=where, remedy=f"Give 0 to {from_hundredths(full)}.") from None
    if not 0 <= mark <= full:
        raise BadInput(f"{from_hundredths(mark)} is not between 0 and {from_hundredths(full)}.", where=where)
    if mark % step:
        raise BadInput(f"{from_hundredths(mark)} is no whole number of steps of {from_hundredths(step)}.", where=where)
    return mark


def as_typed(values: Mapping[str, int | Mapping[str, int]]) -> dict[str, str | dict[str, str]]:
    """Kept marks as people read them."""
    return {
        item: from_hundredths(value) if isinstance(value, int) else {step: from_hundredths(mark) for step, mark in value.items()}
        for item, value in values.items()
    }
